import type { Clock, Log } from '../../base/index.ts';
import type { ServerTransaction } from '../../sip/transaction/index.ts';
import type { DigestAuthenticator, UserAgent } from '../../sip/ua/index.ts';
import { DelayedAnswers } from './delayed-answers.ts';
import { FailureLog } from './failure-log.ts';
import type { Guard } from './guard.ts';
import { sourceOf } from './source.ts';

export interface AuthenticationOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly digest: Pick<DigestAuthenticator, 'authenticate'>;
  readonly guard: Pick<Guard, 'failed'>;
  readonly userAgent: Pick<UserAgent, 'challenge'>;
}

/** Asks who sends a request, and makes guessing slow. Known and unknown users are answered alike, and as quickly. */
export class Authentication implements Disposable {
  readonly #options: AuthenticationOptions;
  readonly #failures: FailureLog;
  readonly #delayed: DelayedAnswers;

  constructor(options: AuthenticationOptions) {
    this.#options = options;
    this.#failures = new FailureLog(options.clock, options.log);
    this.#delayed = new DelayedAnswers(options.clock);
  }

  /**
   * The user whose credentials the request has; null when there is nothing more to do with it: it has been challenged,
   * or will be, or is not answered at all.
   */
  admit(transaction: ServerTransaction): string | null {
    const { digest, guard, userAgent } = this.#options;
    const { request, flow } = transaction;
    const { address } = flow.remote;
    // A phone that takes us for its proxy answers as if a proxy had asked.
    const header = request.headers.has('Authorization') ? 'Authorization' : 'Proxy-Authorization';
    const outcome = digest.authenticate(request, address, header);
    if (outcome.kind === 'accepted') return outcome.username;

    const challenge = () => transaction.respond(userAgent.challenge(transaction, outcome.challenges));
    if (outcome.reason !== 'failed') {
      challenge();
      return null;
    }
    const user = outcome.username ?? '';
    this.#failures.failed(user, address, request.method);
    const delay = guard.failed(user, flow, outcome.response ?? '');
    const source = sourceOf(address);
    const abandon = () => transaction.abandon();
    if (delay === 0) challenge();
    else if (delay === null || !this.#delayed.add(delay, source, challenge, abandon)) abandon();
    if (delay === null) this.#delayed.giveUp(source);
    return null;
  }

  /** Gives up the answers that wait. */
  [Symbol.dispose](): void {
    this.#delayed[Symbol.dispose]();
  }
}

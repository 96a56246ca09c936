import type { Timer } from '../../base/index.ts';
import { noParams, SipError, type SipRequest, type SipResponse, sipUri } from '../../sip/message/index.ts';
import type { ServerTransaction } from '../../sip/transaction/index.ts';
import type { Admit, OutOfDialogRequest } from '../../sip/ua/index.ts';
import type { Directory } from '../directory/index.ts';
import type { Target } from '../routing/index.ts';
import { type BranchRefusal, bestResponse } from './best-response.ts';
import type { CallContext } from './call-context.ts';
import { checkHops, type IsOurs, maxForwardsOf } from './hops.ts';
import { shownAddress } from './identity.ts';
import { personOf, type Sender, senderOf } from './sender.ts';

/** How a MESSAGE ended: a phone took it, every phone refused it, no phone could be asked or answered, or we refused it. */
export type MessageOutcome = 'delivered' | 'refused' | 'unreachable' | 'rejected';

export interface MessageRelayOptions {
  readonly context: Pick<CallContext, 'userAgent' | 'dialPlan' | 'clock' | 'log' | 'identityHost'>;
  readonly admit: Admit;
  readonly directory: Pick<Directory, 'extension'>;
  readonly isOurs: IsOurs;
  /** How long phones have to answer, in ms: the sender gives up by itself soon after. */
  readonly patience: number;
}

/** What one MESSAGE may carry, in bytes: a datagram must not be fragmented (RFC 3428 §8). */
const largest = { datagram: 1300, stream: 65_536 };

/** Header fields that go with the body, or tell the reader of it. */
const passed = [
  'Content-Disposition',
  'Content-Encoding',
  'Content-Language',
  'MIME-Version',
  'Date',
  'Expires',
  'In-Reply-To',
  'Priority',
  'Subject',
];

/** Hands a MESSAGE of one extension to the phones of another (RFC 3428): what it says is none of our business. */
export class MessageRelay {
  readonly #options: MessageRelayOptions;
  readonly #outcomes = new Map<MessageOutcome, number>([
    ['delivered', 0],
    ['refused', 0],
    ['unreachable', 0],
    ['rejected', 0],
  ]);

  constructor(options: MessageRelayOptions) {
    this.#options = options;
    options.context.userAgent.handle('MESSAGE', (transaction) => this.#onMessage(transaction));
  }

  /** How many MESSAGEs of extensions have come to each outcome, since the start. */
  get outcomes(): ReadonlyMap<MessageOutcome, number> {
    return this.#outcomes;
  }

  #onMessage(transaction: ServerTransaction): void {
    const { context, admit, isOurs } = this.#options;
    const { request } = transaction;
    checkHops(request, isOurs);
    const user = admit(transaction);
    if (user === null) return;
    if (request.body.length > largestOver(transaction)) {
      this.#count('rejected');
      throw new SipError(413, 'Message Too Large');
    }
    const plan = context.dialPlan.plan(request.uri);
    if (plan.kind === 'refuse') {
      this.#count('unreachable');
      throw new SipError(plan.status, plan.text);
    }
    this.#deliver(transaction, this.#senderOf(request, user), plan.callee, plan.targets);
  }

  #senderOf(request: SipRequest, user: string): Sender {
    try {
      return senderOf(request, user, this.#options.directory);
    } catch (error) {
      this.#count('rejected');
      throw error;
    }
  }

  /** Asks every phone at once; the first that takes it answers for all, for a MESSAGE can't be cancelled. */
  #deliver(transaction: ServerTransaction, sender: Sender, callee: string, targets: readonly Target[]): void {
    const { context, patience } = this.#options;
    const refusals: BranchRefusal[] = [];
    let timer: Timer | null = null;
    const finish = (outcome: MessageOutcome, response: SipResponse): void => {
      if (transaction.answered) return;
      timer?.cancel();
      this.#count(outcome);
      const { status } = response;
      context.log.info('message relayed', { caller: sender.caller, callee, outcome, status });
      transaction.respond(response);
    };
    const giveUp = (): void => {
      const heard = refusals.filter(({ by }) => by === 'phone');
      const { status, reason, headers } = refusalOf(refusals);
      const error = new SipError(status, reason ?? undefined, { headers: headers ?? {} });
      finish(heard.length > 0 ? 'refused' : 'unreachable', context.userAgent.refusal(transaction, error));
    };
    const refused = (refusal: BranchRefusal): void => {
      refusals.push(refusal);
      if (refusals.length === targets.length) giveUp();
    };
    timer = context.clock.after(patience, giveUp);
    for (const target of targets) {
      if (target.flow.transport === 'udp' && transaction.request.body.length > largest.datagram) {
        refused({ status: 413, reason: 'Message Too Large', by: 'us' });
        continue;
      }
      context.userAgent.request('MESSAGE', this.#message(transaction.request, sender, callee, target), {
        onResponse: (response) => {
          if (response.status >= 300) refused(refusalBy(response));
          else if (response.status >= 200)
            finish('delivered', context.userAgent.response(transaction, response.status));
        },
        onFailure: () => refused(silence),
      });
    }
  }

  #message(request: SipRequest, sender: Sender, callee: string, target: Target): OutOfDialogRequest {
    const { headers, body } = request;
    const { host, port } = this.#options.context.identityHost(target.flow);
    const fields = passed.flatMap((name) => {
      const value = headers.get(name);
      return value === undefined ? [] : [[name, value] as const];
    });
    return {
      ...target,
      from: shownAddress(personOf(sender), { host, port }),
      to: { displayName: null, uri: sipUri({ user: callee, host, port }), params: noParams },
      maxForwards: maxForwardsOf(request) - 1,
      headers: Object.fromEntries(fields),
      body,
      contentType: headers.get('Content-Type') ?? 'text/plain',
    };
  }

  #count(outcome: MessageOutcome): void {
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
  }
}

/** Nothing but INVITE is answered with 408 (RFC 4320 §4.2). */
const silence: BranchRefusal = { status: 480, reason: 'No Phone Answers', by: 'us' };

function largestOver({ flow }: ServerTransaction): number {
  return flow.transport === 'udp' ? largest.datagram : largest.stream;
}

function refusalBy(response: SipResponse): BranchRefusal {
  const { status, reason, headers } = response;
  if (status === 408) return silence;
  if (status !== 415) return { status, reason, by: 'phone' };
  const accept = headers.get('Accept');
  return { status, reason, by: 'phone', headers: accept === undefined ? {} : { Accept: accept } };
}

/** What the sender is told when no phone has taken it. */
function refusalOf(refusals: readonly BranchRefusal[]): BranchRefusal {
  const best = bestResponse(refusals.length > 0 ? refusals : [silence]);
  // What a call could carry says nothing of messages; the phone has said what it takes.
  return best.status === 415 ? (refusals.find(({ status }) => status === 415) ?? best) : best;
}

import { SipError } from '../../sip/message/index.ts';
import type { ServerTransaction } from '../../sip/transaction/index.ts';
import type { Admit } from '../../sip/ua/index.ts';
import type { Directory } from '../directory/index.ts';
import { Call, type CallState } from './call.ts';
import type { CallContext } from './call-context.ts';
import { checkHops, type IsOurs } from './hops.ts';
import { type Sender, senderOf } from './sender.ts';

export interface CallServiceOptions {
  readonly context: CallContext;
  readonly admit: Admit;
  readonly directory: Pick<Directory, 'extension'>;
  readonly maxConcurrentCalls: number;
  /** Whether a Via names one of our own listeners: the request has been here before. */
  readonly isOurs: IsOurs;
}

/** Seconds after which a caller that found us full may try again. */
const retryAfter = '5';

/** All calls of the exchange: admits, refuses, counts and ends them. */
export class CallService {
  readonly #options: CallServiceOptions;
  readonly #calls = new Map<string, Call>();
  #draining = false;
  #onIdle: (() => void) | null = null;

  constructor(options: CallServiceOptions) {
    this.#options = options;
    const { userAgent } = options.context;
    userAgent.handle('INVITE', (transaction) => this.#onInvite(transaction));
    userAgent.handle('OPTIONS', (transaction) => {
      // Who asks before it calls is told what an INVITE would be (RFC 3261 §11.2).
      if (this.#draining) throw unavailable();
      transaction.answerStranger(userAgent.optionsResponse(transaction));
    });
  }

  /** Calls that have begun and not ended. */
  get active(): number {
    return this.#calls.size;
  }

  /** How many calls are in each state. */
  byState(): Readonly<Record<CallState, number>> {
    const counts = { IDLE: 0, RINGING: 0, ACTIVE: 0, TERMINATING: 0 };
    for (const call of this.#calls.values()) counts[call.state]++;
    return counts;
  }

  /** Refuses every new call from now on; resolves when the last live one has ended. */
  drain(): Promise<void> {
    this.#draining = true;
    return new Promise((resolve) => {
      this.#onIdle = resolve;
      if (this.#calls.size === 0) resolve();
    });
  }

  /** Ends every live call with the reason `shutdown`. */
  shutDown(): void {
    this.#draining = true;
    for (const call of [...this.#calls.values()]) call.shutDown();
  }

  #onInvite(transaction: ServerTransaction): void {
    const { context, maxConcurrentCalls } = this.#options;
    // Before any work is done: an overloaded exchange must not spend its time on refusing.
    if (this.#draining || this.#calls.size >= maxConcurrentCalls) {
      throw unavailable();
    }
    const { request } = transaction;
    checkHops(request, this.#options.isOurs);
    const caller = this.#admit(transaction);
    if (caller === null) return;
    const plan = context.dialPlan.plan(request.uri);
    const call = new Call({
      context,
      facts: {
        callerSipCallId: request.callId,
        caller: caller.caller,
        callee: plan.callee,
        callerIp: transaction.flow.remote.address,
      },
      onOver: (ended) => {
        this.#calls.delete(ended.id);
        if (this.#calls.size === 0) this.#onIdle?.();
      },
    });
    this.#calls.set(call.id, call);
    try {
      call.receive(transaction, { ...caller, callee: plan.callee }, plan);
    } catch (error) {
      // What can't be read is refused before it is a call.
      this.#calls.delete(call.id);
      throw error;
    }
  }

  /** The caller; null when it has not proved who it is. */
  #admit(transaction: ServerTransaction): Sender | null {
    const { admit, directory } = this.#options;
    const caller = admit(transaction);
    return caller === null ? null : senderOf(transaction.request, caller, directory);
  }
}

function unavailable(): SipError {
  return new SipError(503, 'Service Unavailable', { headers: { 'Retry-After': retryAfter } });
}

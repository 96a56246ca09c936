import { From, SipError, type SipRequest, Via } from '../../sip/message/index.ts';
import type { ServerTransaction } from '../../sip/transaction/index.ts';
import type { Admit } from '../../sip/ua/index.ts';
import type { Directory } from '../directory/index.ts';
import { dialledNumber } from '../routing/index.ts';
import { Call, type CallState, maxForwardsOf } from './call.ts';
import type { CallContext } from './call-context.ts';

export interface CallServiceOptions {
  readonly context: CallContext;
  readonly admit: Admit;
  readonly directory: Pick<Directory, 'extension'>;
  readonly maxConcurrentCalls: number;
  /** Whether a Via names one of our own listeners: the request has been here before. */
  isOurs(host: string, port: number, transport: string): boolean;
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
    if (maxForwardsOf(request) === 0) throw new SipError(483, 'Too Many Hops');
    this.#refuseLoops(request);
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

  /** A call that comes back to us would call itself for ever (RFC 3261 §16.3 step 4, RFC 5393). */
  #refuseLoops(request: SipRequest): void {
    for (const [index, { host, port, transport, params }] of request.headers.all(Via).entries()) {
      // Ours always names its port.
      if (port === null) continue;
      // A phone behind a NAT may have our own private address; where it really is says `received`. Over UDP `rport`
      // says more: we send from where we listen, a phone on this machine from somewhere else.
      const rport = index === 0 && transport === 'UDP' ? Number(params.get('rport')) : 0;
      if (this.#options.isOurs(params.get('received') ?? host, rport || port, transport))
        throw new SipError(482, 'Loop Detected');
    }
  }

  /** The caller; null when it has not proved who it is. */
  #admit(transaction: ServerTransaction): { readonly caller: string; readonly callerName: string | null } | null {
    const { admit, directory } = this.#options;
    const caller = admit(transaction);
    if (caller === null) return null;
    const from = transaction.request.headers.require(From);
    // Who has no name of its own here may give itself one, but only under its own number.
    const named = dialledNumber(from.uri) === caller ? from.displayName : null;
    return { caller, callerName: directory.extension(caller)?.displayName ?? named };
  }
}

function unavailable(): SipError {
  return new SipError(503, 'Service Unavailable', { headers: { 'Retry-After': retryAfter } });
}

import { Replaces, type ReplacesValue, SipError } from '../../sip/message/index.ts';
import type { ServerTransaction } from '../../sip/transaction/index.ts';
import type { Admit } from '../../sip/ua/index.ts';
import type { Directory } from '../directory/index.ts';
import { dialledNumber } from '../routing/index.ts';
import { Call, type CallState } from './call.ts';
import type { CallContext } from './call-context.ts';
import type { Calls, FoundDialog } from './calls.ts';
import { checkHops, type IsOurs } from './hops.ts';
import type { Person } from './identity.ts';
import { personOf, type Sender, senderOf } from './sender.ts';

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
  /** Those whose record has not been told, the live ones among them. */
  readonly #unrecorded = new Set<Call>();
  readonly #others: Calls = {
    open: (facts) => this.#open(facts),
    find: (dialog) => this.#find(dialog),
    checkRoom: () => this.#checkRoom(),
  };
  #draining = false;
  #onIdle: (() => void) | null = null;
  #onRecorded: (() => void) | null = null;

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

  /** Resolves when the record of every call has been told. */
  recorded(): Promise<void> {
    return new Promise((resolve) => {
      this.#onRecorded = resolve;
      if (this.#unrecorded.size === 0) resolve();
    });
  }

  /** Begins to record a call; false where it has not been answered, or is recorded already. */
  record(callId: string): boolean {
    return this.#calls.get(callId)?.startRecording() ?? false;
  }

  /** Leaves out what is said from now on; false where nothing is recorded. */
  pauseRecording(callId: string): boolean {
    return this.#calls.get(callId)?.pauseRecording(true) ?? false;
  }

  /** Goes on with a recording that was paused; false where there is none. */
  resumeRecording(callId: string): boolean {
    return this.#calls.get(callId)?.pauseRecording(false) ?? false;
  }

  /** Ends every live call with the reason `shutdown`. */
  shutDown(): void {
    this.#draining = true;
    // The youngest first: with its first call, a transfer would end for another reason.
    for (const call of [...this.#calls.values()].toReversed()) call.shutDown();
  }

  #onInvite(transaction: ServerTransaction): void {
    const { context } = this.#options;
    // Before any work is done: an overloaded exchange must not spend its time on refusing.
    this.#checkRoom();
    const { request } = transaction;
    checkHops(request, this.#options.isOurs);
    const caller = this.#admit(transaction);
    if (caller === null) return;
    // The phone comes again with what we want: that is the call.
    context.userAgent.checkSession(request);
    if (this.#takeOver(transaction, personOf(caller))) return;
    const plan = context.dialPlan.plan(request.uri);
    const call = this.#open({
      callerSipCallId: request.callId,
      caller: caller.caller,
      callee: plan.callee,
      callerIp: transaction.flow.remote.address,
      linkedId: null,
    });
    try {
      call.receive(transaction, { ...caller, callee: plan.callee }, plan);
    } catch (error) {
      // What can't be read is refused before it is a call.
      this.#calls.delete(call.id);
      this.#unrecorded.delete(call);
      throw error;
    }
  }

  #checkRoom(): void {
    if (this.#draining || this.#calls.size >= this.#options.maxConcurrentCalls) throw unavailable();
  }

  #open(facts: ConstructorParameters<typeof Call>[0]['facts']): Call {
    const call = new Call({
      context: this.#options.context,
      facts,
      calls: this.#others,
      onOver: (ended) => {
        this.#calls.delete(ended.id);
        if (this.#calls.size === 0) this.#onIdle?.();
      },
      onRecorded: (told) => {
        this.#unrecorded.delete(told);
        if (this.#unrecorded.size === 0) this.#onRecorded?.();
      },
    });
    this.#unrecorded.add(call);
    this.#calls.set(call.id, call);
    return call;
  }

  #find(dialog: ReplacesValue): FoundDialog | null {
    for (const call of this.#calls.values()) {
      const found = call.find(dialog);
      if (found) return { call, ...found };
    }
    return null;
  }

  /**
   * An INVITE that is for a call which is there already: it takes the place of another phone of its extension (RFC 3891), or
   * picks up what rings at one (`**1002`). False when it is for none. Throws SipError when there is no such call.
   */
  #takeOver(transaction: ServerTransaction, person: Person): boolean {
    const { request } = transaction;
    const dialog = request.headers.first(Replaces);
    if (dialog) {
      const found = this.#find(dialog);
      // What has not been answered can be picked up from whom it rings at, not from who calls (RFC 3891 §3).
      if (!found || (found.early && found.party === 'caller')) throw new SipError(481);
      if (!found.early && dialog.earlyOnly) throw new SipError(486);
      // Who talks is thrown out by nobody else: a call moves from one phone to another of the same user (RFC 3891 §3).
      if (!found.early && found.extension !== person.extension) throw new SipError(403);
      if (found.early) found.call.pickUp(transaction, person);
      else found.call.replace(found.party, transaction, person);
      return true;
    }
    const [, extension] = /^\*\*(.+)$/.exec(dialledNumber(request.uri)) ?? [];
    if (extension === undefined || !this.#options.directory.extension(extension)) return false;
    const call = [...this.#calls.values()].find((candidate) => candidate.ringsAt(extension));
    if (!call) throw new SipError(480, 'Nothing To Pick Up');
    call.pickUp(transaction, person);
    return true;
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

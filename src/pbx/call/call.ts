import { Inbox, type Log, randomToken, type Timer } from '../../base/index.ts';
import type { RecordingOrder } from '../../media/index.ts';
import { answerOrOffer } from '../../sdp/index.ts';
import type { Dialog, SessionEvent } from '../../sip/dialog/index.ts';
import { Expires, MaxBreadth, Reason, type ReplacesValue, SipError, type SipRequest } from '../../sip/message/index.ts';
import type { ServerTransaction } from '../../sip/transaction/index.ts';
import type { CallFacts, Ending } from '../events/index.ts';
import type { Plan } from '../routing/index.ts';
import type { CallContext } from './call-context.ts';
import { CallMedia } from './call-media.ts';
import { type CalledPhone, CallRecord } from './call-record.ts';
import { CallRecording } from './call-recording.ts';
import type { CallerEnd, LastWords } from './caller-end.ts';
import { type CallHost, type Calls, type FoundDialog, names, type Parties } from './calls.ts';
import { Conversation, lost, notYet } from './conversation.ts';
import { beforeAnswer, broken, hungUp, mediaLost, reasonOf, refused, unanswered } from './ending.ts';
import { maxForwardsOf } from './hops.ts';
import { type Person, shownAs } from './identity.ts';
import { answerInvite } from './invited-side.ts';
import { InvitingCaller } from './inviting-caller.ts';
import { dialogFacts, LegReport } from './leg-report.ts';
import { personOf } from './sender.ts';
import { refusalOfMedia, sdpOf } from './session-body.ts';
import { SessionRefresh } from './session-refresh.ts';
import { Setup } from './setup.ts';
import { dialogUser, follow, moved, type Side } from './side.ts';
import type { Step } from './step.ts';
import { Transfer } from './transfer.ts';

export type CallState = 'IDLE' | 'RINGING' | 'ACTIVE' | 'TERMINATING';

/**
 * One call between two phones: the caller's end, its set-up with a branch for each phone that rings, and from the answer
 * on the conversation of the two. All that happens arrives in the inbox and is handled to its end before the next;
 * however the call ends, it ends in `end`.
 */
export class Call implements CallHost {
  readonly id: string;
  readonly context: CallContext;
  readonly log: Log;
  readonly record: CallRecord;
  readonly media: CallMedia;
  readonly calls: Calls;
  readonly #onOver: (call: Call) => void;
  readonly #onRecorded: (call: Call) => void;
  readonly #recording: CallRecording;
  readonly #inbox = new Inbox<Step>((step) => this.#guarded(step));
  #state: CallState = 'IDLE';
  #callerEnd: CallerEnd | null = null;
  #setup: Setup | null = null;
  #conversation: Conversation | null = null;
  /** The last transfer that one of the phones has asked for. */
  #transfer: Transfer | null = null;
  readonly #sessions: SessionRefresh;
  /** The report of a caller that has not been answered. */
  #calling: LegReport | null = null;
  /** Watches the connection of a caller that has not been answered. */
  #watch: Disposable | null = null;
  #timer: Timer | null = null;

  constructor(options: {
    readonly context: CallContext;
    readonly facts: Pick<CallFacts, 'caller' | 'callee' | 'callerSipCallId' | 'callerIp' | 'linkedId'>;
    readonly calls: Calls;
    readonly onOver: (call: Call) => void;
    /** Its record has been told, which may be a little later: when its media has been counted and its recording closed. */
    readonly onRecorded: (call: Call) => void;
  }) {
    this.context = options.context;
    this.#onOver = options.onOver;
    this.#onRecorded = options.onRecorded;
    this.calls = options.calls;
    this.id = randomToken(options.context.random, 26);
    this.log = options.context.log.child({ call_id: this.id });
    this.record = new CallRecord({ callId: this.id, ...options.facts }, options.context, this.log);
    this.#recording = new CallRecording(this.context, this.record, this.log);
    this.media = new CallMedia(options.context, this.id, {
      onIdle: () => this.#endBy(() => hungUp('system', 'rtp_timeout', 'No media from either side')),
      onKey: (party, key) => this.post({ name: 'key', run: () => this.#conversation?.onKey(party, key) }),
      onLost: (reason) => this.#endBy(() => mediaLost(this.record.hasAnswer, reason)),
      onQuality: (report) => this.record.quality(report),
      onOneWay: (audio) => this.record.oneWay(audio),
      onRecording: (event) => this.#recording.on(event),
    });
    this.#sessions = new SessionRefresh({
      context: this.context,
      log: this.log,
      onChanged: () => this.connectMedia(),
      end: (ending) => this.end(ending),
    });
  }

  get state(): CallState {
    return this.#state;
  }

  get facts(): CallFacts {
    return this.record.facts;
  }

  get conversation(): Conversation | null {
    return this.#conversation;
  }

  post(step: Step): void {
    this.#inbox.post(step);
  }

  /** Begins to record what is said; false where nobody has answered, or it is recorded already. */
  startRecording(): boolean {
    return this.#state === 'ACTIVE' && this.#order(this.#recording.begin());
  }

  /** Pauses the recording, or lets it go on; false where there is none. */
  pauseRecording(paused: boolean): boolean {
    return this.#state === 'ACTIVE' && this.#order(this.#recording.pause(paused));
  }

  #order(order: RecordingOrder | null): boolean {
    if (order) this.media.record(order);
    return order !== null;
  }

  /** Ends the call because the exchange stops. */
  shutDown(): void {
    this.#endBy(() =>
      this.#state === 'ACTIVE'
        ? hungUp('system', 'shutdown', 'The exchange stops')
        : refused('system', 503, 'The exchange stops', 'shutdown'),
    );
  }

  #endBy(ending: () => Ending): void {
    this.post({ name: 'end', run: () => this.end(ending()) });
  }

  /** A defect ends the call that it happened in, and only that; a request that can't be answered well is refused. */
  #guarded(step: Step): void {
    if (this.#state === 'TERMINATING') return step.late?.();
    try {
      step.run();
    } catch (error) {
      if (step.request) return step.request.refuse(error);
      this.log.error('a call failed', { event: step.name, error });
      if (!this.record.hasAnswer) this.end(refused('system', 500, 'Internal error'));
      else this.end(broken(41, 'Internal error'));
    }
  }

  /**
   * Begins with a phone's INVITE: rings, or refuses, as `plan` says.
   * Throws SipError 400 or 415 for a body that can't be read, SipSyntaxError when the INVITE makes no dialog.
   */
  receive(transaction: ServerTransaction, parties: Parties, plan: Plan): void {
    const { request } = transaction;
    const { userAgent, limits } = this.context;
    const offer = sdpOf(request);
    const invite = userAgent.receiveInvite(transaction, parties.callee, {
      onCancel: (cancel) =>
        this.post({
          name: 'CANCEL',
          run: () => this.end(refused('caller', 487, 'The caller cancelled'), { toBranches: reasonHeader(cancel) }),
        }),
      onUnacknowledged: () => this.#endBy(() => refused('system', 504, 'The caller never acknowledged that it rings')),
      dialog: dialogUser('caller', this, userAgent),
    });
    this.post({
      name: 'begin',
      run: () => {
        this.record.started();
        if (plan.kind === 'refuse') {
          const ending = refused('system', plan.status, plan.text);
          invite.reject(plan.status, undefined, { Reason: reasonOf(ending) });
          return this.end(ending);
        }
        invite.provisional(100, undefined);
        const facts = {
          callId: this.id,
          extension: parties.caller,
          direction: 'initiator',
          dialog: dialogFacts(invite.dialog),
          remote: { number: parties.callee, displayName: this.context.displayName(parties.callee) },
        } as const;
        this.#calling = new LegReport(this.context, facts, parties.anonymous);
        try {
          const caller = personOf(parties);
          this.#callerEnd = new InvitingCaller({ host: this, invite, offer, person: caller, report: this.#calling });
        } catch (error) {
          const refusal = refusalOfMedia(error);
          if (!(refusal instanceof SipError)) throw error;
          const ending = refused('system', refusal.status, refusal.reason);
          invite.reject(refusal.status, refusal.reason, { Reason: reasonOf(ending), ...refusal.headers });
          return this.end(ending);
        }
        this.#watch = transaction.flow.onClose(() => this.#onCallerLost());
        this.#waitAtMost(Math.min(limits.inviteTimeout || Infinity, expiresOf(request)));
        this.#setup = new Setup({
          host: this,
          caller: this.#callerEnd,
          parties,
          maxForwards: maxForwardsOf(request) - 1,
        });
        this.#setup.ring(plan.targets, request.headers.first(MaxBreadth) ?? null);
      },
    });
  }

  #onCallerLost(): void {
    this.post({
      name: 'caller lost',
      run: () => {
        if (this.#state !== 'ACTIVE') this.end(refused('caller', 487, "The caller's connection was lost"));
      },
    });
  }

  #waitAtMost(patience: number): void {
    if (patience < Infinity) this.#after(patience, () => unanswered('Nobody answered in time'));
  }

  ringFor(caller: CallerEnd, parties: Parties, plan: Plan, headers: Readonly<Record<string, string>>): void {
    this.post({
      name: 'begin',
      run: () => {
        this.record.started();
        this.#callerEnd = caller;
        if (plan.kind === 'refuse') return this.end(refused('system', plan.status, plan.text));
        this.#waitAtMost(this.context.limits.inviteTimeout || Infinity);
        this.#setup = new Setup({ host: this, caller, parties, maxForwards: 70, headers });
        this.#setup.ring(plan.targets, null);
      },
    });
  }

  /** The extension whose phone rings in this dialog, or has answered in it; null when it is none of this call. */
  find(dialog: ReplacesValue): Omit<FoundDialog, 'call'> | null {
    if (this.#conversation) {
      const side = this.#divisible ? this.#sides().find(({ report }) => names(dialog, report.facts.dialog)) : null;
      return side ? { party: side.party, extension: side.extension, early: false } : null;
    }
    const caller = this.#calling?.facts;
    if (caller && names(dialog, caller.dialog)) return { party: 'caller', extension: caller.extension, early: true };
    const extension = this.#setup?.ringingAt(dialog) ?? null;
    return extension === null ? null : { party: 'callee', extension, early: true };
  }

  /** Whether a phone of this extension rings in this call. */
  ringsAt(extension: string): boolean {
    return !this.#conversation && (this.#setup?.rings(extension) ?? false);
  }

  /**
   * Whether its two sides can be connected with others: the caller has been told that the callee has answered, and what
   * both can speak is known.
   */
  get #divisible(): boolean {
    return this.record.hasAnswer && this.#sides().every(({ leg }) => leg.negotiation.remote !== null);
  }

  #sides(): readonly Side[] {
    return this.#conversation ? [this.#conversation.caller, this.#conversation.callee] : [];
  }

  /** Somebody picks up by an INVITE what rings at a phone of this call. */
  pickUp(transaction: ServerTransaction, person: Person): void {
    this.#answerBy(transaction, () => {
      if (!this.#setup || this.#conversation) throw new SipError(481);
      this.log.info('call picked up', { by: person.extension });
      this.#setup.pickUp(transaction, person);
    });
  }

  /** Handles an INVITE that concerns this call and is refused when it can't be answered. */
  #answerBy(transaction: ServerTransaction, run: () => void): void {
    const { userAgent } = this.context;
    this.post({
      name: 'INVITE',
      run,
      late: () => transaction.respond(userAgent.response(transaction, 481)),
      request: { transaction, refuse: (error) => transaction.respond(userAgent.refusal(transaction, error)) },
    });
  }

  replace(party: 'caller' | 'callee', transaction: ServerTransaction, person: Person): void {
    this.#answerBy(transaction, () => {
      const other = this.#sides().find((side) => side.party !== party);
      if (!other) throw new SipError(481);
      const { callId: callerSipCallId } = transaction.request;
      this.record.linkWith(this.facts.linkedId ?? this.id);
      const { linkedId } = this.facts;
      const call = this.calls.open({
        caller: person.extension,
        callee: other.extension,
        callerSipCallId,
        callerIp: transaction.flow.remote.address,
        linkedId,
      });
      call.joinBy(transaction, person, this, other.party);
    });
  }

  joinBy(transaction: ServerTransaction, person: Person, from: CallHost, party: 'caller' | 'callee'): void {
    this.post({
      name: 'begin',
      run: () => {
        const other = from.conversation?.[party];
        if (!other) throw new SipError(481);
        this.record.started();
        try {
          const caller = answerInvite({
            call: this,
            party: 'caller',
            transaction,
            person,
            remote: other,
            other: other.leg,
            agree: ({ negotiation }) => answerOrOffer(negotiation, other.leg.negotiation),
          });
          const ending = hungUp('system', 'normal', `Replaced by a phone of ${shownAs(person).number}`);
          this.connected(caller, moved(from.handOver(party, ending), 'callee', this, person));
          this.answered();
          this.#conversation?.renegotiate('callee');
        } catch (error) {
          transaction.respond(this.context.userAgent.refusal(transaction, error));
          this.end(refused('system', error instanceof SipError ? error.status : 500, 'It could not take the place'));
        }
      },
    });
  }

  rings(): void {
    if (this.#state === 'IDLE') this.#state = 'RINGING';
    this.record.rang();
  }

  connected(caller: Side, callee: Side): void {
    const { limits } = this.context;
    this.#timer?.cancel();
    this.#state = 'ACTIVE';
    this.#conversation = new Conversation({
      caller,
      callee,
      context: this.context,
      media: this.media,
      log: this.log,
      end: (ending) => this.end(ending),
      refer: (from, remaining, transaction) => this.#refer(from, remaining, transaction),
    });
    this.#calling = null;
    this.#watch?.[Symbol.dispose]();
    if (this.context.recordings.areWanted(caller.extension, callee.extension)) this.startRecording();
    this.#connectIfAgreed(this.#conversation);
    if (limits.maxCallDuration > 0) {
      this.#after(limits.maxCallDuration, () => hungUp('system', 'max_duration', 'The longest call has been reached'));
    }
  }

  /** The caller has been told that a phone has answered. */
  answered(): void {
    if (this.record.hasAnswer) return;
    const leg = this.#conversation?.caller.leg ?? this.#callerEnd?.leg;
    this.record.answered(leg?.codec ?? null);
    this.media.answered();
    // Packets flow already where the caller had to be told later.
    if (this.#conversation && this.media.connected) this.#connectIfAgreed(this.#conversation);
  }

  #connectIfAgreed(conversation: Conversation): void {
    const { caller, callee } = conversation;
    if (caller.leg.negotiation.phase === 'stable' && callee.leg.negotiation.phase === 'stable') conversation.connect();
  }

  #refer(from: Side, remaining: Side, transaction: ServerTransaction): void {
    if (!this.#divisible) throw notYet();
    if (this.#transfer?.pending) throw new SipError(491, 'Another Transfer Is Pending');
    this.#transfer = new Transfer({ call: this, from, remaining, transaction });
    this.#transfer.start();
  }

  handOver(party: 'caller' | 'callee', ending: Ending): Side {
    const side = this.#conversation?.[party];
    if (!side || this.#state !== 'ACTIVE') throw new Error('only a call that goes on has a side to hand over');
    this.#finish(ending, {}, party);
    // Somebody else may have come before the transfer that was asked for.
    this.#transfer?.callOver(ending, null);
    return side;
  }

  renegotiateCallee(): void {
    this.#conversation?.renegotiate('callee');
  }

  connectMedia(): void {
    this.#conversation?.connect();
  }

  onRequest(from: 'caller' | 'callee', transaction: ServerTransaction, dialog: Dialog): void {
    // A PRACK is about what was said before the answer, even where it comes when the callee has picked up; so is what
    // comes in an early dialog that another has followed.
    const ofSetup = transaction.request.method === 'PRACK' || dialog !== this.#conversation?.[from].dialog;
    if (this.#setup && ofSetup) this.#setup.onRequest(from, transaction, dialog);
    else this.#conversation?.onRequest(from, transaction);
  }

  onRequestCancelled(invite: ServerTransaction): void {
    this.#conversation?.onRequestCancelled(invite);
  }

  onMoved(from: 'caller' | 'callee', dialog: Dialog): void {
    this.#conversation?.onMoved(from, dialog);
  }

  onLost(from: 'caller' | 'callee'): void {
    this.end(lost(from));
  }

  onUnacknowledged(from: 'caller' | 'callee'): void {
    this.end(broken(102, `The ${from} never acknowledged our answer`));
  }

  onSession(from: 'caller' | 'callee', event: SessionEvent): void {
    const side = this.#conversation ? this.#conversation[from] : this.#callerEnd?.side;
    if (side?.party === from) this.#sessions.on(event, side);
  }

  #after(ms: number, ending: () => Ending): void {
    this.#timer = this.context.clock.after(ms, () => this.#endBy(ending));
  }

  end(ending: Ending, words: LastWords = {}): void {
    if (this.#state === 'TERMINATING') return;
    const kept = this.#transfer?.remaining(ending) ?? null;
    this.#finish(ending, words, kept);
    this.#transfer?.callOver(ending, kept && (this.#conversation?.[kept] ?? null));
  }

  /**
   * The one way in which a call ends. `why` names who ended it, and only the others are told: an unanswered caller
   * with further header fields and a reason phrase, the branches that still ring with header fields of their own. The
   * side that is `kept` goes on in another call.
   */
  #finish(why: Ending, words: LastWords, kept: 'caller' | 'callee' | null): void {
    const ending = this.record.hasAnswer ? why : beforeAnswer(why);
    this.#state = 'TERMINATING';
    this.#timer?.cancel();
    const sides = this.#sides();
    this.#conversation?.close();
    this.#sessions.close();
    this.#setup?.giveUpOthers(words.toBranches ?? {});
    this.#callerEnd?.end(ending, words);
    const leaving = sides.filter(({ party }) => party !== kept);
    for (const side of leaving) this.#hangUp(side, ending);
    const callee = this.#conversation ? phoneOf(this.#conversation.callee) : (this.#setup?.first ?? null);
    const codec = (sides[0]?.leg ?? this.#callerEnd?.leg)?.codec ?? null;
    const endedAt = this.record.over();
    this.media.end((ofCaller, ofCallee, recordings) => {
      const recording = this.#recording.ended(recordings, endedAt);
      this.record.ended(ending, callee, codec, { media: { caller: ofCaller, callee: ofCallee }, recording });
      this.#onRecorded(this);
    });
    this.#setup?.[Symbol.dispose]();
    for (const { leg, report } of leaving) {
      leg[Symbol.dispose]();
      report[Symbol.dispose]();
    }
    if (sides.length === 0) this.#callerEnd?.release();
    this.#calling?.[Symbol.dispose]();
    this.#watch?.[Symbol.dispose]();
    this.#onOver(this);
  }

  #hangUp(side: Side, ending: Ending): void {
    const bye = (): void => {
      follow(side, this.context.dialPlan);
      side.dialog.bye({ Reason: reasonOf(ending) });
    };
    if (this.#transfer?.referrer === side.party) this.#transfer.farewell(bye);
    else bye();
  }
}

function phoneOf({ dialog }: Side): CalledPhone {
  return { sipCallId: dialog.state.callId, address: dialog.flow.remote.address };
}

/** How long the caller wants to wait, in ms (RFC 3261 §13.3.1). A wish that can't be read is none. */
function expiresOf(request: SipRequest): number {
  const seconds = Number(request.headers.get(Expires.name) ?? Number.NaN);
  return seconds >= 1 ? seconds * 1000 : Infinity;
}

/** The caller's own word on why it cancels goes on to the phones (RFC 3326 §2). */
function reasonHeader(cancel: SipRequest): Readonly<Record<string, string>> {
  const reason = cancel.headers.get(Reason.name);
  return reason === undefined ? {} : { Reason: reason };
}

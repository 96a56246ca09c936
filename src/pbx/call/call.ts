import { Inbox, type Log, randomToken, type Timer } from '../../base/index.ts';
import type { Dialog } from '../../sip/dialog/index.ts';
import { Expires, MaxBreadth, Reason, SipError, type SipRequest } from '../../sip/message/index.ts';
import type { ServerTransaction } from '../../sip/transaction/index.ts';
import type { CallFacts, Ending } from '../events/index.ts';
import type { Plan } from '../routing/index.ts';
import type { CallContext } from './call-context.ts';
import { CallMedia } from './call-media.ts';
import { CallRecord } from './call-record.ts';
import type { CallerEnd, LastWords } from './caller-end.ts';
import { Conversation } from './conversation.ts';
import { beforeAnswer, broken, hungUp, reasonOf, refused, unanswered } from './ending.ts';
import { maxForwardsOf } from './hops.ts';
import { InvitingCaller } from './inviting-caller.ts';
import { LegReport } from './leg-report.ts';
import { refusalOfMedia, sdpOf } from './session-body.ts';
import { type Parties, Setup, type SetupHost } from './setup.ts';
import { dialogUser, follow, type Side } from './side.ts';
import type { Step } from './step.ts';

export type CallState = 'IDLE' | 'RINGING' | 'ACTIVE' | 'TERMINATING';

/**
 * One call between two phones: the caller's end, its set-up with a branch for each phone that rings, and from the answer
 * on the conversation of the two. All that happens arrives in the inbox and is handled to its end before the next;
 * however the call ends, it ends in `end`.
 */
export class Call implements SetupHost {
  readonly id: string;
  readonly context: CallContext;
  readonly log: Log;
  readonly record: CallRecord;
  readonly media: CallMedia;
  readonly #onOver: (call: Call) => void;
  readonly #inbox = new Inbox<Step>((step) => this.#guarded(step));
  #state: CallState = 'IDLE';
  #callerEnd: CallerEnd | null = null;
  #setup: Setup | null = null;
  #conversation: Conversation | null = null;
  /** The caller's report and, until the answer, what watches its connection. */
  #owned: Disposable[] = [];
  #timer: Timer | null = null;

  constructor(options: {
    readonly context: CallContext;
    readonly facts: Pick<CallFacts, 'caller' | 'callee' | 'callerSipCallId' | 'callerIp'>;
    readonly onOver: (call: Call) => void;
  }) {
    this.context = options.context;
    this.#onOver = options.onOver;
    this.id = randomToken(options.context.random, 26);
    this.log = options.context.log.child({ call_id: this.id });
    this.record = new CallRecord({ callId: this.id, ...options.facts }, options.context, this.log);
    this.media = new CallMedia(options.context, this.id, () =>
      this.#endBy(() => hungUp('system', 'rtp_timeout', 'No media from either side')),
    );
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
        const { localTag: ourTag, remoteTag: phoneTag, callId: sipCallId } = invite.dialog.state;
        const report = this.#own(
          new LegReport(this.context, {
            callId: this.id,
            extension: parties.caller,
            direction: 'initiator',
            dialog: { sipCallId, ourTag, phoneTag },
            remote: { number: parties.callee, displayName: this.context.displayName(parties.callee) },
          }),
        );
        try {
          const caller = { extension: parties.caller, displayName: parties.callerName };
          this.#callerEnd = new InvitingCaller({ host: this, invite, offer, parties: caller, report });
        } catch (error) {
          const refusal = refusalOfMedia(error);
          if (!(refusal instanceof SipError)) throw error;
          const ending = refused('system', refusal.status, refusal.reason);
          invite.reject(refusal.status, refusal.reason, { Reason: reasonOf(ending), ...refusal.headers });
          return this.end(ending);
        }
        this.#own(transaction.flow.onClose(() => this.#onCallerLost()));
        const patience = Math.min(limits.inviteTimeout || Infinity, expiresOf(request));
        if (patience < Infinity) this.#after(patience, () => unanswered('Nobody answered in time'));
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

  #own<T extends Disposable>(resource: T): T {
    this.#owned.push(resource);
    return resource;
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
      end: (ending) => this.end(ending),
    });
    if (caller.leg.negotiation.phase === 'stable' && callee.leg.negotiation.phase === 'stable') {
      this.#conversation.connect();
    }
    if (limits.maxCallDuration > 0) {
      this.#after(limits.maxCallDuration, () => hungUp('system', 'max_duration', 'The longest call has been reached'));
    }
  }

  /** The caller has been told that a phone has answered. */
  answered(): void {
    this.record.answered(this.#callerEnd?.leg.codec ?? null);
  }

  renegotiateCallee(): void {
    this.#conversation?.renegotiate('callee');
  }

  connectMedia(): void {
    this.#conversation?.connect();
  }

  onRequest(from: 'caller' | 'callee', transaction: ServerTransaction, dialog: Dialog): void {
    // A PRACK is about what was said before the answer, even where it comes when the callee has picked up.
    const ofSetup = !this.#conversation || transaction.request.method === 'PRACK';
    if (ofSetup) this.#setup?.onRequest(from, transaction, dialog);
    else this.#conversation?.onRequest(from, transaction);
  }

  onRequestCancelled(invite: ServerTransaction): void {
    this.#conversation?.onRequestCancelled(invite);
  }

  onMoved(from: 'caller' | 'callee', dialog: Dialog): void {
    this.#conversation?.onMoved(from, dialog);
  }

  #after(ms: number, ending: () => Ending): void {
    this.#timer = this.context.clock.after(ms, () => this.#endBy(ending));
  }

  /**
   * The one way in which a call ends. `why` names who ended it, and only the others are told: an unanswered caller
   * with further header fields and a reason phrase, the branches that still ring with header fields of their own.
   */
  end(why: Ending, words: LastWords = {}): void {
    if (this.#state === 'TERMINATING') return;
    const ending = this.record.hasAnswer ? why : beforeAnswer(why);
    this.#state = 'TERMINATING';
    this.#timer?.cancel();
    const conversation = this.#conversation;
    conversation?.close();
    this.#setup?.giveUpOthers(words.toBranches ?? {});
    this.#callerEnd?.end(ending, words);
    const sides = conversation ? [conversation.caller, conversation.callee] : [];
    for (const side of sides) {
      follow(side, this.context.dialPlan);
      side.dialog.bye({ Reason: reasonOf(ending) });
    }
    const callee = this.#setup?.first ?? null;
    const codec = this.#callerEnd?.leg.codec ?? null;
    this.media.end((ofCaller, ofCallee) =>
      this.record.ended(ending, callee, codec, { caller: ofCaller, callee: ofCallee }),
    );
    this.#setup?.[Symbol.dispose]();
    for (const { leg, report } of sides) {
      leg[Symbol.dispose]();
      report[Symbol.dispose]();
    }
    if (!conversation) this.#callerEnd?.leg[Symbol.dispose]();
    for (const resource of this.#owned) resource[Symbol.dispose]();
    this.#onOver(this);
  }
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

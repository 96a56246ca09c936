import { Inbox, type Log, randomToken, Scope, type Timer } from '../../base/index.ts';
import {
  formatSessionDescription,
  relayAnswer,
  relayOffer,
  SdpError,
  type SessionDescription,
} from '../../sdp/index.ts';
import type { Dialog } from '../../sip/dialog/index.ts';
import {
  Expires,
  MaxBreadth,
  type NameAddress,
  noParams,
  Reason,
  SipError,
  type SipRequest,
  type SipResponse,
  sipUri,
} from '../../sip/message/index.ts';
import type { Failure, ServerTransaction } from '../../sip/transaction/index.ts';
import type { IncomingInvite } from '../../sip/ua/index.ts';
import type { CallFacts, Ending } from '../events/index.ts';
import type { Plan, Target } from '../routing/index.ts';
import type { BranchRefusal } from './best-response.ts';
import { Branch } from './branch.ts';
import type { CallContext } from './call-context.ts';
import { CallMedia } from './call-media.ts';
import { CallRecord } from './call-record.ts';
import { answerWithin, Conversation, follow, type Side } from './conversation.ts';
import { broken, hungUp, reasonOf, refused, unanswered } from './ending.ts';
import { Fork } from './fork.ts';
import { Leg, newSessionId } from './leg.ts';
import { type Body, refusalOfMedia, sdpBody, sdpOf } from './session-body.ts';

export type CallState = 'IDLE' | 'RINGING' | 'ACTIVE' | 'TERMINATING';

/** Who calls whom, as far as it is known when the call begins. */
export interface CallParties {
  /** The number of the authenticated extension. */
  readonly caller: string;
  readonly callerName: string | null;
  readonly callee: string;
}

const elsewhere = { Reason: 'SIP;cause=200;text="Call completed elsewhere"' };

/** What is said when a call ends, beside why. */
interface LastWords {
  readonly reason?: string;
  readonly toCaller?: Readonly<Record<string, string>>;
  readonly toBranches?: Readonly<Record<string, string>>;
}

type CallEvent =
  | { readonly type: 'begin'; readonly plan: Plan }
  | { readonly type: 'caller cancelled'; readonly cancel: SipRequest }
  | { readonly type: 'caller silent' }
  | { readonly type: 'caller acknowledged'; readonly ack: SipRequest }
  | { readonly type: 'caller lost' }
  | { readonly type: 'progress'; readonly branch: Branch; readonly response: SipResponse; readonly tag: string }
  | { readonly type: 'answer'; readonly branch: Branch; readonly response: SipResponse; readonly dialog: Dialog }
  | { readonly type: 'refused'; readonly branch: Branch; readonly response: SipResponse }
  | { readonly type: 'branch failed'; readonly branch: Branch; readonly failure: Failure }
  | {
      readonly type: 'request';
      readonly from: 'caller' | 'callee';
      readonly transaction: ServerTransaction;
      readonly dialog: Dialog;
    }
  | { readonly type: 'request cancelled'; readonly invite: ServerTransaction }
  | { readonly type: 'timeout'; readonly ending: Ending }
  | { readonly type: 'shutdown' };

/**
 * One call between two phones: the caller's leg, a branch for each phone that rings, and from the answer on the
 * conversation of the two. All that happens arrives in the inbox and is handled to its end before the next; however
 * the call ends, it ends in `#end`.
 */
export class Call {
  readonly id: string;
  readonly #context: CallContext;
  readonly #parties: CallParties;
  readonly #onOver: (call: Call) => void;
  readonly #log: Log;
  readonly #scope = new Scope();
  readonly #inbox = new Inbox<CallEvent>((event) => this.#guarded(event));
  readonly #invite: IncomingInvite;
  readonly #media: CallMedia;
  readonly #record: CallRecord;
  readonly #fork: Fork;
  /** On how many ways the INVITE may go on at the same time (RFC 5393 §5.3.3); null when it does not say. */
  readonly #maxBreadth: number | null;
  #state: CallState = 'IDLE';
  #caller: Leg | null = null;
  /** The offer in the caller's INVITE; without one the callee makes it and the caller answers in the ACK. */
  readonly #offer: SessionDescription | null;
  #conversation: Conversation | null = null;
  #winner: Branch | null = null;
  /** The branch whose early media the caller hears: the first to send any. */
  #heard: { readonly branch: Branch; readonly tag: string } | null = null;
  #lastProgress = 0;
  /** The CSeq number of the callee's 2xx that waits for the caller's answer to be acknowledged. */
  #calleeUnacknowledged: number | null = null;
  #timer: Timer | null = null;

  /** Throws SipError 400 or 415 for a body that can't be read, SipSyntaxError when the INVITE makes no dialog. */
  constructor(options: {
    readonly transaction: ServerTransaction;
    readonly parties: CallParties;
    readonly context: CallContext;
    readonly onOver: (call: Call) => void;
  }) {
    const { transaction, parties, context } = options;
    this.#context = context;
    this.#parties = parties;
    this.#onOver = options.onOver;
    this.id = randomToken(context.random, 26);
    this.#log = context.log.child({ call_id: this.id });
    const facts = {
      callId: this.id,
      callerSipCallId: transaction.request.callId,
      caller: parties.caller,
      callee: parties.callee,
      callerIp: transaction.flow.remote.address,
    };
    this.#record = new CallRecord(facts, context, this.#log);
    this.#offer = sdpOf(transaction.request);
    this.#maxBreadth = transaction.request.headers.first(MaxBreadth) ?? null;
    this.#invite = context.userAgent.receiveInvite(transaction, parties.callee, {
      onCancel: (cancel) => this.#inbox.post({ type: 'caller cancelled', cancel }),
      dialog: {
        onRequest: (request, dialog) =>
          this.#inbox.post({ type: 'request', from: 'caller', transaction: request, dialog }),
        onCancel: (invite) => this.#inbox.post({ type: 'request cancelled', invite }),
      },
    });
    this.#fork = this.#scope.own(
      new Fork({ dialPlan: context.dialPlan, call: (target, maxBreadth) => this.#call(target, maxBreadth) }),
    );
    this.#media = new CallMedia(context, this.id, () =>
      this.#inbox.post({ type: 'timeout', ending: hungUp('system', 'rtp_timeout', 'No media from either side') }),
    );
  }

  get state(): CallState {
    return this.#state;
  }

  get facts(): CallFacts {
    return this.#record.facts;
  }

  /** Starts the call: rings, or refuses, as `plan` says. */
  begin(plan: Plan): void {
    this.#inbox.post({ type: 'begin', plan });
  }

  /** Ends the call because the exchange stops. */
  shutDown(): void {
    this.#inbox.post({ type: 'shutdown' });
  }

  /** A defect ends the call that it happened in, and only that. */
  #guarded(event: CallEvent): void {
    try {
      this.#handle(event);
    } catch (error) {
      if (event.type === 'request') return this.#refuseRequest(event, error);
      this.#log.error('a call failed', { event: event.type, error });
      if (!this.#record.hasAnswer) this.#end(refused('system', 500, 'Internal error'));
      else this.#end(broken(41, 'Internal error'));
    }
  }

  #handle(event: CallEvent): void {
    if (this.#state === 'TERMINATING') return this.#handleAfterEnd(event);
    switch (event.type) {
      case 'begin':
        return this.#begin(event.plan);
      case 'caller cancelled':
        return this.#end(refused('caller', 487, 'The caller cancelled'), { toBranches: reasonHeader(event.cancel) });
      case 'caller silent':
        return this.#end(broken(102, 'The caller never acknowledged the answer'));
      case 'caller acknowledged':
        return this.#onAnswerInAck(event.ack);
      case 'caller lost':
        if (this.#state === 'ACTIVE') return;
        return this.#end(refused('caller', 487, "The caller's connection was lost"));
      case 'progress':
        return this.#onProgress(event.branch, event.response, event.tag);
      case 'answer':
        return this.#onAnswer(event.branch, event.response, event.dialog);
      case 'refused':
        return this.#onRefused(event.branch, event.response);
      case 'branch failed':
        return this.#drop(event.branch, refusalOfFailure(event.failure));
      case 'request':
        return this.#onRequest(event.from, event.transaction, event.dialog);
      case 'request cancelled':
        return this.#conversation?.onRequestCancelled(event.invite);
      case 'timeout':
        return this.#end(event.ending);
      case 'shutdown':
        if (this.#state === 'ACTIVE') return this.#end(hungUp('system', 'shutdown', 'The exchange stops'));
        return this.#end(refused('system', 503, 'The exchange stops', 'shutdown'));
      default:
        event satisfies never;
    }
  }

  /** What still arrives: a phone that hangs up too is told that this is well, an answer nobody waits for is ended. */
  #handleAfterEnd(event: CallEvent): void {
    if (event.type === 'answer') {
      event.dialog.ack(event.response.cseq.number);
      event.dialog.bye({});
    } else if (event.type === 'request') {
      const { transaction } = event;
      const status = transaction.request.method === 'BYE' ? 200 : 481;
      transaction.respond(this.#context.userAgent.response(transaction, status));
    }
  }

  // --- ringing ---

  #begin(plan: Plan): void {
    const { limits } = this.#context;
    this.#record.started();
    if (plan.kind === 'refuse') return this.#end(refused('system', plan.status, plan.text));
    this.#invite.provisional(100, undefined);
    try {
      this.#caller = this.#scope.own(new Leg(this.#context, this.#invite.transaction.flow));
      if (this.#offer) this.#caller.negotiation.receiveOffer(this.#offer);
    } catch (error) {
      return this.#refuseCall(error);
    }
    const watch = this.#invite.transaction.flow.onClose(() => this.#inbox.post({ type: 'caller lost' }));
    this.#scope.own(watch);
    const patience = Math.min(limits.inviteTimeout || Infinity, expiresOf(this.#invite.request));
    if (patience < Infinity) this.#after(patience, () => unanswered('Nobody answered in time'));
    this.#fork.ring(plan.targets, this.#maxBreadth);
    if (this.#fork.size === 0) this.#giveUp();
  }

  #call(target: Target, maxBreadth: number | null): Branch {
    const { caller, callerName, callee } = this.#parties;
    const host = this.#context.identityHost(target.flow);
    const branch = new Branch({
      context: this.#context,
      target,
      caller: this.#caller!,
      offered: this.#offer !== null,
      from: address(callerName, caller, host),
      to: address(null, callee, host),
      callerNumber: caller,
      maxForwards: maxForwardsOf(this.#invite.request) - 1,
      headers: maxBreadth === null ? {} : { [MaxBreadth.name]: String(maxBreadth) },
      user: {
        onProgress: (from, response, tag) => this.#inbox.post({ type: 'progress', branch: from, response, tag }),
        onAnswer: (from, response, dialog) => this.#inbox.post({ type: 'answer', branch: from, response, dialog }),
        onRefused: (from, response) => this.#inbox.post({ type: 'refused', branch: from, response }),
        onFailure: (from, failure) => this.#inbox.post({ type: 'branch failed', branch: from, failure }),
        onRequest: (transaction, dialog) => this.#inbox.post({ type: 'request', from: 'callee', transaction, dialog }),
        onRequestCancelled: (_from, invite) => this.#inbox.post({ type: 'request cancelled', invite }),
      },
    });
    this.#log.info('phone called', { leg: 'callee', flow: target.flow.id, sip_call_id: branch.sipCallId });
    return branch;
  }

  #onProgress(branch: Branch, response: SipResponse, tag: string): void {
    if (!this.#fork.has(branch) || this.#winner) return;
    // A branch that has gone says nothing about the call (RFC 6228), and the queue of a phone is not the caller's.
    if (response.status === 199) return;
    if (this.#state === 'IDLE') this.#state = 'RINGING';
    this.#record.rang();
    const body = this.#earlyMedia(branch, response, tag);
    if (!body && response.status === this.#lastProgress) return;
    this.#lastProgress = response.status;
    this.#invite.provisional(response.status, undefined, body ?? {});
  }

  /**
   * The answer with which the caller hears what the callee's side plays before it picks up. The first branch to play
   * anything is heard; others ring without sound.
   */
  #earlyMedia(branch: Branch, response: SipResponse, tag: string): Body | null {
    if (!this.#offer || !this.#caller || response.body.length === 0) return null;
    try {
      if (!branch.preview(response, tag)) return null;
      if (this.#heard && (this.#heard.branch !== branch || this.#heard.tag !== tag)) return null;
      branch.speakFor(tag);
      const answer = this.#answerTo(this.#caller, branch);
      this.#heard = { branch, tag };
      this.#media.connect(this.#caller, branch.leg, false);
      return sdpBody(answer);
    } catch (error) {
      const refusal = refusalOfMedia(error);
      if (!(refusal instanceof SipError)) throw error;
      this.#log.warning('early media could not be used', { reason: refusal.message });
      return null;
    }
  }

  /**
   * Our answer to the caller as `branch` has agreed. What was answered in a dialog never changes: when this is another
   * answer than the caller has heard, it goes into a new dialog, with a new To tag.
   */
  #answerTo(caller: Leg, branch: Branch): SessionDescription {
    const heard = caller.negotiation.answer;
    if (!heard) return relayAnswer(branch.leg.negotiation, caller.negotiation);
    const fresh = caller.negotiation.fork(newSessionId(this.#context));
    const answer = relayAnswer(branch.leg.negotiation, fresh);
    if (formatSessionDescription({ ...answer, origin: heard.origin }) === formatSessionDescription(heard)) return heard;
    caller.negotiation = fresh;
    this.#invite.fork();
    return answer;
  }

  #onRefused(branch: Branch, response: SipResponse): void {
    if (!this.#fork.has(branch) || this.#winner) return;
    const refusal = this.#fork.redirect(branch, response);
    if (refusal) return this.#drop(branch, refusal);
    this.#noteSilence(branch);
    if (this.#fork.size === 0) this.#giveUp();
  }

  /** A branch has come to nothing; with the last one, or a 6xx, the call has. */
  #drop(branch: Branch, refusal: BranchRefusal): void {
    if (!this.#fork.has(branch)) return;
    this.#fork.drop(branch, refusal);
    this.#noteSilence(branch);
    if (this.#winner) return;
    if (refusal.status >= 600 || this.#fork.size === 0) this.#giveUp();
  }

  /** Nothing more will be heard of a branch: another may play to the caller. */
  #noteSilence(branch: Branch): void {
    if (this.#heard?.branch === branch) this.#heard = null;
  }

  #giveUp(): void {
    const { status, reason, by, headers } = this.#fork.best();
    const ending = refused(by === 'phone' ? 'callee' : 'system', status, reason ?? `Refused with ${status}`);
    this.#end(ending, { toCaller: headers ?? {}, ...(reason === null ? {} : { reason }) });
  }

  /** The call can't begin: `error` says why to the caller. */
  #refuseCall(error: unknown): void {
    const refusal = refusalOfMedia(error);
    if (!(refusal instanceof SipError)) throw error;
    const { status, reason, headers: toCaller } = refusal;
    this.#end(refused('system', status, reason), { toCaller, reason });
  }

  // --- the answer ---

  #onAnswer(branch: Branch, response: SipResponse, dialog: Dialog): void {
    if (!this.#fork.has(branch) || this.#winner || !this.#caller) {
      dialog.ack(response.cseq.number);
      dialog.bye(elsewhere);
      return;
    }
    try {
      const body = this.#offer
        ? this.#takeAnswer(this.#caller, branch, response, dialog)
        : this.#takeOffer(this.#caller, branch, response);
      this.#connect(this.#caller, branch, dialog, body);
    } catch (error) {
      this.#refuseAnswer(branch, response, dialog, error);
    }
  }

  #takeAnswer(caller: Leg, branch: Branch, response: SipResponse, dialog: Dialog): Body {
    dialog.ack(response.cseq.number);
    if (!branch.answered(response)) throw new SdpError('the 200 carries no answer');
    return sdpBody(this.#answerTo(caller, branch));
  }

  #takeOffer(caller: Leg, branch: Branch, response: SipResponse): Body {
    const offer = sdpOf(response);
    if (!offer) throw new SdpError('the 200 carries no offer');
    branch.leg.negotiation.receiveOffer(offer);
    return sdpBody(relayOffer(branch.leg.negotiation, caller.negotiation));
  }

  /** The phone has picked up with a session that can't be used: it is hung up on, the others may still answer. */
  #refuseAnswer(branch: Branch, response: SipResponse, dialog: Dialog, error: unknown): void {
    const refusal = refusalOfMedia(error);
    if (!(refusal instanceof SipError)) throw error;
    if (!dialog.repeatAck(response.cseq.number)) dialog.ack(response.cseq.number);
    dialog.bye({ Reason: `SIP;cause=488;text="Not Acceptable Here"` });
    this.#log.warning("the callee's answer could not be used", { reason: refusal.message });
    this.#drop(branch, { status: 488, reason: null, by: 'phone' });
  }

  #connect(caller: Leg, branch: Branch, dialog: Dialog, body: Body): void {
    const { limits } = this.#context;
    this.#winner = branch;
    if (!this.#offer) this.#calleeUnacknowledged = dialog.state.localSequence;
    for (const other of this.#fork.others(branch)) {
      other.abandon(elsewhere);
      this.#fork.remove(other);
    }
    this.#timer?.cancel();
    this.#state = 'ACTIVE';
    this.#invite.accept(body, {
      onAck: (ack) => this.#inbox.post({ type: 'caller acknowledged', ack }),
      onSilence: () => this.#inbox.post({ type: 'caller silent' }),
    });
    const callerSide: Side = {
      party: 'caller',
      extension: this.#parties.caller,
      dialog: this.#invite.dialog,
      leg: caller,
    };
    const calleeSide: Side = { party: 'callee', extension: branch.target.extension, dialog, leg: branch.leg };
    this.#conversation = new Conversation({
      caller: callerSide,
      callee: calleeSide,
      context: this.#context,
      media: this.#media,
      end: (ending) => this.#end(ending),
    });
    if (this.#offer) {
      caller.generation++;
      this.#media.connect(caller, branch.leg, true);
    }
    if (limits.maxCallDuration > 0) {
      this.#after(limits.maxCallDuration, () => hungUp('system', 'max_duration', 'The longest call has been reached'));
    }
    this.#record.answered(caller.codec);
  }

  /** The caller's answer to the offer that the callee made: only now can the callee be acknowledged. */
  #onAnswerInAck(ack: SipRequest): void {
    const conversation = this.#conversation;
    if (this.#calleeUnacknowledged === null || !conversation) return;
    const { caller, callee } = conversation;
    try {
      const answer = sdpOf(ack);
      if (!answer) throw new SdpError('the ACK carries no answer');
      caller.leg.negotiation.receiveAnswer(answer);
      const body = sdpBody(relayAnswer(caller.leg.negotiation, callee.leg.negotiation));
      callee.dialog.ack(this.#calleeUnacknowledged, body);
      this.#calleeUnacknowledged = null;
      this.#media.connect(caller.leg, callee.leg, true);
    } catch (error) {
      const refusal = refusalOfMedia(error);
      if (!(refusal instanceof SipError)) throw error;
      this.#end(broken(88, `The caller's answer could not be used: ${refusal.message}`));
    }
  }

  // --- requests inside the dialogs ---

  #onRequest(from: 'caller' | 'callee', transaction: ServerTransaction, dialog: Dialog): void {
    const conversation = this.#conversation;
    if (conversation) return conversation.onRequest(conversation[from], transaction);
    const { userAgent } = this.#context;
    if (transaction.request.method !== 'BYE') return answerWithin(userAgent, dialog, transaction);
    // A caller may leave an early dialog with BYE instead of CANCEL (RFC 3261 §15).
    transaction.respond(userAgent.response(transaction, 200));
    this.#end(refused('caller', 487, 'The caller hung up'));
  }

  #refuseRequest({ transaction, dialog }: CallEvent & { readonly type: 'request' }, error: unknown): void {
    dialog.reject(transaction, this.#context.userAgent.refusal(transaction, error));
  }

  // --- the end ---

  #after(ms: number, ending: () => Ending): void {
    this.#timer = this.#context.clock.after(ms, () => this.#inbox.post({ type: 'timeout', ending: ending() }));
  }

  /**
   * The one way in which a call ends. `ending` names who ended it, and only the others are told: an unanswered caller
   * with further header fields and a reason phrase, the branches that still ring with header fields of their own.
   */
  #end(ending: Ending, words: LastWords = {}): void {
    if (this.#state === 'TERMINATING') return;
    this.#state = 'TERMINATING';
    this.#timer?.cancel();
    const why = { Reason: reasonOf(ending) };
    const conversation = this.#conversation;
    conversation?.close();
    if (conversation && this.#calleeUnacknowledged !== null) {
      conversation.callee.dialog.ack(this.#calleeUnacknowledged);
      this.#calleeUnacknowledged = null;
    }
    for (const branch of this.#fork.others(this.#winner)) branch.abandon(words.toBranches ?? {});
    this.#invite.reject(ending.sipStatus, words.reason, { ...why, ...words.toCaller });
    for (const side of conversation ? [conversation.caller, conversation.callee] : []) {
      follow(side, this.#context.dialPlan);
      side.dialog.bye(why);
    }
    const branch = this.#winner ?? this.#fork.first;
    const codec = this.#caller?.codec ?? null;
    this.#media.end((caller, callee) => this.#record.ended(ending, branch, codec, { caller, callee }));
    this.#scope[Symbol.dispose]();
    this.#onOver(this);
  }
}

function address(
  displayName: string | null,
  user: string,
  { host, port }: { readonly host: string; readonly port: number | null },
): NameAddress {
  return { displayName, uri: sipUri({ user, host, port }), params: noParams };
}

/** 70 where the request has none, as many phones' (RFC 3261 §16.6 step 3). */
export function maxForwardsOf(request: SipRequest): number {
  const text = request.headers.get('Max-Forwards');
  return text === undefined ? 70 : Number(text);
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

/** Silence is a 408 (RFC 3261 §16.8), a phone that can't be reached at all is not there. */
function refusalOfFailure(failure: Failure): BranchRefusal {
  return { status: failure === 'timeout' ? 408 : 480, reason: null, by: 'us' };
}

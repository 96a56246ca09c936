import { formatAddress, type Log, type Timer } from '../../base/index.ts';
import {
  answerOrOffer,
  formatSessionDescription,
  fullOffer,
  LegNegotiation,
  mayComeTo,
  NoCommonMedia,
  offerFor,
  ownAnswer,
  relayAnswer,
  relayOffer,
  SdpError,
  type SessionDescription,
} from '../../sdp/index.ts';
import type { Dialog } from '../../sip/dialog/index.ts';
import { formatUri, SipError, type SipRequest, type SipResponse } from '../../sip/message/index.ts';
import type { ServerTransaction } from '../../sip/transaction/index.ts';
import type { IncomingInvite } from '../../sip/ua/index.ts';
import type { CallFacts, Ending } from '../events/index.ts';
import type { Branch } from './branch.ts';
import type { CallContext } from './call-context.ts';
import type { CallMedia } from './call-media.ts';
import type { CallerEnd, LastWords } from './caller-end.ts';
import { broken, reasonOf } from './ending.ts';
import type { Person } from './identity.ts';
import { Leg, newSessionId } from './leg.ts';
import { dialogFacts, type LegReport } from './leg-report.ts';
import { type Body, refusalOfMedia, sdpBody, sdpOf } from './session-body.ts';
import { answerHere, checkOfferAllowed, SessionChange } from './session-change.ts';
import type { Side } from './side.ts';
import type { Step } from './step.ts';

/** What is said in the 200: nothing where all has been agreed before. */
type Answer = Body | Record<never, never>;

/** How long the caller may take to acknowledge the answer until the log says so, in ms. */
const patienceOfAck = 5000;

/** What an inviting caller needs of its call. */
export interface InvitingCallerHost {
  readonly context: CallContext;
  readonly media: CallMedia;
  readonly log: Log;
  readonly facts: Pick<CallFacts, 'callee'>;
  post(step: Step): void;
  /** The caller has its 200. */
  answered(): void;
  end(ending: Ending, words?: LastWords): void;
  /** The caller has agreed to less than the callee: that is to be told. */
  renegotiateCallee(): void;
  /** A change that began before the answer is over after it: packets flow as both legs have agreed by now. */
  connectMedia(): void;
}

/** A phone that calls by an INVITE: what it offers or is offered, what it hears before the answer, and its 200. */
export class InvitingCaller implements CallerEnd {
  readonly leg: Leg;
  readonly report: LegReport;
  readonly side = null;
  readonly #host: InvitingCallerHost;
  readonly #invite: IncomingInvite;
  readonly #person: Person;
  /** The offer in the INVITE; without one we offer, in a reliable 183 or in the 200. */
  readonly #offer: SessionDescription | null;
  /** The leg as it was when the INVITE had come: each further dialog begins there. */
  readonly #beginning: LegNegotiation;
  #lastProgress = 0;
  /**
   * The branch that the present dialog with the caller has agreed with, and in which of its early dialogs; no branch where
   * the offer was ours alone.
   */
  #agreedWith: { readonly branch: Branch | null; readonly tag: string | null } | null = null;
  /** Whether something has been agreed since by UPDATE or PRACK: the 200 has nothing to add. */
  #changed = false;
  #change: SessionChange | null = null;
  #answer: Answer = {};
  /** The callee's 2xx with an offer that waits for the caller's answer to be acknowledged. */
  #unacknowledged: { readonly dialog: Dialog; readonly sequence: number } | null = null;
  #callee: Side | null = null;
  #ackWatch: Timer | null = null;

  /** Throws SipError 503 without a port, 488 for an offer that can't be taken. */
  constructor(options: {
    readonly host: InvitingCallerHost;
    readonly invite: IncomingInvite;
    readonly offer: SessionDescription | null;
    readonly person: Person;
    readonly report: LegReport;
  }) {
    this.#host = options.host;
    this.#invite = options.invite;
    this.#offer = options.offer;
    this.#person = options.person;
    this.report = options.report;
    this.leg = new Leg(options.host.context, {
      flow: options.invite.transaction.flow,
      extension: options.person.extension,
      near: null,
    });
    if (this.#offer) this.leg.negotiation.receiveOffer(this.#offer);
    this.#beginning = this.leg.negotiation.copy();
  }

  offerTo(callee: LegNegotiation): SessionDescription | null {
    return this.#offer && relayOffer(this.#beginning, callee);
  }

  progress(status: number, heard: Branch | null): void {
    const body = heard ? this.#earlyAnswer(heard) : this.#ownOffer();
    if (!body && status === this.#lastProgress) return;
    this.#lastProgress = status;
    this.#invite.provisional(status, undefined, body ?? {});
  }

  /**
   * A caller that takes reliable responses alone, and offers nothing, must find an offer in the first (RFC 3261 §13.2.1):
   * ours, as long as no phone has made one. What is agreed on in the end is told in another dialog.
   */
  #ownOffer(): Body | null {
    if (this.#offer || !this.#invite.insists || this.#agreedWith) return null;
    try {
      const offer = fullOffer(this.leg.negotiation);
      this.#agreedWith = { branch: null, tag: null };
      return sdpBody(offer);
    } catch (error) {
      // We know no codec that is allowed; the callee may.
      if (error instanceof NoCommonMedia) return null;
      throw error;
    }
  }

  /** What the caller is told so that it hears a branch; null when it has been told, or can't be. */
  #earlyAnswer(branch: Branch): Body | null {
    const { media } = this.#host;
    if (this.#offer) {
      const before = this.leg.negotiation.answer;
      const answer = this.#answerTo(branch);
      media.connect(this.leg, branch.leg, false);
      if (answer === null || (answer === before && this.#invite.reliable)) return null;
      return sdpBody(answer);
    }
    // An offer of ours needs a response that is acknowledged, with the answer in its PRACK.
    if (!this.#invite.reliable || this.#hasAgreedWith(branch)) return null;
    // It was offered what another early dialog has: that offer stands, and the next goes into a new dialog.
    if (this.#agreedWith) this.#begin(this.#fresh(), branch);
    const offer = offerFor(branch.leg.negotiation, this.leg.negotiation);
    this.#noteAgreement(branch);
    return sdpBody(offer);
  }

  /**
   * Our answer to the caller as `branch` has agreed, null where the caller has moved on since. What was answered in a
   * dialog never changes: when this is another answer than the caller has heard, it goes into a new dialog, with a new To
   * tag.
   */
  #answerTo(branch: Branch): SessionDescription | null {
    const heard = this.leg.negotiation.answer;
    const changed = this.#changed || this.#change !== null;
    if (changed && this.#hasAgreedWith(branch)) return null;
    if (!heard && !changed) {
      this.#noteAgreement(branch);
      return relayAnswer(branch.leg.negotiation, this.leg.negotiation);
    }
    const fresh = this.#fresh();
    const answer = relayAnswer(branch.leg.negotiation, fresh);
    if (heard && !changed && sameWords(answer, heard)) {
      this.#noteAgreement(branch);
      return heard;
    }
    this.#begin(fresh, branch);
    return answer;
  }

  #noteAgreement(branch: Branch | null): void {
    this.#agreedWith = branch && { branch, tag: branch.tag };
  }

  #hasAgreedWith(branch: Branch): boolean {
    return this.#agreedWith?.branch === branch && this.#agreedWith.tag === branch.tag;
  }

  /** From now on another dialog with the caller counts. */
  #begin(negotiation: LegNegotiation, branch: Branch | null): void {
    this.#change?.close();
    this.#change = null;
    this.#changed = false;
    this.leg.negotiation = negotiation;
    this.#noteAgreement(branch);
    this.report.update({ dialog: dialogFacts(this.#invite.fork()) });
  }

  agree(branch: Branch, response: SipResponse, dialog: Dialog): void {
    const sequence = response.cseq.number;
    if (this.#offer) {
      dialog.ack(sequence);
      branch.answered(response);
      const answer = this.#answerTo(branch);
      this.#answer = answer ? sdpBody(answer) : {};
    } else if (branch.answered(response)) {
      dialog.ack(sequence);
      this.#answer = this.#offerOf(branch);
    } else {
      const offer = sdpOf(response);
      if (!offer) throw new SdpError('the 200 carries no offer');
      branch.leg.negotiation.receiveOffer(offer);
      if (this.#agreedWith) this.#begin(this.#fresh(), branch);
      this.#answer = sdpBody(relayOffer(branch.leg.negotiation, this.leg.negotiation));
      this.#unacknowledged = { dialog, sequence };
    }
  }

  agreeWith(leg: Leg): SessionDescription {
    const { negotiation } = leg;
    if (this.#agreedWith || this.#changed) this.#begin(this.#fresh(), null);
    // Another that has tried to pick up may have been refused.
    else this.leg.negotiation = this.#beginning.copy();
    const own = this.leg.negotiation;
    if (!this.#offer) {
      if (!negotiation.remoteOffer) throw new SipError(488, 'Nobody Offers a Session');
      const answer = ownAnswer(negotiation, null);
      this.#answer = sdpBody(offerFor(negotiation, own));
      return answer;
    }
    this.#answer = sdpBody(ownAnswer(own, negotiation.remoteOffer ? negotiation : null));
    return answerOrOffer(negotiation, own);
  }

  /** The leg as it began, for a further dialog. */
  #fresh(): LegNegotiation {
    return LegNegotiation.restore({ ...this.#beginning.state, sessionId: newSessionId(this.#host.context) });
  }

  /** What the 200 offers to a caller that has offered nothing, of what `branch` has agreed with us. */
  #offerOf(branch: Branch): Answer {
    if (this.#hasAgreedWith(branch)) return {};
    if (this.#agreedWith) this.#begin(this.#fresh(), branch);
    return sdpBody(offerFor(branch.leg.negotiation, this.leg.negotiation));
  }

  connect(callee: Side): Side {
    this.#callee = callee;
    const host = this.#host;
    // Somebody else than was called has picked up.
    const { flow } = this.#invite.dialog;
    const headers = callee.extension === host.facts.callee ? {} : host.context.assertedIdentity(callee, flow);
    this.#invite.accept(
      { ...this.#answer, headers },
      {
        onSent: () => {
          host.answered();
          this.#ackWatch = host.context.clock.after(patienceOfAck, () => this.#missAck());
        },
        onAck: (ack) => host.post({ name: 'ACK', run: () => this.#onAck(ack) }),
      },
    );
    if (this.leg.negotiation.phase === 'stable' || this.#change) this.leg.generation++;
    if (this.leg.negotiation.phase === 'stable') host.post({ name: 'answered', run: () => this.#match(callee) });
    const { dialog } = this.#invite;
    this.report.update({ state: 'confirmed', dialog: dialogFacts(dialog) });
    return this.#side(dialog);
  }

  /** The call will end for it: whoever looks for the reason is told where our 200 went and where an ACK should come from. */
  #missAck(): void {
    const { unacknowledged, state } = this.#invite.dialog;
    if (!unacknowledged) return;
    this.#host.log.warning('the caller has not acknowledged the answer', {
      leg: 'caller',
      contact: formatUri(state.remoteTarget),
      route: state.routeSet.map(({ uri }) => formatUri(uri)),
      sent_to: formatAddress(this.#invite.dialog.flow.remote),
    });
  }

  #side(dialog: Dialog): Side {
    return { party: 'caller', ...this.#person, dialog, leg: this.leg, report: this.report };
  }

  /** The caller's answer to an offer in our 200, and perhaps to that of the callee: only now that can be acknowledged. */
  #onAck(ack: SipRequest): void {
    this.#ackWatch?.cancel();
    const callee = this.#callee;
    const { negotiation } = this.leg;
    if (!callee || this.#change || negotiation.phase !== 'local-offer') return;
    try {
      const answer = sdpOf(ack);
      if (!answer) throw new SdpError('the ACK carries no answer');
      negotiation.receiveAnswer(answer);
      const waiting = this.#unacknowledged;
      if (waiting) {
        waiting.dialog.ack(waiting.sequence, sdpBody(relayAnswer(negotiation, callee.leg.negotiation)));
        this.#unacknowledged = null;
      }
      this.#host.media.connect(this.leg, callee.leg, true);
      if (!waiting) this.#match(callee);
    } catch (error) {
      const refusal = refusalOfMedia(error);
      if (!(refusal instanceof SipError)) throw error;
      this.#host.end(broken(88, `The caller's answer could not be used: ${refusal.message}`));
    }
  }

  /** What the callee has agreed to may be more than the caller has been asked for since, or has changed it to. */
  #match(callee: Side): void {
    const changed = !this.#offer || this.#changed;
    if (changed && mayComeTo(callee.leg.negotiation, this.leg.negotiation)) this.#host.renegotiateCallee();
  }

  onSessionRequest(transaction: ServerTransaction, dialog: Dialog, heardSide: Side | null): void {
    const { request } = transaction;
    const { negotiation } = this.leg;
    const heard = this.#callee ?? heardSide;
    if (dialog !== this.#invite.dialog) {
      // The answer to an offer of ours in an earlier dialog is well, but of no use any more.
      if (this.#offer || request.method !== 'PRACK') throw new SipError(488);
      return transaction.respond(this.#host.context.userAgent.response(transaction, 200));
    }
    if (request.method === 'PRACK' && negotiation.phase === 'local-offer') return this.#onAnswerInPrack(transaction);
    const offer = sdpOf(request);
    if (!offer) throw new SipError(400, 'No Session Description');
    const side = this.#side(dialog);
    checkOfferAllowed(side, request.method, this.#host.context);
    const agreed = (): void => {
      this.#changed = true;
      if (heard) this.#hear(heard.leg);
      if (this.#callee) this.#match(this.#callee);
    };
    // A PRACK is answered at once; a change that the callee can't be told of is between the caller and us.
    const told =
      this.#agreedWith && heard?.dialog.allows('UPDATE') && heard.leg.negotiation.phase === 'stable' ? heard : null;
    if (request.method === 'PRACK' || !told || negotiation.repeats(offer)) {
      answerHere(side, heard, transaction, offer);
      return agreed();
    }
    this.#relayChange(transaction, side, told, offer, agreed);
  }

  #relayChange(
    transaction: ServerTransaction,
    from: Side,
    to: Side,
    offer: SessionDescription,
    onAgreed: () => void,
  ): void {
    const change = new SessionChange({
      transaction,
      from,
      to,
      context: this.#host.context,
      onAgreed,
      onOver: () => {
        if (this.#change !== change) return;
        this.#change = null;
        if (this.#callee) this.#host.post({ name: 'change over', run: () => this.#host.connectMedia() });
      },
      onBroken: (ending) => this.#host.end(ending),
    });
    this.#change = change;
    try {
      change.start(offer);
    } catch (error) {
      this.#change = null;
      throw error;
    }
  }

  onCalleeChange(transaction: ServerTransaction, callee: Side): void {
    const offer = sdpOf(transaction.request);
    if (!offer) throw new SipError(400, 'No Session Description');
    const { dialog } = this.#invite;
    checkOfferAllowed(callee, transaction.request.method, this.#host.context);
    const agreed = (): void => this.#hear(callee.leg);
    // Only what the caller has agreed to for good can be changed by UPDATE (RFC 3311 §5.1).
    const tellable =
      this.#invite.reliable && dialog.allows('UPDATE') && this.leg.negotiation.phase === 'stable' && this.#agreedWith;
    if (!tellable || callee.leg.negotiation.repeats(offer)) {
      answerHere(callee, this.#side(dialog), transaction, offer);
      return agreed();
    }
    this.#relayChange(transaction, callee, this.#side(dialog), offer, () => {
      this.#changed = true;
      agreed();
    });
  }

  /** The caller hears a phone, unless that has gone since the caller was asked. */
  #hear(other: Leg): void {
    if (!other.over) this.#host.media.connect(this.leg, other, this.#callee !== null);
  }

  #onAnswerInPrack(transaction: ServerTransaction): void {
    try {
      const answer = sdpOf(transaction.request);
      if (!answer) throw new SdpError('the PRACK carries no answer');
      this.leg.negotiation.receiveAnswer(answer);
    } catch (error) {
      throw refusalOfMedia(error);
    }
    transaction.respond(this.#host.context.userAgent.response(transaction, 200));
    const callee = this.#callee;
    const other = callee ?? this.#agreedWith?.branch;
    if (callee) this.leg.generation++;
    if (other) this.#hear(other.leg);
    if (callee) this.#match(callee);
  }

  end(ending: Ending, words: LastWords): void {
    this.#change?.close();
    this.#ackWatch?.cancel();
    if (this.#unacknowledged) {
      this.#unacknowledged.dialog.ack(this.#unacknowledged.sequence);
      this.#unacknowledged = null;
    }
    this.#invite.reject(ending.sipStatus, words.reason, { Reason: reasonOf(ending), ...words.toCaller });
  }

  release(): void {
    this.leg[Symbol.dispose]();
  }
}

/** Whether two descriptions differ in nothing but the session that they are of. */
function sameWords(a: SessionDescription, b: SessionDescription): boolean {
  return formatSessionDescription({ ...a, origin: b.origin }) === formatSessionDescription(b);
}

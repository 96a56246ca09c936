import { relayAnswer, relayOffer, SdpError } from '../../sdp/index.ts';
import { SipError, type SipRequest, type SipResponse } from '../../sip/message/index.ts';
import type { Failure, ServerTransaction } from '../../sip/transaction/index.ts';
import type { Ending } from '../events/index.ts';
import { presentableWithin } from './best-response.ts';
import type { CallContext } from './call-context.ts';
import type { Side } from './conversation.ts';
import { broken } from './ending.ts';
import { acceptable, type Body, refusalOfMedia, sdpBody, sdpOf } from './session-body.ts';

/**
 * A re-INVITE of one side on its way to the other and back: hold, resume, another codec, or no offer at all, in which
 * case the other side offers and the answer comes with the ACK (RFC 3261 §14). Refused, both sides go on as before.
 */
export class RelayedInvite {
  readonly transaction: ServerTransaction;
  readonly #from: Side;
  readonly #to: Side;
  readonly #context: CallContext;
  readonly #onAgreed: () => void;
  readonly #onOver: () => void;
  readonly #onBroken: (ending: Ending) => void;
  #cancelled = false;
  #proceeding = false;
  #over = false;
  /** The other side's 2xx with an offer, which waits for the answer before it is acknowledged. */
  #unacknowledged: number | null = null;

  constructor(options: {
    readonly transaction: ServerTransaction;
    readonly from: Side;
    readonly to: Side;
    readonly context: CallContext;
    /** Both legs have agreed anew. */
    readonly onAgreed: () => void;
    /** Answered, or refused: nothing is left of it. */
    readonly onOver: () => void;
    /** The two sides can't be brought together again: the call must end. */
    readonly onBroken: (ending: Ending) => void;
  }) {
    this.transaction = options.transaction;
    this.#from = options.from;
    this.#to = options.to;
    this.#context = options.context;
    this.#onAgreed = options.onAgreed;
    this.#onOver = options.onOver;
    this.#onBroken = options.onBroken;
  }

  /** Throws SipError where it is refused without asking the other side: 400, 415, 488, 491. */
  start(): void {
    const offer = sdpOf(this.transaction.request);
    const from = this.#from.leg.negotiation;
    const to = this.#to.leg.negotiation;
    // The answer to a delayed offer is still on its way in an ACK (RFC 5407 §3.1.5), or the other side has not yet
    // acknowledged our last answer. An offer that can't be sent must not be made: it would count as a version of o=.
    if (from.phase !== 'stable' || to.phase !== 'stable' || this.#to.dialog.busy)
      throw new SipError(491, 'Request Pending');
    try {
      let body = {};
      if (offer) {
        from.receiveOffer(offer);
        body = sdpBody(relayOffer(from, to));
      }
      this.#to.dialog.reinvite(body, {
        onResponse: (response) => this.#onResponse(response, offer !== null),
        onFailure: (failure) => this.#onFailure(failure),
      });
    } catch (error) {
      this.#rollback();
      throw refusalOfMedia(error);
    }
  }

  /** Asks the other side to forget it; what it answers is passed on all the same. */
  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    if (this.#proceeding) this.#sendCancel();
  }

  /** The call ends meanwhile. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#unacknowledged !== null) this.#to.dialog.ack(this.#unacknowledged);
    if (!this.transaction.answered) {
      this.transaction.respond(this.#context.userAgent.response(this.transaction, 487));
    }
  }

  #sendCancel(): void {
    this.#to.dialog.cancelInvite();
  }

  #onResponse(response: SipResponse, offered: boolean): void {
    if (response.status < 200) {
      if (!this.#proceeding && this.#cancelled) this.#sendCancel();
      this.#proceeding = true;
      return;
    }
    if (response.status >= 300) return this.#onRefused(response);
    if (this.#over) return this.#to.dialog.ack(response.cseq.number);
    try {
      if (offered) this.#onAnswer(response);
      else this.#onOffer(response);
    } catch (error) {
      this.#fail(error);
    }
  }

  #onAnswer(response: SipResponse): void {
    this.#to.dialog.ack(response.cseq.number);
    const answer = sdpOf(response);
    if (!answer) throw new SdpError('the 200 carries no answer');
    const from = this.#from.leg.negotiation;
    const to = this.#to.leg.negotiation;
    to.receiveAnswer(answer);
    const body = sdpBody(relayAnswer(to, from));
    this.#finish();
    this.#accept(body);
    this.#onAgreed();
  }

  #onOffer(response: SipResponse): void {
    this.#unacknowledged = response.cseq.number;
    const offer = sdpOf(response);
    if (!offer) throw new SdpError('the 200 carries no offer');
    const from = this.#from.leg.negotiation;
    const to = this.#to.leg.negotiation;
    to.receiveOffer(offer);
    this.#accept(sdpBody(relayOffer(to, from)), (ack) => this.#onAnswerInAck(ack));
  }

  #onAnswerInAck(ack: SipRequest): void {
    if (this.#over || this.#unacknowledged === null) return;
    try {
      const answer = sdpOf(ack);
      if (!answer) throw new SdpError('the ACK carries no answer');
      this.#from.leg.negotiation.receiveAnswer(answer);
      const body = sdpBody(relayAnswer(this.#from.leg.negotiation, this.#to.leg.negotiation));
      this.#to.dialog.ack(this.#unacknowledged, body);
      this.#unacknowledged = null;
      this.#finish();
      this.#onAgreed();
    } catch (error) {
      this.#fail(error);
    }
  }

  #accept(body: Body, onAck?: (ack: SipRequest) => void): void {
    this.#from.dialog.accept(this.transaction, body, {
      ...(onAck ? { onAck } : {}),
      onSilence: () => {
        this.#onBroken(broken(102, `The ${this.#from.party} never acknowledged a change of the session`));
      },
    });
  }

  /** The other side has said yes to what can't be passed on: there is no way back to what was agreed before. */
  #fail(error: unknown): void {
    this.close();
    this.#onOver();
    this.#onBroken(broken(88, `The session could not be changed: ${error instanceof Error ? error.message : error}`));
  }

  #onRefused(response: SipResponse): void {
    if (this.#over) return;
    // The other side knows nothing of the call any more, so it needs no BYE (RFC 3261 §12.2.1.2, RFC 5057 §5.1).
    if (response.status === 481) this.#to.dialog.end();
    if (response.status === 481 || response.status === 408) return this.#lost();
    this.#refuse(presentableWithin(response.status));
  }

  #onFailure(failure: Failure): void {
    if (this.#over) return;
    // A connection that is gone may be back soon; a phone that ignores our CANCEL has not lost the call either.
    if (failure === 'transport error') this.#refuse(500);
    else if (this.#cancelled && this.#proceeding) this.#refuse(487);
    else this.#lost();
  }

  /** Ends the call. A phone that was only silent may come back, and is told by a BYE. */
  #lost(): void {
    this.#refuse(481);
    this.#onBroken(broken(41, `The ${this.#to.party}'s phone has lost the call`, this.#to.party));
  }

  #refuse(status: number): void {
    this.#rollback();
    this.#finish();
    const { userAgent } = this.#context;
    const headers = status === 415 ? acceptable : {};
    this.#from.dialog.reject(this.transaction, userAgent.response(this.transaction, status, headers));
  }

  #finish(): void {
    this.#over = true;
    this.#onOver();
  }

  #rollback(): void {
    this.#from.leg.negotiation.rollback();
    this.#to.leg.negotiation.rollback();
  }
}

import type { Timer } from '../../base/index.ts';
import {
  type LegNegotiation,
  ownAnswer,
  relayAnswer,
  relayOffer,
  SdpError,
  type SessionDescription,
} from '../../sdp/index.ts';
import { SipError, type SipRequest, type SipResponse } from '../../sip/message/index.ts';
import type { Failure, ServerTransaction } from '../../sip/transaction/index.ts';
import type { Ending } from '../events/index.ts';
import { Attempt } from './attempt.ts';
import { presentableWithin } from './best-response.ts';
import type { CallContext } from './call-context.ts';
import { broken } from './ending.ts';
import { acceptable, type Body, refusalOfMedia, sdpBody, sdpOf } from './session-body.ts';
import type { Side } from './side.ts';

/** An UPDATE is to be answered before its transaction times out, even where the other side is asked by INVITE. ms. */
const patienceOfUpdate = 25_000;

/**
 * A re-INVITE or UPDATE of one side on its way to the other and back: hold, resume, another codec, or no offer at all, in
 * which case the other side offers and the answer comes with the ACK (RFC 3261 §14, RFC 3311). Refused, both sides go
 * on as before.
 */
export class SessionChange {
  readonly transaction: ServerTransaction;
  readonly #from: Side;
  readonly #to: Side;
  readonly #context: CallContext;
  readonly #onAgreed: () => void;
  readonly #onOver: () => void;
  readonly #onBroken: (ending: Ending) => void;
  #attempt: Attempt | null = null;
  #offered = false;
  /** That of the asker, which may speak for another dialog by the time it is over. */
  readonly #negotiation: LegNegotiation;
  #over = false;
  #patience: Timer | null = null;
  /** Whether an UPDATE has waited too long. */
  #late = false;
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
    this.#negotiation = options.from.leg.negotiation;
    this.#to = options.to;
    this.#context = options.context;
    this.#onAgreed = options.onAgreed;
    this.#onOver = options.onOver;
    this.#onBroken = options.onBroken;
  }

  /** `offer` is that of the request, null where it makes none; whether it may be made now, `checkOfferAllowed` has said. */
  start(offer: SessionDescription | null): void {
    const { request } = this.transaction;
    const from = this.#from.leg.negotiation;
    const to = this.#to.leg.negotiation;
    if (offer) from.receiveOffer(offer);
    this.#offered = offer !== null;
    const attempt = new Attempt({
      // What the phone would have to be called anew for is asked by UPDATE where it can be (RFC 3311 §5.1).
      method:
        this.#to.dialog.early || (request.method === 'UPDATE' && this.#to.dialog.allows('UPDATE'))
          ? 'UPDATE'
          : 'INVITE',
      side: this.#to,
      context: this.#context,
      request: () => (offer ? sdpBody(relayOffer(from, to)) : {}),
      user: {
        onAgreed: (response) => this.#onResponse(response, offer !== null),
        onRefused: (response) => this.#onRefused(response),
        onFailure: (failure) => this.#onFailure(failure),
        onHopeless: (status) => this.#refuse(status),
        onUnsayable: (error) => this.#refuseAs(refusalOfMedia(error)),
      },
    });
    if (this.#over) return;
    this.#attempt = attempt;
    if (request.method === 'UPDATE') {
      this.#patience = this.#context.clock.after(patienceOfUpdate, () => {
        this.#late = true;
        this.cancel();
      });
    }
  }

  /** Whose change it is. */
  get from(): Side {
    return this.#from;
  }

  /** Asks the other side to forget it; what it answers is passed on all the same. */
  cancel(): void {
    this.#attempt?.cancel();
  }

  /** The call ends meanwhile, or one of the sides goes to another. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#patience?.cancel();
    this.#attempt?.close();
    if (this.#unacknowledged !== null) this.#to.dialog.ack(this.#unacknowledged, answerAlone(this.#to));
    this.#negotiation.rollback();
    if (!this.transaction.answered) {
      this.#from.dialog.reject(this.transaction, this.#context.userAgent.response(this.transaction, 487));
    }
  }

  #onResponse(response: SipResponse, offered: boolean): void {
    try {
      if (offered) this.#onAnswer(response);
      else this.#onOffer(response);
    } catch (error) {
      this.#fail(error);
    }
  }

  #onAnswer(response: SipResponse): void {
    if (this.#attempt?.method !== 'UPDATE') this.#to.dialog.ack(response.cseq.number);
    const answer = sdpOf(response);
    if (!answer) throw new SdpError(`the ${response.status} carries no answer`);
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
    acceptChange(this.#from, this.transaction, body, onAck);
  }

  /** The other side has said yes to what can't be passed on: there is no way back to what was agreed before. */
  #fail(error: unknown): void {
    this.close();
    this.#onOver();
    this.#onBroken(broken(88, `The session could not be changed: ${error instanceof Error ? error.message : error}`));
  }

  #onRefused(response: SipResponse): void {
    const { status } = response;
    // In an early dialog it is the INVITE that says whether there is a call.
    if (this.#to.dialog.early) return this.#refuse(presentableWithin(status));
    // The other side knows nothing of the call any more, so it needs no BYE (RFC 3261 §12.2.1.2, RFC 5057 §5.1).
    if (status === 481) this.#to.dialog.end();
    if (status === 481 || status === 408) return this.#lost();
    this.#refuse(presentableWithin(status));
  }

  #onFailure(failure: Failure): void {
    // A connection that is gone may be back soon; a phone that ignores our CANCEL has not lost the call either.
    if (failure === 'transport error') this.#refuse(500);
    else if (this.#attempt?.cancelled) this.#refuse(487);
    else if (this.#to.dialog.early) this.#refuse(500);
    else this.#lost();
  }

  /** Ends the call. A phone that was only silent may come back, and is told by a BYE. */
  #lost(): void {
    this.#refuse(481);
    this.#onBroken(broken(41, `The ${this.#to.party}'s phone has lost the call`, this.#to.party));
  }

  #refuse(said: number): void {
    // RFC 3311 §5.2: the user of the other phone would have to be asked.
    const status = this.#late && said === 487 ? 504 : said;
    this.#refuseAs(new SipError(status, undefined, { headers: status === 415 ? acceptable : {} }));
  }

  #refuseAs(error: unknown): void {
    if (this.#offered) this.#negotiation.rollback();
    this.#finish();
    this.#from.dialog.reject(this.transaction, this.#context.userAgent.refusal(this.transaction, error));
  }

  #finish(): void {
    this.#over = true;
    this.#patience?.cancel();
    this.#onOver();
  }
}

/**
 * Throws SipError where a phone may not offer now: 491 while ours waits for its answer, or an INVITE comes before the ACK
 * that answers its own offer (RFC 5407 §3.1.5); 500 for an UPDATE while an offer of its own waits for ours (RFC 3311
 * §5.2).
 */
export function checkOfferAllowed(
  { leg }: Pick<Side, 'leg'>,
  method: string,
  { random }: Pick<CallContext, 'random'>,
): void {
  const { phase } = leg.negotiation;
  if (phase === 'local-offer' || (phase === 'remote-offer' && method === 'INVITE')) throw new SipError(491);
  if (phase === 'remote-offer') throw pending(random);
}

/** What a phone hears that asks for a change before its last one is done (RFC 3311 §5.2). */
export function pending(random: CallContext['random']): SipError {
  return new SipError(500, 'Another Offer Is Pending', { headers: { 'Retry-After': String(random.below(10)) } });
}

/**
 * Answers a re-INVITE or UPDATE of `from` without asking the other side, with what that has agreed to.
 * Throws SipError 488 when nothing of it can be used.
 */
export function answerHere(
  from: Side,
  other: Side | null,
  transaction: ServerTransaction,
  offer: SessionDescription,
): void {
  const { negotiation } = from.leg;
  try {
    negotiation.receiveOffer(offer);
    acceptChange(from, transaction, sdpBody(ownAnswer(negotiation, other?.leg.negotiation ?? null)));
  } catch (error) {
    negotiation.rollback();
    throw refusalOfMedia(error);
  }
}

/** The 2xx to a re-INVITE, repeated until its ACK, or to an UPDATE. */
function acceptChange(
  { dialog }: Side,
  transaction: ServerTransaction,
  body: Body,
  onAck?: (ack: SipRequest) => void,
): void {
  if (transaction.request.method !== 'INVITE') {
    return dialog.acceptUpdate(transaction, body);
  }
  dialog.accept(transaction, body, onAck ? { onAck } : {});
}

/** What `side`, which has made an offer, is told when the other side is no longer there to answer it. */
function answerAlone({ leg: { negotiation } }: Side): Body | Record<never, never> {
  try {
    return negotiation.remoteOffer ? sdpBody(ownAnswer(negotiation, null)) : {};
  } catch (error) {
    negotiation.rollback();
    if (!(refusalOfMedia(error) instanceof SipError)) throw error;
    return {};
  }
}

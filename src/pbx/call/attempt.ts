import type { Timer } from '../../base/index.ts';
import type { LegNegotiation } from '../../sdp/index.ts';
import type { SipResponse } from '../../sip/message/index.ts';
import { RetryAfter, SipError, SipSyntaxError } from '../../sip/message/index.ts';
import type { Failure } from '../../sip/transaction/index.ts';
import type { CallContext } from './call-context.ts';
import { type Body, refusalOfMedia, sdpOf } from './session-body.ts';
import { follow, type Side } from './side.ts';

/** What a request for a change carries. */
type ChangeRequest = Partial<Body> & { readonly headers?: Readonly<Record<string, string>> };

/**
 * What becomes of an attempt to change the session with one phone. One of them is told, once; but for `onAgreed`, what
 * was offered to the phone has been rolled back then.
 */
export interface AttemptUser {
  /** A 2xx; that of an INVITE is acknowledged by the user. */
  onAgreed(response: SipResponse): void;
  onRefused(response: SipResponse): void;
  onFailure(failure: Failure): void;
  /** The phone was never free for it, or it was cancelled before it could be sent. */
  onHopeless(status: 487 | 491): void;
  /** What was to be offered can't be. */
  onUnsayable(error: unknown): void;
}

/** How often a phone is asked again, and how long it is waited for until it can be asked at all, in ms. */
const mostTries = 6;
const longestWait = 20_000;
/** How long to wait until a phone that has not finished with the last change is looked at again, in ms. */
const busyDelay = 200;

/**
 * One request to a phone to change the session: sent when its dialog is free, and again after the time that RFC 3261
 * §14.1 says when it crosses a request of the phone (491) or comes too early (500 with Retry-After, §14.2), or with a
 * longer session interval (422, RFC 4028 §7.3), so that whoever asked for the change notices nothing.
 */
export class Attempt {
  readonly method: 'INVITE' | 'UPDATE';
  readonly #side: Side;
  readonly #context: CallContext;
  readonly #request: () => ChangeRequest;
  readonly #ready: () => boolean;
  readonly #user: AttemptUser;
  readonly #startedAt: number;
  #timer: Timer | null = null;
  #tries = 0;
  #state: 'waiting' | 'sent' | 'proceeding' | 'left' | 'over' = 'waiting';
  #cancelled = false;
  /** Where the offer of the request on its way was made: a leg may speak for another early dialog when the response comes. */
  #offeredIn: LegNegotiation | null = null;

  constructor(options: {
    readonly method: 'INVITE' | 'UPDATE';
    readonly side: Side;
    readonly context: CallContext;
    /** Makes the request; asked again for each try. */
    readonly request: () => ChangeRequest;
    /** Whether what there is to say is known; it is looked at again as a busy phone is. */
    readonly ready?: () => boolean;
    readonly user: AttemptUser;
  }) {
    this.method = options.method;
    this.#side = options.side;
    this.#context = options.context;
    this.#request = options.request;
    this.#ready = options.ready ?? (() => true);
    this.#user = options.user;
    this.#startedAt = options.context.clock.now();
    this.#try();
  }

  /** Whether its user has been told what became of it. */
  get over(): boolean {
    return this.#state === 'left' || this.#state === 'over';
  }

  /** Asks the phone to forget it; its answer is told all the same. */
  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    if (this.#state === 'waiting') this.#finish(() => this.#user.onHopeless(487));
    else if (this.#state === 'proceeding') this.#side.dialog.cancelInvite();
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  /** Nobody wants to hear of it any more; a 2xx that still comes is acknowledged. */
  close(): void {
    this.#timer?.cancel();
    this.#state = this.#state === 'sent' || this.#state === 'proceeding' ? 'left' : 'over';
  }

  #try(): void {
    if (this.over) return;
    const { dialog, leg } = this.#side;
    if (dialog.ended) return this.#finish(() => this.#user.onFailure('transport error'));
    follow(this.#side, this.#context.dialPlan);
    const free = this.#ready() && leg.negotiation.phase === 'stable' && (this.method === 'UPDATE' || !dialog.busy);
    if (!free) return this.#again(busyDelay, () => this.#user.onHopeless(491));
    let request: ChangeRequest;
    try {
      request = this.#request();
    } catch (error) {
      leg.negotiation.rollback();
      return this.#finish(() => this.#user.onUnsayable(error));
    }
    this.#tries++;
    this.#state = 'sent';
    this.#offeredIn = request.body === undefined ? null : leg.negotiation;
    const user = {
      onResponse: (response: SipResponse) => this.#onResponse(response),
      onFailure: (failure: Failure) => {
        this.#rollback();
        if (!this.over) this.#finish(() => this.#user.onFailure(failure));
      },
    };
    if (this.method === 'INVITE') dialog.reinvite(request, user);
    else dialog.update(request, user);
  }

  #onResponse(response: SipResponse): void {
    const { status } = response;
    const { dialog } = this.#side;
    if (status < 200) {
      if (this.#state === 'sent') {
        this.#state = 'proceeding';
        if (this.#cancelled) dialog.cancelInvite();
      }
      return;
    }
    if (this.over) {
      if (status === 481) dialog.lose();
      if (status < 300 && this.method === 'INVITE') dialog.ack(response.cseq.number);
      this.#conclude(response);
      // Whichever call the phone is in by now.
      if (status === 481 && !dialog.early && !dialog.ended) dialog.lose();
      return;
    }
    if (status < 300) return this.#finish(() => this.#user.onAgreed(response));
    this.#rollback();
    const refuse = () => this.#user.onRefused(response);
    const delay = this.#cancelled ? null : this.#retryDelay(response);
    if (delay === null || this.#tries >= mostTries) return this.#finish(refuse);
    this.#again(delay, refuse);
  }

  /** Nobody waits for the answer to our offer any more; an offer that somebody else has made meanwhile stays. */
  #rollback(): void {
    if (this.#state !== 'over') this.#offeredIn?.rollback();
    this.#offeredIn = null;
  }

  /** Notes what the phone has agreed to all the same: its dialog may go on, or the phone in another call. */
  #conclude(response: SipResponse): void {
    try {
      const answer = this.#state === 'left' && response.status < 300 ? sdpOf(response) : null;
      if (answer && this.#offeredIn?.phase === 'local-offer') this.#offeredIn.receiveAnswer(answer);
      else this.#rollback();
    } catch (error) {
      if (!(refusalOfMedia(error) instanceof SipError)) throw error;
      this.#rollback();
    }
  }

  /** After how many ms it is worth another try; null when it is not. */
  #retryDelay(response: SipResponse): number | null {
    if (response.status === 491) return this.#side.dialog.glareDelay();
    if (response.status === 422) return this.#side.dialog.sessionTimer.lengthen(response) ? 0 : null;
    const seconds = response.status === 500 ? retryAfterOf(response) : null;
    return seconds !== null && seconds <= 10 ? seconds * 1000 : null;
  }

  #again(delay: number, giveUp: () => void): void {
    const { clock } = this.#context;
    if (clock.now() + delay - this.#startedAt > longestWait) return this.#finish(giveUp);
    this.#state = 'waiting';
    this.#timer = clock.after(delay, () => this.#try());
  }

  #finish(tell: () => void): void {
    this.#timer?.cancel();
    this.#state = 'over';
    tell();
  }
}

function retryAfterOf({ headers }: SipResponse): number | null {
  try {
    return headers.first(RetryAfter) ?? null;
  } catch (error) {
    if (error instanceof SipSyntaxError) return null;
    throw error;
  }
}

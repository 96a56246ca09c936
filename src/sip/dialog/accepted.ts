import type { Clock, Timer } from '../../base/index.ts';
import type { SipRequest, SipResponse } from '../message/index.ts';
import type { ServerTransaction, TransactionLayer } from '../transaction/index.ts';

/** Who hears of the ACK of a 2xx to an INVITE. */
export interface AcceptUser {
  /** Its ACK, the first time it arrives; it may carry the answer to the offer in the 2xx. */
  onAck?(ack: SipRequest): void;
}

interface Waiting {
  readonly sequence: number;
  readonly user: AcceptUser;
  /** Whether the ACK is to bring the answer to our offer. */
  readonly offering: boolean;
  repeat: Timer;
  readonly giveUp: Timer;
}

/** The 2xx of ours that waits for its ACK: repeated over every transport, for 64·T1 (RFC 3261 §13.3.1.4). */
export class Accepted {
  readonly #clock: Clock;
  readonly #timers: TransactionLayer['timers'];
  readonly #onSilence: () => void;
  #waiting: Waiting | null = null;
  #actions: (() => void)[] = [];

  /** `onSilence` is told when no ACK has come in 64·T1. */
  constructor(clock: Clock, timers: TransactionLayer['timers'], onSilence: () => void) {
    this.#clock = clock;
    this.#timers = timers;
    this.#onSilence = onSilence;
  }

  get waiting(): boolean {
    return this.#waiting !== null;
  }

  /** Whether the ACK that is waited for is to bring the answer to our offer. */
  get offering(): boolean {
    return this.#waiting?.offering ?? false;
  }

  /** Sends the 2xx for the first time. */
  start(transaction: ServerTransaction, response: SipResponse, user: AcceptUser): void {
    const { t1, t2 } = this.#timers;
    let interval = t1;
    const repeat = (): void => {
      transaction.respond(response);
      interval = Math.min(2 * interval, t2);
      waiting.repeat = this.#clock.after(interval, repeat);
    };
    const waiting: Waiting = {
      sequence: transaction.request.cseq.number,
      user,
      offering: transaction.request.body.length === 0,
      repeat: this.#clock.after(interval, repeat),
      giveUp: this.#clock.after(64 * t1, () => {
        this.settle();
        this.#onSilence();
      }),
    };
    this.#waiting = waiting;
    transaction.respond(response);
  }

  /** Whether this is the ACK that is waited for. */
  awaits(ack: SipRequest): boolean {
    return this.#waiting?.sequence === ack.cseq.number;
  }

  /** Takes the ACK that is waited for. */
  acknowledge(ack: SipRequest): void {
    this.#waiting?.user.onAck?.(ack);
    this.settle();
  }

  /** Waits no longer. */
  settle(): void {
    this.#waiting?.repeat.cancel();
    this.#waiting?.giveUp.cancel();
    this.#waiting = null;
    for (const action of this.#actions.splice(0)) action();
  }

  /** Runs `action` once nothing is waited for any more: now, at the ACK, or when it is given up. */
  whenSettled(action: () => void): void {
    if (this.#waiting) this.#actions.push(action);
    else action();
  }
}

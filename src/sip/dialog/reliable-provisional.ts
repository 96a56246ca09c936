import type { Clock, Random, Timer } from '../../base/index.ts';
import { RAck, Require, RSeq, type SipRequest, type SipResponse, SipSyntaxError } from '../message/index.ts';
import type { ServerTransaction, TransactionLayer } from '../transaction/index.ts';

/** The option tag of reliable provisional responses (RFC 3262). */
export const reliability = '100rel';

interface Outstanding {
  readonly transaction: ServerTransaction;
  readonly response: SipResponse;
  readonly number: number;
  repeat: Timer | null;
  giveUp: Timer | null;
}

/**
 * Our reliable provisional responses in one dialog (RFC 3262 §3): one at a time, repeated with doubling intervals until
 * its PRACK; the next waits for it.
 */
export class ReliableProvisionals {
  readonly #clock: Clock;
  readonly #timers: TransactionLayer['timers'];
  readonly #onSilence: () => void;
  #next: number;
  #outstanding: Outstanding | null = null;
  readonly #waiting: { readonly transaction: ServerTransaction; readonly response: SipResponse }[] = [];
  #actions: (() => void)[] = [];

  /** `onSilence` is told when a response has had no PRACK for 64·T1: the INVITE is to be refused with a 5xx. */
  constructor(clock: Clock, random: Random, timers: TransactionLayer['timers'], onSilence: () => void) {
    this.#clock = clock;
    this.#timers = timers;
    this.#onSilence = onSilence;
    // Low enough that it never wraps (RFC 3262 §3).
    this.#next = 1 + random.below(0x7fff_0000);
  }

  /** Whether one has been sent that has had no PRACK. */
  get outstanding(): boolean {
    return this.#outstanding !== null;
  }

  /** Whether one that carries a session description waits for its PRACK: no 2xx may be sent before. */
  get holdsAnswer(): boolean {
    const carries = ({ body }: SipResponse) => body.length > 0;
    return (
      (this.#outstanding !== null && this.#outstanding.repeat !== null && carries(this.#outstanding.response)) ||
      this.#waiting.some(({ response }) => carries(response))
    );
  }

  /** Sends `response`, at once or when those before it have been acknowledged. */
  send(transaction: ServerTransaction, response: SipResponse): void {
    if (this.#outstanding) this.#waiting.push({ transaction, response });
    else this.#start(transaction, response);
  }

  /** Whether `prack` acknowledges the response that waits for it. Throws SipSyntaxError for a RAck that can't be read. */
  awaits(prack: SipRequest): boolean {
    const ack = prack.headers.first(RAck);
    const { number, transaction } = this.#outstanding ?? {};
    if (!ack || number !== ack.response || !transaction) return false;
    return ack.sequence === transaction.request.cseq.number && ack.method === transaction.request.method;
  }

  /** The response that waits has been acknowledged: the next goes out, or what waited for all of them is done. */
  acknowledge(): void {
    this.#stop();
    this.#outstanding = null;
    const next = this.#waiting.shift();
    if (next) this.#start(next.transaction, next.response);
    else for (const action of this.#actions.splice(0)) action();
  }

  /** Runs `action` when no session description of ours waits for its PRACK any more: now, or after the last PRACK. */
  whenAcknowledged(action: () => void): void {
    if (this.holdsAnswer) this.#actions.push(action);
    else action();
  }

  /** A final response has been given: nothing more is sent, but a PRACK that is on its way is still known. */
  close(): void {
    this.#stop();
    this.#waiting.length = 0;
    this.#actions = [];
  }

  #start(transaction: ServerTransaction, response: SipResponse): void {
    const { t1 } = this.#timers;
    const number = this.#next++;
    response.headers.addValue(Require, reliability);
    response.headers.setValue(RSeq, number);
    let interval = t1;
    const repeat = (): void => {
      transaction.respond(response);
      interval *= 2;
      outstanding.repeat = this.#clock.after(interval, repeat);
    };
    const outstanding: Outstanding = {
      transaction,
      response,
      number,
      repeat: this.#clock.after(interval, repeat),
      giveUp: this.#clock.after(64 * t1, () => {
        this.close();
        this.#onSilence();
      }),
    };
    this.#outstanding = outstanding;
    transaction.respond(response);
  }

  #stop(): void {
    this.#outstanding?.repeat?.cancel();
    this.#outstanding?.giveUp?.cancel();
    if (this.#outstanding) this.#outstanding.repeat = this.#outstanding.giveUp = null;
  }
}

/** The number of a reliable provisional response; null for one that is not reliable, or that can't be read as such. */
export function reliableNumberOf({ headers }: SipResponse): number | null {
  try {
    if (!headers.all(Require).some((option) => option.toLowerCase() === reliability)) return null;
    return headers.first(RSeq) ?? null;
  } catch (error) {
    if (error instanceof SipSyntaxError) return null;
    throw error;
  }
}

/** The order of the peer's reliable provisional responses in one early dialog (RFC 3262 §4). */
export class ProvisionalOrder {
  #last: number | null = null;

  /** Whether this is the next one; a repetition, or one that has overtaken another, is to be dropped. */
  take(number: number): boolean {
    if (this.#last !== null && number !== this.#last + 1) return false;
    this.#last = number;
    return true;
  }
}

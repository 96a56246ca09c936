import { digitEvent, formatTelephoneEvent } from '../../rtp/index.ts';

/** In -dBm0, as phones send keys. */
const volume = 10;
/** Reports that say that the event is over (RFC 4733 §2.5.1.4). */
const lastReports = 3;
/** Silence between two keys in ms, the repeated last reports included. */
const pauseMs = 80;
/** What is shorter is not always recognised as a key, in ms. */
const shortestMs = 40;
/** What the field of the duration holds, in ticks. */
const longest = 0xffff;

interface Key {
  readonly event: number;
  /** Ticks of the events' clock: of the whole, and of a ms. */
  readonly duration: number;
  readonly ticksPerMs: number;
}

/** Keys, one after the other, as telephone events (RFC 4733 §2.5). */
export class EventSender {
  readonly #send: (payload: Uint8Array, marker: boolean, timestamp: number) => void;
  readonly #keys: Key[] = [];
  #started = false;
  #timestamp = 0;
  /** How long the key has been pressed, in ticks. */
  #elapsed = 0;
  /** The report that the event is over, and how often it is still to be sent. */
  #last: Uint8Array = new Uint8Array(0);
  #lastLeft = 0;
  #pauseLeft = 0;

  /** `send`: takes a report, whether it begins an event, and the timestamp where that began. */
  constructor(send: (payload: Uint8Array, marker: boolean, timestamp: number) => void) {
    this.#send = send;
  }

  /** A key is being sent, or one waits, or the pause after one lasts. */
  get busy(): boolean {
    return this.#keys.length > 0 || this.#pauseLeft > 0;
  }

  /**
   * Sends a key after those that wait; one that there is not is left out. Longer than the format allows (8 s on a clock
   * of 8000 Hz, 1.3 s on one of 48000) it is cut, shorter than 40 ms lengthened.
   */
  queue(digit: string, durationMs: number, clockRate: number): void {
    const event = digitEvent(digit);
    if (event === null) return;
    const ticksPerMs = clockRate / 1000;
    const duration = Math.min(longest, Math.round(Math.max(shortestMs, durationMs) * ticksPerMs));
    this.#keys.push({ event, duration, ticksPerMs });
  }

  /** Forgets what is being sent and what waits. */
  stop(): void {
    this.#keys.length = 0;
    this.#started = false;
    this.#pauseLeft = 0;
  }

  /** `ms` pass from `timestamp` on, which is of the speech's clock: that identifies an event, whatever its own clock is. */
  tick(timestamp: number, ms: number): void {
    const key = this.#keys[0];
    if (this.#pauseLeft > 0) {
      this.#pauseLeft -= ms;
      if (this.#lastLeft > 0) this.#repeatLast();
      return;
    }
    if (key === undefined) return;
    const begins = !this.#started;
    if (begins) {
      this.#started = true;
      this.#timestamp = timestamp;
      this.#elapsed = 0;
    }
    this.#elapsed += ms * key.ticksPerMs;
    const end = this.#elapsed >= key.duration;
    const duration = end ? key.duration : this.#elapsed;
    this.#last = formatTelephoneEvent({ event: key.event, end, volume, duration });
    this.#send(this.#last, begins, this.#timestamp);
    if (!end) return;
    this.#keys.shift();
    this.#started = false;
    this.#lastLeft = lastReports - 1;
    this.#pauseLeft = pauseMs;
  }

  #repeatLast(): void {
    this.#lastLeft--;
    this.#send(this.#last, false, this.#timestamp);
  }
}

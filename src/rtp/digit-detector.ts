import { eventDigit, parseTelephoneEvent } from './telephone-event.ts';

/** An event of which nothing more has come for so long is over, its end lost, in ms. Reports come every 50 ms or so. */
const lostEnd = 300;
/** No report comes later than so long after newer ones, in ms: what seems older is a new timeline then. */
const longestStraggler = 2000;
/** The longest that one report can tell, in ticks; what lasts longer goes on in another event (RFC 4733 §2.5.1.3). */
const longestSegment = 0xffff;

/**
 * Finds the keys in the packets of `telephone-event` of one leg (RFC 4733), each once, when it has been let go. What
 * tells two keys from each other is the timestamp: markers and ends get lost, and ends come three times.
 */
export class DigitDetector {
  readonly #onDigit: (digit: string, durationMs: number) => void;
  #source = -1;
  #clockRate = 0;
  /** The latest event: its timestamp, its code, and its length in ticks, that of segments before it apart. */
  #ticks = 0;
  #event = -1;
  #duration = 0;
  #before = 0;
  #isTold = true;
  #at = 0;

  /** `onDigit`: the key and how long it was pressed, in ms. */
  constructor(onDigit: (digit: string, durationMs: number) => void) {
    this.#onDigit = onDigit;
  }

  /**
   * Takes the payload of an event packet that arrived at `at` (ms, monotonic), with the packet's SSRC and timestamp;
   * `clockRate` in ticks a second. False: it is malformed.
   */
  push(source: number, ticks: number, payload: Uint8Array, clockRate: number, at: number): boolean {
    const report = parseTelephoneEvent(payload);
    if (report === null) return false;
    const isSameLine = source === this.#source && clockRate === this.#clockRate;
    const ahead = (ticks - this.#ticks) | 0;
    if (!isSameLine || ahead !== 0) {
      if (isSameLine && ahead < 0 && at - this.#at < longestStraggler) return true;
      const goesOn = isSameLine && !this.#isTold && report.event === this.#event && this.#duration === longestSegment;
      if (goesOn && ahead === longestSegment) this.#before += longestSegment;
      else {
        this.#tell();
        this.#before = 0;
      }
      this.#source = source;
      this.#clockRate = clockRate;
      this.#ticks = ticks;
      this.#event = report.event;
      this.#duration = 0;
      this.#isTold = false;
    }
    this.#at = at;
    this.#duration = Math.max(this.#duration, report.duration);
    if (report.end) this.#tell();
    return true;
  }

  /** Looks whether the end of an event is overdue at `now` (ms, monotonic). */
  check(now: number): void {
    if (!this.#isTold && now - this.#at >= lostEnd) this.#tell();
  }

  #tell(): void {
    if (this.#isTold) return;
    this.#isTold = true;
    const digit = eventDigit(this.#event);
    if (digit !== null) this.#onDigit(digit, Math.round(((this.#before + this.#duration) * 1000) / this.#clockRate));
  }
}

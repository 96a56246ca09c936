/** Of how many sender reports the passing is remembered: some seconds of the busiest. */
const remembered = 8;
/** A round trip beyond it, in ms, is a clock that was set, or a report that answers another one of equal time. */
const longest = 60_000;

/**
 * The time to one phone and back, from reports that pass through us or are our own (RFC 3550 section 6.4.1): a sender
 * report goes out to the phone, and a later report of the phone says how long it has held that one. Where no sender
 * report goes to a phone there is nothing to measure with.
 */
export class RoundTrip {
  readonly #stamps = new Uint32Array(remembered);
  readonly #times = new Float64Array(remembered);
  #next = 0;

  /** A sender report has gone out to the phone. `stamp`: the middle 32 bits of its NTP time; `at`: ms, monotonic. */
  sent(stamp: number, at: number): void {
    this.#stamps[this.#next] = stamp;
    this.#times[this.#next] = at;
    this.#next = (this.#next + 1) % remembered;
  }

  /**
   * A report block of the phone has arrived at `at` (ms, monotonic) that names the sender report `stamp`, held for
   * `delay` 65536ths of a second. The round trip in ms, or null where that report is not known or it can't be true.
   */
  answered(stamp: number, delay: number, at: number): number | null {
    if (stamp === 0) return null;
    const index = this.#stamps.indexOf(stamp);
    if (index < 0) return null;
    const trip = at - this.#times[index]! - (delay * 1000) / 65_536;
    // The two clocks tick apart a little, and so a trip inside one room may come out below nothing.
    return trip < -longest / 1000 || trip > longest ? null : Math.max(0, trip);
  }
}

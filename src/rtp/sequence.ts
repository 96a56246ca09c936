// The limits of RFC 3550 appendix A.1.
const maxDropout = 3000;
const maxMisorder = 100;
const cycle = 65_536;

/**
 * Follows the sequence numbers of one source and says how many of its packets are missing (RFC 3550 appendices A.1 and
 * A.3). There is no probation: whoever feeds it has made sure of the source by other means.
 */
export class SequenceTracker {
  #base = -1;
  #highest = 0;
  #cycles = 0;
  #received = 0;
  /** The number that would prove that the source has restarted its numbering; -1 while nothing hints at it. */
  #restart = -1;
  /** Missing packets of numberings that have ended. */
  #lostBefore = 0;

  /** The highest sequence number seen with its wraps counted in, or null before the first packet. */
  get extendedHighest(): number | null {
    return this.#base < 0 ? null : this.#cycles + this.#highest;
  }

  /** Packets expected less packets received; never below 0, though duplicates may hide a loss. */
  get lost(): number {
    return this.#lostBefore + this.#lostNow();
  }

  /** Takes the number (0 to 65535) of a packet that has arrived. */
  push(sequence: number): void {
    if (this.#base < 0) {
      this.#begin(sequence);
      return;
    }
    const ahead = (sequence - this.#highest) & 0xffff;
    if (ahead < maxDropout) {
      if (sequence < this.#highest) this.#cycles += cycle;
      this.#highest = sequence;
    } else if (ahead <= cycle - maxMisorder) {
      // A jump that no loss explains. Two packets in a row behind it: the source has restarted without telling.
      if (sequence !== this.#restart) {
        this.#restart = (sequence + 1) & 0xffff;
        return;
      }
      this.startOver();
      this.#begin((sequence - 1) & 0xffff);
      this.#highest = sequence;
      if (sequence === 0) this.#cycles = cycle;
    }
    this.#restart = -1;
    this.#received++;
  }

  /** Another source takes over: what is missing so far is kept, and numbering begins anew with the next packet. */
  startOver(): void {
    this.#lostBefore += this.#lostNow();
    this.#base = -1;
    this.#received = 0;
    this.#restart = -1;
  }

  #begin(sequence: number): void {
    this.#base = sequence;
    this.#highest = sequence;
    this.#cycles = 0;
    this.#received = 1;
  }

  #lostNow(): number {
    if (this.#base < 0) return 0;
    return Math.max(0, this.#cycles + this.#highest - this.#base + 1 - this.#received);
  }
}

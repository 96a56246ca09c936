// The limits of RFC 3550 appendix A.1.
const maxDropout = 3000;
const maxMisorder = 100;
const cycle = 65_536;

/** How many numbers back from the highest it is known which have come: more than may be out of order, a power of two. */
const recent = 128;

/**
 * Follows the sequence numbers of one source and says how many of its packets are missing (RFC 3550 appendices A.1 and
 * A.3), in how many gaps, and how many came twice. There is no probation: whoever feeds it has made sure of the source
 * by other means.
 */
export class SequenceTracker {
  #base = -1;
  #highest = 0;
  #cycles = 0;
  /** Without those that came twice, so that they hide no loss. */
  #received = 0;
  /** The number that would prove that the source has restarted its numbering; -1 while nothing hints at it. */
  #restart = -1;
  /** Missing packets of numberings that have ended. */
  #lostBefore = 0;
  #lossEvents = 0;
  #duplicates = 0;
  /** 1 for each of the last numbers that has come, at the number's place in its turn of `recent`. */
  readonly #seen = new Uint8Array(recent);

  /** The highest sequence number seen with its wraps counted in, or null before the first packet. */
  get extendedHighest(): number | null {
    return this.#base < 0 ? null : this.#cycles + this.#highest;
  }

  /** Packets expected less packets received, each received one counted once; never below 0. */
  get lost(): number {
    return this.#lostBefore + this.#lostNow();
  }

  /** Gaps in the numbers, as they appeared: one that late packets have filled since is among them. */
  get lossEvents(): number {
    return this.#lossEvents;
  }

  /** Packets that had come before. */
  get duplicates(): number {
    return this.#duplicates;
  }

  /** Takes the number (0 to 65535) of a packet that has arrived. */
  push(sequence: number): void {
    if (this.#base < 0) {
      this.#begin(sequence);
      return;
    }
    const ahead = (sequence - this.#highest) & 0xffff;
    if (ahead !== 0 && ahead < maxDropout) {
      if (sequence < this.#highest) this.#cycles += cycle;
      if (ahead > 1) this.#gap(ahead);
      this.#highest = sequence;
    } else if (ahead !== 0 && ahead <= cycle - maxMisorder) {
      // A jump that no loss explains. Two packets in a row behind it: the source has restarted without telling.
      if (sequence !== this.#restart) {
        this.#restart = (sequence + 1) & 0xffff;
        return;
      }
      this.startOver();
      this.#begin((sequence - 1) & 0xffff);
      this.#highest = sequence;
      if (sequence === 0) this.#cycles = cycle;
    } else if (this.#seen[sequence % recent] === 1) {
      this.#restart = -1;
      this.#duplicates++;
      return;
    } else if (this.#cycles + this.#highest - (cycle - ahead) < this.#base) {
      // Sent before the first that came: it was not expected, and must not stand for one that was.
      this.#restart = -1;
      return;
    }
    this.#restart = -1;
    this.#seen[sequence % recent] = 1;
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
    this.#seen.fill(0);
    this.#seen[sequence % recent] = 1;
  }

  /** The numbers between the highest and the one that is `ahead` of it have not come. */
  #gap(ahead: number): void {
    this.#lossEvents++;
    for (let skipped = 1; skipped < ahead && skipped <= recent; skipped++) {
      this.#seen[(this.#highest + skipped) % recent] = 0;
    }
  }

  #lostNow(): number {
    if (this.#base < 0) return 0;
    return Math.max(0, this.#cycles + this.#highest - this.#base + 1 - this.#received);
  }
}

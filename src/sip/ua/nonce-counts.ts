/** How far behind the highest count a late one may be. */
const windowSize = 32;

/** Which counts of one nonce have been seen: the highest, and a bit for each of the 32 up to it (bit 0 is the highest). */
interface Seen {
  readonly issuedAt: number;
  highest: number;
  window: number;
}

/**
 * The nonce counts that have been used, so that each works once (RFC 7616 §3.4.5). A window lets requests that UDP
 * reordered each in. Bounded: when it is full the oldest entry goes, and with it every unused nonce that is as old,
 * so that forgetting never lets a repetition through.
 */
export class NonceCounts {
  readonly #seen = new Map<string, Seen>();
  readonly #limit: number;
  /** Nonces without an entry that were made at this time or earlier may have been forgotten. */
  #forgottenUpTo = Number.NEGATIVE_INFINITY;

  constructor(limit = 50_000) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#seen.size;
  }

  /** Whether `count` of this nonce was not used yet; `null` for the form without counts, where a nonce works once. */
  isFresh(nonce: string, issuedAt: number, count: number | null): boolean {
    const seen = this.#seen.get(nonce);
    if (!seen) return issuedAt > this.#forgottenUpTo;
    if (count === null) return false;
    const behind = seen.highest - count;
    return behind < 0 || (behind < windowSize && ((seen.window >>> behind) & 1) === 0);
  }

  /** Marks a fresh count as used and forgets nonces made before `oldest`, which nobody accepts any more. */
  use(nonce: string, issuedAt: number, count: number | null, oldest: number): void {
    const seen = this.#seen.get(nonce);
    if (count === null) {
      this.#seen.set(nonce, { issuedAt, highest: Number.POSITIVE_INFINITY, window: 0 });
    } else if (!seen) {
      this.#seen.set(nonce, { issuedAt, highest: count, window: 1 });
    } else if (count > seen.highest) {
      const step = count - seen.highest;
      seen.window = step < windowSize ? (seen.window << step) | 1 : 1;
      seen.highest = count;
    } else {
      seen.window |= 1 << (seen.highest - count);
    }
    this.#forget(oldest);
  }

  /** First used is first out, which is nearly the order of their making: what is left behind goes a little later. */
  #forget(oldest: number): void {
    for (const [nonce, { issuedAt }] of this.#seen) {
      if (issuedAt >= oldest && this.#seen.size <= this.#limit) return;
      this.#seen.delete(nonce);
      this.#forgottenUpTo = Math.max(this.#forgottenUpTo, issuedAt);
    }
  }
}

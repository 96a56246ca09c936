/** Words of 32 packets each, a power of two; one of them is always being filled. */
const words = 8;
/** How far behind the newest a packet may be; RFC 3711 section 3.3.2 asks for 64 at least. */
const size = (words - 1) * 32;

/** Which of the latest packet indices have been seen (RFC 3711 section 3.3.2; a ring of bits as in RFC 6479). */
export class ReplayWindow {
  readonly #bits = new Uint32Array(words);
  #highest = -1;

  /** The highest index seen; -1 before the first. */
  get highest(): number {
    return this.#highest;
  }

  /** Whether a packet of this index may be new: it has not been seen and is not too old to tell. */
  isNew(index: number): boolean {
    if (index > this.#highest) return true;
    if (index + size <= this.#highest) return false;
    return (this.#bits[(index >>> 5) & (words - 1)]! & (1 << (index & 31))) === 0;
  }

  /** Takes the index, whole and up to 2^48, of a packet that is new and genuine. */
  add(index: number): void {
    if (index > this.#highest) {
      const block = Math.floor(index / 32);
      const ahead = this.#highest < 0 ? words : block - Math.floor(this.#highest / 32);
      for (let i = Math.min(ahead, words) - 1; i >= 0; i--) this.#bits[(block - i) & (words - 1)] = 0;
      this.#highest = index;
    }
    this.#bits[(index >>> 5) & (words - 1)]! |= 1 << (index & 31);
  }
}

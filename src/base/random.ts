import { randomBytes, randomFillSync, randomInt } from 'node:crypto';

/** Where every random number comes from, so that a seed can replay a whole exchange. */
export interface Random {
  /** `count` random bytes. */
  bytes(count: number): Uint8Array;
  /** A whole number of at least 0 and below `limit` (`limit` up to 2^32). */
  below(limit: number): number;
}

/** Bytes of the operating system's generator, fetched in bulk: asking for each tag and branch costs ten times more. */
const pool = new Uint8Array(8192);
let used = pool.length;

function take(count: number): Uint8Array {
  if (count > pool.length) return randomBytes(count);
  if (used + count > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = pool.slice(used, used + count);
  // What has been given out is not to be found in memory later.
  pool.fill(0, used, used + count);
  used += count;
  return bytes;
}

/** Unpredictable numbers of the operating system. */
export const systemRandom: Random = {
  bytes: take,
  below: (limit) => randomInt(limit),
};

/** Numbers that a seed determines (xorshift128); for tests and simulations only, never for secrets. */
export class SeededRandom implements Random {
  readonly #state: Uint32Array;

  constructor(seed: number) {
    this.#state = Uint32Array.of(seed, 0x9e3779b9 ^ seed, 0x243f6a88, 0xb7e15162);
    for (let i = 0; i < 20; i++) this.#next();
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let i = 0; i < count; i++) bytes[i] = this.#next() & 0xff;
    return bytes;
  }

  below(limit: number): number {
    return Math.floor((this.#next() / 2 ** 32) * limit);
  }

  #next(): number {
    const state = this.#state;
    let t = state[3]!;
    const s = state[0]!;
    state[3] = state[2]!;
    state[2] = state[1]!;
    state[1] = s;
    t ^= t << 11;
    t ^= t >>> 8;
    state[0] = t ^ s ^ (s >>> 19);
    return state[0]!;
  }
}

const tokenAlphabet = 'abcdefghijklmnopqrstuvwxyz234567';

/** A random text of `length` lower-case letters and digits (5 bits each): tags, branches, Call-IDs. */
export function randomToken(random: Random, length: number): string {
  let token = '';
  for (const byte of random.bytes(length)) token += tokenAlphabet[byte & 31];
  return token;
}

import type { Clock } from './clock.ts';
import type { Log, LogFields } from './log.ts';

/** How long something is only counted after it has been told, in ms. */
const quiet = 60_000;

/** What a peer can cause at will is told at once, then at most once a minute with how often it has come. */
export class Seldom<Key> {
  readonly #clock: Clock;
  readonly #most: number;
  /** In the order of being told. */
  readonly #told = new Map<Key, { readonly at: number; further: number }>();

  /** Of more than `most` different things within a minute none is told; without it their number is the caller's care. */
  constructor(clock: Clock, most: number = Number.POSITIVE_INFINITY) {
    this.#clock = clock;
    this.#most = most;
  }

  /** Takes one: how many others like it have not been told since the last one that was; null where this is not told either. */
  due(key: Key): number | null {
    const now = this.#clock.now();
    const earlier = this.#told.get(key);
    if (earlier && now - earlier.at < quiet) {
      earlier.further++;
      return null;
    }
    this.#told.delete(key);
    for (const [oldest, { at }] of this.#told) {
      if (this.#told.size < this.#most || now - at < quiet) break;
      this.#told.delete(oldest);
    }
    if (this.#told.size >= this.#most) return null;
    this.#told.set(key, { at: now, further: 0 });
    return earlier?.further ?? 0;
  }
}

/** Warnings that a peer can cause at will: each kind is told at once, then at most once a minute with how many there were. */
export class SeldomLog<Kind extends string> {
  readonly #log: Log;
  /** Kinds are words of ours, never of a peer's. */
  readonly #seldom: Seldom<Kind>;

  constructor(clock: Clock, log: Log) {
    this.#log = log;
    this.#seldom = new Seldom(clock);
  }

  warning(kind: Kind, fields: LogFields = {}): void {
    const further = this.#seldom.due(kind);
    if (further === null) return;
    this.#log.warning(kind, { ...fields, ...(further > 0 ? { since_last_told: further } : {}) });
  }
}

import type { Clock, Timer } from '../../base/index.ts';
import type { SipUri } from '../../sip/message/index.ts';
import type { Flow } from '../../sip/transport/index.ts';
import type { Binding } from './location-store.ts';

/** A binding in use, with what can't be stored. */
export interface Entry {
  readonly binding: Binding;
  readonly uri: SipUri;
  /** Monotonic ms at which it expires: setting the calendar neither prolongs nor ends it. */
  readonly deadline: number;
  /** `null` after a restart: a connection is gone, a UDP flow is made again when it is needed. */
  flow: Flow | null;
  /** Lets go of the connection. */
  readonly released: Disposable | null;
}

/** Expired entries are unseen at once and cleared away at most this often (ms). */
const sweepPause = 1000;

/**
 * The bindings of all users, in memory. One timer serves all: it waits for the earliest deadline known, clears away
 * what has expired and looks for the next; refreshing an entry costs it nothing.
 */
export class MemoryLocationStore implements Disposable {
  readonly #clock: Clock;
  readonly #onExpired: (entry: Entry) => void;
  /** User → key → entry. A user without entries has no map. */
  readonly #users = new Map<string, Map<string, Entry>>();
  #size = 0;
  #timer: Timer | null = null;
  #sweepAt = Number.POSITIVE_INFINITY;
  #sweptAt = Number.NEGATIVE_INFINITY;

  /** `onExpired` hears of each entry that has expired, when it has been taken out. */
  constructor(clock: Clock, onExpired: (entry: Entry) => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  get size(): number {
    return this.#size;
  }

  /** The entries of `user` that have not expired, in the order they were put. */
  entriesOf(user: string): readonly Entry[] {
    const entries = this.#users.get(user);
    return entries ? this.#live(entries.values()) : [];
  }

  /** All that have not expired. */
  all(): readonly Entry[] {
    return [...this.#users.values()].flatMap((entries) => this.#live(entries.values()));
  }

  get(user: string, key: string): Entry | undefined {
    return this.#users.get(user)?.get(key);
  }

  /** Whether this very entry is in: not taken out, nor followed by another. */
  holds(entry: Entry): boolean {
    return this.get(entry.binding.user, entry.binding.key) === entry;
  }

  /** Puts an entry in; the place of its key must be free. */
  put(entry: Entry): void {
    const { user, key } = entry.binding;
    const entries = this.#users.get(user) ?? new Map<string, Entry>();
    this.#users.set(user, entries.set(key, entry));
    this.#size++;
    this.#sweepBy(entry.deadline);
  }

  /** Takes an entry out and lets go of its connection; false when it was not in. */
  take(entry: Entry): boolean {
    if (!this.holds(entry)) return false;
    const { user, key } = entry.binding;
    const entries = this.#users.get(user);
    entries?.delete(key);
    if (entries?.size === 0) this.#users.delete(user);
    this.#size--;
    entry.released?.[Symbol.dispose]();
    if (this.#size === 0) this.#stopSweeping();
    return true;
  }

  /** Clears away at once what has expired of `user`. */
  clear(user: string): void {
    const now = this.#clock.now();
    for (const entry of [...(this.#users.get(user)?.values() ?? [])]) if (entry.deadline <= now) this.#expire(entry);
  }

  [Symbol.dispose](): void {
    for (const entries of [...this.#users.values()]) for (const entry of [...entries.values()]) this.take(entry);
  }

  #live(entries: Iterable<Entry>): Entry[] {
    const now = this.#clock.now();
    const live: Entry[] = [];
    for (const entry of entries) if (entry.deadline > now) live.push(entry);
    return live;
  }

  #expire(entry: Entry): void {
    if (this.take(entry)) this.#onExpired(entry);
  }

  #sweepBy(deadline: number): void {
    const at = Math.max(deadline, this.#sweptAt + sweepPause);
    if (at >= this.#sweepAt) return;
    this.#timer?.cancel();
    this.#sweepAt = at;
    this.#timer = this.#clock.after(at - this.#clock.now(), () => this.#sweep());
  }

  #sweep(): void {
    const now = this.#clock.now();
    this.#sweptAt = now;
    this.#stopSweeping();
    let earliest = Number.POSITIVE_INFINITY;
    const expired: Entry[] = [];
    for (const entries of this.#users.values()) {
      for (const entry of entries.values()) {
        if (entry.deadline <= now) expired.push(entry);
        else earliest = Math.min(earliest, entry.deadline);
      }
    }
    if (earliest < Number.POSITIVE_INFINITY) this.#sweepBy(earliest);
    for (const entry of expired) this.#expire(entry);
  }

  #stopSweeping(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#sweepAt = Number.POSITIVE_INFINITY;
  }
}

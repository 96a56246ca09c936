import type { Clock } from '../../base/index.ts';
import { RecentMap } from './recent-map.ts';

/** Sources, and users, that are counted at one time: more make the oldest forgotten. */
const mostCounted = 10_000;
/** A window is kept in so many slots, so that it is small however many failures it counts. */
const slotsPerWindow = 60;

/** How many failures there were within a window that ends now; each is forgotten up to one slot early. */
class SlidingCount {
  readonly #slots: { readonly at: number; count: number }[] = [];
  #sum = 0;

  add(now: number, windowMs: number): number {
    const last = this.#slots.at(-1);
    if (last && now - last.at < windowMs / slotsPerWindow) last.count++;
    else this.#slots.push({ at: now, count: 1 });
    this.#sum++;
    while (this.#slots[0] && now - this.#slots[0].at >= windowMs) this.#sum -= this.#slots.shift()?.count ?? 0;
    return this.#sum;
  }
}

/** Failures of the last `windowMs`, by key. */
export class FailureCounts {
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #counts: RecentMap<string, SlidingCount>;

  constructor(clock: Clock, windowMs: number, limit = mostCounted) {
    this.#clock = clock;
    this.#windowMs = windowMs;
    this.#counts = new RecentMap(limit);
  }

  get size(): number {
    return this.#counts.size;
  }

  /** Counts one more and tells how many there were within the window, this one included. */
  add(key: string): number {
    const count = this.#counts.get(key) ?? new SlidingCount();
    this.#counts.put(key, count);
    return count.add(this.#clock.now(), this.#windowMs);
  }

  forget(key: string): void {
    this.#counts.delete(key);
  }
}

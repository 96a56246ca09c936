import type { Clock, Timer } from './clock.ts';

interface Waiting extends Timer {
  readonly at: number;
  readonly order: number;
  /** Null once it has fired or been cancelled: what it held on to is free then, though its place in the heap is not. */
  action: (() => void) | null;
}

/**
 * A clock that moves only when told to: a 32-second timeout costs a microsecond, and the same schedule
 * always runs in the same order (by due time, then by the order in which timers were started).
 */
export class VirtualClock implements Clock {
  readonly #heap: Waiting[] = [];
  readonly #epoch: number;
  #now = 0;
  #order = 0;
  #live = 0;

  /** `epoch`: wall time in ms at which the monotonic hand stands at 0. */
  constructor(epoch = Date.UTC(2025, 0, 5, 10)) {
    this.#epoch = epoch;
  }

  /** How many timers are started and neither fired nor cancelled. */
  get pending(): number {
    return this.#live;
  }

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#epoch + this.#now;
  }

  after(ms: number, action: () => void): Timer {
    const waiting: Waiting = {
      at: this.#now + Math.max(0, ms),
      order: this.#order++,
      action,
      cancel: () => {
        if (!waiting.action) return;
        waiting.action = null;
        this.#live--;
      },
    };
    this.#live++;
    this.#push(waiting);
    return waiting;
  }

  /** Moves time forward by `ms`, firing every timer that falls due on the way, at its own instant. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let next = this.#next(); next && next.at <= end; next = this.#next()) this.#fire(next);
    this.#now = end;
  }

  /** Moves to the next timer and fires it; false when none is pending. */
  advanceToNext(): boolean {
    const next = this.#next();
    if (next) this.#fire(next);
    return next !== undefined;
  }

  #fire(waiting: Waiting): void {
    this.#pop();
    this.#now = waiting.at;
    const { action } = waiting;
    waiting.action = null;
    this.#live--;
    action?.();
  }

  /** The earliest timer that is still wanted; cancelled ones are dropped on the way. */
  #next(): Waiting | undefined {
    while (this.#heap[0]?.action === null) this.#pop();
    return this.#heap[0];
  }

  #push(waiting: Waiting): void {
    const heap = this.#heap;
    let at = heap.push(waiting) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(waiting, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = waiting;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (heap.length === 0 || !last) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: Waiting, b: Waiting): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

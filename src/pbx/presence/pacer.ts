import type { Clock, Log, Timer } from '../../base/index.ts';

/** How often a batch is sent, in ms, and how many it may hold: 1,000 NOTIFYs a second. */
const pause = 20;
const batch = 20;

/**
 * Keeps many watchers of one extension from being told all in one moment: whoever has something to send waits for its
 * turn. What changes several times before that is sent once.
 */
export class Pacer implements Disposable {
  readonly #clock: Clock;
  readonly #log: Log;
  #waiting: (() => void)[] = [];
  #timer: Timer | null = null;
  #lastTurn = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Runs `send` when its turn has come, the next moment at the earliest. */
  take(send: () => void): void {
    this.#waiting.push(send);
    this.#timer ??= this.#clock.after(Math.max(0, this.#lastTurn + pause - this.#clock.now()), () => this.#turn());
  }

  /** Forgets who waits. */
  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#waiting = [];
  }

  #turn(): void {
    this.#lastTurn = this.#clock.now();
    this.#timer = null;
    const sending = this.#waiting.slice(0, batch);
    this.#waiting = this.#waiting.slice(batch);
    if (this.#waiting.length > 0) this.#timer = this.#clock.after(pause, () => this.#turn());
    for (const send of sending) {
      try {
        send();
      } catch (error) {
        // A defect; the other watchers must not suffer from it.
        this.#log.error('a watcher could not be told', { error });
      }
    }
  }
}

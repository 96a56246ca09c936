import type { Clock, Timer } from '../../base/index.ts';

/** Delayed answers at one time: in all, and to one source. */
const mostDelayed = 1000;
const mostDelayedOfSource = 20;

/** Answers that wait, so that guessing is slow. Their number is bounded; nothing else waits for them. */
export class DelayedAnswers implements Disposable {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Map<Timer, () => void>>();
  #size = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#size;
  }

  /** Calls `answer` in `ms`, or `abandon` where the source is given up before; false where there is no room for it. */
  add(ms: number, source: string, answer: () => void, abandon: () => void): boolean {
    const ofSource = this.#waiting.get(source) ?? new Map<Timer, () => void>();
    if (this.#size >= mostDelayed || ofSource.size >= mostDelayedOfSource) return false;
    const timer = this.#clock.after(ms, () => {
      this.#remove(source, timer);
      answer();
    });
    this.#waiting.set(source, ofSource.set(timer, abandon));
    this.#size++;
    return true;
  }

  /** Gives up all that waits for `source`. */
  giveUp(source: string): void {
    for (const [timer, abandon] of [...(this.#waiting.get(source) ?? [])]) {
      timer.cancel();
      this.#remove(source, timer);
      abandon();
    }
  }

  [Symbol.dispose](): void {
    for (const source of [...this.#waiting.keys()]) this.giveUp(source);
  }

  #remove(source: string, timer: Timer): void {
    const ofSource = this.#waiting.get(source);
    if (!ofSource?.delete(timer)) return;
    this.#size--;
    if (ofSource.size === 0) this.#waiting.delete(source);
  }
}

import type { Clock, Timer } from '../../base/index.ts';

/** Tells when nothing has been heard for a while, with one lazy timer that looks now and then. */
export class IdleWatch {
  readonly #clock: Clock;
  readonly #lastHeard: () => number;
  readonly #onIdle: () => void;
  #timeout: number | null = null;
  #timer: Timer | null = null;
  #since = 0;

  /** `lastHeard`: when something was heard last, monotonic, in ms. */
  constructor(clock: Clock, lastHeard: () => number, onIdle: () => void) {
    this.#clock = clock;
    this.#lastHeard = lastHeard;
    this.#onIdle = onIdle;
  }

  /** After how many ms of silence to tell; null: never. Where that is another than before, or has been told, silence counts from now. */
  update(timeout: number | null): void {
    if (timeout === this.#timeout && this.#timer !== null) return;
    this.stop();
    this.#timeout = timeout;
    this.#since = this.#clock.now();
    if (timeout !== null) this.#lookAgainIn(timeout, timeout);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #lookAgainIn(ms: number, timeout: number): void {
    this.#timer = this.#clock.after(ms, () => {
      this.#timer = null;
      const left = Math.max(this.#since, this.#lastHeard()) + timeout - this.#clock.now();
      if (left > 0) this.#lookAgainIn(left, timeout);
      else this.#onIdle();
    });
  }
}

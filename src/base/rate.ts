import type { Clock } from './clock.ts';

/** How much of something may happen: `burst` at once, and `perSecond` in the long run. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** A token bucket: full at first, it fills by itself and what happens takes out of it. */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #rate: Rate;
  #tokens: number;
  #filledAt: number;

  constructor(clock: Clock, rate: Rate) {
    this.#clock = clock;
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#filledAt = clock.now();
  }

  /** Whether there is a token to take. */
  get available(): boolean {
    return this.#filled() >= 1;
  }

  /** Whether nothing has been taken of late: a new bucket would be the same. */
  get full(): boolean {
    return this.#filled() >= this.#rate.burst;
  }

  /** Takes a token; false where there is none. */
  take(): boolean {
    if (this.#filled() < 1) return false;
    this.#tokens--;
    return true;
  }

  /** Gives a token back. */
  give(): void {
    this.#tokens = Math.min(this.#rate.burst, this.#filled() + 1);
  }

  #filled(): number {
    const now = this.#clock.now();
    const { perSecond, burst } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) * perSecond) / 1000);
    this.#filledAt = now;
    return this.#tokens;
  }
}

import type { Clock, Timer } from '../../base/index.ts';
import type { TimerName } from './machine.ts';

/** The running timers of one transaction, by name. */
export class TimerSet {
  readonly #clock: Clock;
  readonly #fire: (name: TimerName) => void;
  readonly #running = new Map<TimerName, Timer>();

  constructor(clock: Clock, fire: (name: TimerName) => void) {
    this.#clock = clock;
    this.#fire = fire;
  }

  start(name: TimerName, ms: number): void {
    this.stop(name);
    const timer = this.#clock.after(ms, () => {
      this.#running.delete(name);
      this.#fire(name);
    });
    this.#running.set(name, timer);
  }

  stop(name: TimerName): void {
    this.#running.get(name)?.cancel();
    this.#running.delete(name);
  }

  stopAll(): void {
    for (const timer of this.#running.values()) timer.cancel();
    this.#running.clear();
  }
}

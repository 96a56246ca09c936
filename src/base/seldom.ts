import type { Clock } from './clock.ts';
import type { Log, LogFields } from './log.ts';

/** How long a kind of warning is only counted after it has been told, in ms. */
const quiet = 60_000;

/** Warnings that a peer can cause at will: each kind is told at once, then at most once a minute with how many there were. */
export class SeldomLog<Kind extends string> {
  readonly #clock: Clock;
  readonly #log: Log;
  /** Kinds are words of ours, never of a peer's. */
  readonly #told = new Map<Kind, { readonly at: number; further: number }>();

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  warning(kind: Kind, fields: LogFields = {}): void {
    const now = this.#clock.now();
    const earlier = this.#told.get(kind);
    if (earlier && now - earlier.at < quiet) {
      earlier.further++;
      return;
    }
    this.#told.set(kind, { at: now, further: 0 });
    this.#log.warning(kind, {
      ...fields,
      ...(earlier && earlier.further > 0 ? { since_last_told: earlier.further } : {}),
    });
  }
}

import type { MediaSession, MediaSessionSpec, MediaSessionUser, MediaSummary } from './engine.ts';
import { planOf } from './plan.ts';
import type { LegCounters, Relay, RelaySession } from './relay.ts';

/** The media of one call over a relay of this process. */
export class LocalSession implements MediaSession {
  readonly #relayed: RelaySession;
  readonly #onEnd: () => void;
  #over = false;

  constructor(spec: MediaSessionSpec, user: MediaSessionUser, relay: Relay, onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#relayed = relay.start(planOf(spec).relay, { onIdle: () => user.onIdle() });
  }

  update(spec: MediaSessionSpec): void {
    this.#relayed.update(planOf(spec).relay);
  }

  end(done: (summary: MediaSummary) => void): void {
    if (!this.#over) this.#onEnd();
    this.#over = true;
    this.#relayed.end(([a, b]) => done({ legs: [{ counters: a }, { counters: b }] }));
  }

  counters(): readonly [LegCounters, LegCounters] {
    return this.#relayed.counters();
  }
}

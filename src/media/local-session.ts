import type { Clock } from '../base/index.ts';
import type { MediaSession, MediaSessionSpec, MediaSessionUser, MediaSummary } from './engine.ts';
import { planOf } from './plan.ts';
import type { LegCounters, Relay, RelaySession } from './relay.ts';
import { SessionQuality } from './session-quality.ts';

/** What a session needs of its engine. */
export interface LocalSessionHost {
  readonly relay: Relay;
  readonly clock: Clock;
}

/** The media of one call over a relay of this process. */
export class LocalSession implements MediaSession {
  readonly #relayed: RelaySession;
  readonly #quality: SessionQuality;
  readonly #onEnd: (session: LocalSession) => void;
  #over = false;

  constructor(
    spec: MediaSessionSpec,
    user: MediaSessionUser,
    { relay, clock }: LocalSessionHost,
    onEnd: (session: LocalSession) => void,
  ) {
    this.#onEnd = onEnd;
    this.#quality = new SessionQuality(clock, () => this.#relayed.counters(), user);
    this.#relayed = relay.start(planOf(spec).relay, {
      onIdle: () => user.onIdle(),
      onRtcp: (leg, packet, at) => this.#quality.onRtcp(leg, packet, at),
    });
    this.#quality.update(spec);
  }

  update(spec: MediaSessionSpec): void {
    if (this.#over) return;
    this.#relayed.update(planOf(spec).relay);
    this.#quality.update(spec);
  }

  end(done: (summary: MediaSummary) => void): void {
    const [qualityOfA, qualityOfB] = this.#quality.end();
    if (!this.#over) this.#onEnd(this);
    this.#over = true;
    this.#relayed.end(([a, b]) =>
      done({
        legs: [
          { counters: a, quality: qualityOfA },
          { counters: b, quality: qualityOfB },
        ],
      }),
    );
  }

  counters(): readonly [LegCounters, LegCounters] {
    return this.#relayed.counters();
  }
}

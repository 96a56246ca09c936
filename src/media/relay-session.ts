import type { Timer } from '../base/index.ts';
import type { LegCounters, MediaSession, MediaSessionSpec, MediaSessionUser, PortPair } from './engine.ts';
import { type LeasedPorts, type LegHost, RelayLeg } from './relay-leg.ts';

/** What a session needs of its engine. */
export interface SessionHost extends LegHost {
  /** Throws where the pair is not leased. */
  portsOf(pair: PortPair): LeasedPorts;
  onEnd(session: RelaySession): void;
}

/** Two legs joined, with one lazy timer that looks now and then whether anybody is still there. */
export class RelaySession implements MediaSession {
  readonly #host: SessionHost;
  readonly #user: MediaSessionUser;
  readonly #legs: readonly [RelayLeg, RelayLeg];
  #idleTimeout: number | null = null;
  #idleTimer: Timer | null = null;
  #lastHeard: number;
  #final: readonly [LegCounters, LegCounters] | null = null;

  constructor(spec: MediaSessionSpec, user: MediaSessionUser, host: SessionHost) {
    this.#host = host;
    this.#user = user;
    this.#lastHeard = host.clock.now();
    const heard = (now: number) => {
      this.#lastHeard = now;
    };
    const [a, b] = spec.legs;
    this.#legs = [new RelayLeg(a, host, heard), new RelayLeg(b, host, heard)];
    this.#place(spec);
    RelayLeg.connect(...this.#legs);
    this.#watch(spec.idleTimeout);
  }

  update(spec: MediaSessionSpec): void {
    if (this.#final) return;
    this.#place(spec);
    this.#legs[0].update(spec.legs[0]);
    this.#legs[1].update(spec.legs[1]);
    if (spec.idleTimeout !== this.#idleTimeout || this.#idleTimer === null) this.#watch(spec.idleTimeout);
  }

  end(done: (counters: readonly [LegCounters, LegCounters]) => void): void {
    if (this.#final === null) {
      this.#final = this.counters();
      this.#idleTimer?.cancel();
      for (const leg of this.#legs) leg.moveTo(null);
      this.#host.onEnd(this);
    }
    done(this.#final);
  }

  counters(): readonly [LegCounters, LegCounters] {
    return this.#final ?? [this.#legs[0].counters(), this.#legs[1].counters()];
  }

  /** Puts each leg on its ports; nothing has changed when it throws. */
  #place(spec: MediaSessionSpec): void {
    const [a, b] = [this.#host.portsOf(spec.legs[0].port), this.#host.portsOf(spec.legs[1].port)];
    if (a === b) throw new Error(`session ${spec.id}: both legs on port ${a.pair.port}`);
    for (const ports of [a, b]) {
      if (ports.user !== null && !this.#legs.includes(ports.user)) {
        throw new Error(`session ${spec.id}: port ${ports.pair.port} serves another session`);
      }
    }
    this.#legs[0].moveTo(a);
    this.#legs[1].moveTo(b);
  }

  /** Silence counts from now. */
  #watch(idleTimeout: number | null): void {
    this.#idleTimer?.cancel();
    this.#idleTimer = null;
    this.#idleTimeout = idleTimeout;
    this.#lastHeard = this.#host.clock.now();
    if (idleTimeout !== null) this.#lookAgainIn(idleTimeout, idleTimeout);
  }

  #lookAgainIn(ms: number, idleTimeout: number): void {
    this.#idleTimer = this.#host.clock.after(ms, () => {
      this.#idleTimer = null;
      const left = this.#lastHeard + idleTimeout - this.#host.clock.now();
      if (left > 0) this.#lookAgainIn(left, idleTimeout);
      else this.#user.onIdle();
    });
  }
}

import { IdleWatch } from './idle-watch.ts';
import { type LegHost, type LegUser, type OpenPorts, PlainLeg } from './plain-leg.ts';
import type { LegCounters, LegIndex, PortPair, RelaySession, RelaySpec, RelayUser } from './relay.ts';

/** What a session needs of its engine. */
export interface SessionHost extends LegHost {
  /** Throws where the pair is not open. */
  portsOf(pair: PortPair): OpenPorts;
  onEnd(session: PlainSession): void;
}

/** Two legs joined. */
export class PlainSession implements RelaySession {
  readonly #host: SessionHost;
  readonly #legs: readonly [PlainLeg, PlainLeg];
  readonly #idleWatch: IdleWatch;
  #lastHeard = 0;
  #final: readonly [LegCounters, LegCounters] | null = null;

  constructor(spec: RelaySpec, user: RelayUser, host: SessionHost) {
    this.#host = host;
    const userOf = (leg: LegIndex): LegUser => ({
      heard: (now) => {
        this.#lastHeard = now;
      },
      onRtp: (packet, now) => user.onRtp?.(leg, packet, now),
      onRtcp: (packet, now) => user.onRtcp?.(leg, packet, now),
    });
    const [a, b] = spec.legs;
    this.#legs = [new PlainLeg(a, host, userOf(0)), new PlainLeg(b, host, userOf(1))];
    this.#place(spec);
    PlainLeg.connect(...this.#legs);
    this.#idleWatch = new IdleWatch(
      host.clock,
      () => this.#lastHeard,
      () => user.onIdle(),
    );
    this.#idleWatch.update(spec.idleTimeout);
  }

  update(spec: RelaySpec): void {
    if (this.#final) return;
    this.#place(spec);
    this.#legs[0].update(spec.legs[0]);
    this.#legs[1].update(spec.legs[1]);
    this.#idleWatch.update(spec.idleTimeout);
  }

  send(leg: LegIndex, packet: Uint8Array): void {
    this.#legs[leg].sendRtp(packet);
  }

  sendRtcp(leg: LegIndex, packet: Uint8Array): void {
    this.#legs[leg].sendRtcp(packet);
  }

  end(done: (counters: readonly [LegCounters, LegCounters]) => void): void {
    if (this.#final === null) {
      this.#final = this.counters();
      this.#idleWatch.stop();
      for (const leg of this.#legs) leg.moveTo(null);
      this.#host.onEnd(this);
    }
    done(this.#final);
  }

  counters(): readonly [LegCounters, LegCounters] {
    return this.#final ?? [this.#legs[0].counters(), this.#legs[1].counters()];
  }

  /** Puts each leg on its ports; nothing has changed when it throws. */
  #place(spec: RelaySpec): void {
    const [a, b] = spec.legs.map((leg) => leg && this.#host.portsOf(leg.port));
    if (a && a === b) throw new Error(`session ${spec.id}: both legs on port ${a.pair.port}`);
    for (const ports of [a, b]) {
      if (ports?.user && !this.#legs.includes(ports.user)) {
        throw new Error(`session ${spec.id}: port ${ports.pair.port} serves another session`);
      }
    }
    this.#legs[0].moveTo(a ?? null, spec.legs[0].srtp);
    this.#legs[1].moveTo(b ?? null, spec.legs[1]?.srtp);
  }
}

import type { Clock } from '../../base/index.ts';
import { type SrtpParameters, srtpKeyLength } from '../../rtp/index.ts';
import { IdleWatch } from './idle-watch.ts';
import { action, type NativeBinding, type NativeLeg, srtpSuites } from './native-addon.ts';
import type { NativeLegCounters } from './native-counters.ts';
import {
  type LegCounters,
  type LegIndex,
  type PortPair,
  type RelayLegSpec,
  type RelaySession,
  type RelaySpec,
  type RelayUser,
  sameRemote,
} from './relay.ts';

const payloadTypeCount = 128;
const defaultClockRate = 8000;
/** Added to the leg, to tell what a packet is. */
const rtpKind = 0;
const rtcpKind = 2;

/** An open pair of ports, and the session that has it at present. */
export interface NativePorts {
  readonly pair: PortPair;
  /** The thread that has served them last. */
  thread: number | null;
  user: NativeSession | null;
}

/** Where a session lives. */
export interface NativePlace {
  readonly thread: number;
  /** The number under which the threads know it. */
  readonly number: number;
  /** Where its counters are. */
  readonly slot: number;
  readonly counters: readonly [NativeLegCounters, NativeLegCounters];
}

/** What a session needs of its relay. */
export interface NativeHost {
  readonly binding: NativeBinding;
  readonly clock: Clock;
  /** The thread has been given a packet to send. */
  onGiven(thread: number): void;
  /** Throws where the pair is not open. */
  portsOf(pair: PortPair): NativePorts;
  /** The session wants nothing more; `ended` is to be called when its thread has let go of it. */
  onEnd(session: NativeSession): void;
}

type Both<Value> = readonly [Value, Value];

/** What JavaScript knows of a session that a relay thread serves: it checks what it is told, and passes it on. */
export class NativeSession implements RelaySession {
  readonly place: NativePlace;
  readonly #host: NativeHost;
  readonly #user: RelayUser;
  readonly #idleWatch: IdleWatch;
  #legs: Both<RelayLegSpec | null> = [null, null];
  #ports: [NativePorts | null, NativePorts | null] = [null, null];
  /** The number of the last order, and of the last that armed each leg's latch. */
  #order = 0;
  readonly #armed: [number, number] = [0, 0];
  /** Packets of our own that found no room. */
  readonly #overflowed: [number, number] = [0, 0];
  #ending: ((counters: Both<LegCounters>) => void)[] | null = null;
  #final: Both<LegCounters> | null = null;

  /** Throws where a port is not open or serves another leg. */
  constructor(spec: RelaySpec, user: RelayUser, host: NativeHost, place: NativePlace) {
    this.#host = host;
    this.#user = user;
    this.place = place;
    const [a, b] = place.counters;
    this.#idleWatch = new IdleWatch(
      host.clock,
      () => Math.max(a.heardAt, b.heardAt),
      () => user.onIdle(),
    );
    const legs = this.#legsOf(spec);
    const { thread, number, slot } = place;
    host.binding.start(thread, number, slot, this.#order, legs, ...this.#taps());
    this.#idleWatch.update(spec.idleTimeout);
  }

  update(spec: RelaySpec): void {
    if (this.#ending) return;
    const legs = this.#legsOf(spec);
    const { thread, number, slot } = this.place;
    this.#host.binding.update(thread, number, slot, this.#order, legs, ...this.#taps());
    this.#idleWatch.update(spec.idleTimeout);
  }

  send(leg: LegIndex, packet: Uint8Array): void {
    this.#give(leg, rtpKind, packet);
  }

  sendRtcp(leg: LegIndex, packet: Uint8Array): void {
    this.#give(leg, rtcpKind, packet);
  }

  end(done: (counters: Both<LegCounters>) => void): void {
    if (this.#final) {
      done(this.#final);
      return;
    }
    this.#ending ??= this.#letGo();
    this.#ending.push(done);
  }

  counters(): Both<LegCounters> {
    return this.#final ?? [this.#read(0), this.#read(1)];
  }

  /** A packet of the phone of a leg has come, of this `kind`. */
  hear(kind: number, packet: Uint8Array, at: number): void {
    if (this.#ending) return;
    const leg = (kind & 1) as LegIndex;
    if (kind >= rtcpKind) this.#user.onRtcp?.(leg, packet, at);
    else this.#user.onRtp?.(leg, packet, at);
  }

  /** The ports are closed. */
  lose(ports: NativePorts): void {
    for (const leg of [0, 1] as const) {
      if (this.#ports[leg] !== ports) continue;
      this.#ports[leg] = null;
      this.#host.binding.detach(this.place.thread, this.place.number, leg);
    }
  }

  /** Its thread has let go of it: the counters are what they are. */
  ended(): void {
    this.#final ??= this.counters();
    for (const done of this.#ending?.splice(0) ?? []) done(this.#final);
  }

  #give(leg: LegIndex, kind: number, packet: Uint8Array): void {
    if (this.#ending) return;
    const { thread, number } = this.place;
    if (this.#host.binding.send(thread, number, leg + kind, packet)) this.#host.onGiven(thread);
    else if (kind === rtpKind) this.#overflowed[leg]++;
  }

  #letGo(): [] {
    this.#idleWatch.stop();
    for (const ports of this.#ports) if (ports?.user === this) ports.user = null;
    this.#ports = [null, null];
    this.#host.binding.end(this.place.thread, this.place.number);
    this.#host.onEnd(this);
    return [];
  }

  #taps(): [rtp: boolean, rtcp: boolean] {
    return [this.#user.onRtp !== undefined, this.#user.onRtcp !== undefined];
  }

  /** Notes what the legs are from now on, and says what the thread must know of it; nothing has changed when it throws. */
  #legsOf(spec: RelaySpec): readonly [NativeLeg, NativeLeg | null] {
    const [a, b] = spec.legs.map((leg) => leg && this.#host.portsOf(leg.port)) as [NativePorts, NativePorts | null];
    if (a === b) throw new Error(`session ${spec.id}: both legs on port ${a.pair.port}`);
    for (const ports of [a, b]) {
      if (ports?.user && ports.user !== this) {
        throw new Error(`session ${spec.id}: port ${ports.pair.port} serves another session`);
      }
    }
    for (const leg of spec.legs) if (leg?.srtp) checkKeys(leg.srtp);
    this.#order++;
    const legs = [this.#legOf(0, spec.legs[0], a), spec.legs[1] && b && this.#legOf(1, spec.legs[1], b)] as const;
    if (legs[1] === null) this.#armed[1] = this.#order;
    for (const ports of this.#ports) if (ports) ports.user = null;
    this.#ports = [a, b];
    for (const ports of this.#ports) if (ports) this.#occupy(ports);
    this.#legs = spec.legs;
    return legs;
  }

  #occupy(ports: NativePorts): void {
    const { thread } = this.place;
    // What belongs to the ports must have left the thread that served them, before another touches it.
    if (ports.thread !== null && ports.thread !== thread) this.#host.binding.catchUp(ports.thread);
    ports.thread = thread;
    ports.user = this;
  }

  #legOf(index: LegIndex, leg: RelayLegSpec, ports: NativePorts): NativeLeg {
    const before = this.#legs[index];
    const arm = !before || !sameRemote(before.remote, leg.remote) || before.generation !== leg.generation;
    if (arm) this.#armed[index] = this.#order;
    const actions = new Int16Array(payloadTypeCount).fill(action.unmapped);
    const rates = new Uint32Array(payloadTypeCount).fill(defaultClockRate);
    for (const [received, sent] of leg.payloadTypes) actions[received] = sent;
    for (const received of leg.taken ?? []) actions[received] = action.taken;
    for (const [received, rate] of leg.clockRates ?? []) rates[received] = rate;
    return {
      arm,
      remote: leg.remote?.address ?? null,
      port: leg.remote?.port ?? 0,
      rtcpPort: leg.remote?.rtcpPort ?? 0,
      signalling: leg.signalling,
      send: leg.send,
      copied: leg.copied ?? false,
      rtcpMux: leg.rtcpMux ?? false,
      rtcpTaken: leg.rtcpTaken ?? false,
      actions,
      rates,
      suites: leg.srtp ? [srtpSuites.indexOf(leg.srtp.receive.suite), srtpSuites.indexOf(leg.srtp.send.suite)] : null,
      keys: leg.srtp ? [leg.srtp.receive.key, leg.srtp.send.key] : null,
      movesTo: ports === this.#ports[index] ? 0 : ports.pair.port,
      afresh: ports.user === null,
    };
  }

  #read(leg: LegIndex): LegCounters {
    const counters = this.place.counters[leg];
    // What the thread has not heard of yet has happened all the same: what was learned counts no longer.
    const stale = counters.applied < this.#armed[leg];
    const told = counters.read();
    const undeliverable = told.undeliverable + this.#overflowed[leg];
    return { ...told, undeliverable, latched: stale ? null : told.latched };
  }
}

/** @throws Error when a key has not the length of its suite */
function checkKeys({ receive, send }: SrtpParameters): void {
  for (const { suite, key } of [receive, send]) {
    if (key.length !== srtpKeyLength(suite)) throw new Error(`${suite} takes ${srtpKeyLength(suite)} bytes of key`);
  }
}

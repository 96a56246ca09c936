import { type Address, SeededRandom, silentLog, systemRandom, VirtualClock } from '../../src/base/index.ts';
import {
  type DatagramPort,
  DgramSockets,
  type LegCounters,
  type LegIndex,
  type MediaSockets,
  MemorySockets,
  type NativeAddon,
  NativeRelay,
  PlainRelay,
  PortLeases,
  type PortPair,
  type PortRange,
  type Relay,
  type RelayLegSpec,
  type RelaySession,
  type RemoteMedia,
} from '../../src/media/index.ts';
import { formatRtp } from '../../src/rtp/index.ts';
import { builtAddon } from '../support/native-addon.ts';

/** A relay, the network that it and the phones are on, and its time, which moves only when told to. */
export interface Ground {
  readonly relay: Relay;
  /** Its ports. */
  readonly ports: PortLeases;
  /** Their numbers, for whoever leases in its own way. */
  readonly range: PortRange;
  readonly clock: VirtualClock;
  readonly sockets: MediaSockets;
  /** The relay's own address. */
  readonly here: string;
  /** Another address that leads to our ports, such as the public one of a NAT. */
  readonly ourOther: string;
  /** The address of the n-th phone. */
  readonly there: (n: number) => string;
  /** Until all that has been sent has arrived, and what that made the relay send too. */
  readonly settle: () => Promise<void>;
}

const plainOverMemory = (pairs = 500): Ground => {
  const clock = new VirtualClock();
  const random = new SeededRandom(7);
  const sockets = new MemorySockets(clock, random);
  const range = { start: 10_000, end: 10_000 + 2 * pairs };
  const relay = new PlainRelay({ sockets, clock, ownAddresses: ['203.0.113.5'] });
  return {
    relay,
    ports: new PortLeases({ relay, ports: range, clock, random, log: silentLog }),
    range,
    clock,
    sockets,
    here: '192.0.2.10',
    ourOther: '203.0.113.5',
    there: (n) => `198.51.100.${n}`,
    settle: async () => clock.advance(0),
  };
};

const ourOther = '127.0.0.2';

/** On loopback, with more pairs than are wanted, since other programs may hold some of them. */
const overUdp = (wanted: number, clock: VirtualClock, relay: Relay, settled: () => Promise<void>): Ground => {
  const pairs = Math.max(wanted, 50);
  const sockets = new DgramSockets();
  const start = 20_000 + 2 * systemRandom.below(5000);
  const range = { start, end: start + 2 * pairs };
  return {
    relay,
    ports: new PortLeases({ relay, ports: range, clock, random: systemRandom, log: silentLog }),
    range,
    clock,
    sockets,
    here: '127.0.0.1',
    ourOther,
    there: () => '127.0.0.1',
    settle: async () => {
      await settled();
      await roundTrips(sockets, 4);
    },
  };
};

const plainOverUdp = (wanted = 500): Ground => {
  const clock = new VirtualClock();
  return overUdp(
    wanted,
    clock,
    new PlainRelay({ sockets: new DgramSockets(), clock, ownAddresses: [ourOther] }),
    async () => {},
  );
};

/** A clock that takes the native relay's along. */
class LeadingClock extends VirtualClock {
  follower: { advance(ms: number): void } | null = null;

  override advance(ms: number): void {
    this.follower?.advance(ms);
    super.advance(ms);
  }
}

const native =
  (addon: NativeAddon, threads: number) =>
  (wanted = 500): Ground => {
    const clock = new LeadingClock();
    const relay = new NativeRelay({
      addon,
      clock,
      log: silentLog,
      ownAddresses: [ourOther],
      threads,
      frozen: true,
      realTime: false,
    });
    clock.follower = relay;
    return overUdp(wanted, clock, relay, () => relay.settle());
  };

const addon = builtAddon();
const nativeRelays: readonly [string, (pairs?: number) => Ground][] = addon
  ? [
      ['native relay', native(addon, 1)],
      ['native relay, three threads', native(addon, 3)],
    ]
  : [];

/** Every implementation, by name; each opens with so many pairs of ports. */
export const relays: readonly [string, (pairs?: number) => Ground][] = [
  ['plain relay, memory network', plainOverMemory],
  ['plain relay, UDP sockets', plainOverUdp],
  ...nativeRelays,
];

/** The loopback interface delivers before `send` returns, so each trip sees every socket served that had something. */
export async function roundTrips(sockets: MediaSockets, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const heard = Promise.withResolvers<void>();
    const port = sockets.open({ address: '127.0.0.1', port: 0 }, () => heard.resolve())!;
    port.send(Uint8Array.of(0), port.local);
    await heard.promise;
    port.close();
  }
}

/** A phone's media side: one socket for RTP and one for RTCP. */
export class Phone {
  readonly heard: Uint8Array[] = [];
  readonly heardRtcp: Uint8Array[] = [];
  readonly #rtp: DatagramPort;
  readonly #rtcp: DatagramPort;
  #sequence = 0;

  constructor(sockets: MediaSockets, address: string) {
    this.#rtp = sockets.open({ address, port: 0 }, (bytes) => this.heard.push(Uint8Array.from(bytes)))!;
    this.#rtcp = sockets.open({ address, port: 0 }, (bytes) => this.heardRtcp.push(Uint8Array.from(bytes)))!;
  }

  get local(): Address {
    return this.#rtp.local;
  }

  /** What its SDP says. */
  get sdp(): RemoteMedia {
    return { ...this.#rtp.local, rtcpPort: this.#rtcp.local.port };
  }

  /** Sends the next packet of its stream there; returns its bytes. */
  speak(to: Address, fields: Partial<Parameters<typeof formatRtp>[0]> = {}): Uint8Array {
    const sequence = fields.sequenceNumber ?? ++this.#sequence;
    this.#sequence = sequence;
    const packet = formatRtp({
      payloadType: 0,
      sequenceNumber: sequence,
      timestamp: sequence * 160,
      ssrc: this.#rtp.local.port,
      payload: new Uint8Array(160).fill(sequence),
      ...fields,
    });
    this.#rtp.send(packet, to);
    return packet;
  }

  sendRaw(bytes: Uint8Array, to: Address): void {
    this.#rtp.send(bytes, to);
  }

  /** Sends RTCP from its RTP port to the RTP port there (RFC 5761). */
  reportInBand(to: PortPair, bytes = receiverReport): void {
    this.#rtp.send(bytes, to);
  }

  report(to: PortPair, bytes = receiverReport): void {
    this.#rtcp.send(bytes, { address: to.address, port: to.port + 1 });
  }

  close(): void {
    this.#rtp.close();
    this.#rtcp.close();
  }
}

export const receiverReport = Uint8Array.of(0x81, 201, 0, 7, ...new Uint8Array(28).fill(5));
const pcmu = new Map([[0, 0]]);

interface Options {
  readonly a?: Partial<RelayLegSpec>;
  /** Null: nobody is there. */
  readonly b?: Partial<RelayLegSpec> | null;
  readonly idleTimeout?: number | null;
}

/** Two phones and a session between them; all is closed with the stage. */
export function setUp(open: (pairs?: number) => Ground, options: Options = {}, pairs?: number) {
  const ground = open(pairs);
  const { relay, ports, here } = ground;
  const phones: Phone[] = [];
  const phone = (n: number) => {
    const made = new Phone(ground.sockets, ground.there(n));
    phones.push(made);
    return made;
  };
  let idle = 0;
  const tapped: [LegIndex, Uint8Array][] = [];
  const tappedRtcp: [LegIndex, Uint8Array][] = [];
  const connect = (alice: Phone, bob: Phone, { a, b, idleTimeout = null }: Options = {}) => {
    const leg = (of: Phone, changes: Partial<RelayLegSpec> = {}): RelayLegSpec => ({
      port: changes.port ?? ports.lease(here)!,
      remote: of.sdp,
      signalling: of.local.address,
      payloadTypes: pcmu,
      send: true,
      ...changes,
    });
    const legs = [leg(alice, a), leg(bob, b ?? {})] as const;
    const second = b === null ? null : legs[1];
    const session = relay.start(
      { id: 'call-1', legs: [legs[0], second], idleTimeout },
      {
        onIdle: () => idle++,
        onRtp: (index, packet) => tapped.push([index, Uint8Array.from(packet)]),
        onRtcp: (index, packet) => tappedRtcp.push([index, Uint8Array.from(packet)]),
      },
    );
    const update = (changes: Options = {}) =>
      session.update({
        id: 'call-1',
        legs: [{ ...legs[0], ...changes.a }, changes.b === null ? null : { ...legs[1], ...changes.b }],
        idleTimeout: changes.idleTimeout === undefined ? idleTimeout : changes.idleTimeout,
      });
    return { session, update, portA: legs[0].port, portB: legs[1].port };
  };
  const alice = phone(1);
  const bob = phone(2);
  return {
    ...ground,
    alice,
    bob,
    phone,
    connect,
    ...connect(alice, bob, options),
    idle: () => idle,
    tapped,
    tappedRtcp,
    [Symbol.asyncDispose]: async () => {
      await relay.close();
      for (const made of phones) made.close();
    },
  };
}

/** Ends a session and waits for its last counters. */
export const finish = (session: RelaySession): Promise<readonly [LegCounters, LegCounters]> =>
  new Promise((resolve) => session.end(resolve));

import { describe, expect, test } from 'vitest';
import {
  type Address,
  formatAddress,
  SeededRandom,
  silentLog,
  systemRandom,
  VirtualClock,
} from '../../src/base/index.ts';
import {
  type DatagramPort,
  DgramSockets,
  type LegCounters,
  type MediaEngine,
  type MediaLeg,
  type MediaSession,
  type MediaSockets,
  MemorySockets,
  PlainRelay,
  type PortPair,
  type RemoteMedia,
} from '../../src/media/index.ts';
import { formatRtp, marker, payloadType, sequenceNumber } from '../../src/rtp/index.ts';

/** An engine, the network that it and the phones are on, and its time, which moves only when told to. */
interface Ground {
  readonly engine: MediaEngine;
  readonly clock: VirtualClock;
  readonly sockets: MediaSockets;
  /** The engine's own address. */
  readonly here: string;
  /** The address of the n-th phone. */
  readonly there: (n: number) => string;
  /** Until all that has been sent has arrived, and what that made the engine send too. */
  readonly settle: () => Promise<void>;
}

const plainOverMemory = (pairs = 500): Ground => {
  const clock = new VirtualClock();
  const random = new SeededRandom(7);
  const sockets = new MemorySockets(clock, random);
  const ports = { start: 10_000, end: 10_000 + 2 * pairs };
  return {
    engine: new PlainRelay({ sockets, ports, clock, random, log: silentLog }),
    clock,
    sockets,
    here: '192.0.2.10',
    there: (n) => `198.51.100.${n}`,
    settle: async () => clock.advance(0),
  };
};

const plainOverUdp = (wanted = 500): Ground => {
  // More than wanted, since other programs may hold some of them.
  const pairs = Math.max(wanted, 50);
  const clock = new VirtualClock();
  const sockets = new DgramSockets();
  const start = 20_000 + 2 * systemRandom.below(5000);
  return {
    engine: new PlainRelay({
      sockets,
      ports: { start, end: start + 2 * pairs },
      clock,
      random: systemRandom,
      log: silentLog,
    }),
    clock,
    sockets,
    here: '127.0.0.1',
    there: () => '127.0.0.1',
    settle: () => roundTrips(sockets, 4),
  };
};

const engines: readonly [string, (pairs?: number) => Ground][] = [
  ['plain relay, memory network', plainOverMemory],
  ['plain relay, UDP sockets', plainOverUdp],
];

/** The loopback interface delivers before `send` returns, so each trip sees every socket served that had something. */
async function roundTrips(sockets: MediaSockets, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const heard = Promise.withResolvers<void>();
    const port = sockets.open({ address: '127.0.0.1', port: 0 }, () => heard.resolve())!;
    port.send(Uint8Array.of(0), port.local);
    await heard.promise;
    port.close();
  }
}

/** A phone's media side: one socket for RTP and one for RTCP. */
class Phone {
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

  report(to: PortPair, bytes = receiverReport): void {
    this.#rtcp.send(bytes, { address: to.address, port: to.port + 1 });
  }

  close(): void {
    this.#rtp.close();
    this.#rtcp.close();
  }
}

const receiverReport = Uint8Array.of(0x81, 201, 0, 7, ...new Uint8Array(28).fill(5));
const pcmu = new Map([[0, 0]]);
const byes = (leg: LegCounters) => leg.latched && formatAddress(leg.latched);

interface Options {
  readonly a?: Partial<MediaLeg>;
  readonly b?: Partial<MediaLeg>;
  readonly idleTimeout?: number | null;
}

describe.each(engines)('every media engine: %s', (_, open) => {
  /** Two phones and a session between them; all is closed with the stage. */
  function setUp(options: Options = {}, pairs?: number) {
    const ground = open(pairs);
    const { engine, here } = ground;
    const phones: Phone[] = [];
    const phone = (n: number) => {
      const made = new Phone(ground.sockets, ground.there(n));
      phones.push(made);
      return made;
    };
    let idle = 0;
    const connect = (alice: Phone, bob: Phone, { a, b, idleTimeout = null }: Options = {}) => {
      const leg = (of: Phone, changes: Partial<MediaLeg> = {}): MediaLeg => ({
        port: changes.port ?? engine.lease(here)!,
        remote: of.sdp,
        signalling: of.local.address,
        payloadTypes: pcmu,
        send: true,
        ...changes,
      });
      const legs = [leg(alice, a), leg(bob, b)] as const;
      const session = engine.start({ id: 'call-1', legs, idleTimeout }, { onIdle: () => idle++ });
      const update = (changes: Options = {}) =>
        session.update({
          id: 'call-1',
          legs: [
            { ...legs[0], ...changes.a },
            { ...legs[1], ...changes.b },
          ],
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
      [Symbol.asyncDispose]: async () => {
        await engine.close();
        for (const made of phones) made.close();
      },
    };
  }

  const finish = (session: MediaSession): Promise<readonly [LegCounters, LegCounters]> =>
    new Promise((resolve) => session.end(resolve));

  describe('relaying', () => {
    test('RTP goes both ways, byte for byte, from the port that the far end sends to', async () => {
      await using stage = setUp();
      const { alice, bob, portA, portB, settle } = stage;
      const fromAlice = alice.speak(portA, { marker: true });
      const fromBob = bob.speak(portB);
      await settle();
      expect(bob.heard).toEqual([fromAlice]);
      expect(alice.heard).toEqual([fromBob]);
    });

    test('the payload type is rewritten where the sides number a codec differently, and the marker stays (RFC 3264 section 8.3.2)', async () => {
      await using stage = setUp({
        a: {
          payloadTypes: new Map([
            [96, 111],
            [8, 8],
          ]),
        },
        b: { payloadTypes: new Map([[111, 96]]) },
      });
      const { alice, bob, portA, portB, settle } = stage;
      const sent = alice.speak(portA, { payloadType: 96, marker: true });
      alice.speak(portA, { payloadType: 8 });
      bob.speak(portB, { payloadType: 111 });
      await settle();
      expect(bob.heard.map((packet) => [payloadType(packet), marker(packet)])).toEqual([
        [111, true],
        [8, false],
      ]);
      expect(bob.heard[0]?.subarray(2)).toEqual(sent.subarray(2));
      expect(alice.heard.map(payloadType)).toEqual([96]);
    });

    test('a payload type that was not negotiated is dropped and counted', async () => {
      await using stage = setUp();
      const { alice, bob, portA, session, settle } = stage;
      alice.speak(portA, { payloadType: 34 });
      const good = alice.speak(portA);
      await settle();
      expect(bob.heard).toEqual([good]);
      expect(session.counters()[0]).toMatchObject({ packetsReceived: 2, unmapped: 1, malformed: 0 });
    });

    test('RTCP goes both ways, byte for byte, to where the SDP says (RFC 3605)', async () => {
      await using stage = setUp();
      const { alice, bob, portA, portB, session, settle } = stage;
      alice.report(portA);
      bob.report(portB);
      await settle();
      expect([alice.heardRtcp, bob.heardRtcp]).toEqual([[receiverReport], [receiverReport]]);
      expect(session.counters()).toMatchObject([
        { rtcpReceived: 1, rtcpSent: 1 },
        { rtcpReceived: 1, rtcpSent: 1 },
      ]);
    });

    test('what is neither RTP nor RTCP is dropped and counted; STUN and empty datagrams pass unnoticed', async () => {
      await using stage = setUp();
      const { alice, bob, portA, session, settle } = stage;
      const rtcpPort = { address: portA.address, port: portA.port + 1 };
      for (const bytes of [
        Uint8Array.of(0x80, 0, 0, 1),
        Uint8Array.of(0x40, ...new Uint8Array(20)),
        Uint8Array.of(1, 1),
      ]) {
        alice.sendRaw(bytes, portA);
      }
      alice.sendRaw(Uint8Array.of(0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, ...new Uint8Array(12)), portA);
      alice.sendRaw(Uint8Array.of(), portA);
      alice.sendRaw(Uint8Array.of(0x80, 0, 0, 0), rtcpPort);
      const good = alice.speak(portA);
      await settle();
      expect(bob.heard).toEqual([good]);
      expect(bob.heardRtcp).toEqual([]);
      expect(session.counters()[0]).toMatchObject({ malformed: 3, packetsReceived: 1, rtcpReceived: 0, strangers: 0 });
    });

    test('a leg that does not want to receive gets no RTP, which is counted, but RTCP', async () => {
      await using stage = setUp({ b: { send: false } });
      const { alice, bob, portA, portB, session, update, settle } = stage;
      alice.speak(portA);
      alice.report(portA);
      bob.speak(portB);
      await settle();
      expect([bob.heard, bob.heardRtcp, alice.heard.length]).toEqual([[], [receiverReport], 1]);
      expect(session.counters()[1]).toMatchObject({ held: 1, packetsSent: 0, rtcpSent: 1 });
      update({ b: { send: true } });
      const resumed = alice.speak(portA);
      await settle();
      expect(bob.heard).toEqual([resumed]);
    });

    test('two sessions do not cross', async () => {
      await using stage = setUp();
      const { alice, bob, portA, portB, phone, connect, settle } = stage;
      const carol = phone(3);
      const dave = phone(4);
      const other = connect(carol, dave);
      const sent = [alice.speak(portA), bob.speak(portB), carol.speak(other.portA), dave.speak(other.portB)];
      await settle();
      expect([bob, alice, dave, carol].map((each) => each.heard)).toEqual(sent.map((packet) => [packet]));
      other.session.end(() => {});
      const more = alice.speak(portA);
      await settle();
      expect(bob.heard).toEqual([sent[0], more]);
    });

    test.each(['its own leg', 'the other leg'])('nothing is sent to our own ports: the SDP names %s', async (whose) => {
      await using stage = setUp();
      const { alice, portA, portB, session, update, settle } = stage;
      const port = whose === 'its own leg' ? portB : portA;
      update({ b: { remote: { ...port, rtcpPort: port.port + 1 }, signalling: null } });
      alice.speak(portA);
      alice.report(portA);
      await settle();
      const [a, b] = session.counters();
      expect(b).toMatchObject({
        packetsSent: 0,
        packetsReceived: 0,
        undeliverable: 1,
        rtcpSent: 0,
        rtcpReceived: 0,
        strangers: 0,
      });
      expect(a).toMatchObject({ packetsReceived: 1, strangers: 0 });
    });

    test.each([
      { address: '0.0.0.0', port: 4000, rtcpPort: 4001 },
      { address: '192.0.2.1', port: 0, rtcpPort: 0 },
    ])('nothing is sent to $address port $port', async (remote) => {
      await using stage = setUp({ b: { remote } });
      const { alice, portA, session, settle } = stage;
      alice.speak(portA);
      await settle();
      expect(session.counters()[1]).toMatchObject({ packetsSent: 0, undeliverable: 1 });
    });
  });

  describe('the latch (RFC 7362)', () => {
    test('media goes back to where it comes from, not to where the SDP says', async () => {
      await using stage = setUp({ a: { remote: { address: '10.1.1.1', port: 4000, rtcpPort: 4001 } } });
      const { alice, bob, portA, portB, session, settle } = stage;
      alice.speak(portA);
      await settle();
      const back = bob.speak(portB);
      await settle();
      expect(alice.heard).toEqual([back]);
      expect(byes(session.counters()[0])).toBe(formatAddress(alice.local));
    });

    test('a stranger is dropped, counted and named', async () => {
      await using stage = setUp();
      const { alice, bob, portA, phone, session, settle } = stage;
      const mallory = phone(66);
      const good = alice.speak(portA);
      for (let i = 0; i < 20; i++) mallory.speak(portA);
      await settle();
      expect(bob.heard).toEqual([good]);
      expect(session.counters()[0]).toMatchObject({ packetsReceived: 1, strangers: 20, lastStranger: mallory.local });
    });

    test('a source that nobody announced is taken after five packets in a row', async () => {
      const elsewhere = { address: '10.1.1.1', port: 0, rtcpPort: 0 };
      await using stage = setUp({ a: { remote: elsewhere, signalling: null } });
      const { alice, bob, portA, session, settle } = stage;
      for (let i = 0; i < 6; i++) alice.speak(portA);
      await settle();
      expect(bob.heard.map(sequenceNumber)).toEqual([5, 6]);
      expect(session.counters()[0]).toMatchObject({ strangers: 4, latched: alice.local });
    });

    test('but not when it comes more than 5 s after the description, until that is new', async () => {
      const elsewhere = { address: '10.1.1.1', port: 0, rtcpPort: 0 };
      await using stage = setUp({ a: { remote: elsewhere, signalling: null } });
      const { alice, bob, portA, clock, update, settle } = stage;
      clock.advance(5001);
      for (let i = 0; i < 6; i++) alice.speak(portA);
      await settle();
      expect(bob.heard).toEqual([]);
      update({ a: { remote: elsewhere, signalling: null, generation: 1 } });
      for (let i = 0; i < 5; i++) alice.speak(portA);
      await settle();
      expect(bob.heard).toHaveLength(1);
    });

    test('a new port of the same IP is taken after 3 s of silence', async () => {
      await using stage = setUp();
      const { alice, bob, portA, phone, clock, session, settle } = stage;
      const again = phone(1);
      alice.speak(portA);
      await settle();
      clock.advance(2999);
      again.speak(portA);
      await settle();
      expect(bob.heard).toHaveLength(1);
      clock.advance(1);
      again.speak(portA);
      await settle();
      expect(bob.heard).toHaveLength(2);
      expect(session.counters()[0]).toMatchObject({ strangers: 1, latched: again.local });
    });

    test('a new SDP counts at once, an unchanged one changes nothing', async () => {
      await using stage = setUp();
      const { alice, bob, portA, portB, phone, update, session, settle } = stage;
      const desk = phone(1);
      alice.speak(portA);
      await settle();
      update();
      expect(session.counters()[0].latched).toEqual(alice.local);
      update({ a: { remote: desk.sdp } });
      expect(session.counters()[0].latched).toBeNull();
      const transferred = bob.speak(portB);
      desk.speak(portA);
      await settle();
      expect([alice.heard, desk.heard]).toEqual([[], [transferred]]);
      expect(session.counters()[0].latched).toEqual(desk.local);
    });

    test.each(['port', 'rtcpPort'])('a new %s in the SDP is a new SDP', async (what) => {
      await using stage = setUp();
      const { alice, portA, update, session, settle } = stage;
      alice.speak(portA);
      await settle();
      update({ a: { remote: { ...alice.sdp, [what]: 4000 } } });
      expect(session.counters()[0].latched).toBeNull();
    });

    test('without an SDP only the signalling address is listened to', async () => {
      await using stage = setUp({ a: { remote: null, signalling: null } });
      const { alice, bob, portA, portB, update, session, settle } = stage;
      for (let i = 0; i < 6; i++) alice.speak(portA);
      bob.speak(portB);
      await settle();
      expect(bob.heard).toEqual([]);
      expect(session.counters()[0]).toMatchObject({ strangers: 6, undeliverable: 1 });
      update({ a: { remote: null, signalling: alice.local.address } });
      alice.speak(portA);
      await settle();
      expect(bob.heard).toHaveLength(1);
    });

    test('RTCP goes back to where it comes from, and that of a stranger is dropped', async () => {
      await using stage = setUp({ a: { remote: { address: '10.1.1.1', port: 4000, rtcpPort: 4001 } } });
      const { alice, bob, portA, portB, phone, session, settle } = stage;
      const mallory = phone(66);
      alice.report(portA);
      await settle();
      mallory.report(portA);
      bob.report(portB);
      await settle();
      expect([alice.heardRtcp.length, bob.heardRtcp.length, mallory.heardRtcp.length]).toEqual([1, 1, 0]);
      expect(session.counters()[0]).toMatchObject({ rtcpReceived: 1, strangers: 1 });
    });
  });

  describe('counters', () => {
    test('begin with nothing, and what is not measured is null', async () => {
      await using stage = setUp();
      const nothing = {
        packetsReceived: 0,
        packetsSent: 0,
        packetsLost: 0,
        jitterMs: null,
        bytesReceived: 0,
        bytesSent: 0,
        strangers: 0,
        malformed: 0,
        unmapped: 0,
        held: 0,
        undeliverable: 0,
        lastStranger: null,
        latched: null,
        rtcpReceived: 0,
        rtcpSent: 0,
      };
      expect(stage.session.counters()).toEqual([nothing, nothing]);
    });

    test('tell packets, bytes, loss and jitter of each leg (RFC 3550 appendix A)', async () => {
      await using stage = setUp({ a: { clockRates: new Map([[0, 16_000]]) } });
      const { alice, portA, clock, session, settle } = stage;
      for (const sequence of [1, 2, 5]) {
        alice.speak(portA, { sequenceNumber: sequence, timestamp: sequence * 320 });
        await settle();
        clock.advance(20);
      }
      const [a, b] = session.counters();
      // The third packet comes 20 ms after the second and was sent 60 ms after it.
      expect(a).toMatchObject({
        packetsReceived: 3,
        packetsSent: 0,
        packetsLost: 2,
        bytesReceived: 3 * 172,
        jitterMs: 2.5,
      });
      expect(b).toMatchObject({
        packetsReceived: 0,
        packetsSent: 3,
        packetsLost: 0,
        bytesSent: 3 * 172,
        jitterMs: null,
      });
    });

    test('the totals go on over the end of sessions', async () => {
      await using stage = setUp();
      const { alice, bob, portA, portB, session, engine, settle } = stage;
      alice.speak(portA, { sequenceNumber: 1 });
      alice.speak(portA, { sequenceNumber: 3 });
      bob.speak(portB);
      await settle();
      expect(engine.totals()).toEqual({ received: 3, sent: 3, lost: 1 });
      await finish(session);
      expect(engine.totals()).toEqual({ received: 3, sent: 3, lost: 1 });
    });

    test('the total of losses never goes down, though a late packet takes one back', async () => {
      await using stage = setUp();
      const { alice, portA, session, engine, settle } = stage;
      for (const sequenceNumber of [1, 3]) alice.speak(portA, { sequenceNumber });
      await settle();
      expect(engine.totals().lost).toBe(1);
      alice.speak(portA, { sequenceNumber: 2 });
      await settle();
      expect([engine.totals().lost, session.counters()[0].packetsLost]).toEqual([1, 0]);
    });
  });

  describe('updates', () => {
    test('a leg moves to another port and its counters go on', async () => {
      await using stage = setUp();
      const { alice, bob, portA, portB, engine, here, update, session, settle } = stage;
      alice.speak(portA);
      await settle();
      const moved = engine.lease(here)!;
      update({ a: { port: moved } });
      alice.speak(portA);
      const heard = alice.speak(moved);
      const back = bob.speak(portB);
      await settle();
      expect([bob.heard.length, bob.heard[1], alice.heard]).toEqual([2, heard, [back]]);
      expect(session.counters()[0]).toMatchObject({ packetsReceived: 2, packetsSent: 1 });
    });

    test('legs may change places', async () => {
      await using stage = setUp();
      const { alice, bob, portA, portB, update, settle } = stage;
      update({ a: { port: portB }, b: { port: portA } });
      const sent = [alice.speak(portB), bob.speak(portA)];
      await settle();
      expect([bob.heard, alice.heard]).toEqual([[sent[0]], [sent[1]]]);
    });

    test('a port that is not leased, or serves another leg, is refused and all stays as it was', async () => {
      await using stage = setUp();
      const { alice, bob, portA, portB, here, phone, connect, update, settle } = stage;
      const other = connect(phone(3), phone(4));
      const cannot = [{ address: here, port: 9 }, { address: '203.0.113.77', port: portA.port }, portB, other.portA];
      for (const port of cannot) {
        expect(() => update({ a: { port } })).toThrow(Error);
      }
      expect(() => connect(alice, bob, { a: { port: portA } })).toThrow(Error);
      const sent = alice.speak(portA);
      await settle();
      expect(bob.heard).toEqual([sent]);
    });
  });

  describe('the end', () => {
    test('nothing is relayed any more and the last counters are told', async () => {
      await using stage = setUp({ idleTimeout: 60_000 });
      const { alice, bob, portA, portB, session, update, clock, settle } = stage;
      alice.speak(portA);
      await settle();
      const told = await finish(session);
      expect(told).toMatchObject([{ packetsReceived: 1 }, { packetsSent: 1 }]);
      alice.speak(portA);
      bob.speak(portB);
      alice.report(portA);
      await settle();
      expect([bob.heard.length, bob.heardRtcp.length, alice.heard.length]).toEqual([1, 0, 0]);
      update();
      alice.speak(portA);
      await settle();
      expect(bob.heard).toHaveLength(1);
      expect(session.counters()).toEqual(told);
      expect(await finish(session)).toEqual(told);
      expect(clock.pending).toBe(0);
    });

    test('the ports stay leased until released, and may serve the next session before', async () => {
      await using stage = setUp();
      const { alice, bob, portA, portB, session, engine, connect, settle } = stage;
      await finish(session);
      expect(engine.usage().inUse).toBe(4);
      connect(alice, bob, { a: { port: portA }, b: { port: portB } });
      const sent = alice.speak(portA);
      await settle();
      expect(bob.heard).toEqual([sent]);
    });

    test('closing the engine ends every session and closes every port', async () => {
      await using stage = setUp({ idleTimeout: 60_000 });
      const { alice, bob, portA, engine, sockets, here, clock, idle, settle } = stage;
      await engine.close();
      alice.speak(portA);
      await settle();
      expect(bob.heard).toEqual([]);
      expect(engine.lease(here)).toBeNull();
      expect(engine.usage().inUse).toBe(0);
      expect([clock.pending, idle()]).toEqual([0, 0]);
      const port = sockets.open(portA, () => {});
      expect(port).not.toBeNull();
      port?.close();
    });
  });

  describe('silence', () => {
    test('of both sides is told after the idle timeout, once', async () => {
      await using stage = setUp({ idleTimeout: 60_000 });
      stage.clock.advance(59_999);
      expect(stage.idle()).toBe(0);
      stage.clock.advance(1);
      expect(stage.idle()).toBe(1);
      stage.clock.advance(200_000);
      expect(stage.idle()).toBe(1);
    });

    test.each(['RTP of one side', 'RTCP of one side'])('is broken by %s', async (what) => {
      await using stage = setUp({ idleTimeout: 60_000 });
      const { bob, portB, clock, idle, settle } = stage;
      clock.advance(50_000);
      if (what === 'RTP of one side') bob.speak(portB);
      else bob.report(portB);
      await settle();
      clock.advance(59_999);
      expect(idle()).toBe(0);
      clock.advance(1);
      expect(idle()).toBe(1);
    });

    test('is not broken by strangers and noise', async () => {
      await using stage = setUp({ a: { remote: null, signalling: null }, idleTimeout: 60_000 });
      const { alice, portA, clock, idle, settle } = stage;
      clock.advance(50_000);
      alice.speak(portA);
      alice.sendRaw(Uint8Array.of(1, 2, 3), portA);
      await settle();
      clock.advance(10_000);
      expect(idle()).toBe(1);
    });

    test('does not count on hold, and counts from the moment of resuming', async () => {
      await using stage = setUp({ idleTimeout: 60_000 });
      const { update, clock, idle } = stage;
      clock.advance(50_000);
      update({ idleTimeout: null });
      clock.advance(3_600_000);
      expect(idle()).toBe(0);
      update({ idleTimeout: 60_000 });
      clock.advance(59_999);
      expect(idle()).toBe(0);
      clock.advance(1);
      expect(idle()).toBe(1);
    });

    test('is told again after an update, and an update alone is no sign of life', async () => {
      await using stage = setUp({ idleTimeout: 60_000 });
      const { update, clock, idle } = stage;
      clock.advance(30_000);
      update();
      clock.advance(30_000);
      expect(idle()).toBe(1);
      update();
      clock.advance(60_000);
      expect(idle()).toBe(2);
    });
  });

  describe('leases', () => {
    test('are even ports with the odd one above, bound at once, and counted in ports', async () => {
      await using stage = setUp();
      const { engine, sockets, here } = stage;
      const before = engine.usage();
      const pair = engine.lease(here)!;
      expect(pair.address).toBe(here);
      expect(pair.port % 2).toBe(0);
      expect(sockets.open(pair, () => {})).toBeNull();
      expect(sockets.open({ ...pair, port: pair.port + 1 }, () => {})).toBeNull();
      expect(engine.usage()).toEqual({ total: before.total, inUse: before.inUse + 2 });
    });

    test('are refused when none is left; a released one is given again rather than refusing', async () => {
      await using stage = setUp({}, 6);
      const { engine, here } = stage;
      const pairs: PortPair[] = [];
      for (let pair = engine.lease(here); pair; pair = engine.lease(here)) pairs.push(pair);
      expect(pairs.length).toBeLessThanOrEqual(engine.usage().total / 2 - 2);
      expect(new Set(pairs.map((pair) => pair.port)).size).toBe(pairs.length);
      const last = pairs.at(-1)!;
      engine.release(last);
      expect(engine.lease(here)).toEqual(last);
      expect(engine.lease(here)).toBeNull();
    });

    test('are used again as late as possible', async () => {
      await using stage = setUp();
      const { engine, here } = stage;
      const first = engine.lease(here)!;
      engine.release(first);
      const next = Array.from({ length: 50 }, () => engine.lease(here)?.port);
      expect(next).not.toContain(first.port);
    });

    test('are closed when released, even under a running session, and releasing twice is harmless', async () => {
      await using stage = setUp();
      const { engine, sockets, alice, bob, portA, portB, session, settle } = stage;
      engine.release({ ...portA, address: '203.0.113.77' });
      expect(engine.usage().inUse).toBe(4);
      engine.release(portA);
      engine.release(portA);
      expect(engine.usage().inUse).toBe(2);
      const port = sockets.open(portA, () => {});
      expect(port).not.toBeNull();
      alice.speak(portA);
      bob.speak(portB);
      await settle();
      expect([alice.heard, bob.heard]).toEqual([[], []]);
      expect(session.counters()[0]).toMatchObject({ packetsReceived: 0, undeliverable: 1 });
      port?.close();
    });

    test('skip a port that another program holds', async () => {
      await using stage = setUp();
      const { engine, sockets, here } = stage;
      const pair = engine.lease(here)!;
      const held = sockets.open({ address: here, port: pair.port + 3 }, () => {});
      const next = engine.lease(here)!;
      expect(next.port).not.toBe(pair.port + 2);
      const half = sockets.open({ address: here, port: pair.port + 2 }, () => {});
      expect(half).not.toBeNull();
      half?.close();
      held?.close();
    });

    test('are refused for an address that is not ours, and for that no port is blamed', async () => {
      await using stage = setUp({}, 3);
      const { engine, here } = stage;
      const elsewhere = 'not-an-address';
      if (stage.sockets instanceof MemorySockets) stage.sockets.behave({ unbindable: [elsewhere] });
      expect(engine.lease(elsewhere)).toBeNull();
      expect(engine.lease(here)).not.toBeNull();
    });
  });
});

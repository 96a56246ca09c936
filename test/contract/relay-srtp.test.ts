import { describe, expect, test } from 'vitest';
import type { PortPair, RelayLegSpec } from '../../src/media/index.ts';
import {
  formatRtp,
  type SrtpKey,
  type SrtpParameters,
  SrtpReceiver,
  SrtpSender,
  type SrtpSuite,
} from '../../src/rtp/index.ts';
import { finish, type Phone, receiverReport, relays, setUp } from './relay-stage.ts';

const keyLengths: Readonly<Record<SrtpSuite, number>> = {
  AES_CM_128_HMAC_SHA1_80: 30,
  AES_CM_128_HMAC_SHA1_32: 30,
  AEAD_AES_128_GCM: 28,
  AEAD_AES_256_GCM: 44,
};
const suites = Object.keys(keyLengths) as SrtpSuite[];
const suite: SrtpSuite = 'AES_CM_128_HMAC_SHA1_80';

const keyOf = (of: SrtpSuite, fill: number): SrtpKey => ({ suite: of, key: new Uint8Array(keyLengths[of]).fill(fill) });

/** What the relay is told of a leg: the phone encrypts with the one key and the relay with the other. */
const keys = (of: SrtpSuite, fill = 1): SrtpParameters => ({ receive: keyOf(of, fill), send: keyOf(of, fill + 100) });

/** A phone that speaks SRTP, whose keys the relay knows as `parameters`. */
class SecurePhone {
  readonly #phone: Phone;
  readonly #sender: SrtpSender;
  readonly #receiver: SrtpReceiver;
  #sequence = 0;

  constructor(phone: Phone, { receive, send }: SrtpParameters) {
    this.#phone = phone;
    this.#sender = new SrtpSender(receive);
    this.#receiver = new SrtpReceiver(send);
  }

  /** What it sends next: the packet, and the datagram that it is in. */
  next({ sequenceNumber = this.#sequence + 1, payloadType = 0 } = {}) {
    this.#sequence = sequenceNumber;
    const payload = new Uint8Array(160).fill(sequenceNumber);
    const packet = formatRtp({
      payloadType,
      sequenceNumber,
      timestamp: 160 * sequenceNumber,
      ssrc: 0x9abcdef0,
      payload,
    });
    return { packet, datagram: Uint8Array.from(this.#sender.protectRtp(packet)!) };
  }

  speak(to: PortPair, fields?: Parameters<SecurePhone['next']>[0]): Uint8Array {
    const { packet, datagram } = this.next(fields);
    this.#phone.sendRaw(datagram, to);
    return packet;
  }

  report(to: PortPair): void {
    this.#phone.report(to, Uint8Array.from(this.#sender.protectRtcp(receiverReport)!));
  }

  reportInBand(to: PortPair): void {
    this.#phone.reportInBand(to, Uint8Array.from(this.#sender.protectRtcp(receiverReport)!));
  }

  /** What it has heard since it was asked last, decrypted, or why it could not be. */
  hears(): readonly (Uint8Array | string)[] {
    return this.#phone.heard.splice(0).map((datagram) => plain(this.#receiver.unprotectRtp(datagram)));
  }

  hearsRtcp(): readonly (Uint8Array | string)[] {
    return this.#phone.heardRtcp.splice(0).map((datagram) => plain(this.#receiver.unprotectRtcp(datagram)));
  }
}

const plain = (outcome: Uint8Array | string) => (typeof outcome === 'string' ? outcome : Uint8Array.from(outcome));

const clean = { authenticationFailures: 0, replayed: 0, malformed: 0, strangers: 0 };

describe.each(relays)('SRTP over every relay: %s', (_, open) => {
  test.each(suites)('a plain phone and one that encrypts by %s hear each other', async (of) => {
    await using stage = setUp(open, { b: { srtp: keys(of) } });
    const { alice, portA, portB, session, settle } = stage;
    const bob = new SecurePhone(stage.bob, keys(of));
    const fromAlice = [alice.speak(portA), alice.speak(portA)];
    const fromBob = [bob.speak(portB), bob.speak(portB)];
    await settle();
    expect(stage.bob.heard.map((datagram) => datagram.subarray(12, 28))).not.toContainEqual(
      fromAlice[0]?.subarray(12, 28),
    );
    expect(bob.hears()).toEqual(fromAlice);
    expect(alice.heard).toEqual(fromBob);
    expect(session.counters()).toMatchObject([
      { packetsReceived: 2, packetsSent: 2, ...clean },
      { packetsReceived: 2, packetsSent: 2, ...clean },
    ]);
  });

  test.each([
    ['AES_CM_128_HMAC_SHA1_80', 'AES_CM_128_HMAC_SHA1_32'],
    ['AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_256_GCM'],
    ['AEAD_AES_128_GCM', 'AEAD_AES_128_GCM'],
  ] as const)(
    '%s on one leg and %s on the other: each leg has keys of its own, and payload types too',
    async (a, b) => {
      await using stage = setUp(open, {
        a: { srtp: keys(a, 1), payloadTypes: new Map([[96, 111]]) },
        b: { srtp: keys(b, 2), payloadTypes: new Map([[111, 96]]) },
      });
      const { portA, portB, settle } = stage;
      const alice = new SecurePhone(stage.alice, keys(a, 1));
      const bob = new SecurePhone(stage.bob, keys(b, 2));
      const fromAlice = alice.speak(portA, { payloadType: 96 });
      const fromBob = bob.speak(portB, { payloadType: 111 });
      await settle();
      expect(bob.hears()).toEqual([Uint8Array.from(fromAlice).fill(111, 1, 2)]);
      expect(alice.hears()).toEqual([Uint8Array.from(fromBob).fill(96, 1, 2)]);
    },
  );

  test('RTCP is encrypted too, beside RTP and among it (RFC 5761)', async () => {
    await using stage = setUp(open, { a: { srtp: keys(suite), rtcpMux: true }, b: { srtp: keys(suite, 2) } });
    const { alice: aliceHears, portA, portB, tappedRtcp, session, settle } = stage;
    const alice = new SecurePhone(stage.alice, keys(suite));
    const bob = new SecurePhone(stage.bob, keys(suite, 2));
    alice.speak(portA);
    await settle();
    alice.reportInBand(portA);
    bob.report(portB);
    await settle();
    expect(bob.hearsRtcp()).toEqual([receiverReport]);
    // Both RTP and RTCP of Alice come to one port.
    const [report] = aliceHears.heard.splice(0);
    expect(plain(new SrtpReceiver(keys(suite).send).unprotectRtcp(report!))).toEqual(receiverReport);
    expect(tappedRtcp.sort(([a], [b]) => a - b)).toEqual([
      [0, receiverReport],
      [1, receiverReport],
    ]);
    expect(session.counters()).toMatchObject([
      { rtcpReceived: 1, rtcpSent: 1, ...clean },
      { rtcpReceived: 1, rtcpSent: 1, ...clean },
    ]);
  });

  test('what is taken and copied is decrypted, what the user says is encrypted', async () => {
    const a = { srtp: keys(suite), copied: true, taken: new Set([111]) };
    await using stage = setUp(open, { a });
    const { portA, tapped, session, settle } = stage;
    const alice = new SecurePhone(stage.alice, keys(suite));
    const said = [alice.speak(portA), alice.speak(portA, { payloadType: 111 })];
    await settle();
    expect(tapped).toEqual(said.map((packet) => [0, packet]));
    const packet = formatRtp({
      payloadType: 0,
      sequenceNumber: 7,
      timestamp: 9,
      ssrc: 3,
      payload: Uint8Array.of(1, 2),
    });
    session.send(0, Uint8Array.from(packet));
    session.sendRtcp(0, Uint8Array.from(receiverReport));
    await settle();
    expect(alice.hears()).toEqual([packet]);
    expect(alice.hearsRtcp()).toEqual([receiverReport]);
  });

  test('packets under a wrong key, plain ones and altered ones are counted and go nowhere; the leg is not heard by them', async () => {
    await using stage = setUp(open, { a: { srtp: keys(suite) } });
    const { bob, portA, session, settle } = stage;
    const wrong = new SecurePhone(stage.alice, keys(suite, 9));
    wrong.speak(portA);
    wrong.report(portA);
    stage.alice.speak(portA);
    const { datagram } = new SecurePhone(stage.alice, keys(suite)).next();
    datagram[20]! ^= 1;
    stage.alice.sendRaw(datagram, portA);
    await settle();
    expect(bob.heard).toEqual([]);
    expect(bob.heardRtcp).toEqual([]);
    const [a] = await finish(session);
    expect(a).toMatchObject({
      ...clean,
      authenticationFailures: 4,
      packetsReceived: 0,
      rtcpReceived: 0,
      latched: null,
    });
  });

  test('who has not the key is a stranger where the phone is not expected, and never becomes the phone', async () => {
    const remote = { address: '203.0.113.9', port: 4000, rtcpPort: 4001 };
    await using stage = setUp(open, { a: { srtp: keys(suite), remote, signalling: null } });
    const { alice, bob, portA, session, settle } = stage;
    for (let i = 0; i < 8; i++) alice.speak(portA);
    await settle();
    expect(session.counters()[0]).toMatchObject({ ...clean, strangers: 8, latched: null });
    const phone = new SecurePhone(alice, keys(suite));
    for (let i = 0; i < 5; i++) phone.speak(portA);
    await settle();
    expect(bob.heard).toHaveLength(1);
    expect(session.counters()[0]).toMatchObject({ latched: alice.local });
  });

  test('a packet that comes again is counted and goes nowhere; one that was overtaken by 63 passes', async () => {
    await using stage = setUp(open, { a: { srtp: keys(suite) } });
    const { bob, portA, session, settle } = stage;
    const alice = new SecurePhone(stage.alice, keys(suite));
    const late = alice.next();
    const sent = Array.from({ length: 63 }, () => alice.next());
    const send = ({ datagram }: (typeof sent)[number]) => stage.alice.sendRaw(datagram, portA);
    for (const one of sent) send(one);
    send(late);
    for (const one of [late, ...sent]) send(one);
    await settle();
    expect(bob.heard).toEqual([...sent, late].map(({ packet }) => packet));
    expect(session.counters()[0]).toMatchObject({ ...clean, replayed: 64, packetsReceived: 64 });
  });

  test('the rollover counter rises when the sequence number wraps, on both legs', async () => {
    await using stage = setUp(open, { a: { srtp: keys(suite) }, b: { srtp: keys('AEAD_AES_128_GCM', 2) } });
    const { portA, settle } = stage;
    const alice = new SecurePhone(stage.alice, keys(suite));
    const bob = new SecurePhone(stage.bob, keys('AEAD_AES_128_GCM', 2));
    const sent: Uint8Array[] = [];
    for (const sequenceNumber of [65_533, 65_535, 1, 32_000, 64_000, 20_000]) {
      sent.push(alice.speak(portA, { sequenceNumber }));
      await settle();
    }
    expect(bob.hears()).toEqual(sent);
  });

  describe('an update', () => {
    test('with equal keys keeps the contexts: old packets stay old, and the counter of rollovers goes on', async () => {
      await using stage = setUp(open, { a: { srtp: keys(suite) }, b: { srtp: keys(suite, 2) } });
      const { portA, session, update, settle } = stage;
      const alice = new SecurePhone(stage.alice, keys(suite));
      const bob = new SecurePhone(stage.bob, keys(suite, 2));
      const old = alice.next({ sequenceNumber: 65_000 });
      stage.alice.sendRaw(old.datagram, portA);
      const before = alice.speak(portA, { sequenceNumber: 100 });
      await settle();
      update({ a: { srtp: keys(suite), generation: 1 }, b: { srtp: keys(suite, 2) } });
      const after = alice.speak(portA, { sequenceNumber: 101 });
      stage.alice.sendRaw(old.datagram, portA);
      await settle();
      expect(bob.hears()).toEqual([old.packet, before, after]);
      expect(session.counters()[0]).toMatchObject({ ...clean, replayed: 1 });
    });

    test('with a new key of the phone: the old one opens nothing any more', async () => {
      await using stage = setUp(open, { a: { srtp: keys(suite) } });
      const { bob, portA, session, update, settle } = stage;
      const first = new SecurePhone(stage.alice, keys(suite));
      first.speak(portA);
      const changed: SrtpParameters = { ...keys(suite), receive: keyOf('AEAD_AES_256_GCM', 5) };
      await settle();
      update({ a: { srtp: changed } });
      first.speak(portA);
      const heard = new SecurePhone(stage.alice, changed).speak(portA);
      await settle();
      expect(bob.heard.slice(1)).toEqual([heard]);
      expect(session.counters()[0]).toMatchObject({ ...clean, authenticationFailures: 1, packetsReceived: 2 });
    });

    test('with a new key of ours: the phone hears under it', async () => {
      await using stage = setUp(open, { b: { srtp: keys(suite) } });
      const { alice, portA, update, settle } = stage;
      const changed: SrtpParameters = { ...keys(suite), send: keyOf('AES_CM_128_HMAC_SHA1_32', 5) };
      alice.speak(portA);
      await settle();
      stage.bob.heard.length = 0;
      update({ b: { srtp: changed } });
      const said = alice.speak(portA);
      await settle();
      expect(new SecurePhone(stage.bob, changed).hears()).toEqual([said]);
    });

    test('begins and ends the encryption of a leg; where it begins again with the same keys, old packets are still old', async () => {
      await using stage = setUp(open);
      const { alice, bob, portA, session, update, settle } = stage;
      const secure = new SecurePhone(alice, keys(suite));
      const first = secure.next();
      update({ a: { srtp: keys(suite) } });
      alice.sendRaw(first.datagram, portA);
      await settle();
      update({ a: { srtp: null } });
      const inTheOpen = alice.speak(portA);
      await settle();
      update({ a: { srtp: keys(suite) } });
      alice.sendRaw(first.datagram, portA);
      const last = secure.speak(portA);
      await settle();
      expect(bob.heard).toEqual([first.packet, inTheOpen, last]);
      expect(session.counters()[0]).toMatchObject({ ...clean, replayed: 1 });
    });
  });

  test('the contexts of a phone go on in another session on its ports, as after a transfer', async () => {
    await using stage = setUp(open, { a: { srtp: keys(suite) } });
    const { bob, portA, portB, session, relay, ports, here, phone, settle } = stage;
    const alice = new SecurePhone(stage.alice, keys(suite));
    const old = alice.next();
    stage.alice.sendRaw(old.datagram, portA);
    await settle();
    await finish(session);
    const carol = phone(3);
    const leg = (of: Phone, port: PortPair): RelayLegSpec => ({
      port,
      remote: of.sdp,
      signalling: null,
      payloadTypes: new Map([[0, 0]]),
      send: true,
    });
    const legs = [leg(carol, ports.lease(here)!), { ...leg(stage.alice, portA), srtp: keys(suite) }] as const;
    const next = relay.start({ id: 'call-2', legs, idleTimeout: null }, { onIdle: () => {} });
    stage.alice.sendRaw(old.datagram, portA);
    const said = alice.speak(portA);
    bob.speak(portB);
    await settle();
    expect(carol.heard).toEqual([said]);
    expect(next.counters()[1]).toMatchObject({ ...clean, replayed: 1 });
  });
});

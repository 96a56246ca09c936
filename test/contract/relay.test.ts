import { describe, expect, test } from 'vitest';
import { marker, payloadType, sequenceNumber } from '../../src/rtp/index.ts';
import { finish, receiverReport, relays, setUp } from './relay-stage.ts';

describe.each(relays)('every relay: %s', (_, open) => {
  describe('relaying', () => {
    test('RTP goes both ways, byte for byte, from the port that the far end sends to', async () => {
      await using stage = setUp(open);
      const { alice, bob, portA, portB, settle } = stage;
      const fromAlice = alice.speak(portA, { marker: true });
      const fromBob = bob.speak(portB);
      await settle();
      expect(bob.heard).toEqual([fromAlice]);
      expect(alice.heard).toEqual([fromBob]);
    });

    test('the payload type is rewritten where the sides number a codec differently, and the marker stays (RFC 3264 section 8.3.2)', async () => {
      await using stage = setUp(open, {
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
      await using stage = setUp(open);
      const { alice, bob, portA, session, settle } = stage;
      alice.speak(portA, { payloadType: 34 });
      const good = alice.speak(portA);
      await settle();
      expect(bob.heard).toEqual([good]);
      expect(session.counters()[0]).toMatchObject({ packetsReceived: 2, unmapped: 1, malformed: 0 });
    });

    test('RTCP goes both ways, byte for byte, to where the SDP says (RFC 3605)', async () => {
      await using stage = setUp(open);
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
      await using stage = setUp(open);
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
      await using stage = setUp(open, { b: { send: false } });
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
      await using stage = setUp(open);
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
      await using stage = setUp(open);
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
        tapDropped: 0,
        rtcpReceived: 0,
        strangers: 0,
      });
      expect(a).toMatchObject({ packetsReceived: 1, strangers: 0 });
    });

    test.each([
      { address: '0.0.0.0', port: 4000, rtcpPort: 4001 },
      { address: '192.0.2.1', port: 0, rtcpPort: 0 },
    ])('nothing is sent to $address port $port', async (remote) => {
      await using stage = setUp(open, { b: { remote } });
      const { alice, portA, session, settle } = stage;
      alice.speak(portA);
      await settle();
      expect(session.counters()[1]).toMatchObject({ packetsSent: 0, undeliverable: 1 });
    });
  });

  describe('the latch (RFC 7362)', () => {
    test('media goes back to where it comes from, not to where the SDP says', async () => {
      await using stage = setUp(open, { a: { remote: { address: '10.1.1.1', port: 4000, rtcpPort: 4001 } } });
      const { alice, bob, portA, portB, session, settle } = stage;
      alice.speak(portA);
      await settle();
      const back = bob.speak(portB);
      await settle();
      expect(alice.heard).toEqual([back]);
      expect(session.counters()[0].latched).toEqual(alice.local);
    });

    test('a stranger is dropped, counted and named', async () => {
      await using stage = setUp(open);
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
      await using stage = setUp(open, { a: { remote: elsewhere, signalling: null } });
      const { alice, bob, portA, session, settle } = stage;
      for (let i = 0; i < 6; i++) alice.speak(portA);
      await settle();
      expect(bob.heard.map(sequenceNumber)).toEqual([5, 6]);
      expect(session.counters()[0]).toMatchObject({ strangers: 4, latched: alice.local });
    });

    test('but not when it comes more than 5 s after the description, until that is new', async () => {
      const elsewhere = { address: '10.1.1.1', port: 0, rtcpPort: 0 };
      await using stage = setUp(open, { a: { remote: elsewhere, signalling: null } });
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
      await using stage = setUp(open);
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
      await using stage = setUp(open);
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
      await using stage = setUp(open);
      const { alice, portA, update, session, settle } = stage;
      alice.speak(portA);
      await settle();
      update({ a: { remote: { ...alice.sdp, [what]: 4000 } } });
      expect(session.counters()[0].latched).toBeNull();
    });

    test('without an SDP only the signalling address is listened to', async () => {
      await using stage = setUp(open, { a: { remote: null, signalling: null } });
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
      await using stage = setUp(open, { a: { remote: { address: '10.1.1.1', port: 4000, rtcpPort: 4001 } } });
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
    test('tell packets that are missing, the gaps in which, and those that came twice, which hide no loss', async () => {
      await using stage = setUp(open);
      const { alice, portA, session, settle } = stage;
      for (const sequenceNumber of [10, 11, 11, 14, 13, 20, 20, 21]) alice.speak(portA, { sequenceNumber });
      await settle();
      expect(session.counters()[0]).toMatchObject({
        packetsReceived: 8,
        packetsLost: 6,
        lossEvents: 2,
        duplicates: 2,
      });
    });

    test('begin with nothing, and what is not measured is null', async () => {
      await using stage = setUp(open);
      const nothing = {
        packetsReceived: 0,
        packetsSent: 0,
        packetsLost: 0,
        lossEvents: 0,
        duplicates: 0,
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
        tapDropped: 0,
        authenticationFailures: 0,
        replayed: 0,
      };
      expect(stage.session.counters()).toEqual([nothing, nothing]);
    });

    test('tell packets, bytes, loss and jitter of each leg (RFC 3550 appendix A)', async () => {
      await using stage = setUp(open, { a: { clockRates: new Map([[0, 16_000]]) } });
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
      await using stage = setUp(open);
      const { alice, bob, portA, portB, session, relay, settle } = stage;
      alice.speak(portA, { sequenceNumber: 1 });
      alice.speak(portA, { sequenceNumber: 3 });
      bob.speak(portB);
      await settle();
      expect(relay.totals()).toEqual({ received: 3, sent: 3, lost: 1 });
      await finish(session);
      expect(relay.totals()).toEqual({ received: 3, sent: 3, lost: 1 });
    });

    test('the total of losses never goes down, though a late packet takes one back', async () => {
      await using stage = setUp(open);
      const { alice, portA, session, relay, settle } = stage;
      for (const sequenceNumber of [1, 3]) alice.speak(portA, { sequenceNumber });
      await settle();
      expect(relay.totals().lost).toBe(1);
      alice.speak(portA, { sequenceNumber: 2 });
      await settle();
      expect([relay.totals().lost, session.counters()[0].packetsLost]).toEqual([1, 0]);
    });
  });
});

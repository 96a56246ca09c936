import { describe, expect, test } from 'vitest';
import { formatRtp } from '../../src/rtp/index.ts';
import { finish, receiverReport, relays, setUp } from './relay-stage.ts';

describe.each(relays)('what passes through the user of every relay: %s', (_, open) => {
  test('payload types that are taken go to the user as received, and not to the other leg', async () => {
    const payloadTypes = new Map([[0, 8]]);
    await using stage = setUp(open, { a: { payloadTypes, taken: new Set([111]) } });
    const { alice, bob, portA, tapped, session, settle } = stage;
    const taken = alice.speak(portA, { payloadType: 111 });
    alice.speak(portA);
    await settle();
    expect(tapped).toEqual([[0, taken]]);
    expect(bob.heard).toHaveLength(1);
    expect(session.counters()).toMatchObject([{ packetsReceived: 2, unmapped: 0, tapDropped: 0 }, { packetsSent: 1 }]);
  });

  test('a stranger proves itself by a type that is taken, as by one that is relayed', async () => {
    const remote = { address: '203.0.113.9', port: 4000, rtcpPort: 4001 };
    const a = { payloadTypes: new Map(), taken: new Set([111]), remote, signalling: null };
    await using stage = setUp(open, { a });
    const { alice, portA, tapped, session, settle } = stage;
    for (let i = 0; i < 5; i++) alice.speak(portA, { payloadType: 111 });
    await settle();
    expect(tapped).toHaveLength(1);
    expect(session.counters()[0].latched).toEqual(alice.local);
  });

  test('a copied leg is relayed, and the user gets what came, with the number under which it came', async () => {
    const payloadTypes = new Map([[96, 111]]);
    await using stage = setUp(open, { a: { payloadTypes, copied: true } });
    const { alice, bob, portA, portB, tapped, settle } = stage;
    const said = alice.speak(portA, { payloadType: 96 });
    alice.speak(portA, { payloadType: 34 });
    bob.speak(portB);
    await settle();
    expect(tapped).toEqual([[0, said]]);
    expect(bob.heard.map((packet) => packet[1])).toEqual([111]);
    expect(alice.heard).toHaveLength(1);
  });

  test('RTCP is relayed with a copy for the user, or taken', async () => {
    await using stage = setUp(open, { b: { rtcpTaken: true } });
    const { alice, bob, portA, portB, tappedRtcp, settle } = stage;
    alice.report(portA);
    bob.report(portB);
    await settle();
    expect(bob.heardRtcp).toEqual([receiverReport]);
    expect(alice.heardRtcp).toEqual([]);
    expect(tappedRtcp.sort(([a], [b]) => a - b)).toEqual([
      [0, receiverReport],
      [1, receiverReport],
    ]);
  });

  test('the user speaks to a phone from the port of its leg, and is counted', async () => {
    await using stage = setUp(open);
    const { alice, session, settle } = stage;
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
    expect(alice.heard).toEqual([packet]);
    expect(alice.heardRtcp).toEqual([receiverReport]);
    const [a] = await finish(session);
    expect(a).toMatchObject({ packetsSent: 1, bytesSent: packet.length, rtcpSent: 1 });
  });

  test('the user does not speak to a phone that does not want to hear, nor to one that nobody knows the address of', async () => {
    await using stage = setUp(open, { a: { send: false }, b: { remote: null } });
    const { alice, bob, session, settle } = stage;
    const packet = () =>
      formatRtp({ payloadType: 0, sequenceNumber: 7, timestamp: 9, ssrc: 3, payload: Uint8Array.of(1) });
    session.send(0, packet());
    session.send(1, packet());
    await settle();
    expect([alice.heard, bob.heard]).toEqual([[], []]);
    expect(await finish(session)).toMatchObject([
      { packetsSent: 0, held: 1 },
      { packetsSent: 0, undeliverable: 1 },
    ]);
  });

  test('a leg alone is heard and spoken to; somebody may come to it, and go again', async () => {
    await using stage = setUp(open, { a: { taken: new Set([111]) }, b: null });
    const { alice, bob, portA, portB, tapped, session, update, settle } = stage;
    const alone = alice.speak(portA, { payloadType: 111 });
    alice.speak(portA);
    bob.speak(portB);
    await settle();
    expect(tapped).toEqual([[0, alone]]);
    expect(alice.heard).toEqual([]);

    update();
    const together = alice.speak(portA);
    bob.speak(portB);
    await settle();
    expect(bob.heard).toEqual([together]);
    expect(alice.heard).toHaveLength(1);

    update({ b: null });
    alice.speak(portA);
    bob.speak(portB);
    await settle();
    expect([alice.heard.length, bob.heard.length]).toEqual([1, 1]);
    expect(session.counters()[0]).toMatchObject({ packetsReceived: 4 });
  });

  test('with RTP and RTCP on one port, RTCP goes there and comes from there (RFC 5761)', async () => {
    await using stage = setUp(open, { a: { rtcpMux: true } });
    const { alice, bob, portA, portB, session, settle } = stage;
    const said = alice.speak(portA);
    alice.reportInBand(portA);
    bob.report(portB);
    await settle();
    expect(bob.heard).toEqual([said]);
    expect(bob.heardRtcp).toEqual([receiverReport]);
    expect([alice.heard, alice.heardRtcp]).toEqual([[receiverReport], []]);
    expect(session.counters()).toMatchObject([
      { packetsReceived: 1, unmapped: 0, rtcpReceived: 1, rtcpSent: 1 },
      { packetsSent: 1, rtcpReceived: 1, rtcpSent: 1 },
    ]);
  });

  test('without that agreement, RTCP on the RTP port is nothing that was agreed on', async () => {
    await using stage = setUp(open);
    const { alice, bob, portA, session, settle } = stage;
    alice.reportInBand(portA);
    await settle();
    expect([bob.heard, bob.heardRtcp]).toEqual([[], []]);
    expect(session.counters()[0]).toMatchObject({ rtcpReceived: 0, unmapped: 1 });
  });
});

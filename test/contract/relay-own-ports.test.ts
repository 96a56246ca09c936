import { describe, expect, test } from 'vitest';
import { formatRtp } from '../../src/rtp/index.ts';
import { relays, setUp } from './relay-stage.ts';

describe.each(relays)('our own ports at our public address, in every relay: %s', (_, open) => {
  const behindItsNat = { address: '192.168.1.20', port: 4000, rtcpPort: 0 };
  const packet = (sequenceNumber = 1): Uint8Array =>
    formatRtp({ payloadType: 0, sequenceNumber, timestamp: 0, ssrc: 1, payload: new Uint8Array(1) });

  test('nothing is sent there because an SDP says so', async () => {
    await using stage = setUp(open);
    const { alice, portA, ourOther, session, update, settle } = stage;
    update({ b: { remote: { address: ourOther, port: portA.port, rtcpPort: 0 }, signalling: ourOther } });
    alice.speak(portA);
    await settle();
    expect(session.counters()).toMatchObject([{ packetsReceived: 1 }, { packetsSent: 0, undeliverable: 1 }]);
  });

  test.each(['of the other leg', 'of another call'])(
    'a phone that a NAT shows there, at the port %s, is sent what it is to hear',
    async (whose) => {
      await using stage = setUp(open);
      const { alice, portA, portB, ports, here, ourOther, sockets, session, update, settle } = stage;
      update({ b: { remote: behindItsNat, signalling: ourOther } });
      const port = whose === 'of the other leg' ? portA.port : ports.lease(here)!.port;
      const heard: Uint8Array[] = [];
      const phone = sockets.open({ address: ourOther, port }, (bytes) => heard.push(Uint8Array.from(bytes)))!;
      phone.send(packet(), portB);
      await settle();
      const said = alice.speak(portA);
      await settle();
      phone.close();
      expect(heard).toEqual([said]);
      expect(session.counters()).toMatchObject([{ packetsSent: 1 }, { packetsSent: 1, undeliverable: 0 }]);
    },
  );

  test('two legs that each take the other for their phone send nothing: a packet would go round for ever', async () => {
    await using stage = setUp(open);
    const { portA, portB, ourOther, sockets, session, update, settle } = stage;
    const unknown = { remote: null, signalling: ourOther };
    update({ a: unknown, b: unknown });
    // Somebody writes our own addresses on envelopes.
    const forged = [portA, portB].map(({ port }) => sockets.open({ address: ourOther, port }, () => {})!);
    for (const number of [1, 2]) {
      forged[0]!.send(packet(number), portB);
      forged[1]!.send(packet(number), portA);
      await settle();
    }
    for (const port of forged) port.close();
    const received = { packetsReceived: 2, packetsSent: 0 };
    expect(session.counters()).toMatchObject([received, received]);
  });
});

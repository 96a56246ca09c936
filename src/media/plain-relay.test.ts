import { describe, expect, test } from 'vitest';
import { type Address, type Log, SeededRandom, silentLog, VirtualClock } from '../base/index.ts';
import { formatRtp } from '../rtp/index.ts';
import { MemorySockets } from './memory-sockets.ts';
import { PlainRelay } from './plain-relay.ts';
import { PortLeases } from './port-leases.ts';
import type { PortPair } from './relay.ts';

const here = '192.0.2.10';

function setUp({ log = silentLog, ownAddresses = [] }: { log?: Log; ownAddresses?: readonly string[] } = {}) {
  const clock = new VirtualClock();
  const random = new SeededRandom(1);
  const sockets = new MemorySockets(clock, random);
  const relay = new PlainRelay({ sockets, clock, ownAddresses });
  const ports = new PortLeases({ relay, ports: { start: 10_000, end: 10_008 }, clock, random, log });
  return { clock, sockets, relay, ports };
}

/** A log that keeps the messages of warnings and errors. */
function keptLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (message: string) => void lines.push(message);
  return { lines, log: { ...silentLog, warning: keep, error: keep } };
}

test('a pair is both sockets or none, and they close with it', () => {
  const { ports, sockets } = setUp();
  const pair = ports.lease(here)!;
  expect(sockets.size).toBe(2);
  ports.release(pair);
  expect(sockets.size).toBe(0);
});

test('a port is leased once, whatever the address', () => {
  const { ports } = setUp();
  const leased = [here, '192.0.2.11', here, '192.0.2.11', here].map((address) => ports.lease(address)?.port);
  expect(new Set(leased.slice(0, 4)).size).toBe(4);
  expect(leased[4]).toBeUndefined();
});

test('a port that another program holds is named in the log and tried again after 30 s', () => {
  const { log, lines } = keptLog();
  const { ports, sockets, clock } = setUp({ log });
  const taken = [10_001, 10_002, 10_005].map((port) => sockets.open({ address: here, port }, () => {}));
  expect([ports.lease(here)?.port, ports.lease(here)]).toEqual([10_006, null]);
  expect(lines).toEqual(Array(3).fill('media port is held by another program'));
  expect(sockets.size).toBe(5);
  for (const port of taken) port?.close();
  clock.advance(30_000);
  expect(ports.lease(here)).not.toBeNull();
});

test('an address that cannot be bound is the address’s fault and no port rests for it', () => {
  const { log, lines } = keptLog();
  const { ports, sockets } = setUp({ log });
  sockets.behave({ unbindable: ['10.9.9.9'] });
  expect(ports.lease('10.9.9.9')).toBeNull();
  expect(lines).toEqual(['media address cannot be bound']);
  expect([1, 2, 3, 4].map(() => ports.lease(here))).not.toContain(null);
});

describe('our own ports at our public address', () => {
  const publicIp = '203.0.113.5';
  const packet = (sequenceNumber = 1): Uint8Array =>
    formatRtp({ payloadType: 0, sequenceNumber, timestamp: 0, ssrc: 1, payload: new Uint8Array(1) });

  /** A session between a phone elsewhere and one whose SDP says `remote`. */
  function stage(remoteOf: (a: PortPair, b: PortPair) => Address) {
    const { relay, ports, sockets, clock } = setUp({ ownAddresses: [publicIp] });
    const [a, b] = [ports.lease(here)!, ports.lease(here)!];
    const leg = { signalling: publicIp, payloadTypes: new Map([[0, 0]]), send: true };
    const phone = sockets.open({ address: '198.51.100.1', port: 4000 }, () => {})!;
    const session = relay.start(
      {
        id: 'call-1',
        idleTimeout: null,
        legs: [
          { ...leg, signalling: null, port: a, remote: { ...phone.local, rtcpPort: 4001 } },
          { ...leg, port: b, remote: { ...remoteOf(a, b), rtcpPort: 0 } },
        ],
      },
      { onIdle: () => {} },
    );
    return { ports, sockets, clock, a, b, phone, session };
  }

  test('nothing is sent there because an SDP says so', () => {
    const { phone, clock, a, session } = stage((port) => ({ address: publicIp, port: port.port }));
    phone.send(packet(), a);
    clock.advance(0);
    expect(session.counters()).toMatchObject([{ packetsReceived: 1 }, { packetsSent: 0, undeliverable: 1 }]);
  });

  test.each(['of the other leg', 'of another call'])(
    'a phone that a NAT shows there, at the port %s, is sent what it is to hear',
    (whose) => {
      const { ports, sockets, clock, a, b, phone, session } = stage(() => ({ address: '192.168.1.20', port: 4000 }));
      const port = whose === 'of the other leg' ? a.port : ports.lease(here)!.port;
      const heard: Uint8Array[] = [];
      const behindNat = sockets.open({ address: publicIp, port }, (bytes) => heard.push(bytes))!;
      behindNat.send(packet(), b);
      clock.advance(0);
      phone.send(packet(), a);
      clock.advance(0);
      expect(heard).toEqual([packet()]);
      expect(session.counters()).toMatchObject([{ packetsSent: 1 }, { packetsSent: 1, undeliverable: 0 }]);
    },
  );

  test('two legs that each take the other for their phone send nothing: a packet would go round for ever', () => {
    const { sockets, clock, a, b, session } = stage(() => ({ address: '192.168.1.20', port: 4000 }));
    const leg = { signalling: publicIp, payloadTypes: new Map([[0, 0]]), send: true, remote: null };
    session.update({
      id: 'call-1',
      idleTimeout: null,
      legs: [
        { ...leg, port: a },
        { ...leg, port: b },
      ],
    });
    // Somebody writes our own addresses on envelopes.
    const forged = [a.port, b.port].map((port) => sockets.open({ address: publicIp, port }, () => {})!);
    for (const number of [1, 2]) {
      forged[0]!.send(packet(number), b);
      forged[1]!.send(packet(number), a);
      clock.advance(0);
    }
    const received = { packetsReceived: 2, packetsSent: 0 };
    expect(session.counters()).toMatchObject([received, received]);
  });
});

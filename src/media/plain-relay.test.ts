import { expect, test } from 'vitest';
import { type Log, SeededRandom, silentLog, VirtualClock } from '../base/index.ts';
import { formatRtp } from '../rtp/index.ts';
import { MemorySockets } from './memory-sockets.ts';
import { PlainRelay, type PlainRelayOptions } from './plain-relay.ts';

const here = '192.0.2.10';

function setUp(options: Partial<PlainRelayOptions> = {}) {
  const clock = new VirtualClock();
  const random = new SeededRandom(1);
  const sockets = new MemorySockets(clock, random);
  const ports = { start: 10_000, end: 10_008 };
  return { clock, sockets, relay: new PlainRelay({ sockets, ports, clock, random, log: silentLog, ...options }) };
}

/** A log that keeps the messages of warnings and errors. */
function keptLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (message: string) => void lines.push(message);
  return { lines, log: { ...silentLog, warning: keep, error: keep } };
}

test('a pair is both sockets or none, and they close with it', () => {
  const { relay, sockets } = setUp();
  const pair = relay.lease(here)!;
  expect(sockets.size).toBe(2);
  relay.release(pair);
  expect(sockets.size).toBe(0);
});

test('a port is leased once, whatever the address', () => {
  const { relay } = setUp();
  const ports = [here, '192.0.2.11', here, '192.0.2.11', here].map((address) => relay.lease(address)?.port);
  expect(new Set(ports.slice(0, 4)).size).toBe(4);
  expect(ports[4]).toBeUndefined();
});

test('a port that another program holds is named in the log and tried again after 30 s', () => {
  const { log, lines } = keptLog();
  const { relay, sockets, clock } = setUp({ log });
  const taken = [10_001, 10_002, 10_005].map((port) => sockets.open({ address: here, port }, () => {}));
  expect([relay.lease(here)?.port, relay.lease(here)]).toEqual([10_006, null]);
  expect(lines).toEqual(Array(3).fill('media port is held by another program'));
  expect(sockets.size).toBe(5);
  for (const port of taken) port?.close();
  clock.advance(30_000);
  expect(relay.lease(here)).not.toBeNull();
});

test('an address that cannot be bound is the address’s fault and no port rests for it', () => {
  const { log, lines } = keptLog();
  const { relay, sockets } = setUp({ log });
  sockets.behave({ unbindable: ['10.9.9.9'] });
  expect(relay.lease('10.9.9.9')).toBeNull();
  expect(lines).toEqual(['media address cannot be bound']);
  expect([1, 2, 3, 4].map(() => relay.lease(here))).not.toContain(null);
});

test('nothing is sent to our own ports at our public address either', () => {
  const { relay, sockets, clock } = setUp({ ownAddresses: ['203.0.113.5'] });
  const [a, b] = [relay.lease(here)!, relay.lease(here)!];
  const leg = { signalling: null, payloadTypes: new Map([[0, 0]]), send: true };
  const remote = { address: '203.0.113.5', port: a.port, rtcpPort: a.port + 1 };
  const phone = sockets.open({ address: '198.51.100.1', port: 4000 }, () => {})!;
  const session = relay.start(
    {
      id: 'call-1',
      idleTimeout: null,
      legs: [
        { ...leg, port: a, remote: { ...phone.local, rtcpPort: 4001 } },
        { ...leg, port: b, remote },
      ],
    },
    { onIdle: () => {} },
  );
  phone.send(formatRtp({ payloadType: 0, sequenceNumber: 1, timestamp: 0, ssrc: 1, payload: new Uint8Array(1) }), a);
  clock.advance(0);
  expect(session.counters()).toMatchObject([{ packetsReceived: 1 }, { packetsSent: 0, undeliverable: 1 }]);
});

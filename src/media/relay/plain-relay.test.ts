import { expect, test } from 'vitest';
import { type Log, SeededRandom, silentLog, VirtualClock } from '../../base/index.ts';
import { MemorySockets } from './memory-sockets.ts';
import { PlainRelay } from './plain-relay.ts';
import { PortLeases } from './port-leases.ts';

const here = '192.0.2.10';

function setUp({ log = silentLog }: { log?: Log } = {}) {
  const clock = new VirtualClock();
  const random = new SeededRandom(1);
  const sockets = new MemorySockets(clock, random);
  const relay = new PlainRelay({ sockets, clock });
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

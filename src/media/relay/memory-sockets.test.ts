import { describe, expect, test } from 'vitest';
import { type Address, formatAddress, SeededRandom, VirtualClock } from '../../base/index.ts';
import { type MemoryNetwork, MemorySockets } from './memory-sockets.ts';

const a: Address = { address: '192.0.2.1', port: 1000 };
const b: Address = { address: '192.0.2.2', port: 2000 };

function setUp(network: MemoryNetwork = {}, seed = 1) {
  const clock = new VirtualClock();
  const sockets = new MemorySockets(clock, new SeededRandom(seed), network);
  const heard: number[] = [];
  const times: number[] = [];
  const left = sockets.open(a, () => {})!;
  const right = sockets.open(b, (bytes) => {
    heard.push(bytes[0]!);
    times.push(clock.now());
  })!;
  const send = (count: number) => {
    for (let i = 0; i < count; i++) left.send(Uint8Array.of(i), b);
  };
  return { clock, sockets, left, right, heard, times, send };
}

test('a datagram arrives whole, in order, from its sender, and never before send has returned', () => {
  const { clock, heard, send } = setUp();
  send(3);
  expect(heard).toEqual([]);
  clock.advance(0);
  expect(heard).toEqual([0, 1, 2]);
});

test('the receiver gets bytes of its own and the sender’s address', () => {
  const clock = new VirtualClock();
  const sockets = new MemorySockets(clock, new SeededRandom(1));
  const heard: string[] = [];
  sockets.open(b, (bytes, from) => heard.push(`${formatAddress(from)} ${bytes.join()}`));
  const bytes = Uint8Array.of(1, 2);
  sockets.open(a, () => {})!.send(bytes, b);
  bytes[0] = 9;
  clock.advance(0);
  expect(heard).toEqual(['192.0.2.1:1000 1,2']);
});

describe('binding', () => {
  test('fails where the port is taken or the address is not ours, and succeeds after closing', () => {
    const { sockets, left } = setUp({ unbindable: ['10.9.9.9'] });
    expect(sockets.open(a, () => {})).toBeNull();
    expect(sockets.open({ address: '10.9.9.9', port: 1 }, () => {})).toBeNull();
    left.close();
    expect([sockets.has(a), sockets.size]).toEqual([false, 1]);
    expect(sockets.open(a, () => {})?.local).toEqual(a);
  });

  test('finds a free port of its own for port 0', () => {
    const { sockets } = setUp();
    const ports = [1, 2].map(() => sockets.open({ address: a.address, port: 0 }, () => {})!.local.port);
    expect(ports[0]).not.toBe(ports[1]);
    expect(Math.min(...ports)).toBeGreaterThan(1023);
  });

  test('a closed socket neither sends nor hears, nor closes its successor', () => {
    const { clock, sockets, left, right, heard, send } = setUp();
    send(1);
    right.close();
    clock.advance(0);
    expect(heard).toEqual([]);
    left.close();
    sockets.open(a, () => {});
    left.close();
    expect(sockets.has(a)).toBe(true);
    left.send(Uint8Array.of(1), b);
    expect(clock.pending).toBe(0);
  });
});

describe('a bad network', () => {
  test('loses a share', () => {
    const { clock, heard, send } = setUp({ loss: 0.25 });
    send(200);
    clock.advance(0);
    expect(heard.length).toBeGreaterThan(120);
    expect(heard.length).toBeLessThan(180);
  });

  test('repeats a share', () => {
    const { clock, heard, send } = setUp({ duplication: 1 });
    send(2);
    clock.advance(0);
    expect(heard).toEqual([0, 0, 1, 1]);
  });

  test('lets a share be overtaken', () => {
    const { clock, heard, send } = setUp({ reordering: 0.3 });
    send(100);
    clock.advance(30);
    expect(heard).not.toEqual([...heard].sort((x, y) => x - y));
    expect(new Set(heard).size).toBe(100);
  });

  test('takes its time', () => {
    const { clock, times, send } = setUp({ delay: 10, delaySpread: 5 });
    send(100);
    clock.advance(100);
    expect([Math.min(...times), Math.max(...times)]).toEqual([10, 15]);
  });

  test('does the same again for the same seed', () => {
    const run = (seed: number) => {
      const { clock, heard, send } = setUp({ loss: 0.2, duplication: 0.2, reordering: 0.2, delaySpread: 20 }, seed);
      send(100);
      clock.advance(100);
      return heard;
    };
    expect(run(5)).toEqual(run(5));
    expect(run(5)).not.toEqual(run(6));
  });

  test('may become better', () => {
    const { clock, sockets, heard, send } = setUp({ loss: 1 });
    send(1);
    sockets.behave({});
    send(2);
    clock.advance(0);
    expect(heard).toEqual([0, 1]);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SeededRandom, VirtualClock } from '../../base/index.ts';
import { PortPool } from './port-pool.ts';
import type { OpenFailure } from './relay.ts';

function setUp(start = 10_000, end = 10_012, seed = 1) {
  const clock = new VirtualClock();
  const pool = new PortPool({ start, end }, clock, new SeededRandom(seed));
  const take = (failure: (port: number) => OpenFailure | 'later' | null = () => null): number | null =>
    pool.take((port) => failure(port) ?? { port })?.port ?? null;
  return { clock, pool, take };
}

const takeAll = (take: () => number | null) => {
  const ports: number[] = [];
  for (let port = take(); port !== null; port = take()) ports.push(port);
  return ports;
};

describe('the range', () => {
  test.each<[number, number, number[]]>([
    [10_000, 10_006, [10_000, 10_002, 10_004]],
    [10_001, 10_006, [10_002, 10_004]],
    [10_000, 10_005, [10_000, 10_002]],
    [10_000, 10_001, []],
    [10_000, 10_000, []],
  ])('%i to %i has even ports whose odd neighbour is inside (RFC 3550 section 11)', (start, end, expected) => {
    const { pool, take } = setUp(start, end);
    expect(takeAll(take).sort()).toEqual(expected);
    expect(pool.usage()).toEqual({ total: 2 * expected.length, inUse: 2 * expected.length });
  });

  test('is walked through from a random place', () => {
    const begins = new Set([1, 2, 3, 4, 5, 6, 7, 8].map((seed) => setUp(10_000, 11_000, seed).take()));
    expect(begins.size).toBeGreaterThan(4);
    const [first = 0, ...rest] = takeAll(setUp(10_000, 10_012, 3).take);
    expect(rest).toEqual([1, 2, 3, 4, 5].map((i) => 10_000 + ((first - 10_000 + 2 * i) % 12)));
  });
});

test('a port that is to be had later keeps its place, free or in quarantine, and the next is looked at', () => {
  const { clock, pool, take } = setUp(10_000, 10_006);
  const [first, second, third] = [take()!, take()!, take()!];
  for (const port of [first, second, third]) pool.release(port);
  expect(take((port) => (port === first ? 'later' : null))).toBe(second);
  clock.advance(2000);
  expect(take((port) => (port === first ? 'later' : null))).toBe(third);
  expect(take(() => 'later')).toBeNull();
  expect(pool.skipped).toBe(0);
  expect(take()).toBe(first);
});

describe('quarantine', () => {
  test('keeps a released port for 2 s, then behind all others', () => {
    const { clock, pool, take } = setUp();
    const first = take()!;
    pool.release(first);
    clock.advance(2000);
    const next = takeAll(take);
    expect(next).toHaveLength(6);
    expect(next.at(-1)).toBe(first);
  });

  test('is cut short, oldest first, before a lease is refused', () => {
    const { clock, pool, take } = setUp();
    const [a, b] = takeAll(take);
    pool.release(b!);
    clock.advance(10);
    pool.release(a!);
    expect([take(), take(), take()]).toEqual([b, a, null]);
  });

  test('is not use', () => {
    const { pool, take } = setUp();
    const port = take()!;
    expect(pool.usage()).toEqual({ total: 12, inUse: 2 });
    pool.release(port);
    expect(pool.usage()).toEqual({ total: 12, inUse: 0 });
  });

  test('a port given back twice is there once', () => {
    const { clock, pool, take } = setUp();
    const port = take()!;
    pool.release(port);
    pool.release(port);
    pool.release(4711);
    clock.advance(2000);
    expect(takeAll(take)).toHaveLength(6);
  });

  test('leaves no timer behind', () => {
    const { clock, pool, take } = setUp();
    pool.release(take()!);
    expect(clock.pending).toBe(0);
  });
});

describe('a port that cannot be opened', () => {
  test('is skipped, counted and rested for 30 s when another program holds it', () => {
    const { clock, pool, take } = setUp();
    const foreign = setUp().take()!;
    const port = take((tried) => (tried === foreign ? 'taken' : null));
    expect(port).not.toBe(foreign);
    expect(pool.skipped).toBe(1);
    expect(pool.usage().inUse).toBe(2);
    expect(takeAll(take)).not.toContain(foreign);
    clock.advance(29_999);
    expect(take()).toBeNull();
    clock.advance(1);
    expect(take()).toBe(foreign);
  });

  test('is kept when the trouble is not the port', () => {
    const { pool, take } = setUp();
    expect(take(() => 'unusable')).toBeNull();
    expect(pool.skipped).toBe(0);
    expect(takeAll(take)).toHaveLength(6);
  });

  test('ends in a refusal when all are taken', () => {
    const { pool, take } = setUp();
    expect(take(() => 'taken')).toBeNull();
    expect(pool.skipped).toBe(6);
  });
});

test('whatever is taken and released, no port is out twice and none is lost', () => {
  const steps = fc.array(fc.oneof(fc.constant('take' as const), fc.nat(9), fc.constant('wait' as const)), {
    maxLength: 200,
  });
  fc.assert(
    fc.property(steps, (schedule) => {
      const { clock, pool, take } = setUp();
      const out: number[] = [];
      for (const step of schedule) {
        if (step === 'wait') clock.advance(700);
        else if (step === 'take') {
          const port = take();
          expect(port === null).toBe(out.length === 6);
          expect(out).not.toContain(port);
          if (port !== null) out.push(port);
        } else if (step < out.length) pool.release(out.splice(step, 1)[0]!);
        expect(pool.usage().inUse).toBe(2 * out.length);
      }
      expect(out.length + takeAll(take).length).toBe(6);
    }),
  );
});

import { describe, expect, test } from 'vitest';
import { asFigure } from './matrix.ts';
import type { Run } from './run.ts';

const held = (bytes: number) => ({ bytes, descriptors: 20 });

/** Ten seconds of 100 calls in which all went well. */
const good: Run = {
  sent: 100_000,
  received: 100_000,
  lost: 0,
  duplicates: 0,
  reordered: 0,
  wrong: 0,
  unsent: 0,
  ownDrops: 0,
  lostBefore: 0,
  seconds: 10,
  latency: { p50: 20, p99: 90, p999: 200, max: 400 },
  lateness: { p50: 20, p99: 100, p999: 300, max: 500 },
  ownCpuSeconds: 2,
  machineCpuSeconds: 3.1,
  watched: [],
  realtime: true,
  mediaCpuSeconds: 1,
  controlCpuSeconds: 0.1,
  held: { before: held(50e6), during: held(60e6), after: held(60e6) },
  counted: {},
  portsInUse: 0,
};
const figureOf = (run: Partial<Run>, engine: string | null = 'plain') =>
  asFigure('x', { name: 'x', engine, encrypted: 0 }, 100, { ...good, ...run });

describe('a run as a figure', () => {
  test('is the CPU time of each packet that came through', () => {
    expect(figureOf({})).toMatchObject({ value: 10, unit: 'µs CPU a packet', details: { doubts: '' } });
    expect(figureOf({ received: 50_000, lost: 50_000 }).value).toBe(20);
    expect(figureOf({}).settings).toBe(
      '0 of 100000 lost; one way p50 20 µs, p99 90 µs; 0.10 cores, generator 0.20; 0.100 MB a call',
    );
  });

  test('is that of the generator where there is no engine', () => {
    expect(figureOf({ held: null, mediaCpuSeconds: 0 }, null).value).toBe(20);
  });

  test('other programs may be meant to run beside it', () => {
    const run = { ...good, machineCpuSeconds: 8.1 };
    expect(asFigure('x', { name: 'x', engine: 'plain', encrypted: 0 }, 100, run, true).details?.['doubts']).toBe('');
  });

  test.each<[string, Partial<Run>]>([
    ['the generator was late (p99 2.5 ms)', { lateness: { ...good.lateness, p99: 2500 } }],
    ['it let 3 packets drop', { ownDrops: 3 }],
    ['it could not send 2', { unsent: 2 }],
    ['it had no time to spare', { ownCpuSeconds: 9.5, machineCpuSeconds: 10.6 }],
    ['others used 0.50 cores', { machineCpuSeconds: 8.1 }],
  ])('says that it is not to be trusted: %s', (doubt, run) => {
    expect(figureOf(run).settings).toContain(`; NOT TO BE TRUSTED: ${doubt}`);
    expect(figureOf(run).details?.['doubts']).toBe(doubt);
  });
});

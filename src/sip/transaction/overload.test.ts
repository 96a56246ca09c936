import { expect, test } from 'vitest';
import { type LogFields, silentLog, VirtualClock } from '../../base/index.ts';
import { defaultOverloadLimits, Overload, type OverloadLimits } from './overload.ts';

/** An overload guard with small limits, and the lines that it writes. */
function guard(limits: Partial<OverloadLimits> = {}) {
  const clock = new VirtualClock();
  const lines: (LogFields | undefined)[] = [];
  const log = { ...silentLog, warning: (_message: string, fields?: LogFields) => lines.push(fields) };
  return { clock, lines, overload: new Overload(clock, log, { ...defaultOverloadLimits, ...limits }) };
}

const strict = { strangersPerSource: { perSecond: 1, burst: 3 }, strangers: { perSecond: 1, burst: 5 } };

/** Requests from there, each challenged where it is taken; how many were. */
function knocks(overload: Overload, source: string, times: number): number {
  let taken = 0;
  for (let i = 0; i < times; i++) {
    if (!overload.admits(source, 0, false)) continue;
    overload.answeredStranger(source);
    taken++;
  }
  return taken;
}

test('who only knocks is not heard any more after a while, and others are', () => {
  const { overload, clock } = guard(strict);
  expect(knocks(overload, '192.0.2.1', 10)).toBe(3);
  expect(knocks(overload, '192.0.2.2', 1)).toBe(1);
  clock.advance(2_000);
  expect(knocks(overload, '192.0.2.1', 10)).toBe(2);
});

test('however many addresses strangers have, all together they are answered so often', () => {
  const { overload } = guard(strict);
  const taken = Array.from({ length: 50 }, (_, i) => knocks(overload, `192.0.2.${i}`, 1));
  expect(taken.filter((count) => count > 0)).toHaveLength(5);
});

test('right credentials give back what the challenge before them cost', () => {
  const { overload } = guard(strict);
  for (let i = 0; i < 100; i++) {
    expect(knocks(overload, '192.0.2.1', 1)).toBe(1);
    overload.vouched('192.0.2.1');
  }
  expect(knocks(overload, '192.0.2.2', 3)).toBe(3);
});

test('where somebody has shown who it is a flood of strangers is not felt, and ten times as much may be asked', () => {
  const { overload } = guard(strict);
  overload.vouched('192.0.2.200');
  for (let i = 0; i < 50; i++) knocks(overload, `192.0.2.${i}`, 5);
  expect(overload.admits('192.0.2.60', 0, false)).toBe(false);
  expect(knocks(overload, '192.0.2.200', 100)).toBe(30);
});

test('transactions are bounded for one source, in all, and beyond that for those in dialogs', () => {
  const { overload } = guard({ serverTransactions: 10, serverTransactionsPerSource: 2 });
  const admits = (source: string, size: number, inDialog = false) => overload.admits(source, size, inDialog);
  for (let i = 0; i < 2; i++) overload.began('192.0.2.1');
  expect(admits('192.0.2.1', 2)).toBe(false);
  expect(admits('192.0.2.1', 2, true)).toBe(true);
  expect(admits('192.0.2.2', 9)).toBe(true);
  expect(admits('192.0.2.2', 10)).toBe(false);
  expect(admits('192.0.2.2', 14, true)).toBe(true);
  expect(admits('192.0.2.2', 15, true)).toBe(false);
  overload.ended('192.0.2.1');
  expect(admits('192.0.2.1', 1)).toBe(true);
  expect(overload.isCrowded(4)).toBe(false);
  expect(overload.isCrowded(5)).toBe(true);
});

test('so many are told that they are turned away, the others are dropped; one line a minute says so', () => {
  const { overload, lines, clock } = guard({ serverTransactions: 0, rejections: { perSecond: 1, burst: 2 } });
  for (let i = 0; i < 10; i++) if (!overload.admits('192.0.2.1', 0, false)) overload.rejects();
  expect(overload.counters).toEqual({ rejected: 2, dropped: 8, withheld: 0 });
  expect(lines).toHaveLength(1);
  clock.advance(60_000);
  overload.admits('192.0.2.1', 0, false);
  expect(lines[1]).toMatchObject({ reason: 'too many transactions', rejected: 2, dropped: 8, since_last_told: 9 });
});

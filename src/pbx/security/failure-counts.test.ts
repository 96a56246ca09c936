import { expect, test } from 'vitest';
import { VirtualClock } from '../../base/index.ts';
import { FailureCounts } from './failure-counts.ts';

test('failures are counted for each key, within the window', () => {
  const clock = new VirtualClock();
  const counts = new FailureCounts(clock, 60_000);
  expect(counts.add('a')).toBe(1);
  clock.advance(30_000);
  expect(counts.add('a')).toBe(2);
  expect(counts.add('b')).toBe(1);
  clock.advance(29_999);
  expect(counts.add('a')).toBe(3);
  clock.advance(1);
  expect(counts.add('a')).toBe(3);
  clock.advance(60_000);
  expect(counts.add('a')).toBe(1);
});

test('thousands within the window are counted one by one', () => {
  const clock = new VirtualClock();
  const counts = new FailureCounts(clock, 60_000);
  for (let i = 1; i <= 5000; i++) {
    clock.advance(5);
    expect(counts.add('a')).toBe(i);
  }
});

test('what is forgotten is counted anew', () => {
  const counts = new FailureCounts(new VirtualClock(), 60_000);
  counts.add('a');
  counts.forget('a');
  expect(counts.add('a')).toBe(1);
});

test('a million keys take no more room than the limit; the youngest are still known', () => {
  const counts = new FailureCounts(new VirtualClock(), 60_000, 1000);
  for (let i = 0; i < 1_000_000; i++) {
    counts.add(`key ${i}`);
    if (counts.size > 1000) throw new Error(`${counts.size} keys are kept`);
  }
  expect(counts.size).toBeGreaterThanOrEqual(500);
  expect(counts.add('key 999999')).toBe(2);
  expect(counts.add('key 0')).toBe(1);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NonceCounts } from './nonce-counts.ts';

/** Uses the count if it is fresh. */
const tryUse = (counts: NonceCounts, count: number, nonce = 'n', issuedAt = 1): boolean => {
  const fresh = counts.isFresh(nonce, issuedAt, count);
  if (fresh) counts.use(nonce, issuedAt, count, 0);
  return fresh;
};

test('each count works at most once, and a late one if it is less than 32 behind the highest', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 120 }), { maxLength: 200 }), (sequence) => {
      const counts = new NonceCounts();
      const used = new Set<number>();
      for (const count of sequence) {
        const highest = Math.max(0, ...used);
        const expected = !used.has(count) && (used.size === 0 || highest - count < 32);
        expect(tryUse(counts, count)).toBe(expected);
        if (expected) used.add(count);
      }
    }),
  );
});

test('the largest counts work', () => {
  const counts = new NonceCounts();
  expect([1, 0xffff_ffff, 0xffff_fffe, 0xffff_ffff, 1].map((count) => tryUse(counts, count))).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
});

test('nonces that have expired are forgotten', () => {
  const counts = new NonceCounts();
  counts.use('old', 100, 1, 0);
  counts.use('young', 200, 1, 150);
  expect(counts.size).toBe(1);
});

test('what had to be forgotten for want of room never works again', () => {
  const counts = new NonceCounts(2);
  for (const [i, nonce] of ['a', 'b', 'c'].entries()) counts.use(nonce, 100 + i, 1, 0);
  expect(counts.size).toBe(2);
  expect(counts.isFresh('a', 100, 1)).toBe(false);
  expect(counts.isFresh('a', 100, 2)).toBe(false);
  expect(counts.isFresh('b', 101, 1)).toBe(false);
  expect(counts.isFresh('b', 101, 2)).toBe(true);
  expect(counts.isFresh('unused but as old', 100, 1)).toBe(false);
  expect(counts.isFresh('unused and younger', 101, 1)).toBe(true);
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SequenceTracker } from './sequence.ts';

function tracked(...numbers: number[]): SequenceTracker {
  const tracker = new SequenceTracker();
  for (const number of numbers) tracker.push(number);
  return tracker;
}

describe('the sequence of a source (RFC 3550 appendices A.1 and A.3)', () => {
  test.each<[string, number[], number, number]>([
    ['nothing is missing in an unbroken run', [10, 11, 12, 13], 0, 13],
    ['a gap is missing', [10, 11, 14], 2, 14],
    ['a late packet fills its gap', [10, 12, 11, 13], 0, 13],
    ['the numbers wrap', [65_534, 65_535, 0, 1], 0, 65_537],
    ['a gap lies across the wrap', [65_534, 1], 2, 65_537],
    ['a packet from before the wrap arrives after it', [65_534, 0, 65_535, 1], 0, 65_537],
    ['duplicates never make a negative loss', [10, 10, 10], 0, 10],
    ['wild numbers between regular ones are no restart', [10, 30_000, 11, 30_001, 12], 0, 12],
    ['a single wild number is no loss', [10, 30_000, 11], 0, 11],
    [
      'two wild numbers in a row are a restart, and what was missing before it stays',
      [10, 12, 30_000, 30_001, 30_003],
      2,
      30_003,
    ],
    ['a restart may lie on the wrap', [20_000, 65_535, 0, 1], 0, 65_537],
  ])('%s', (_, numbers, lost, highest) => {
    const tracker = tracked(...numbers);
    expect(tracker.lost).toBe(lost);
    expect(tracker.extendedHighest).toBe(highest);
  });

  test('a new source starts over and losses add up', () => {
    const tracker = tracked(1, 3);
    tracker.startOver();
    for (const number of [500, 503]) tracker.push(number);
    expect(tracker.lost).toBe(3);
  });

  test('before the first packet nothing is known', () => {
    expect([new SequenceTracker().lost, new SequenceTracker().extendedHighest]).toEqual([0, null]);
  });

  test('whatever is dropped from a run is what is missing, wherever the run starts', () => {
    const run = fc.array(fc.boolean(), { minLength: 1, maxLength: 2000 });
    fc.assert(
      fc.property(fc.nat(65_535), run, (start, arrives) => {
        const tracker = tracked(start);
        let expected = 0;
        let missing = 0;
        arrives.forEach((here, i) => {
          if (here) {
            tracker.push((start + i + 1) & 0xffff);
            expected = missing;
          } else missing++;
        });
        expect(tracker.lost).toBe(expected);
      }),
    );
  });
});

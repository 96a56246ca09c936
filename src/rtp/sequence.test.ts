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
    ['duplicates hide no loss', [10, 12, 12, 10, 13], 1, 13],
    ['a late packet that comes twice fills one gap only', [10, 13, 11, 11], 1, 13],
    ['a packet from before the first one hides no loss', [10, 9, 12], 1, 12],
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

  test.each<[string, number[], number, number]>([
    ['an unbroken run has no gap', [10, 11, 12], 0, 0],
    ['each gap counts once, however wide', [10, 12, 15, 16, 20], 3, 0],
    ['a gap stays one when late packets have filled it', [10, 12, 11, 13], 1, 0],
    ['a gap across the wrap', [65_534, 1, 2], 1, 0],
    ['a restart is no gap', [10, 30_000, 30_001, 30_002], 0, 0],
    ['what comes again at once, or a while later', [10, 10, 11, 12, 11, 12], 0, 3],
    ['what comes again across the wrap', [65_535, 0, 65_535], 0, 1],
    ['a number that is used anew after its turn', [0, 1, ...Array.from({ length: 200 }, (_, i) => i + 2)], 0, 0],
    ['what was missing when the turn came round, and then comes', [0, 100, 199, 128], 2, 0],
  ])('gaps and duplicates: %s', (_, numbers, lossEvents, duplicates) => {
    const tracker = tracked(...numbers);
    expect({ lossEvents: tracker.lossEvents, duplicates: tracker.duplicates }).toEqual({ lossEvents, duplicates });
  });

  test('gaps and duplicates of one source add to those of the next', () => {
    const tracker = tracked(1, 3, 3);
    tracker.startOver();
    for (const number of [500, 503, 503]) tracker.push(number);
    expect([tracker.lossEvents, tracker.duplicates]).toEqual([2, 2]);
  });

  test('whatever comes twice, out of order by up to 50, is counted, and what never comes is missing', () => {
    const packets = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.nat(50)), { minLength: 2, maxLength: 500 });
    fc.assert(
      fc.property(fc.nat(65_535), packets, (start, copies) => {
        // Each packet is sent as often as told, late as told; the first and the last come once and in time.
        const arrivals = copies.flatMap(([count, late], i) => {
          const edge = i === 0 || i === copies.length - 1;
          return Array.from({ length: edge ? 1 : count }, () => ({ i, at: i + (edge ? 0 : late) }));
        });
        arrivals.sort((a, b) => a.at - b.at);
        const tracker = tracked(...arrivals.map(({ i }) => (start + i) & 0xffff));
        const came = new Set(arrivals.map(({ i }) => i)).size;
        expect(tracker.lost).toBe(copies.length - came);
        expect(tracker.duplicates).toBe(arrivals.length - came);
      }),
    );
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

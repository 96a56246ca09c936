import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ReplayWindow } from './replay-window.ts';

test('each index is new once, as long as it is less than 224 behind the newest', () => {
  const index = fc.oneof(
    fc.nat({ max: 600 }),
    fc.nat({ max: 3 }).map((i) => 2 ** 32 - 2 + i),
    fc.maxSafeNat(),
  );
  fc.assert(
    fc.property(
      fc.array(
        index.map((i) => i % 2 ** 48),
        { maxLength: 60 },
      ),
      (indices) => {
        const window = new ReplayWindow();
        const seen = new Set<number>();
        let highest = -1;
        for (const i of indices) {
          expect(window.isNew(i)).toBe(!seen.has(i) && i > highest - 224);
          if (!window.isNew(i)) continue;
          window.add(i);
          seen.add(i);
          highest = Math.max(highest, i);
          expect(window.highest).toBe(highest);
        }
      },
    ),
  );
});

test('in a stream that is shuffled within 200 packets every packet is new, and none a second time', () => {
  const order = Array.from({ length: 2000 }, (_, i) => i).sort(
    (a, b) => a + ((a * 7919) % 200) - (b + ((b * 7919) % 200)),
  );
  const window = new ReplayWindow();
  for (const index of order) {
    expect(window.isNew(index)).toBe(true);
    window.add(index);
    expect(window.isNew(index)).toBe(false);
  }
});

import { expect, test } from 'vitest';
import { simulate } from './simulate.ts';

/** As many as fit into a few seconds; `npm run simulate -- --seeds N` plays more. */
const seeds = 80;
/** How many stories are told by one test. */
const chapter = 20;

for (let first = 1; first <= seeds; first += chapter) {
  test(`stories ${first} to ${first + chapter - 1} end well`, { timeout: 60_000 }, async () => {
    for (let seed = first; seed < first + chapter; seed++) {
      const { faults } = await simulate(seed);
      expect(faults, `npm run simulate -- --seed ${seed}`).toEqual([]);
    }
  });
}

test('the same seed tells the same story, to the byte; another seed another one', async () => {
  const [first, again, other] = [await simulate(7), await simulate(7), await simulate(8)];
  expect(first.deliveries).toBeGreaterThan(50);
  expect(again).toEqual(first);
  expect(other.digest).not.toBe(first.digest);
});

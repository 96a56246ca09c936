import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Player } from './player.ts';

async function setUp(samples: Int16Array | null, repeat: boolean) {
  let played = 0;
  const sound = Promise.resolve(samples);
  const player = new Player({ sound, sampleRate: 8000, repeat, onPlayed: () => played++ });
  await sound;
  return { player, played: () => played, pull: () => player.pull()?.slice() ?? null };
}

const counting = (length: number) => Int16Array.from({ length }, (_, i) => i + 1);

test('a sound is played to its end in frames of 20 ms, the last filled up with silence, and that is told once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 1000 }), async (length) => {
      const { pull, played } = await setUp(counting(length), false);
      const heard: number[] = [];
      for (let frame = pull(); frame; frame = pull()) {
        expect(frame).toHaveLength(160);
        expect(played()).toBe(0);
        heard.push(...frame);
      }
      expect(played()).toBe(1);
      const padding = new Array<number>(heard.length - length).fill(0);
      expect(padding.length).toBeLessThan(160);
      expect(heard).toEqual([...counting(length), ...padding]);
      expect([pull(), played()]).toEqual([null, 1]);
    }),
  );
});

test('a sound that repeats goes on without a gap, however short it is, and never tells of an end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 500 }), async (length) => {
      const { pull, played } = await setUp(counting(length), true);
      const heard = Array.from({ length: 8 }, () => [...(pull() ?? [])]).flat();
      expect(heard).toEqual(Array.from({ length: 8 * 160 }, (_, i) => (i % length) + 1));
      expect(played()).toBe(0);
    }),
  );
});

test('nothing is heard before the sound is there', async () => {
  const { promise, resolve } = Promise.withResolvers<Int16Array>();
  const player = new Player({ sound: promise, sampleRate: 8000, repeat: false, onPlayed: () => {} });
  expect([player.pull(), player.pull()]).toEqual([null, null]);
  resolve(counting(160));
  await promise;
  expect(player.pull()).toEqual(counting(160));
});

test('a sound that is not there is over at once; one that was to repeat is silence', async () => {
  const once = await setUp(null, false);
  expect([once.pull(), once.played()]).toEqual([null, 1]);
  expect([once.pull(), once.played()]).toEqual([null, 1]);
  const for_ever = await setUp(null, true);
  expect([for_ever.pull(), for_ever.pull(), for_ever.played()]).toEqual([null, null, 0]);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { every } from './clock.ts';
import { VirtualClock } from './virtual-clock.ts';

test('timers fire at their own instant, in the order of their times and then of their start', () => {
  const clock = new VirtualClock();
  const fired: string[] = [];
  const note = (name: string) => () => fired.push(`${clock.now()} ${name}`);
  clock.after(20, note('late'));
  clock.after(10, note('first'));
  clock.after(10, note('second'));
  clock.advance(15);
  expect(fired).toEqual(['10 first', '10 second']);
  expect(clock.now()).toBe(15);
  clock.advance(5);
  expect(fired.at(-1)).toBe('20 late');
  expect(clock.pending).toBe(0);
});

test('a timer started by a timer fires in the same advance when it falls due', () => {
  const clock = new VirtualClock();
  const fired: number[] = [];
  clock.after(10, () => clock.after(10, () => fired.push(clock.now())));
  clock.advance(20);
  expect(fired).toEqual([20]);
});

test('a cancelled timer never fires and is not pending', () => {
  const clock = new VirtualClock();
  const timer = clock.after(10, () => {
    throw new Error('fired');
  });
  expect(clock.pending).toBe(1);
  timer.cancel();
  timer.cancel();
  expect(clock.pending).toBe(0);
  clock.advance(20);
  expect(clock.advanceToNext()).toBe(false);
});

test('cancelling a timer that has fired changes nothing', () => {
  const clock = new VirtualClock();
  const timer = clock.after(10, () => {});
  clock.after(30, () => {});
  clock.advance(20);
  timer.cancel();
  expect(clock.pending).toBe(1);
});

test('wall time goes along with the monotonic hand', () => {
  const clock = new VirtualClock(1_000_000);
  clock.advance(500);
  expect(clock.wall()).toBe(1_000_500);
});

test('however timers are started and cancelled, those left fire in order of time', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ at: fc.nat(100), cancelled: fc.boolean() })), (plans) => {
      const clock = new VirtualClock();
      const fired: number[] = [];
      const timers = plans.map(({ at }) => clock.after(at, () => fired.push(at)));
      for (const [index, { cancelled }] of plans.entries()) if (cancelled) timers[index]?.cancel();
      const expected = plans.filter(({ cancelled }) => !cancelled).map(({ at }) => at);
      expect(clock.pending).toBe(expected.length);
      clock.advance(100);
      expect(fired).toEqual(expected.toSorted((a, b) => a - b));
    }),
  );
});

test('every repeats until it is cancelled, also from within', () => {
  const clock = new VirtualClock();
  const turns: number[] = [];
  const timer = every(clock, 10, () => {
    turns.push(clock.now());
    if (turns.length === 3) timer.cancel();
  });
  clock.advance(100);
  expect(turns).toEqual([10, 20, 30]);
  expect(clock.pending).toBe(0);
});

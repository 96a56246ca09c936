import { expect, test } from 'vitest';
import { VirtualClock } from '../../base/index.ts';
import { TimerSet } from './timer-set.ts';

function setUp() {
  const clock = new VirtualClock();
  const fired: string[] = [];
  const timers = new TimerSet(clock, (name) => fired.push(`${clock.now()} ${name}`));
  return { clock, fired, timers };
}

test('timers fire by name, each at its time, once', () => {
  const { clock, fired, timers } = setUp();
  timers.start('B', 32_000);
  timers.start('A', 500);
  clock.advance(60_000);
  expect(fired).toEqual(['500 A', '32000 B']);
  expect(clock.pending).toBe(0);
});

test('a timer that is started again begins anew', () => {
  const { clock, fired, timers } = setUp();
  timers.start('A', 500);
  clock.advance(400);
  timers.start('A', 500);
  expect(clock.pending).toBe(1);
  clock.advance(60_000);
  expect(fired).toEqual(['900 A']);
});

test('a timer that is stopped does not fire, and stopping one that does not run is harmless', () => {
  const { clock, fired, timers } = setUp();
  timers.start('A', 500);
  timers.start('B', 600);
  timers.stop('A');
  timers.stop('A');
  timers.stop('D');
  clock.advance(60_000);
  expect(fired).toEqual(['600 B']);
});

test('all can be stopped together', () => {
  const { clock, fired, timers } = setUp();
  timers.start('A', 500);
  timers.start('B', 600);
  timers.stopAll();
  expect(clock.pending).toBe(0);
  clock.advance(60_000);
  expect(fired).toEqual([]);
});

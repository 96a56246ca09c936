import { expect, test } from 'vitest';
import { VirtualClock } from '../../base/index.ts';
import { DelayedAnswers } from './delayed-answers.ts';

function setUp() {
  const clock = new VirtualClock();
  const delayed = new DelayedAnswers(clock);
  const done: string[] = [];
  const add = (ms: number, source: string, name = source) =>
    delayed.add(
      ms,
      source,
      () => done.push(`answered ${name}`),
      () => done.push(`abandoned ${name}`),
    );
  return { clock, delayed, done, add };
}

test('an answer is given when its time has come', () => {
  const { clock, delayed, done, add } = setUp();
  expect(add(500, 'a')).toBe(true);
  clock.advance(499);
  expect(done).toEqual([]);
  clock.advance(1);
  expect(done).toEqual(['answered a']);
  expect(delayed.size).toBe(0);
});

test('those of a source are given up together, and no others', () => {
  const { clock, delayed, done, add } = setUp();
  add(500, 'a', 'a1');
  add(1000, 'a', 'a2');
  add(500, 'b');
  delayed.giveUp('a');
  expect(done).toEqual(['abandoned a1', 'abandoned a2']);
  clock.advance(1000);
  expect(done.slice(2)).toEqual(['answered b']);
  expect([delayed.size, clock.pending]).toEqual([0, 0]);
});

test('no more than 20 wait for one source, and 1,000 in all', () => {
  const { clock, delayed, done, add } = setUp();
  const taken = Array.from({ length: 30 }, () => add(500, 'a')).filter((added) => added).length;
  expect(taken).toBe(20);
  for (let source = 0; source < 2000; source++) add(500, `source ${source}`);
  expect(delayed.size).toBe(1000);
  clock.advance(500);
  expect(done).toHaveLength(1000);
  expect(add(500, 'a')).toBe(true);
});

test('in the end all are given up', () => {
  const { clock, delayed, done, add } = setUp();
  add(500, 'a');
  add(500, 'b');
  delayed[Symbol.dispose]();
  expect(done).toEqual(['abandoned a', 'abandoned b']);
  expect(clock.pending).toBe(0);
});

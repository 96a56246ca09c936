import { expect, test } from 'vitest';
import { Inbox } from './inbox.ts';
import { randomToken, SeededRandom, systemRandom } from './random.ts';
import { Scope } from './scope.ts';

test('a scope releases what it owns in reverse order, once', () => {
  const released: string[] = [];
  const owned = (name: string) => ({ [Symbol.dispose]: () => released.push(name) });
  const scope = new Scope();
  scope.own(owned('first'));
  scope.defer(() => released.push('second'));
  scope[Symbol.dispose]();
  scope[Symbol.dispose]();
  expect(released).toEqual(['second', 'first']);
  expect(scope.disposed).toBe(true);
});

test('a scope goes on releasing after a failure and then throws it', () => {
  const released: string[] = [];
  const scope = new Scope();
  scope.defer(() => released.push('first'));
  scope.defer(() => {
    throw new Error('no');
  });
  expect(() => scope[Symbol.dispose]()).toThrow('no');
  expect(released).toEqual(['first']);
});

test('the signal of a scope is aborted by its end, also when it is asked for only then', () => {
  const early = new Scope();
  const { signal } = early;
  expect(signal.aborted).toBe(false);
  early[Symbol.dispose]();
  expect(signal.aborted).toBe(true);
  const late = new Scope();
  late[Symbol.dispose]();
  expect(late.signal.aborted).toBe(true);
});

test('nothing can be given to a scope that has ended', () => {
  const scope = new Scope();
  scope[Symbol.dispose]();
  expect(() => scope.own({ [Symbol.dispose]: () => {} })).toThrow(ReferenceError);
});

test('an inbox handles what is posted during an event after that event', () => {
  const handled: string[] = [];
  const inbox = new Inbox<string>((event) => {
    if (event === 'a') inbox.post('b');
    handled.push(event);
  });
  inbox.post('a');
  expect(handled).toEqual(['a', 'b']);
});

test('an inbox goes on after an event that failed', () => {
  const handled: string[] = [];
  const inbox = new Inbox<string>((event) => {
    if (event === 'bad') throw new Error('bad event');
    handled.push(event);
  });
  expect(() => inbox.post('bad')).toThrow('bad event');
  inbox.post('good');
  expect(handled).toEqual(['good']);
});

test('a seed gives the same numbers each time, and another seed others', () => {
  const token = (seed: number) => randomToken(new SeededRandom(seed), 20);
  expect(token(1)).toBe(token(1));
  expect(token(1)).not.toBe(token(2));
  expect(token(3)).toMatch(/^[a-z2-7]{20}$/);
});

test('random numbers stay below their limit', () => {
  const random = new SeededRandom(7);
  const numbers = Array.from({ length: 1000 }, () => random.below(3));
  expect(new Set(numbers)).toEqual(new Set([0, 1, 2]));
});

test('the bytes of the operating system differ each time, however many are asked for', () => {
  const seen = new Set<string>();
  for (let i = 0; i < 3000; i++) seen.add(randomToken(systemRandom, 16));
  expect(seen.size).toBe(3000);
  expect(systemRandom.bytes(10_000)).toHaveLength(10_000);
  expect(systemRandom.bytes(0)).toHaveLength(0);
});

import { describe, expect, test } from 'vitest';
import { answerDirection, type Direction, directionOf, receives, reverse, sends, unconstrained } from './direction.ts';

const directions: readonly Direction[] = ['sendrecv', 'sendonly', 'recvonly', 'inactive'];

describe('an answer keeps to what the offer allows (RFC 3264 section 6.1)', () => {
  test.each<[offered: Direction, wanted: Direction, answered: Direction]>([
    ['sendrecv', 'sendrecv', 'sendrecv'],
    ['sendrecv', 'sendonly', 'sendonly'],
    ['sendrecv', 'recvonly', 'recvonly'],
    ['sendrecv', 'inactive', 'inactive'],
    ['sendonly', 'sendrecv', 'recvonly'],
    ['sendonly', 'sendonly', 'inactive'],
    ['sendonly', 'recvonly', 'recvonly'],
    ['sendonly', 'inactive', 'inactive'],
    ['recvonly', 'sendrecv', 'sendonly'],
    ['recvonly', 'sendonly', 'sendonly'],
    ['recvonly', 'recvonly', 'inactive'],
    ['recvonly', 'inactive', 'inactive'],
    ['inactive', 'sendrecv', 'inactive'],
    ['inactive', 'sendonly', 'inactive'],
    ['inactive', 'recvonly', 'inactive'],
    ['inactive', 'inactive', 'inactive'],
  ])('%s, wanting %s: %s', (offered, wanted, answered) => {
    expect(answerDirection(offered, wanted)).toBe(answered);
  });
});

test.each<[Direction, Direction]>([
  ['sendrecv', 'sendrecv'],
  ['sendonly', 'recvonly'],
  ['recvonly', 'sendonly'],
  ['inactive', 'inactive'],
])('%s is %s from the other end', (here, there) => {
  expect(reverse(here)).toBe(there);
});

test('sending and receiving are told apart', () => {
  expect(directions.filter(sends)).toEqual(['sendrecv', 'sendonly']);
  expect(directions.filter(receives)).toEqual(['sendrecv', 'recvonly']);
});

describe('an answer forced by a hold says nothing against talking later (RFC 6337 section 5.3)', () => {
  test.each<[offered: Direction, answered: Direction, wish: Direction]>([
    ['sendrecv', 'sendrecv', 'sendrecv'],
    ['sendrecv', 'sendonly', 'sendonly'],
    ['sendrecv', 'recvonly', 'recvonly'],
    ['sendrecv', 'inactive', 'inactive'],
    ['sendonly', 'recvonly', 'sendrecv'],
    ['sendonly', 'inactive', 'sendonly'],
    ['recvonly', 'sendonly', 'sendrecv'],
    ['recvonly', 'inactive', 'recvonly'],
    ['inactive', 'inactive', 'sendrecv'],
  ])('offered %s and answered %s, it stands for %s', (offered, answered, wish) => {
    expect(unconstrained(offered, answered)).toBe(wish);
  });
});

test('directions are made of sending and receiving, and give them back', () => {
  for (const direction of directions) {
    expect(directionOf(sends(direction), receives(direction))).toBe(direction);
    expect(reverse(reverse(direction))).toBe(direction);
  }
});

test('what two sides have agreed on is the same from both ends: one sends exactly where the other receives', () => {
  for (const offered of directions) {
    for (const wanted of directions) {
      const answered = answerDirection(offered, wanted);
      // The offerer may do no more than its offer, the answerer no more than it wants.
      expect(answerDirection(offered, answered)).toBe(answered);
      expect(sends(answered) && !receives(offered)).toBe(false);
      expect(receives(answered) && !sends(offered)).toBe(false);
      expect(sends(answered) && !sends(wanted)).toBe(false);
      expect(answerDirection(wanted, offered)).toBe(reverse(answered));
    }
  }
});

test('the wish behind an answer leads to the same answer when the same is offered again', () => {
  for (const offered of directions) {
    for (const wanted of directions) {
      const answered = answerDirection(offered, wanted);
      expect(answerDirection(offered, unconstrained(offered, answered))).toBe(answered);
    }
  }
});

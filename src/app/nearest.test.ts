import { expect, test } from 'vitest';
import { nearest, nearestLike, unlikeness } from './nearest.ts';

const known = ['listen_ip', 'listen_port', 'transport', 'realm', 'domains', 'max_concurrent_calls'];

test.each([
  ['listen_prot', 'listen_port'],
  ['lisen_ip', 'listen_ip'],
  ['listenPort', 'listen_port'],
  ['LISTEN-PORT', 'listen_port'],
  ['port', 'listen_port'],
  ['transports', 'transport'],
  ['max_calls', 'max_concurrent_calls'],
])('who writes %s means %s', (word, meant) => {
  expect(nearest(word, known)).toBe(meant);
});

test('nothing is nearest among nothing', () => {
  expect(nearest('port', [])).toBeUndefined();
});

test.each([
  ['tpc', 'tcp'],
  ['debgu', 'DEBUG'],
  ['warn', 'WARNING'],
  ['TRACE', undefined],
  ['x', undefined],
])('of few words, who writes %s means %s', (word, meant) => {
  expect(nearestLike(word, ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'udp', 'tcp'])).toBe(meant);
});

test('the same words written in another manner are not unlike', () => {
  expect(unlikeness('maxCallDuration', 'max_call_duration')).toBe(0);
});

test('two letters swapped are one error', () => {
  expect(unlikeness('prot', 'port')).toBe(1);
});

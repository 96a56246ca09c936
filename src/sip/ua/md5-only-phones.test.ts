import { expect, test } from 'vitest';
import { knowsOnlyMd5 } from './md5-only-phones.ts';

const via = (transport: string, branch: string | null) => ({ transport, params: new Map([['branch', branch]]) });

test.each([
  ['baresip v1.0.0 (x86_64/linux)', true],
  ['baresip v2.20.0 (x86_64/Linux)', true],
  ['baresip v3.10.1 (x86_64/Linux)', true],
  ['baresip v3.11.0 (x86_64/Linux)', true],
  ['baresip v3.12.0 (x86_64/Linux)', false],
  ['baresip v3.9.0 (x86_64/Linux)', true],
  ['baresip v4.1.0 (x86_64/Linux)', false],
  ['Linphone/5.2 (belle-sip/5.3)', false],
  [undefined, false],
])('%s: %s', (userAgent, only) => {
  expect(knowsOnlyMd5(userAgent, via('TCP', 'z9hG4bKab12'))).toBe(only);
});

test.each([
  ['z9hG4bK-8124-1-0', undefined, true],
  ['z9hG4bK-8124-1-0', 'SomePhone/1.0', false],
  ['z9hG4bK-524287-1---a1b2c3', undefined, false],
  ['z9hG4bKPj1-2-3', undefined, false],
  [null, undefined, false],
])('SIPp is known by its branch %s where it says no User-Agent (%s): %s', (branch, userAgent, only) => {
  expect(knowsOnlyMd5(userAgent, via('UDP', branch))).toBe(only);
});

test.each([
  ['WS', 'SomePage/1.0'],
  ['WSS', undefined],
])('a phone in a browser is known by its Via, of %s', (transport, userAgent) => {
  expect(knowsOnlyMd5(userAgent, via(transport, 'z9hG4bK1234567'))).toBe(true);
});

test('of a phone without a Via nothing is known', () => {
  expect(knowsOnlyMd5(undefined, undefined)).toBe(false);
});

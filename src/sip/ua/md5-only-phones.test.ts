import { expect, test } from 'vitest';
import { knowsOnlyMd5 } from './md5-only-phones.ts';

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
  expect(knowsOnlyMd5(userAgent, 'z9hG4bKab12')).toBe(only);
});

test.each([
  ['z9hG4bK-8124-1-0', undefined, true],
  ['z9hG4bK-8124-1-0', 'SomePhone/1.0', false],
  ['z9hG4bK-524287-1---a1b2c3', undefined, false],
  ['z9hG4bKPj1-2-3', undefined, false],
  [null, undefined, false],
])('SIPp is known by its branch %s where it says no User-Agent (%s): %s', (branch, userAgent, only) => {
  expect(knowsOnlyMd5(userAgent, branch)).toBe(only);
});

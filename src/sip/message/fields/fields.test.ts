import { describe, expect, test } from 'vitest';
import { SipSyntaxError } from '../errors.ts';
import type { HeaderType } from '../header-type.ts';
import * as fields from './index.ts';

const {
  CSeq,
  CallId,
  ContentLength,
  ContentType,
  Expires,
  MaxForwards,
  MinSE,
  Reason,
  RetryAfter,
  SessionExpires,
  Supported,
} = fields;
const params = (entries: Record<string, string | null>) => new Map(Object.entries(entries));

describe('reading and writing back', () => {
  test.each<[HeaderType<unknown>, string, unknown, string]>([
    [CSeq, '0009  INVITE', { number: 9, method: 'INVITE' }, '9 INVITE'],
    [CSeq, '2147483647 !x%', { number: 2_147_483_647, method: '!x%' }, '2147483647 !x%'],
    [CallId, 'a84b4c76e66710@pc33', 'a84b4c76e66710@pc33', 'a84b4c76e66710@pc33'],
    [MaxForwards, '0068', 68, '68'],
    [MaxForwards, '0', 0, '0'],
    [ContentLength, '251', 251, '251'],
    [Expires, '7200', 7200, '7200'],
    [Expires, '10000000000000000000', 4_294_967_295, '4294967295'],
    [RetryAfter, "120 (I'm in a meeting);duration=3600", 120, '120'],
    [MinSE, '90;x=y', 90, '90'],
    [
      SessionExpires,
      '1800 ; refresher=UAC',
      { seconds: 1800, params: params({ refresher: 'UAC' }) },
      '1800;refresher=UAC',
    ],
    [
      ContentType,
      'Application / SDP ; charset="UTF-8"',
      { type: 'application', subtype: 'sdp', params: params({ charset: 'UTF-8' }) },
      'application/sdp;charset=UTF-8',
    ],
    [
      Reason,
      'SIP ;cause=200 ;text="Call completed elsewhere"',
      { protocol: 'SIP', params: params({ cause: '200', text: 'Call completed elsewhere' }) },
      'SIP;cause=200;text="Call completed elsewhere"',
    ],
    [Reason, 'Q.850;text="Busy"', { protocol: 'Q.850', params: params({ text: 'Busy' }) }, 'Q.850;text="Busy"'],
    [Supported, '100rel', '100rel', '100rel'],
  ])('%j %s', (type, text, value, written) => {
    expect(type.parse(text)).toEqual(value);
    expect(type.format(type.parse(text))).toBe(written);
  });
});

describe('refusing', () => {
  test.each<[HeaderType<unknown>, string]>([
    [CSeq, '2147483648 INVITE'],
    [CSeq, '36893488147419103232 INVITE'],
    [CSeq, 'INVITE'],
    [CSeq, '1INVITE'],
    [CSeq, '1'],
    [CSeq, '-1 INVITE'],
    [CSeq, '1 IN VITE'],
    [CallId, ''],
    [CallId, 'a b'],
    [MaxForwards, '256'],
    [MaxForwards, '-1'],
    [MaxForwards, ''],
    [ContentLength, '-999'],
    [ContentLength, '1 2'],
    [ContentLength, '99999999999'],
    [Expires, 'Thu, 01 Dec 1994 16:00:00 GMT'],
    [ContentType, 'application'],
    [ContentType, 'application/'],
    [ContentType, '/sdp'],
    [Reason, ';cause=1'],
    [Supported, 'a b'],
    [Supported, ''],
  ])('%j %j', (type, text) => {
    expect(() => type.parse(text)).toThrow(SipSyntaxError);
  });
});

test('no list of tokens can be made to hold anything else', () => {
  expect(() => Supported.format('a, b')).toThrow(Error);
  expect(() => CSeq.format({ number: 1, method: 'A B' })).toThrow(Error);
});

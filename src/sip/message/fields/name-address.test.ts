import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SipSyntaxError } from '../errors.ts';
import { parseUri, sipUri } from '../uri.ts';
import { Contact, formatNameAddress, type NameAddress, parseNameAddress, tagOf } from './name-address.ts';

const bob = parseUri('sip:bob@example.com');

describe('reading addresses (RFC 3261 section 20.10)', () => {
  test.each<[string, string | null, string, Record<string, string | null>]>([
    ['<sip:bob@example.com>', null, 'sip:bob@example.com', {}],
    ['sip:bob@example.com', null, 'sip:bob@example.com', {}],
    ['sip:bob@example.com;tag=1', null, 'sip:bob@example.com', { tag: '1' }],
    ['sip:bob@example.com ;   tag    = 1918181833n', null, 'sip:bob@example.com', { tag: '1918181833n' }],
    ['<sip:bob@example.com;lr>;tag=1', null, 'sip:bob@example.com;lr', { tag: '1' }],
    ['Bob <sip:bob@example.com>', 'Bob', 'sip:bob@example.com', {}],
    ['caller<sip:bob@example.com>;tag=323', 'caller', 'sip:bob@example.com', { tag: '323' }],
    ['Bob  Builder\t<sip:bob@example.com>', 'Bob  Builder', 'sip:bob@example.com', {}],
    ['Bell, Alexander <sip:bob@example.com>', 'Bell, Alexander', 'sip:bob@example.com', {}],
    ['Jürgen <sip:bob@example.com>', 'Jürgen', 'sip:bob@example.com', {}],
    ['"Jürgen" <sip:bob@example.com>', 'Jürgen', 'sip:bob@example.com', {}],
    ['""<sip:bob@example.com>', '', 'sip:bob@example.com', {}],
    ['"J \\\\\\"" <sip:bob@example.com>', 'J \\"', 'sip:bob@example.com', {}],
    ['"<sip:x@y>" <sip:bob@example.com>', '<sip:x@y>', 'sip:bob@example.com', {}],
    ['"Bob" < sip:bob@example.com >', 'Bob', 'sip:bob@example.com', {}],
    ['<sip:a,b;c?d@example.com>', null, 'sip:a,b;c?d@example.com', {}],
    [
      '<sip:bob@example.com>;Q=0.7 ; expires="60";lr',
      null,
      'sip:bob@example.com',
      { q: '0.7', expires: '60', lr: null },
    ],
    [
      '<sip:bob@example.com>;+sip.instance="<urn:uuid:1>"',
      null,
      'sip:bob@example.com',
      { '+sip.instance': '<urn:uuid:1>' },
    ],
    ['sip:bob@example.com;x="<"', null, 'sip:bob@example.com', { x: '<' }],
    ['<sip:bob@example.com>;;tag=1;', null, 'sip:bob@example.com', { tag: '1' }],
    ['<tel:+1-2>;tag=1', null, 'tel:+1-2', { tag: '1' }],
  ])('%s', (text, displayName, uri, params) => {
    const expected: NameAddress = { displayName, uri: parseUri(uri), params: new Map(Object.entries(params)) };
    expect(parseNameAddress(text)).toEqual(expected);
  });

  test.each([
    '',
    'Bob',
    '"Mr. Bob <sip:bob@example.com>',
    '"Bob" sip:bob@example.com',
    'Bob "B" <sip:bob@example.com>',
    '<sip:bob@example.com',
    '<bob@example.com>',
    '<sip:bob@example.com>tag=1',
    '<sip:bob@example.com>;tag="1',
    '<sip:bob@example.com>;=1',
    '<sip:bob@example.com;x y>',
  ])('refuses %j', (text) => {
    expect(() => parseNameAddress(text)).toThrow(SipSyntaxError);
  });

  test('the tag is a parameter of the header field', () => {
    expect(tagOf(parseNameAddress('<sip:bob@example.com;tag=x>;Tag=y'))).toBe('y');
    expect(tagOf(parseNameAddress('<sip:bob@example.com>'))).toBeNull();
  });
});

describe('writing addresses', () => {
  test('display names are quoted, URIs stand in angle brackets', () => {
    expect(formatNameAddress({ displayName: 'B "x" \\', uri: bob, params: new Map([['tag', '1']]) })).toBe(
      '"B \\"x\\" \\\\" <sip:bob@example.com>;tag=1',
    );
  });

  test('values are quoted where they are no token, and always in feature parameters (RFC 3840 section 9)', () => {
    const params = new Map([
      ['methods', 'INVITE'],
      ['+sip.x', 'y'],
      ['q', '0.5'],
      ['received', '[2001:db8::1]'],
      ['empty', ''],
      ['text', 'a b'],
      ['ob', null],
    ]);
    expect(formatNameAddress({ displayName: null, uri: bob, params })).toBe(
      '<sip:bob@example.com>;methods="INVITE";+sip.x="y";q=0.5;received=[2001:db8::1];empty="";text="a b";ob',
    );
  });

  test('what is written reads as it was', () => {
    const noLineEnds = fc.string({ unit: 'binary' }).filter((text) => !/[\r\n]/.test(text));
    const address = fc.record({
      displayName: fc.option(noLineEnds),
      uri: fc.string({ minLength: 1, unit: 'binary' }).map((user) => sipUri({ user, host: 'example.com' })),
      params: fc
        .dictionary(fc.stringMatching(/^[a-z0-9+.-]{1,8}$/), fc.option(noLineEnds))
        .map((o) => new Map(Object.entries(o))),
    });
    fc.assert(
      fc.property(address, (value) => {
        expect(parseNameAddress(formatNameAddress(value))).toEqual(value);
      }),
    );
  });
});

test('a Contact may be "*" (RFC 3261 section 10.2.2)', () => {
  expect(Contact.parse('*')).toBe('*');
  expect(Contact.format('*')).toBe('*');
  expect(Contact.parse('<sip:bob@example.com>')).toMatchObject({ uri: bob });
});

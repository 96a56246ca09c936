import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SipSyntaxError } from './errors.ts';
import { endOfQuoted, quote, splitList, unfolded, unquote } from './grammar.ts';
import { formatParams, noParams, parseParams, withoutParam, withParam } from './params.ts';

test('what is quoted reads as it was (RFC 3261 section 25.1, quoted-string)', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const quoted = quote(text);
      expect(endOfQuoted(`${quoted}"tail`, 0)).toBe(quoted.length);
      expect(unquote(quoted, 0, quoted.length)).toBe(text);
    }),
  );
});

test.each(['"', '"abc', '"abc\\"', '"\\'])('%s is never closed', (text) => {
  expect(() => endOfQuoted(text, 0)).toThrow(SipSyntaxError);
});

test.each<[string, string[]]>([
  ['', []],
  [' , ,', []],
  ['a', ['a']],
  ['a ,b\t, c', ['a', 'b', 'c']],
  ['"a,\\",b", <c,d>;e="f,g"', ['"a,\\",b"', '<c,d>;e="f,g"']],
  ['<a, b', ['<a, b']],
])('the list %j', (text, elements) => {
  expect(splitList(text)).toEqual(elements);
});

test('folds with LF alone or CRLF join with one space', () => {
  expect(unfolded(' a \r\n\t b\n c\r\n  ')).toBe('a b c');
});

describe('parameters', () => {
  test('are derived, never changed', () => {
    const one = withParam(noParams, 'LR', null);
    const two = withParam(one, 'x', '1');
    expect([...withParam(two, 'lr', 'y')]).toEqual([
      ['lr', 'y'],
      ['x', '1'],
    ]);
    expect([...withoutParam(two, 'X')]).toEqual([['lr', null]]);
    expect(withoutParam(two, 'z')).toBe(two);
    expect(noParams.size).toBe(0);
  });

  test('what is written reads as it was', () => {
    const params = fc
      .dictionary(fc.stringMatching(/^[a-z0-9.!%*_+`'~-]{1,8}$/), fc.option(fc.string({ unit: 'binary' })))
      .map((entries) => new Map(Object.entries(entries)));
    fc.assert(
      fc.property(params, fc.boolean(), (given, quoted) => {
        expect(
          parseParams(
            formatParams(given, () => quoted),
            0,
          ),
        ).toEqual(given);
      }),
    );
  });

  test('a name that is no token is a defect', () => {
    expect(() => formatParams(new Map([['a;b', null]]))).toThrow(Error);
  });
});

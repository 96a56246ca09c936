import { describe, expect, test } from 'vitest';
import { SipSyntaxError } from '../errors.ts';
import { Authorization, ProxyAuthenticate, WwwAuthenticate } from './credentials.ts';

const params = (entries: Record<string, string>) => new Map(Object.entries(entries));

describe('reading challenges and credentials (RFC 7616 sections 3.3 and 3.4)', () => {
  test.each([
    [
      'Digest username="bob", realm="a, b", nonce="x\\"y",uri="sip:h" , qop=auth, nc=00000001, cnonce="", response="6629"',
      params({
        username: 'bob',
        realm: 'a, b',
        nonce: 'x"y',
        uri: 'sip:h',
        qop: 'auth',
        nc: '00000001',
        cnonce: '',
        response: '6629',
      }),
    ],
    ['Digest REALM = "r" ,, stale=TRUE,', params({ realm: 'r', stale: 'TRUE' })],
    ['Digest realm="1", realm="2"', params({ realm: '1' })],
    ['NoOneKnowsThisScheme opaque-data=here', params({ 'opaque-data': 'here' })],
    ['Bearer eyJhbGciOiJub25l.e30.==', params({ '': 'eyJhbGciOiJub25l.e30.==' })],
    ['Negotiate', params({})],
  ])('%s', (text, expected) => {
    expect(Authorization.parse(text)).toEqual({ scheme: text.split(' ')[0], params: expected });
  });

  test.each(['', 'Digest realm x', 'Digest "x"', 'Digest realm="x', 'Digest a=b c=d', 'Digest =x', '"x"'])(
    'refuses %j',
    (text) => {
      expect(() => Authorization.parse(text)).toThrow(SipSyntaxError);
    },
  );
});

describe('writing challenges and credentials', () => {
  const values = params({ realm: 'r', nonce: 'n', qop: 'auth', algorithm: 'SHA-256', stale: 'true', opaque: 'a"b' });

  test('a challenge quotes qop, but neither algorithm nor stale', () => {
    const text = 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256, stale=true, opaque="a\\"b"';
    expect(WwwAuthenticate.format({ scheme: 'Digest', params: values })).toBe(text);
    expect(ProxyAuthenticate.format({ scheme: 'Digest', params: values })).toBe(text);
    expect(WwwAuthenticate.parse(text).params).toEqual(values);
  });

  test('credentials quote neither qop nor nc', () => {
    const credentials = {
      scheme: 'Digest',
      params: params({ username: 'bob', qop: 'auth', nc: '00000001', cnonce: 'c' }),
    };
    expect(Authorization.format(credentials)).toBe('Digest username="bob", qop=auth, nc=00000001, cnonce="c"');
  });

  test('a bare token stays bare', () => {
    expect(Authorization.format(Authorization.parse('Bearer abc=='))).toBe('Bearer abc==');
  });

  test('a value that would have to be quoted is', () => {
    expect(Authorization.format({ scheme: 'Digest', params: params({ nc: '1, x="y"' }) })).toBe(
      'Digest nc="1, x=\\"y\\""',
    );
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SipSyntaxError } from './errors.ts';
import { noParams, type Params } from './params.ts';
import { formatUri, parseUri, type SipUri, sipUri } from './uri.ts';

const base: SipUri = sipUri({ user: 'alice', host: 'example.com' });
const params = (entries: Record<string, string | null>): Params => new Map(Object.entries(entries));

describe('reading SIP URIs (RFC 3261 section 19.1.1)', () => {
  test.each<[string, Partial<SipUri>]>([
    ['sip:alice@example.com', {}],
    ['SIP:alice@EXAMPLE.com', {}],
    ['sips:alice@example.com', { scheme: 'sips' }],
    ['sip:example.com', { user: null }],
    ['sip:@example.com', { user: null }],
    ['sip:alice:secret%21@example.com', { password: 'secret!' }],
    ['sip:alice@example.com:5080', { port: 5080 }],
    ['sip:alice@[2001:DB8::1]:5080', { host: '2001:db8::1', port: 5080 }],
    ['sip:[2001:db8::10:5070]', { user: null, host: '2001:db8::10:5070' }],
    ['sip:%61lice@example.com', { user: 'alice' }],
    ['sip:%23123@example.com', { user: '#123' }],
    ['sip:j%C3%BCrgen@example.com', { user: 'jürgen' }],
    ['sip:%FF@example.com', { user: '\u00ff' }],
    ['sip:50%@example.com', { user: '50%' }],
    ['sip:+1-212;phone-context=x?y/z@example.com', { user: '+1-212;phone-context=x?y/z' }],
    ['sip:alice@example.com;Transport=TCP;lr', { params: params({ transport: 'TCP', lr: null }) }],
    ['sip:alice@example.com;%6C%72;x=%41=%zz', { params: params({ lr: null, x: 'A=%zz' }) }],
    ['sip:alice@example.com;', {}],
    ['sip:alice@example.com;;lr', { params: params({ lr: null }) }],
    ['sip:alice@example.com;x=1;x=2', { params: params({ x: '1' }) }],
    ['sip:alice@example.com;lr?Route=%3Csip:x%3E', { params: params({ lr: null }), headers: 'Route=%3Csip:x%3E' }],
    ['sip:alice@example.com?subject=a;b', { headers: 'subject=a;b' }],
  ])('%s', (text, expected) => {
    expect(parseUri(text)).toEqual({ ...base, ...expected });
  });

  test.each([
    '',
    'alice',
    ':alice',
    'sip:',
    'sip:alice@',
    'sip:alice@example.com:0',
    'sip:alice@example.com:65536',
    'sip:alice@example.com:',
    'sip:alice@example.com:50x',
    'sip:alice@exam ple.com',
    'sip:alice@example.com; lr',
    '<sip:alice@example.com>',
    'sip:2001:db8::10',
    'sip:alice@2001:db8::10',
    'sip:alice@[2001:db8::1',
    'sip:alice@[example]',
    'sip:alice@[2001:db8::1]x',
    'sip:alice@example.com/x',
    'sip:alice@example.com;=x',
    'sip:alice@[::1\u0000]',
    '1sip:alice',
    'tel:',
    'tel:+',
    'tel:hello',
    'http:',
  ])('refuses %j', (text) => {
    expect(() => parseUri(text)).toThrow(SipSyntaxError);
  });
});

describe('reading other URIs', () => {
  test('a telephone number keeps its visual separators (RFC 3966 section 3)', () => {
    expect(parseUri('tel:+1-201-555-0123')).toEqual({ kind: 'tel', number: '+1-201-555-0123', params: noParams });
    expect(parseUri('TEL:7042;phone-context=example.com')).toEqual({
      kind: 'tel',
      number: '7042',
      params: params({ 'phone-context': 'example.com' }),
    });
    expect(parseUri('tel:*21*7042#')).toMatchObject({ number: '*21*7042#' });
  });

  test('a URI of an unknown scheme is kept as it is', () => {
    const text = 'soap.beep://192.0.2.103:3002';
    expect(parseUri(text)).toEqual({ kind: 'other', scheme: 'soap.beep', text });
    expect(formatUri(parseUri('nobodyKnowsThisScheme:totallyopaquecontent'))).toBe(
      'nobodyKnowsThisScheme:totallyopaquecontent',
    );
  });
});

describe('writing URIs', () => {
  test('what cannot stand for itself is escaped', () => {
    expect(formatUri(sipUri({ user: 'a b@c:d#e"<>', host: 'example.com' }))).toBe(
      'sip:a%20b%40c%3Ad%23e%22%3C%3E@example.com',
    );
    expect(formatUri(sipUri({ user: 'x\r\nVia: y', host: 'h' }))).toBe('sip:x%0D%0AVia%3A%20y@h');
    expect(formatUri(sipUri({ host: 'h', params: params({ x: 'a;b=c' }) }))).toBe('sip:h;x=a%3Bb%3Dc');
  });

  test('an empty user is none', () => {
    expect(formatUri(sipUri({ user: '', host: 'h' }))).toBe('sip:h');
  });

  test('IPv6 hosts stand in brackets', () => {
    expect(formatUri(sipUri({ host: '2001:DB8::1', port: 5060, scheme: 'sips' }))).toBe('sips:[2001:db8::1]:5060');
  });

  const name = fc.string({ minLength: 1, unit: 'binary' }).map((text) => text.toLowerCase());
  const sip = fc.record({
    kind: fc.constant('sip' as const),
    scheme: fc.constantFrom('sip' as const, 'sips' as const),
    user: fc.option(fc.string({ minLength: 1, unit: 'binary' })),
    host: fc
      .oneof(
        fc.domain(),
        fc.ipV4(),
        fc.ipV6().filter((host) => !host.includes('.')),
      )
      .map((h) => h.toLowerCase()),
    port: fc.option(fc.integer({ min: 1, max: 65_535 })),
    params: fc
      .array(fc.tuple(name, fc.option(fc.string({ unit: 'binary' }))))
      .map((entries): Params => new Map(entries)),
    headers: fc.option(fc.stringMatching(/^[a-z]{1,4}=[a-z%0-9;?]{0,8}$/)),
    password: fc.option(fc.string({ unit: 'binary' })),
  });

  test('what is written reads as it was', () => {
    fc.assert(
      fc.property(sip, (uri) => {
        const given = uri.user === null ? { ...uri, password: null } : uri;
        expect(parseUri(formatUri(given))).toEqual(given);
      }),
    );
  });

  test('reading any text gives a URI that is written and read unchanged, or a SipSyntaxError', () => {
    const soup = fc
      .array(
        fc.constantFrom('sip:', 'sips:', 'tel:', 'a', '%4', '1', '@', ':', ';', '=', '?', '[', ']', '.', '%', '&', 'ü'),
      )
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(
        fc.oneof(
          soup,
          soup.map((text) => `sip:${text}`),
        ),
        (text) => {
          try {
            const uri = parseUri(text);
            expect(parseUri(formatUri(uri))).toEqual(uri);
          } catch (error) {
            expect(error).toBeInstanceOf(SipSyntaxError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

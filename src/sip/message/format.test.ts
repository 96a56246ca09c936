import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SipSyntaxError } from './errors.ts';
import { Contact, CSeq, From, type NameAddress, To, Via } from './fields/index.ts';
import { formatCompact, formatMessage } from './format.ts';
import { Headers } from './headers.ts';
import { type SipMessage, SipRequest, SipResponse } from './message.ts';
import { parseMessage } from './parse.ts';
import { sipUri } from './uri.ts';

const invite = () =>
  new SipRequest({
    method: 'INVITE',
    uri: 'sip:bob@example.com',
    headers: new Headers([
      ['Content-Length', '999'],
      ['Via', 'SIP/2.0/UDP a;branch=z9hG4bK1'],
      ['From', '"Jürgen" <sip:j@example.com>;tag=a'],
      ['To', '<sip:bob@example.com>'],
      ['Call-ID', 'x'],
      ['CSeq', '1 INVITE'],
      ['User-Agent', 'Phone'],
      ['Allow', 'INVITE'],
      ['Session-Expires', '1800'],
      ['X-Own', 'y'],
    ]),
    body: Buffer.from('bödy'),
  });

test('Content-Length is made from the body and stands last', () => {
  expect(Buffer.from(formatMessage(invite())).toString()).toBe(
    [
      'INVITE sip:bob@example.com SIP/2.0',
      'Via: SIP/2.0/UDP a;branch=z9hG4bK1',
      'From: "Jürgen" <sip:j@example.com>;tag=a',
      'To: <sip:bob@example.com>',
      'Call-ID: x',
      'CSeq: 1 INVITE',
      'User-Agent: Phone',
      'Allow: INVITE',
      'Session-Expires: 1800',
      'X-Own: y',
      'Content-Length: 5',
      '',
      'bödy',
    ].join('\r\n'),
  );
});

test('the compact form has compact names and no dispensable fields, and reads the same', () => {
  const text = Buffer.from(formatCompact(invite())).toString();
  expect(text).toBe(
    [
      'INVITE sip:bob@example.com SIP/2.0',
      'v:SIP/2.0/UDP a;branch=z9hG4bK1',
      'f:"Jürgen" <sip:j@example.com>;tag=a',
      't:<sip:bob@example.com>',
      'i:x',
      'CSeq:1 INVITE',
      'x:1800',
      'X-Own:y',
      'l:5',
      '',
      'bödy',
    ].join('\r\n'),
  );
  expect(parseMessage(Buffer.from(text)).from.displayName).toBe('Jürgen');
});

test('a Request-URI that is set is the one written', () => {
  const request = invite();
  request.uri = sipUri({ user: 'carol', host: 'example.net' });
  expect(request.uriText).toBe('sip:carol@example.net');
  expect(parseMessage(formatMessage(request))).toMatchObject({ uriText: 'sip:carol@example.net' });
  expect(request.clone().uri).toBe(request.uri);
});

test('a clone has headers of its own', () => {
  const response = new SipResponse({ status: 200, headers: new Headers([['To', 'x']]), body: Uint8Array.of(1) });
  const copy = response.clone();
  copy.headers.set('To', 'y');
  copy.status = 404;
  expect(response).toMatchObject({ status: 200, reason: 'OK', body: Uint8Array.of(1) });
  expect(response.headers.get('To')).toBe('x');
});

describe('header injection is a defect, never written', () => {
  test.each<[string, (request: SipRequest) => SipMessage]>([
    ['method', (request) => Object.assign(request, { method: 'A B' })],
    ['empty method', (request) => Object.assign(request, { method: '' })],
    ['Request-URI', ({ method, headers }) => new SipRequest({ method, uri: 'sip:a SIP/2.0\r\nX: y', headers })],
    ['reason', ({ headers }) => new SipResponse({ status: 200, reason: 'OK\r\nX: y', headers })],
  ])('%s', (_, spoil) => {
    const spoiled = spoil(invite());
    expect(() => formatMessage(spoiled)).toThrow(Error);
    expect(() => formatCompact(spoiled)).not.toThrow(SipSyntaxError);
    expect(() => formatCompact(spoiled)).toThrow(Error);
  });
});

describe('what is written reads as it was', () => {
  const token = fc.stringMatching(/^[A-Za-z0-9.!%*_+`'~-]{1,12}$/);
  const params = fc.dictionary(
    token.map((name) => name.toLowerCase()),
    fc.option(fc.string({ unit: 'grapheme' })),
    { maxKeys: 3 },
  );
  const uri = fc.record({ user: fc.string({ minLength: 1, unit: 'grapheme' }), host: fc.domain() }).map(sipUri);
  const address = fc.record({
    displayName: fc.option(fc.string({ unit: 'grapheme' })),
    uri,
    params: params.map((entries) => new Map(Object.entries(entries))),
  });
  const via = fc.record({
    transport: fc.constantFrom('UDP', 'TCP', 'TLS', 'WSS', 'Other'),
    host: fc.oneof(
      fc.domain().map((host) => host.toLowerCase()),
      fc.constant('2001:db8::1'),
    ),
    port: fc.option(fc.integer({ min: 1, max: 65_535 })),
    params: params.map((entries) => new Map(Object.entries(entries))),
  });
  const extra = fc.tuple(
    token.map((name) => `X-${name}`),
    fc.string({ unit: 'grapheme' }),
  );

  const parts = fc.record({
    vias: fc.array(via, { minLength: 1, maxLength: 3 }),
    from: address,
    to: address,
    contacts: fc.array(address, { maxLength: 3 }),
    method: token,
    number: fc.integer({ min: 0, max: 0x7fff_ffff }),
    extras: fc.array(extra, { maxLength: 4 }),
    status: fc.option(fc.integer({ min: 100, max: 699 })),
    uri,
    body: fc.uint8Array(),
  });

  test('requests and responses, by bytes and by values', () => {
    fc.assert(
      fc.property(parts, ({ vias, from, to, contacts, method, number, extras, status, uri: target, body }) => {
        const headers = new Headers()
          .setAll(Via, vias)
          .setValue(From, from)
          .setValue(To, to)
          .set('Call-ID', 'x')
          .setValue(CSeq, { number, method })
          .setAll<NameAddress | '*'>(Contact, contacts);
        for (const [name, value] of extras) headers.add(name, value);
        const message =
          status === null
            ? new SipRequest({ method, uri: target, headers, body })
            : new SipResponse({ status, headers, body });

        const read = parseMessage(formatMessage(message));
        expect([...read.headers.entries()].slice(0, -1)).toEqual([...headers.entries()]);
        expect(read.headers.all(Via)).toEqual(vias);
        expect(read.headers.all(Contact)).toEqual(contacts);
        expect(read.from).toEqual(from);
        expect(read.to).toEqual(to);
        expect(read.cseq).toEqual({ number, method });
        expect(Array.from(read.body)).toEqual(Array.from(body));
        if (read.kind === 'request') expect(read).toMatchObject({ method, uri: target });
        else expect(read).toMatchObject({ status, reason: message.kind === 'response' && message.reason });
        expect(Buffer.from(formatMessage(read))).toEqual(Buffer.from(formatMessage(message)));
      }),
      { numRuns: 200 },
    );
  });
});

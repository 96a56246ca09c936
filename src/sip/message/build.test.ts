import { expect, test } from 'vitest';
import { createResponse } from './build.ts';
import { Headers } from './headers.ts';
import { SipRequest } from './message.ts';

const request = (to = 'Bob <sip:bob@example.com>') =>
  new SipRequest({
    method: 'INVITE',
    uri: 'sip:bob@example.com',
    headers: new Headers([
      ['v', 'SIP/2.0/UDP a;branch=z9hG4bK1'],
      ['Record-Route', '<sip:p;lr>'],
      ['Via', 'SIP/2.0/UDP b;branch=z9hG4bK2'],
      ['Max-Forwards', '70'],
      ['From', '<sip:alice@example.com>;tag=a'],
      ['To', to],
      ['Call-ID', 'x'],
      ['CSeq', '1 INVITE'],
      ['Timestamp', '54'],
      ['Subject', 's'],
    ]),
  });

test('a response copies Via, From, To, Call-ID and CSeq of its request, in order (RFC 3261 section 8.2.6.2)', () => {
  const response = createResponse(request(), 486);
  expect(response).toMatchObject({ kind: 'response', status: 486, reason: 'Busy Here', body: new Uint8Array(0) });
  expect([...response.headers.entries()]).toEqual([
    ['v', 'SIP/2.0/UDP a;branch=z9hG4bK1'],
    ['Via', 'SIP/2.0/UDP b;branch=z9hG4bK2'],
    ['From', '<sip:alice@example.com>;tag=a'],
    ['To', 'Bob <sip:bob@example.com>'],
    ['Call-ID', 'x'],
    ['CSeq', '1 INVITE'],
  ]);
});

test('To gets a tag where it has none, but not in a 100 (section 8.2.6.2)', () => {
  expect(createResponse(request(), 180, { toTag: 't' }).toTag).toBe('t');
  expect(createResponse(request('sip:bob@example.com;x=y'), 180, { toTag: 't' }).to.params).toEqual(
    new Map([
      ['x', 'y'],
      ['tag', 't'],
    ]),
  );
  expect(createResponse(request('<sip:bob@example.com>;tag=theirs'), 200, { toTag: 't' }).toTag).toBe('theirs');
  expect(createResponse(request(), 100, { toTag: 't' }).toTag).toBeNull();
  expect(createResponse(request(), 200, { toTag: null }).toTag).toBeNull();
});

test('a To that cannot be read goes back as it came', () => {
  expect(createResponse(request('"Bob <sip:bob@example.com>'), 400, { toTag: 't' }).headers.get('To')).toBe(
    '"Bob <sip:bob@example.com>',
  );
});

test('Timestamp is copied into a 100 only (section 8.2.6.1), Record-Route where asked for (section 12.1.1)', () => {
  expect(createResponse(request(), 100).headers.get('Timestamp')).toBe('54');
  expect(createResponse(request(), 180).headers.has('Timestamp')).toBe(false);
  expect(createResponse(request(), 180).headers.has('Record-Route')).toBe(false);
  expect(createResponse(request(), 180, { recordRoute: true }).headers.get('Record-Route')).toBe('<sip:p;lr>');
});

test('further fields, phrase and body are as given', () => {
  const response = createResponse(request(), 200, {
    reason: 'Fine',
    headers: { Contact: '<sip:us>' },
    body: Uint8Array.of(1),
    contentType: 'application/sdp',
  });
  expect(response.reason).toBe('Fine');
  expect(response.body).toEqual(Uint8Array.of(1));
  expect(response.headers.get('Contact')).toBe('<sip:us>');
  expect(response.headers.get('Content-Type')).toBe('application/sdp');
});

test('the request is not changed by its response', () => {
  const given = request();
  createResponse(given, 200, { toTag: 't' }).headers.set('Via', 'SIP/2.0/UDP z');
  expect(given.toTag).toBeNull();
  expect(given.topVia.host).toBe('a');
});

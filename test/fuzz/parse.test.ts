// Invariant: whatever octets arrive, `parseMessage` returns a message or throws SipSyntaxError, nothing else, and never
// in more than linear time. Whatever it returns can be asked for everything (a value or SipSyntaxError), written, and read
// again as the same message, and its values can be set in another; whatever it refuses with a request can be answered.
// No value ever holds a line end.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as sip from '../../src/sip/message/index.ts';
import { anyOctets, bytesOf, mutated, runs, sipSoup, tortureTexts } from './arbitraries.ts';

type AnyType = sip.HeaderType<unknown>;

/** Every header type that the parser knows. */
const headerTypes = (Object.values(sip) as unknown[]).filter(
  (value): value is AnyType =>
    typeof value === 'object' && value !== null && 'parse' in value && 'format' in value && 'list' in value,
);

/** The result, or the SipSyntaxError; anything else that is thrown goes on. */
function attempt<T>(action: () => T): T | sip.SipSyntaxError {
  try {
    return action();
  } catch (error) {
    if (error instanceof sip.SipSyntaxError) return error;
    throw error;
  }
}

const isError = (value: unknown): value is sip.SipSyntaxError => value instanceof sip.SipSyntaxError;

function essence(message: sip.SipMessage) {
  const lines = [...message.headers.entries()].filter(([name]) => sip.canonicalName(name) !== 'content-length');
  const start =
    message.kind === 'request' ? [message.method, sip.formatUri(message.uri)] : [message.status, message.reason];
  return { kind: message.kind, start, lines, body: Buffer.from(message.body).toString('latin1') };
}

function checkValues(message: sip.SipMessage): void {
  const { headers } = message;
  for (const type of headerTypes) {
    attempt(() => headers.first(type));
    const values = attempt(() => headers.all(type));
    if (isError(values)) {
      expect(values.status).toBe(400);
      continue;
    }
    for (const value of values) expect(type.parse(type.format(value))).toEqual(value);
    // What was read can be set in another message: copying must not be a defect.
    expect(new sip.Headers().setAll(type, values).all(type)).toEqual(values);
  }
  const uris = attempt(() => [message.from.uri, message.to.uri]);
  if (isError(uris)) throw uris; // both were read when the message was
  for (const uri of uris) {
    const again = sip.parseUri(sip.formatUri(uri));
    expect(again).toEqual(uri);
    expect(sip.sameUri(again, uri)).toBe(true);
  }
}

function checkMessage(message: sip.SipMessage, received: number): void {
  expect(message.body.length).toBeLessThanOrEqual(received);
  const entries = [...message.headers.entries()];
  expect(entries.length).toBeLessThanOrEqual(sip.limits.headers);
  for (const [name, value] of entries) {
    expect(sip.isToken(name)).toBe(true);
    expect(/[\r\n]/.test(value)).toBe(false);
    expect(new sip.Headers().add(name, value).get(name)).toBe(value);
  }
  for (const fact of ['callId', 'cseq', 'from', 'to', 'fromTag', 'toTag', 'topVia'] as const) void message[fact];
  checkValues(message);

  const written = sip.formatMessage(message);
  expect(essence(sip.parseMessage(written, { stream: true }))).toEqual(essence(message));
  const compact = sip.parseMessage(sip.formatCompact(message));
  expect([compact.callId, compact.cseq, compact.from, compact.to]).toEqual([
    message.callId,
    message.cseq,
    message.from,
    message.to,
  ]);
  if (message.kind === 'request') checkResponse(message, 500);
}

function checkResponse(request: sip.SipRequest, status: number): void {
  const response = sip.createResponse(request, status, { toTag: 'ours', recordRoute: true });
  const text = Buffer.from(sip.formatMessage(response)).toString('latin1');
  const lines = text.split('\r\n');
  expect(lines[0]).toBe(`SIP/2.0 ${status} ${sip.reasonPhrase(status)}`);
  // One line a header and nothing in between: nothing of the request came to stand as a line of its own.
  expect(lines.length).toBe([...response.headers.entries()].length + (response.headers.has('Content-Length') ? 3 : 4));
  expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
}

function attack(text: string): void {
  const bytes = bytesOf(text);
  for (const stream of [false, true]) {
    const result = attempt(() => sip.parseMessage(bytes, { stream }));
    if (!isError(result)) {
      checkMessage(result, bytes.length);
      continue;
    }
    expect([400, 413, 416, 505, 513]).toContain(result.status);
    if (result.request) checkResponse(result.request, result.status);
  }
}

/** A request without Content-Length and without the empty line. */
const minimal = [
  'OPTIONS sip:a@b SIP/2.0',
  'Via: SIP/2.0/UDP h;branch=z9hG4bK1',
  'From: <sip:a@b>;tag=1',
  'To: <sip:c@d>',
  'Call-ID: 1',
  'CSeq: 1 OPTIONS',
  '',
].join('\r\n');

describe('the parser survives', () => {
  test('any octets', () => {
    fc.assert(fc.property(anyOctets, attack), runs(1_500));
  });

  test('torture messages with changes', () => {
    fc.assert(fc.property(mutated, attack), runs(2_500));
  });

  test('text in the shape of a message', () => {
    fc.assert(fc.property(sipSoup, attack), runs(2_500));
  });

  test('torture messages cut off anywhere', () => {
    for (const text of tortureTexts) for (let end = 0; end < text.length; end += 7) attack(text.slice(0, end));
  });
});

describe('the parser needs no more than linear time for', () => {
  const units = [
    '<',
    '"',
    '\\',
    '"\\',
    '("',
    ';',
    ';a',
    ',',
    ',a',
    ':',
    '@',
    '%',
    '%4',
    '[',
    ']',
    '=',
    ' ',
    '\t',
    '\r\n ',
    '\r',
    '\n',
  ];
  const fields = [
    'Via: ',
    'From: ',
    'To: ',
    'Contact: ',
    'CSeq: ',
    'Call-ID: ',
    'Route: ',
    'Authorization: ',
    'X: ',
    '',
  ];

  test('one thing over and over, for as long as a message may be', () => {
    for (const unit of units) {
      for (const field of fields) {
        const rest = unit.repeat(Math.floor((sip.limits.datagramBytes - 300) / unit.length));
        const head = `INVITE sip:a@b SIP/2.0\r\n${field}`;
        attempt(() => sip.parseMessage(bytesOf(`${head}${rest}\r\n\r\n`)));
        attempt(() => sip.parseMessage(bytesOf(`${rest}\r\n\r\n`)));
      }
    }
  });

  test('as many of the longest header lines as a message may have', () => {
    const line = (unit: string) => unit.repeat(Math.floor(8_000 / unit.length));
    for (const unit of units.filter((text) => !/[\r\n]/.test(text))) {
      const rest = Array.from({ length: 7 }, () => `Contact: ${line(unit)}`).join('\r\n');
      const text = `${minimal}${rest}\r\nl: 0\r\n\r\n`;
      const message = attempt(() => sip.parseMessage(bytesOf(text)));
      if (!isError(message)) attempt(() => message.headers.all(sip.Contact));
    }
  });
});

describe('a message beyond the limits is refused', () => {
  const refusal = (text: string, stream = false) => {
    const result = attempt(() => sip.parseMessage(bytesOf(text), { stream }));
    return isError(result) ? result.status : result.kind;
  };

  test('by its size', () => {
    const padded = (size: number) => {
      const head = `${minimal}l: ${size - minimal.length - 20}\r\n\r\n`;
      return head + 'x'.repeat(size - head.length);
    };
    expect(refusal(padded(sip.limits.datagramBytes - 100))).toBe('request');
    expect(refusal(padded(sip.limits.datagramBytes + 1))).toBe(513);
    expect(refusal(padded(sip.limits.datagramBytes + 1), true)).not.toBe(513);
    expect(refusal(padded(sip.limits.streamBytes + 1), true)).toBe(513);
  });

  test('by the number of its headers', () => {
    const more = (count: number) => `${minimal}${'X: y\r\n'.repeat(count)}l: 0\r\n\r\n`;
    expect(refusal(more(sip.limits.headers - 6))).toBe('request');
    expect(refusal(more(sip.limits.headers - 5))).toBe(400);
    expect(refusal(more(5_000))).toBe(400);
  });

  test('by the length of a header line, folded or not', () => {
    expect(refusal(`${minimal}X: ${'y'.repeat(sip.limits.headerLineBytes - 10)}\r\nl: 0\r\n\r\n`)).toBe('request');
    expect(refusal(`${minimal}X: ${'y'.repeat(sip.limits.headerLineBytes)}\r\nl: 0\r\n\r\n`)).toBe(400);
    expect(refusal(`${minimal}X: ${'y\r\n '.repeat(sip.limits.headerLineBytes / 3)}\r\nl: 0\r\n\r\n`)).toBe(400);
  });
});

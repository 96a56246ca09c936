// Invariant: how a byte stream is cut into chunks changes nothing: the same messages, pings and faults come out in the
// same order (only where chunks end between two CRLFs may a pong be seen before the ping that they make). The framer throws
// nothing, gives no frame after a fault, and never holds more than one message's worth of bytes.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Frame, limits, parseMessage, SipSyntaxError, StreamFramer } from '../../src/sip/message/index.ts';
import { anyOctets, bytesOf, mutated, runs, sipSoup, tortureTexts } from './arbitraries.ts';

/** A frame as text, so that frames can be compared. */
function shown(frame: Frame): string {
  switch (frame.kind) {
    case 'message':
      return `message ${Buffer.from(frame.bytes).toString('latin1')}`;
    case 'error':
      return `error ${frame.error.status}`;
    default:
      return frame.kind;
  }
}

/** Everything that comes out when the chunks go in, and the most that was held meanwhile. */
function frame(chunks: readonly Uint8Array[], maxBytes?: number) {
  const framer = new StreamFramer(maxBytes === undefined ? {} : { maxBytes });
  const frames: string[] = [];
  let held = 0;
  for (const chunk of chunks) {
    framer.push(chunk);
    for (let next = framer.next(); next !== null; next = framer.next()) {
      if (next.kind === 'error') expect(next.error).toBeInstanceOf(SipSyntaxError);
      frames.push(shown(next));
    }
    held = Math.max(held, framer.buffered);
  }
  return { frames, held, left: framer.buffered };
}

const withoutPongs = (frames: readonly string[]) => frames.filter((text) => text !== 'pong');

/** The bytes cut at the given places (fractions of the length). */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...places.map((place) => Math.floor(place * bytes.length)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

const octetByOctet = (bytes: Uint8Array) => Array.from(bytes, (_, index) => bytes.subarray(index, index + 1));

const places = fc.array(
  fc.noBias(fc.nat(1_000_000)).map((number) => number / 1_000_000),
  { maxLength: 12 },
);

/** Bodies with everything in them that could be taken for the end of a message or for the next one, some of them long. */
const body = fc
  .array(
    fc.oneof(
      {
        weight: 8,
        arbitrary: fc.constantFrom('\r\n\r\n', '\r\n', '\0', 'x', 'l: 3\r\n', 'BYE sip:a@b SIP/2.0\r\n', '\xff'),
      },
      { weight: 1, arbitrary: fc.nat(1_500).map((count) => 'y'.repeat(count)) },
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

const lengthField = fc.constantFrom('Content-Length: ', 'l:', 'L :', 'CONTENT-LENGTH:\t', 'content-length:\r\n ');

const wellFormed = fc
  .record({ body, lengthField, first: fc.boolean(), zeros: fc.constantFrom('', '0', '000') })
  .map(({ body: text, lengthField: field, first, zeros }) => {
    const length = `${field}${zeros}${text.length}\r\n`;
    const fields =
      'Via: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n';
    return `OPTIONS sip:a@b SIP/2.0\r\n${first ? length + fields : fields + length}\r\n${text}`;
  });

/** What is sent: messages with CRLFs before and between them. */
const conversation = fc.array(fc.tuple(fc.nat(5), wellFormed), { maxLength: 12 });

const crlfs = (count: number) => '\r\n'.repeat(count);

describe('however a stream is cut', () => {
  test('its messages come out whole and in order, and two CRLFs are a ping', () => {
    fc.assert(
      fc.property(conversation, places, fc.nat(4), (sent, at, trailing) => {
        const bytes = bytesOf(sent.map(([blank, text]) => crlfs(blank) + text).join('') + crlfs(trailing));
        const expected = [
          ...sent.flatMap(([blank, text]) => [...Array<string>(blank >> 1).fill('ping'), `message ${text}`]),
          ...Array<string>(trailing >> 1).fill('ping'),
        ];
        for (const chunks of [[bytes], cut(bytes, at), octetByOctet(bytes)]) {
          const { frames, left } = frame(chunks);
          expect(withoutPongs(frames)).toEqual(expected);
          expect(left).toBe(0);
        }
      }),
      runs(400),
    );
  });

  test('whole messages stay apart from an odd CRLF, which is a pong', () => {
    fc.assert(
      fc.property(conversation, (sent) => {
        const bytes = bytesOf(sent.map(([blank, text]) => crlfs(blank) + text).join(''));
        const expected = sent.flatMap(([blank, text]) => [
          ...Array<string>(blank >> 1).fill('ping'),
          ...Array<string>(blank & 1).fill('pong'),
          `message ${text}`,
        ]);
        expect(frame([bytes]).frames).toEqual(expected);
      }),
      runs(200),
    );
  });

  test('a head may be cut anywhere, also where its bytes move to a larger buffer behind an earlier message', () => {
    const fields = 'Via: SIP/2.0/TCP h\r\nCall-ID: 1\r\n';
    const first = `OPTIONS sip:a@b SIP/2.0\r\n${fields}l: 0\r\n\r\n`;
    const second = `MESSAGE sip:a@b SIP/2.0\r\n${fields}l: 9000\r\n\r\n${'\r\n'.repeat(4_500)}`;
    const bytes = bytesOf(first + second);
    for (let end = first.length; end <= bytes.length - 8_990; end++) {
      const { frames } = frame([bytes.subarray(0, end), bytes.subarray(end)]);
      expect(frames).toEqual([`message ${first}`, `message ${second}`]);
    }
  });

  test('anything at all gives the same frames', () => {
    const stream = fc.array(fc.oneof(wellFormed, mutated, sipSoup, anyOctets, fc.nat(5).map(crlfs)), { maxLength: 4 });
    fc.assert(
      fc.property(stream, places, (texts, at) => {
        const bytes = bytesOf(texts.join(''));
        const whole = frame([bytes]);
        for (const chunks of [cut(bytes, at), octetByOctet(bytes)]) {
          const pieces = frame(chunks);
          expect(withoutPongs(pieces.frames)).toEqual(withoutPongs(whole.frames));
          expect(pieces.left).toBe(whole.left);
        }
      }),
      runs(400),
    );
  });

  test('what is a frame can be read or refused', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(mutated, sipSoup, wellFormed), { maxLength: 4 }), (texts) => {
        const framer = new StreamFramer();
        framer.push(bytesOf(texts.join('')));
        for (let next = framer.next(); next !== null; next = framer.next()) {
          if (next.kind !== 'message') continue;
          try {
            parseMessage(next.bytes, { stream: true });
          } catch (error) {
            expect(error).toBeInstanceOf(SipSyntaxError);
          }
        }
      }),
      runs(400),
    );
  });
});

describe('nothing grows without bound', () => {
  const maxBytes = 600;

  test('a framer never holds more than a message may have, and nothing after a fault', () => {
    const stream = fc.array(fc.oneof(wellFormed, mutated, anyOctets, fc.constant('x'.repeat(500))), { maxLength: 6 });
    fc.assert(
      fc.property(stream, places, (texts, at) => {
        const bytes = bytesOf(texts.join(''));
        for (const chunks of [[bytes], cut(bytes, at), octetByOctet(bytes)]) {
          const { frames, held, left } = frame(chunks, maxBytes);
          expect(held).toBeLessThanOrEqual(maxBytes);
          const fault = frames.findIndex((text) => text.startsWith('error'));
          if (fault >= 0) {
            expect(fault).toBe(frames.length - 1);
            expect(left).toBe(0);
          }
        }
      }),
      runs(400),
    );
  });

  test('after a fault nothing is kept of what still comes', () => {
    const framer = new StreamFramer();
    framer.push(bytesOf('INVITE sip:a@b SIP/2.0\r\nVia: x\r\n\r\n'));
    expect(framer.next()?.kind).toBe('error');
    for (let chunk = 0; chunk < 1_000; chunk++) framer.push(new Uint8Array(10_000));
    expect(framer.buffered).toBe(0);
    expect(framer.next()).toBeNull();
  });

  test('a head that never ends is refused with 513', () => {
    const framer = new StreamFramer();
    framer.push(bytesOf('INVITE sip:a@b SIP/2.0\r\n'));
    const line = bytesOf(`X: ${'y'.repeat(1_000)}\r\n`);
    let frames = 0;
    for (let sent = 0; sent < 2 * limits.streamBytes; sent += line.length) {
      framer.push(line);
      expect(framer.buffered).toBeLessThanOrEqual(limits.streamBytes + line.length);
      const next = framer.next();
      if (next === null) continue;
      frames++;
      expect(next.kind === 'error' && next.error.status).toBe(513);
    }
    expect(frames).toBe(1);
  });

  test('a body too long to be waited for is refused at once', () => {
    const framer = new StreamFramer();
    framer.push(bytesOf(`OPTIONS sip:a@b SIP/2.0\r\nl: ${limits.streamBytes}\r\n\r\n`));
    const next = framer.next();
    expect(next?.kind === 'error' && next.error.status).toBe(513);
  });

  test('CRLFs without end are pings and leave nothing behind', () => {
    const framer = new StreamFramer();
    for (let chunk = 0; chunk < 200; chunk++) {
      framer.push(bytesOf('\r\n'.repeat(500)));
      let pings = 0;
      for (let next = framer.next(); next !== null; next = framer.next()) if (next.kind === 'ping') pings++;
      expect(pings).toBe(250);
      expect(framer.buffered).toBe(0);
    }
  });
});

test('a message of the greatest size that arrives octet by octet needs no more than linear time', () => {
  const head = 'MESSAGE sip:a@b SIP/2.0\r\nX: ';
  const padding = 'y\r\n '.repeat(Math.floor(limits.streamBytes / 4) - 30);
  const bytes = bytesOf(`${head}${padding}\r\nl: 0\r\n\r\n`);
  expect(bytes.length).toBeLessThanOrEqual(limits.streamBytes);
  expect(frame(octetByOctet(bytes)).frames).toHaveLength(1);
});

describe('torture messages on a stream', () => {
  test('each with a length of its own is framed as it is', () => {
    const framed = tortureTexts.filter((text) => {
      const fields = text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n');
      const lengths = fields.filter((field) => /^(?:content-length|l)\s*:/i.test(field));
      const bodyLength = text.length - text.indexOf('\r\n\r\n') - 4;
      return lengths.length === 1 && Number(lengths[0]?.split(':')[1]) === bodyLength;
    });
    expect(framed.length).toBeGreaterThan(50);
    const bytes = bytesOf(framed.join(''));
    const expected = framed.map((text) => `message ${text}`);
    expect(frame([bytes]).frames).toEqual(expected);
    expect(frame(octetByOctet(bytes)).frames).toEqual(expected);
  });

  test.each([
    ['no Content-Length (inv2543)', 'inv2543'],
    ['a negative one (ncl)', 'ncl.0ha0'],
    ['two (mcl01)', 'mcl01.fhn'],
  ])('a stream ends at a message with %s, and the message can be answered with 400', (_, callId) => {
    const framer = new StreamFramer();
    framer.push(bytesOf(tortureTexts.find((text) => text.includes(`Call-ID: ${callId}`)) ?? ''));
    const next = framer.next();
    expect(next?.kind).toBe('error');
    if (next?.kind !== 'error') return;
    expect(next.error.status).toBe(400);
    expect(next.error.request?.callId.startsWith(callId)).toBe(true);
  });
});

import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Frame, StreamFramer } from './framer.ts';
import { limits } from './parse.ts';

const fields =
  'Via: SIP/2.0/TCP a;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n';
const message = (body = '', length = `Content-Length: ${body.length}`) =>
  `OPTIONS sip:b@h SIP/2.0\r\n${fields}${length}${length && '\r\n'}\r\n${body}`;

function drain(framer: StreamFramer): Frame[] {
  const frames: Frame[] = [];
  for (let frame = framer.next(); frame; frame = framer.next()) frames.push(frame);
  return frames;
}

const shown = (frame: Frame) =>
  frame.kind === 'message'
    ? Buffer.from(frame.bytes).toString('latin1')
    : frame.kind === 'error'
      ? frame.error.status
      : frame.kind;

/** What the framer makes of a stream that comes in these chunks. */
function frames(...chunks: readonly string[]) {
  const framer = new StreamFramer();
  return chunks.flatMap((chunk) => {
    framer.push(Buffer.from(chunk, 'latin1'));
    return drain(framer).map(shown);
  });
}

describe('messages (RFC 3261 section 18.3)', () => {
  test('several in one chunk', () => {
    const [a, b] = [message('first'), message('')];
    expect(frames(a + b + a)).toEqual([a, b, a]);
  });

  test('one in many chunks', () => {
    const whole = message('a body');
    expect(frames(...whole)).toEqual([whole]);
    const framer = new StreamFramer();
    framer.push(Buffer.from(whole.slice(0, -1)));
    expect(framer.next()).toBeNull();
    expect(framer.buffered).toBe(whole.length - 1);
    framer.push(Buffer.from(whole.slice(-1)));
    expect(framer.next()?.kind).toBe('message');
    expect(framer.buffered).toBe(0);
  });

  test.each([
    'l:3',
    'L : 3',
    'content-length:   3',
    'Content-Length:\r\n 3',
    'Contact: x\r\nl x\r\nl: 3\r\nContent-Length: 03',
  ])('the length in %j', (length) => {
    expect(frames(`${message('abc', length)}${message()}`)).toEqual([message('abc', length), message()]);
  });

  test('lines may end with LF alone', () => {
    const whole = message('', 'l: 4').replaceAll('\r\n', '\n');
    expect(frames(`${whole}\r\n\r\n${message()}`)).toEqual([`${whole}\r\n\r\n`, message()]);
  });

  test('no frame changes when more bytes come', () => {
    const framer = new StreamFramer();
    framer.push(Buffer.from(message('one')));
    const frame = framer.next();
    framer.push(Buffer.from(message('two')));
    expect(frame && shown(frame)).toBe(message('one'));
  });
});

describe('keep-alives (RFC 5626 section 4.4.1)', () => {
  test('a double CRLF is a ping, a single one a pong', () => {
    expect(frames('\r\n\r\n')).toEqual(['ping']);
    expect(frames('\r\n')).toEqual(['pong']);
    expect(frames(`\r\n${message()}\r\n\r\n\r\n${message()}`)).toEqual(['pong', message(), 'ping', 'pong', message()]);
    expect(frames('\r\n\r\n', '\r\n\r\n')).toEqual(['ping', 'ping']);
  });

  test('a ping that comes in pieces is a ping all the same', () => {
    expect(frames('\r', '\n\r\n')).toEqual(['ping']);
    expect(frames('\r\n', '\r\n')).toEqual(['pong', 'ping']);
    expect(frames('\r\n\r', '\n')).toEqual(['pong', 'ping']);
  });

  test('a CRLF before and one behind a message make no ping', () => {
    expect(frames('\r\n', message(), '\r\n')).toEqual(['pong', message(), 'pong']);
  });

  test('a blank line without CR means nothing', () => {
    expect(frames(`\n${message()}`)).toEqual([message()]);
  });
});

describe('streams that cannot be framed any more', () => {
  test.each([
    ['no Content-Length', '', 400],
    ['a bad one', 'Content-Length: x', 400],
    ['a negative one', 'l: -1', 400],
    ['two', 'l: 1\r\nl: 2', 400],
    ['a huge one', 'l: 99999999999999999999', 400],
    ['more than the limit', `l: ${limits.streamBytes}`, 513],
  ])('%s: one error that can be answered, and nothing after it', (_, length, status) => {
    const framer = new StreamFramer();
    framer.push(Buffer.from(message('', length)));
    const frame = framer.next();
    expect(frame).toMatchObject({ kind: 'error', error: { status, request: { method: 'OPTIONS' } } });
    framer.push(Buffer.from(message()));
    expect(framer.next()).toBeNull();
    expect(framer.buffered).toBe(0);
  });

  test('a head that does not end', () => {
    const framer = new StreamFramer();
    const chunk = Buffer.alloc(1_000, 'x');
    let pushed = 0;
    let frame: Frame | null = null;
    for (; frame === null; frame = framer.next()) {
      framer.push(chunk);
      pushed += chunk.length;
    }
    expect(frame).toMatchObject({ kind: 'error', error: { status: 513, request: null } });
    expect(pushed).toBeLessThanOrEqual(limits.streamBytes + chunk.length);
  });

  test('another protocol', () => {
    expect(frames('GET / HTTP/1.1\r\nHost: h\r\n\r\n')).toEqual([400]);
    expect(frames('POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na=bPOST / HTTP/1.1\r\n\r\n')).toEqual([400]);
  });
});

test('the messages and pings are the same however the stream is cut', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary-ascii' }).map((body) => message(body)),
    fc.constant('\r\n\r\n'),
  );
  const stream = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(stream, fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), (text, sizes) => {
      const chunks: string[] = [];
      for (let at = 0, turn = 0; at < text.length; turn++) {
        const end = at + sizes[turn % sizes.length]!;
        chunks.push(text.slice(at, end));
        at = end;
      }
      const withoutPongs = (all: readonly unknown[]) => all.filter((frame) => frame !== 'pong');
      expect(withoutPongs(frames(...chunks))).toEqual(withoutPongs(frames(text)));
    }),
  );
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findPart, partsOf } from './multipart.ts';

const lines = (...text: string[]) => text.join('\r\n');

describe('parts of a body (RFC 2046 section 5.1)', () => {
  test('stand between boundaries, with header fields of their own', () => {
    const body = lines(
      'for people without MIME',
      '--b',
      'Content-Type: application/SDP;charset=utf-8',
      'Content-Disposition: session',
      '',
      'v=0',
      's=-',
      '--b \t',
      '',
      'plain',
      '--b--',
      'the end',
    );
    expect(partsOf(body, 'b')).toEqual([
      { type: 'application/sdp', boundary: null, body: lines('v=0', 's=-') },
      { type: 'text/plain', boundary: null, body: 'plain' },
    ]);
  });

  test('may have line ends without CR, and need no last boundary', () => {
    expect(partsOf('--b\nc:application/sdp\n\nv=0\n', 'b')).toEqual([
      { type: 'application/sdp', boundary: null, body: lines('v=0', '') },
    ]);
  });

  test('are none without a boundary', () => {
    expect(partsOf('v=0', 'b')).toEqual([]);
  });

  test('end at their own boundary, not at a longer one that begins like it', () => {
    const inner = lines('--bb', '', 'inner', '--bb--');
    const body = lines('--b', 'Content-Type: multipart/mixed;', ' boundary=bb', '', inner, '--b--');
    expect(partsOf(body, 'b')).toEqual([{ type: 'multipart/mixed', boundary: 'bb', body: inner }]);
  });

  test('are read out of any text', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (body, boundary) => {
        findPart(body, boundary, 'application/sdp');
      }),
    );
  });

  test('are looked for within parts, four deep', () => {
    const wrap = (body: string, boundary: string, within: string) =>
      lines(
        `--${boundary}`,
        `Content-Type: multipart/alternative; charset=x; boundary="${within}"`,
        '',
        body,
        `--${boundary}--`,
      );
    const innermost = lines('--d', '', 'text', '--d', 'Content-Type: application/sdp', '', 'v=0', '--d--');
    const three = wrap(wrap(innermost, 'c', 'd'), 'b', 'c');
    expect(findPart(wrap(three, 'a', 'b'), 'a', 'application/sdp')?.body).toBe('v=0');
    expect(findPart(wrap(wrap(three, 'a', 'b'), 'z', 'a'), 'z', 'application/sdp')).toBeNull();
    expect(findPart(three, 'b', 'text/html')).toBeNull();
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { partsOf } from './multipart.ts';

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
      { type: 'application/sdp', body: lines('v=0', 's=-') },
      { type: 'text/plain', body: 'plain' },
    ]);
  });

  test('may have line ends without CR, and need no last boundary', () => {
    expect(partsOf('--b\nc:application/sdp\n\nv=0\n', 'b')).toEqual([
      { type: 'application/sdp', body: lines('v=0', '') },
    ]);
  });

  test('are none without a boundary', () => {
    expect(partsOf('v=0', 'b')).toEqual([]);
  });

  test('are read out of any text', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (body, boundary) => {
        partsOf(body, boundary);
      }),
    );
  });
});

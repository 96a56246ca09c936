import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatRtp,
  marker,
  payloadType,
  rtpKind,
  rtpPayload,
  sequenceNumber,
  setPayloadType,
  ssrc,
  timestamp,
} from './index.ts';

const packet = () =>
  formatRtp({
    payloadType: 8,
    marker: true,
    sequenceNumber: 0xfffe,
    timestamp: 0xfedcba98,
    ssrc: 0x89abcdef,
    payload: Uint8Array.of(1, 2, 3),
  });

describe('the RTP header (RFC 3550 section 5.1)', () => {
  test('is read as it was written', () => {
    const bytes = packet();
    expect(bytes).toEqual(
      Uint8Array.of(0x80, 0x88, 0xff, 0xfe, 0xfe, 0xdc, 0xba, 0x98, 0x89, 0xab, 0xcd, 0xef, 1, 2, 3),
    );
    expect([payloadType(bytes), marker(bytes), sequenceNumber(bytes), timestamp(bytes), ssrc(bytes)]).toEqual([
      8,
      true,
      0xfffe,
      0xfedcba98,
      0x89abcdef,
    ]);
  });

  test('keeps its marker and everything else when the payload type is rewritten', () => {
    const bytes = packet();
    setPayloadType(bytes, 101);
    expect([payloadType(bytes), marker(bytes)]).toEqual([101, true]);
    setPayloadType(bytes, 8);
    expect(bytes).toEqual(packet());
  });
});

describe('what arrives on an RTP port', () => {
  test.each<[string, Uint8Array, string]>([
    ['a packet', packet(), 'rtp'],
    ['a packet without payload', packet().subarray(0, 12), 'rtp'],
    ['nothing (RFC 6263 section 4.1)', Uint8Array.of(), 'keepalive'],
    ['a STUN binding request (RFC 7983)', Uint8Array.of(0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42), 'keepalive'],
    ['a short packet', packet().subarray(0, 11), 'malformed'],
    ['version 1', Uint8Array.of(0x40, ...packet().subarray(1)), 'malformed'],
    ['version 3', Uint8Array.of(0xc0, ...packet().subarray(1)), 'malformed'],
    ['DTLS', Uint8Array.of(22, ...packet().subarray(1)), 'malformed'],
    ['a CSRC list that is cut off', Uint8Array.of(0x81, ...packet().subarray(1)), 'malformed'],
    ['a CSRC list', Uint8Array.of(0x81, ...packet().subarray(1), 0), 'rtp'],
    ['an extension without its header', Uint8Array.of(0x90, ...packet().subarray(1)), 'malformed'],
    [
      'an extension that is cut off',
      Uint8Array.of(0x90, ...packet().subarray(1, 12), 0, 0, 0, 1, 9, 9, 9),
      'malformed',
    ],
    ['an extension', Uint8Array.of(0x90, ...packet().subarray(1, 12), 0, 0, 0, 1, 9, 9, 9, 9), 'rtp'],
  ])('%s', (_, bytes, kind) => {
    expect(rtpKind(bytes)).toBe(kind);
  });

  test('no bytes at all make the check fail in any other way than by its answer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) =>
        ['rtp', 'keepalive', 'malformed'].includes(rtpKind(bytes)),
      ),
    );
  });
});

describe('the payload of a packet (RFC 3550 section 5.1)', () => {
  const plain = packet();
  const header = plain.subarray(1, 12);

  test.each([
    ['plain', plain, [1, 2, 3]],
    ['behind two contributing sources', Uint8Array.of(0x82, ...header, ...new Uint8Array(8), 1, 2), [1, 2]],
    ['behind an extension', Uint8Array.of(0x90, ...header, 0, 0, 0, 1, 9, 9, 9, 9, 1, 2), [1, 2]],
    [
      'behind a source and an extension',
      Uint8Array.of(0x91, ...header, 8, 8, 8, 8, 0, 0, 0, 1, 9, 9, 9, 9, 1, 2),
      [1, 2],
    ],
    ['before padding', Uint8Array.of(0xa0, ...header, 1, 2, 0, 2), [1, 2]],
    ['beside more padding than there is', Uint8Array.of(0xa0, ...header, 1, 2, 200), []],
    ['none', plain.subarray(0, 12), []],
  ])('%s', (_, bytes, payload) => {
    expect([...rtpPayload(bytes)]).toEqual(payload);
  });
});

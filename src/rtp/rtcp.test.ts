import { expect, test } from 'vitest';
import { rtcpKind } from './rtcp.ts';

const receiverReport = Uint8Array.of(0x80, 201, 0, 1, 1, 2, 3, 4);

test.each<[string, Uint8Array, string]>([
  ['a receiver report (RFC 3550 section 6.4.2)', receiverReport, 'rtcp'],
  ['a compound packet', Uint8Array.of(...receiverReport, 0x81, 203, 0, 1, 1, 2, 3, 4), 'rtcp'],
  ['reduced-size feedback (RFC 5506)', Uint8Array.of(0x81, 205, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8), 'rtcp'],
  ['a BYE without source', Uint8Array.of(0x80, 203, 0, 0), 'rtcp'],
  ['nothing', Uint8Array.of(), 'keepalive'],
  ['STUN', Uint8Array.of(0, 1, 0, 0), 'keepalive'],
  ['a report that is cut off', receiverReport.subarray(0, 7), 'malformed'],
  ['three bytes', receiverReport.subarray(0, 3), 'malformed'],
  ['RTP', Uint8Array.of(0x80, 0, 0, 1, 1, 2, 3, 4), 'malformed'],
  ['version 0', Uint8Array.of(0x3f, 201, 0, 1, 1, 2, 3, 4), 'malformed'],
])('what arrives on an RTCP port: %s', (_, bytes, kind) => {
  expect(rtcpKind(bytes)).toBe(kind);
});

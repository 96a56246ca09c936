import type { PacketKind } from './packet.ts';

/**
 * Tells RTCP from what else arrives on an RTCP port: version 2, a type between 192 and 223 (RFC 5761 section 4), and a
 * first packet that is all there. Reduced-size RTCP (RFC 5506) and SRTCP pass.
 */
export function rtcpKind(bytes: Uint8Array): 'rtcp' | Exclude<PacketKind, 'rtp'> {
  if (bytes.length === 0 || bytes[0]! < 4) return 'keepalive';
  if (bytes.length < 4 || bytes[0]! >> 6 !== 2) return 'malformed';
  if (bytes[1]! < 192 || bytes[1]! > 223) return 'malformed';
  const length = 4 * (((bytes[2]! << 8) | bytes[3]!) + 1);
  return bytes.length < length ? 'malformed' : 'rtcp';
}

import { uint32 } from './bytes.ts';

/** Bytes of an RTP header without CSRC list and extension (RFC 3550 section 5.1). */
const rtpHeaderLength = 12;

/** What a datagram on an RTP port is: `keepalive` is STUN or an empty datagram, which says nothing about media. */
export type PacketKind = 'rtp' | 'keepalive' | 'malformed';

/**
 * Tells RTP from what else arrives on an RTP port (RFC 7983 section 7, RFC 6263 section 4). The header must be complete,
 * with its CSRC list and extension; padding is not looked at, since in SRTP it is encrypted.
 */
export function rtpKind(bytes: Uint8Array): PacketKind {
  if (bytes.length === 0 || bytes[0]! < 4) return 'keepalive';
  return headerLength(bytes) < 0 ? 'malformed' : 'rtp';
}

/** Bytes of an RTP packet's header with its CSRC list and extension; -1 when it is none, or its header is cut off. */
export function headerLength(bytes: Uint8Array): number {
  if (bytes.length < rtpHeaderLength || bytes[0]! >> 6 !== 2) return -1;
  let length = rtpHeaderLength + 4 * (bytes[0]! & 0x0f);
  if ((bytes[0]! & 0x10) !== 0) {
    if (bytes.length < length + 4) return -1;
    length += 4 + 4 * ((bytes[length + 2]! << 8) | bytes[length + 3]!);
  }
  return bytes.length < length ? -1 : length;
}

/** The payload type, 0 to 127, of an RTP packet. */
export function payloadType(packet: Uint8Array): number {
  return packet[1]! & 0x7f;
}

/** Writes another payload type into the packet; the marker stays. */
export function setPayloadType(packet: Uint8Array, type: number): void {
  packet[1] = (packet[1]! & 0x80) | type;
}

export function marker(packet: Uint8Array): boolean {
  return (packet[1]! & 0x80) !== 0;
}

/** The sequence number, 0 to 65535. */
export function sequenceNumber(packet: Uint8Array): number {
  return (packet[2]! << 8) | packet[3]!;
}

/** The timestamp in ticks of the payload type's clock, as an unsigned 32-bit number. */
export function timestamp(packet: Uint8Array): number {
  return uint32(packet, 4);
}

/** The synchronisation source, as an unsigned 32-bit number. */
export function ssrc(packet: Uint8Array): number {
  return uint32(packet, 8);
}

/**
 * The payload of a packet that `rtpKind` calls RTP, without header, CSRC list, extension and padding; not a copy. Empty
 * where the padding is longer than what there is (RFC 3550 §5.1).
 */
export function rtpPayload(packet: Uint8Array): Uint8Array {
  const start = headerLength(packet);
  return packet.subarray(start, payloadEnd(packet, start));
}

/** Where the payload that begins at `start` ends. */
export function payloadEnd(packet: Uint8Array, start: number): number {
  const padding = (packet[0]! & 0x20) === 0 ? 0 : packet[packet.length - 1]!;
  return Math.max(start, packet.length - padding);
}

/** An RTP packet to be written. */
export interface RtpPacket {
  readonly payloadType: number;
  readonly marker?: boolean;
  readonly sequenceNumber: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly payload: Uint8Array;
}

/** The bytes of a packet without CSRC list, extension and padding. Numbers beyond their field wrap. */
export function formatRtp(packet: RtpPacket): Uint8Array {
  const bytes = new Uint8Array(rtpHeaderLength + packet.payload.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = 0x80;
  bytes[1] = (packet.marker ? 0x80 : 0) | (packet.payloadType & 0x7f);
  view.setUint16(2, packet.sequenceNumber);
  view.setUint32(4, packet.timestamp);
  view.setUint32(8, packet.ssrc);
  bytes.set(packet.payload, rtpHeaderLength);
  return bytes;
}

/** What of an SRTCP packet stays readable: the first header and the sender's SSRC (RFC 3711 section 3.4). */
export const rtcpHeaderLength = 8;
/** The E bit and the index of an SRTCP packet, which follow it. */
export const rtcpIndexLength = 4;
/** The index without the E bit. */
export const rtcpIndexMask = 0x7fff_ffff;

/**
 * Protects and opens single packets under the session keys of RTP or of RTCP. It remembers nothing between them: which
 * packet is which, and whether it has been there before, is for others to know. What it returns is valid for good; what
 * is opened may be the given bytes, decrypted.
 */
export interface SrtpCipher {
  /** `header` bytes of the RTP packet stay readable; `rollovers` is how often its sequence number has wrapped. */
  protectRtp(packet: Uint8Array, header: number, rollovers: number): Uint8Array;
  /** Null when it is not genuine, or too short to be; then the packet is as it was. */
  unprotectRtp(packet: Uint8Array, header: number, rollovers: number): Uint8Array | null;
  /** `index` has up to 31 bits; the packet 8 bytes at least. */
  protectRtcp(packet: Uint8Array, index: number): Uint8Array;
  /** Null when it is not genuine; then the packet is as it was. It is long enough for `rtcpIndex` to be known. */
  unprotectRtcp(packet: Uint8Array): Uint8Array | null;
  /** What an SRTCP packet gives as its index, genuine or not; -1 when it is too short. */
  rtcpIndex(packet: Uint8Array): number;
}

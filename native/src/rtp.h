// The fields of RTP and RTCP packets that the relay looks at (RFC 3550 section 5.1), as src/rtp does.
#pragma once

#include <cstddef>
#include <cstdint>

namespace relay {

enum class PacketKind { media, keepalive, malformed };

inline constexpr size_t rtpHeaderLength = 12;

inline uint16_t read16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }
inline uint32_t read32(const uint8_t* at) { return static_cast<uint32_t>(read16(at)) << 16 | read16(at + 2); }

// Bytes of the header with its CSRC list and extension; 0 where it is none, or is cut off.
inline size_t rtpHeader(const uint8_t* bytes, size_t size) {
  if (size < rtpHeaderLength || bytes[0] >> 6 != 2) return 0;
  size_t length = rtpHeaderLength + 4 * (bytes[0] & 0x0f);
  if ((bytes[0] & 0x10) != 0) {
    if (size < length + 4) return 0;
    length += 4 + 4 * static_cast<size_t>(read16(bytes + length + 2));
  }
  return size < length ? 0 : length;
}

// Tells RTP from what else arrives on an RTP port (RFC 7983 section 7, RFC 6263 section 4).
inline PacketKind rtpKind(const uint8_t* bytes, size_t size) {
  if (size == 0 || bytes[0] < 4) return PacketKind::keepalive;
  return rtpHeader(bytes, size) == 0 ? PacketKind::malformed : PacketKind::media;
}

// Tells RTCP from what else arrives on an RTCP port; its first packet must be all there.
inline PacketKind rtcpKind(const uint8_t* bytes, size_t size) {
  if (size == 0 || bytes[0] < 4) return PacketKind::keepalive;
  if (size < 4 || bytes[0] >> 6 != 2) return PacketKind::malformed;
  if (bytes[1] < 192 || bytes[1] > 223) return PacketKind::malformed;
  return size < 4 * (static_cast<size_t>(read16(bytes + 2)) + 1) ? PacketKind::malformed : PacketKind::media;
}

inline uint8_t payloadType(const uint8_t* packet) { return packet[1] & 0x7f; }
inline void setPayloadType(uint8_t* packet, uint8_t type) { packet[1] = (packet[1] & 0x80) | type; }
inline uint16_t sequenceNumber(const uint8_t* packet) { return read16(packet + 2); }
inline uint32_t timestamp(const uint8_t* packet) { return read32(packet + 4); }
inline uint32_t ssrc(const uint8_t* packet) { return read32(packet + 8); }

}  // namespace relay

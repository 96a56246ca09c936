export {
  formatRtp,
  marker,
  type PacketKind,
  payloadType,
  type RtpPacket,
  rtpHeaderLength,
  rtpKind,
  sequenceNumber,
  setPayloadType,
  ssrc,
  timestamp,
} from './packet.ts';
export { rtcpKind } from './rtcp.ts';
export { SequenceTracker } from './sequence.ts';
export { StreamStatistics } from './statistics.ts';

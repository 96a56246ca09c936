export { formatRtp, marker, payloadType, rtpKind, sequenceNumber, setPayloadType, ssrc } from './packet.ts';
export { rtcpKind } from './rtcp.ts';
export { StreamStatistics } from './statistics.ts';

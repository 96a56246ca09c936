export {
  formatRtp,
  marker,
  payloadType,
  rtpKind,
  rtpPayload,
  sequenceNumber,
  setPayloadType,
  ssrc,
  timestamp,
} from './packet.ts';
export { rtcpKind } from './rtcp.ts';
export { StreamStatistics } from './statistics.ts';
export {
  digitEvent,
  eventDigit,
  formatTelephoneEvent,
  parseTelephoneEvent,
  type TelephoneEvent,
} from './telephone-event.ts';

export { DigitDetector } from './digit-detector.ts';
export { JitterBuffer, type JitterBufferOptions, type JitterBufferStatistics, type Playout } from './jitter-buffer.ts';
export { type Impairment, impairmentOf, opinionScore } from './mos.ts';
export {
  formatRtp,
  headerLength,
  marker,
  payloadEnd,
  payloadType,
  rtpKind,
  rtpPayload,
  sequenceNumber,
  setPayloadType,
  ssrc,
  timestamp,
} from './packet.ts';
export { Reception } from './reception.ts';
export { RoundTrip } from './round-trip.ts';
export {
  formatRtcp,
  type NtpTime,
  ntpShort,
  ntpTime,
  type ReportBlock,
  type RtcpPacket,
  readRtcp,
  rtcpKind,
} from './rtcp.ts';
export { SrtpReceiver, type SrtpRefusal, SrtpSender } from './srtp.ts';
export {
  isSrtpSuite,
  type SrtpKey,
  type SrtpParameters,
  type SrtpSuite,
  sameSrtpKey,
  srtpKeyLength,
} from './srtp-key.ts';
export { StreamStatistics } from './statistics.ts';
export {
  digitEvent,
  eventDigit,
  formatTelephoneEvent,
  parseTelephoneEvent,
  type TelephoneEvent,
} from './telephone-event.ts';

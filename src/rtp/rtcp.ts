import type { PacketKind } from './packet.ts';

/** Packet types (RFC 3550 section 12.1). */
const senderReport = 200;
const receiverReport = 201;
const sourceDescription = 202;
const goodbye = 203;

/** The item of a source description that names its source for good (RFC 3550 section 6.5.1). */
const cnameItem = 1;

const reportBlockLength = 24;
/** What the five-bit counts and the one-byte lengths of the format can hold. */
const maxCount = 31;
const maxText = 255;

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

/** How one source is received, as its receiver tells (RFC 3550 section 6.4.1). */
export interface ReportBlock {
  /** The source that is reported on. */
  readonly ssrc: number;
  /** The part of its packets that was lost since the report before: 256ths, 0 to 255. */
  readonly fractionLost: number;
  /** Packets lost since the start, duplicates taken off: signed, of 24 bits. */
  readonly cumulativeLost: number;
  /** The highest sequence number received, its wraps counted in the upper 16 bits. */
  readonly extendedHighest: number;
  /** Interarrival jitter in ticks of the stream's clock. */
  readonly jitter: number;
  /** The middle 32 bits of the NTP time in the last sender report of that source; 0 where there was none. */
  readonly lastSenderReport: number;
  /** From that report's arrival to this one's sending, in 65536ths of a second. */
  readonly delaySinceLastSenderReport: number;
}

/** An instant as NTP counts it: seconds since 1900 and 2^-32ths of one, each of 32 bits. */
export interface NtpTime {
  readonly seconds: number;
  readonly fraction: number;
}

/** The packets that are read and written. */
export type RtcpPacket =
  | {
      readonly type: 'sender-report';
      readonly ssrc: number;
      /** When it was sent, by the sender's calendar, and the same instant in its stream's timestamps. */
      readonly ntp: NtpTime;
      readonly rtpTimestamp: number;
      /** RTP packets, and bytes of their payloads, that it has sent. */
      readonly packetCount: number;
      readonly octetCount: number;
      readonly reports: readonly ReportBlock[];
    }
  | { readonly type: 'receiver-report'; readonly ssrc: number; readonly reports: readonly ReportBlock[] }
  | { readonly type: 'description'; readonly ssrc: number; readonly cname: string }
  | { readonly type: 'bye'; readonly sources: readonly number[] };

/** The NTP time of a calendar time in ms since 1970. It wraps in 2036, as the format does. */
export function ntpTime(wall: number): NtpTime {
  const secondsFrom1900To1970 = 2_208_988_800;
  const seconds = Math.floor(wall / 1000);
  return {
    seconds: (seconds + secondsFrom1900To1970) % 2 ** 32,
    fraction: Math.floor(((wall - seconds * 1000) / 1000) * 2 ** 32),
  };
}

/** The middle 32 bits of an NTP time, as unsigned number: what receivers repeat (RFC 3550 section 6.4.1, LSR). */
export function ntpShort({ seconds, fraction }: NtpTime): number {
  return (((seconds & 0xffff) << 16) | (fraction >>> 16)) >>> 0;
}

/**
 * The reports, names and goodbyes of a compound packet, in their order. Packets of other types (XR of RFC 3611, feedback)
 * are passed over; what is cut off or no RTCP ends the reading, and what came before it counts. Of a description's chunks
 * only those with a CNAME are told.
 */
export function readRtcp(bytes: Uint8Array): readonly RtcpPacket[] {
  const packets: RtcpPacket[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at + 4 <= bytes.length && bytes[at]! >> 6 === 2) {
    const end = at + 4 * (view.getUint16(at + 2) + 1);
    if (end > bytes.length) break;
    readPacket(view, at, end, packets);
    at = end;
  }
  return packets;
}

/** Reads one packet, from `at` to before `end`, both inside of `view`. */
function readPacket(view: DataView, at: number, end: number, packets: RtcpPacket[]): void {
  const count = view.getUint8(at) & 0x1f;
  const body = at + 4;
  switch (view.getUint8(at + 1)) {
    case senderReport: {
      if (body + 24 > end) return;
      packets.push({
        type: 'sender-report',
        ssrc: view.getUint32(body),
        ntp: { seconds: view.getUint32(body + 4), fraction: view.getUint32(body + 8) },
        rtpTimestamp: view.getUint32(body + 12),
        packetCount: view.getUint32(body + 16),
        octetCount: view.getUint32(body + 20),
        reports: readReports(view, body + 24, end, count),
      });
      return;
    }
    case receiverReport: {
      if (body + 4 > end) return;
      const reports = readReports(view, body + 4, end, count);
      packets.push({ type: 'receiver-report', ssrc: view.getUint32(body), reports });
      return;
    }
    case sourceDescription:
      readChunks(view, body, end, count, packets);
      return;
    case goodbye: {
      const sources: number[] = [];
      for (let i = 0; i < count && body + 4 * i + 4 <= end; i++) sources.push(view.getUint32(body + 4 * i));
      packets.push({ type: 'bye', sources });
    }
  }
}

/** As many of `count` report blocks as are there. */
function readReports(view: DataView, from: number, end: number, count: number): readonly ReportBlock[] {
  const reports: ReportBlock[] = [];
  for (let at = from; reports.length < count && at + reportBlockLength <= end; at += reportBlockLength) {
    reports.push({
      ssrc: view.getUint32(at),
      fractionLost: view.getUint8(at + 4),
      cumulativeLost: (view.getInt8(at + 5) << 16) | view.getUint16(at + 6),
      extendedHighest: view.getUint32(at + 8),
      jitter: view.getUint32(at + 12),
      lastSenderReport: view.getUint32(at + 16),
      delaySinceLastSenderReport: view.getUint32(at + 20),
    });
  }
  return reports;
}

/** The chunks of a source description (RFC 3550 section 6.5): items up to a null, then nulls up to the next word. */
function readChunks(view: DataView, from: number, end: number, count: number, packets: RtcpPacket[]): void {
  let at = from;
  for (let chunk = 0; chunk < count && at + 4 <= end; chunk++) {
    const ssrc = view.getUint32(at);
    at += 4;
    while (at + 1 < end && view.getUint8(at) !== 0) {
      const text = at + 2;
      const next = text + view.getUint8(at + 1);
      if (next > end) return;
      if (view.getUint8(at) === cnameItem) {
        const cname = new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + text, next - text));
        packets.push({ type: 'description', ssrc, cname });
      }
      at = next;
    }
    at += 4 - ((at - from) % 4);
  }
}

/**
 * The bytes of a compound packet. To be one that others take, it begins with a report and has a description (RFC 3550
 * section 6.1). Numbers beyond their field wrap; a loss beyond 24 bits is the most that they hold.
 * @throws RangeError where a report has more than 31 blocks, a bye more than 31 sources, a name more than 255 bytes
 */
export function formatRtcp(packets: readonly RtcpPacket[]): Uint8Array {
  const parts = packets.map(formatPacket);
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function formatPacket(packet: RtcpPacket): Uint8Array {
  switch (packet.type) {
    case 'sender-report': {
      const { ntp, reports } = packet;
      const view = blank(senderReport, reports.length, 28 + reports.length * reportBlockLength);
      view.setUint32(4, packet.ssrc);
      view.setUint32(8, ntp.seconds);
      view.setUint32(12, ntp.fraction);
      view.setUint32(16, packet.rtpTimestamp);
      view.setUint32(20, packet.packetCount);
      view.setUint32(24, packet.octetCount);
      return withReports(view, 28, reports);
    }
    case 'receiver-report': {
      const { ssrc, reports } = packet;
      const view = blank(receiverReport, reports.length, 8 + reports.length * reportBlockLength);
      view.setUint32(4, ssrc);
      return withReports(view, 8, reports);
    }
    case 'description': {
      const name = new TextEncoder().encode(packet.cname);
      if (name.length > maxText) throw new RangeError(`a CNAME of ${name.length} bytes`);
      // At least one null ends the items, and the chunk is whole words.
      const view = blank(sourceDescription, 1, 8 + 4 * Math.ceil((name.length + 3) / 4));
      view.setUint32(4, packet.ssrc);
      view.setUint8(8, cnameItem);
      view.setUint8(9, name.length);
      const bytes = new Uint8Array(view.buffer);
      bytes.set(name, 10);
      return bytes;
    }
    case 'bye': {
      const { sources } = packet;
      const view = blank(goodbye, sources.length, 4 + 4 * sources.length);
      sources.forEach((source, i) => {
        view.setUint32(4 + 4 * i, source);
      });
      return new Uint8Array(view.buffer);
    }
  }
}

/** A packet of `length` bytes, whole words, with nothing but its header. */
function blank(type: number, count: number, length: number): DataView {
  if (count > maxCount) throw new RangeError(`${count} entries in one RTCP packet`);
  const view = new DataView(new ArrayBuffer(length));
  view.setUint8(0, 0x80 | count);
  view.setUint8(1, type);
  view.setUint16(2, length / 4 - 1);
  return view;
}

function withReports(view: DataView, from: number, reports: readonly ReportBlock[]): Uint8Array {
  let at = from;
  for (const report of reports) {
    const lost = Math.max(-0x80_0000, Math.min(0x7f_ffff, report.cumulativeLost));
    view.setUint32(at, report.ssrc);
    // The loss fills the three bytes behind the fraction.
    view.setInt32(at + 4, lost);
    view.setUint8(at + 4, report.fractionLost);
    view.setUint32(at + 8, report.extendedHighest);
    view.setUint32(at + 12, report.jitter);
    view.setUint32(at + 16, report.lastSenderReport);
    view.setUint32(at + 20, report.delaySinceLastSenderReport);
    at += reportBlockLength;
  }
  return new Uint8Array(view.buffer);
}

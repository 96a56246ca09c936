import { type Clock, type Random, randomToken } from '../../base/index.ts';
import { formatRtcp, ntpTime, type ReportBlock, type RtcpPacket } from '../../rtp/index.ts';

/** Mean time between two reports in ms (RFC 3550 §6.2). */
const intervalMs = 5000;
/** Times are drawn between a half and one and a half of the mean; this takes back what that does to it (§6.3.1). */
const compensation = Math.E - 1.5;

interface SenderReportsOptions {
  readonly random: Random;
  readonly clock: Clock;
  readonly reports?: () => readonly ReportBlock[];
}

/** The reports of one source of ours: what it has sent, how it receives, its name (RFC 3550 §6). */
export class SenderReports {
  readonly #ssrc: number;
  /** Means nothing, and lasts as long as the source (RFC 7022 §4.2). */
  readonly #cname: string;
  readonly #options: SenderReportsOptions;
  #next: number;
  #packets = 0;
  #octets = 0;
  /** Packets at the last report, and at the one before: who has sent since then is a sender (§6.4). */
  #packetsBefore: readonly [number, number] = [0, 0];
  #reported = false;
  // An instant of the monotonic clock and its RTP timestamp.
  #at = 0;
  #timestamp = 0;
  #clockRate = 8000;

  constructor(ssrc: number, options: SenderReportsOptions) {
    this.#ssrc = ssrc;
    this.#options = options;
    this.#cname = randomToken(options.random, 20);
    this.#next = options.clock.now() + this.#interval() / 2;
  }

  /** At `now` (ms, monotonic) the source's time is `timestamp`, in ticks of `clockRate` Hz. */
  at(now: number, timestamp: number, clockRate: number): void {
    this.#at = now;
    this.#timestamp = timestamp;
    this.#clockRate = clockRate;
  }

  /** A packet with a payload of so many bytes has been sent. */
  sent(octets: number): void {
    this.#packets++;
    this.#octets += octets;
  }

  due(now: number): boolean {
    return now >= this.#next;
  }

  /** The compound packet of a report at `now` (ms, monotonic). */
  report(now: number): Uint8Array {
    this.#next = now + this.#interval();
    return formatRtcp(this.#reportAndName(now));
  }

  /** The last packet of the source, null where there was nothing before it (§6.3.7). */
  goodbye(now: number): Uint8Array | null {
    if (this.#packets === 0 && !this.#reported) return null;
    return formatRtcp([...this.#reportAndName(now), { type: 'bye', sources: [this.#ssrc] }]);
  }

  #interval(): number {
    const { random } = this.#options;
    return (intervalMs * (0.5 + random.below(1_000_000) / 1_000_000)) / compensation;
  }

  #reportAndName(now: number): readonly RtcpPacket[] {
    const reports = this.#options.reports?.() ?? [];
    const ssrc = this.#ssrc;
    const isSender = this.#packets > this.#packetsBefore[0];
    this.#packetsBefore = [this.#packetsBefore[1], this.#packets];
    this.#reported = true;
    const report: RtcpPacket = isSender
      ? {
          type: 'sender-report',
          ssrc,
          ntp: ntpTime(this.#options.clock.wall()),
          rtpTimestamp: Math.round(this.#timestamp + ((now - this.#at) * this.#clockRate) / 1000) % 2 ** 32,
          packetCount: this.#packets,
          octetCount: this.#octets,
          reports,
        }
      : { type: 'receiver-report', ssrc, reports };
    return [report, { type: 'description', ssrc, cname: this.#cname }];
  }
}

import { sequenceNumber, ssrc, timestamp } from './packet.ts';
import { ntpShort, type ReportBlock, readRtcp } from './rtcp.ts';
import { SequenceTracker } from './sequence.ts';

/** How one source is received, as it is to be told to it in our own reports (RFC 3550 §6.4.1 and appendix A). */
export class Reception {
  #source = -1;
  #sequence = new SequenceTracker();
  #first = 0;
  #expectedBefore = 0;
  #lostBefore = 0;
  /** In ticks, as is all that it is compared with. */
  #jitter = 0;
  #transit: number | null = null;
  #clockRate = 0;
  #lastTimestamp = -1;
  #senderReport = 0;
  #senderReportAt = 0;

  /** An RTP packet that arrived at `at` (ms, monotonic), of a payload type with a clock of `clockRate` Hz. */
  push(packet: Uint8Array, at: number, clockRate: number): void {
    if (ssrc(packet) !== this.#source) this.#begin(packet);
    this.#sequence.push(sequenceNumber(packet));
    const ticks = timestamp(packet);
    // The packets of one telephone event repeat its start (RFC 4733 §2.5.1.2) and say nothing of the network.
    if (ticks === this.#lastTimestamp) return;
    this.#lastTimestamp = ticks;
    if (clockRate !== this.#clockRate) this.#transit = null;
    this.#clockRate = clockRate;
    const transit = ((at * clockRate) / 1000 - ticks) % 2 ** 32;
    if (this.#transit !== null) {
      const difference = Math.abs(Math.round(transit - this.#transit) | 0);
      this.#jitter += (difference - this.#jitter) / 16;
    }
    this.#transit = transit;
  }

  /** RTCP of the source, which arrived at `at`. */
  onRtcp(packet: Uint8Array, at: number): void {
    for (const part of readRtcp(packet)) {
      if (part.type !== 'sender-report' || part.ssrc !== this.#source) continue;
      this.#senderReport = ntpShort(part.ntp);
      this.#senderReportAt = at;
    }
  }

  /** What is to be told at `now`, of the time since it was asked last; null before the first packet. */
  report(now: number): ReportBlock | null {
    const { extendedHighest, lost } = this.#sequence;
    if (extendedHighest === null) return null;
    const expected = extendedHighest - this.#first + 1;
    const expectedNow = expected - this.#expectedBefore;
    const lostNow = lost - this.#lostBefore;
    this.#expectedBefore = expected;
    this.#lostBefore = lost;
    const heldFor = this.#senderReport === 0 ? 0 : ((now - this.#senderReportAt) * 65_536) / 1000;
    return {
      ssrc: this.#source,
      fractionLost: expectedNow > 0 && lostNow > 0 ? Math.min(255, Math.floor((lostNow * 256) / expectedNow)) : 0,
      cumulativeLost: Math.min(lost, 0x7f_ffff),
      extendedHighest: extendedHighest % 2 ** 32,
      jitter: Math.floor(this.#jitter),
      lastSenderReport: this.#senderReport,
      delaySinceLastSenderReport: Math.round(heldFor),
    };
  }

  #begin(packet: Uint8Array): void {
    this.#source = ssrc(packet);
    this.#sequence = new SequenceTracker();
    this.#first = sequenceNumber(packet);
    this.#expectedBefore = 0;
    this.#lostBefore = 0;
    this.#jitter = 0;
    this.#transit = null;
    this.#senderReport = 0;
  }
}

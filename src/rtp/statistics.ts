import { sequenceNumber, ssrc, timestamp } from './packet.ts';
import { SequenceTracker } from './sequence.ts';

/** A step between arrival and timestamp that is a new timeline of the sender and no jitter, in ms. */
const newTimeline = 3000;

/** What is counted of the packets that arrive on one leg. When the source changes, the counts add up. */
export class StreamStatistics {
  readonly #sequence = new SequenceTracker();
  #packets = 0;
  #bytes = 0;
  #source = -1;
  #lastArrival = 0;
  #lastTimestamp = 0;
  #lastRate = 0;
  #jitter = 0;
  #measured = false;

  get packets(): number {
    return this.#packets;
  }

  /** Bytes of the packets, headers included. */
  get bytes(): number {
    return this.#bytes;
  }

  get lost(): number {
    return this.#sequence.lost;
  }

  /** Gaps in the sequence as they appeared: `lost` over it is the mean burst. */
  get lossEvents(): number {
    return this.#sequence.lossEvents;
  }

  /** Packets that had come before; `packets` counts them too. */
  get duplicates(): number {
    return this.#sequence.duplicates;
  }

  /** Interarrival jitter in ms (RFC 3550 appendix A.8), null until two packets could be compared. */
  get jitterMs(): number | null {
    return this.#measured ? this.#jitter : null;
  }

  /** Takes an RTP packet that arrived at `at` (ms, monotonic); `clockRate` in ticks a second is that of its payload type. */
  push(packet: Uint8Array, at: number, clockRate: number): void {
    this.#packets++;
    this.#bytes += packet.length;
    const source = ssrc(packet);
    const sameSource = source === this.#source;
    if (!sameSource && this.#source >= 0) this.#sequence.startOver();
    this.#source = source;
    this.#sequence.push(sequenceNumber(packet));
    this.#measureJitter(timestamp(packet), at, clockRate, sameSource);
  }

  #measureJitter(ticks: number, at: number, clockRate: number, sameSource: boolean): void {
    const comparable = sameSource && clockRate === this.#lastRate;
    // The packets of one telephone event repeat its start (RFC 4733 section 2.5.1.2) and say nothing of the network.
    if (comparable && ticks === this.#lastTimestamp) return;
    if (comparable) {
      const sent = (((ticks - this.#lastTimestamp) | 0) * 1000) / clockRate;
      const difference = Math.abs(at - this.#lastArrival - sent);
      if (difference < newTimeline) {
        this.#jitter += (difference - this.#jitter) / 16;
        this.#measured = true;
      }
    }
    this.#lastArrival = at;
    this.#lastTimestamp = ticks;
    this.#lastRate = clockRate;
  }
}

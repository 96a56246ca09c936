import {
  type Impairment,
  impairmentOf,
  ntpShort,
  opinionScore,
  type ReportBlock,
  RoundTrip,
  readRtcp,
} from '../../rtp/index.ts';
import { type Codec, isSpeech } from '../../sdp/index.ts';
import type { LegCounters, LegIndex, PortPair } from '../relay/relay.ts';

/** Fewer packets than these, expected in an interval, say too little for an opinion: half a second of them. */
const fewestForOpinion = 25;

/** How one direction of one leg was in an interval; null is "not measured". */
export interface StreamQuality {
  /** Packets that arrived, each counted once, and packets missing. */
  readonly packets: number;
  readonly lost: number;
  /** `lost` of all expected, 0 to 1. */
  readonly lossRate: number;
  /** Packets missing in a row, on the average; null where none is, or where only their number is known. */
  readonly meanBurst: number | null;
  /** Interarrival jitter at the end of the interval (RFC 3550 §6.4.1). */
  readonly jitterMs: number | null;
  /** Mean opinion score of 1 to 4.5, as `opinionScore` estimates it; null too where the codec is unknown to it. */
  readonly mos: number | null;
}

/** How one leg was in an interval. */
export interface LegQuality {
  /** The codec of speech to expect, as SDP names it. */
  readonly codec: string | null;
  /** What came from the phone; null where nothing did. */
  readonly received: StreamQuality | null;
  /** How the phone received what we sent, by its own reports, without what had been missing before; null without reports. */
  readonly sent: StreamQuality | null;
  /** To the phone and back, the mean of what was measured in the interval. */
  readonly rttMs: number | null;
}

export interface QualityReport {
  readonly legs: readonly [LegQuality, LegQuality];
}

/** Average over all intervals, each by its packets, and the worst interval. */
export interface OpinionSummary {
  readonly mos: number;
  readonly worst: number;
}

/** How one leg was in all; null is "not measured". */
export interface LegQualitySummary {
  readonly codec: string | null;
  readonly received: OpinionSummary | null;
  readonly sent: OpinionSummary | null;
  readonly rttMs: number | null;
  readonly rttWorstMs: number | null;
}

/** What of a leg matters here. */
export interface MeasuredLeg {
  readonly port: PortPair;
  /** Whether the phone wants to receive. */
  readonly send: boolean;
  /** As agreed, the one to expect first. */
  readonly codecs: readonly Codec[];
}

/**
 * How the two legs of one session sound: made when the call is answered, fed with RTCP and with the counters, asked now
 * and then. It has no time of its own.
 */
export class QualityMonitor {
  readonly #counters: () => readonly [LegCounters, LegCounters];
  readonly #meters: readonly [LegMeter, LegMeter];

  constructor(counters: () => readonly [LegCounters, LegCounters]) {
    this.#counters = counters;
    const [a, b] = counters();
    this.#meters = [new LegMeter(a), new LegMeter(b)];
  }

  /** What the legs are from now on. Another port is another phone. */
  update([a, b]: readonly [MeasuredLeg, MeasuredLeg | null]): void {
    this.#meters[0].update(a);
    this.#meters[1].update(b);
  }

  /** RTCP of the phone of `leg`, which came at `at` (ms, monotonic), and may go on to the other phone. */
  onRtcp(leg: LegIndex, packet: Uint8Array, at: number): void {
    const meter = this.#meters[leg];
    const other = this.#meters[leg === 0 ? 1 : 0];
    for (const part of readRtcp(packet)) {
      if (part.type === 'sender-report') {
        other.heardSource = part.ssrc;
        other.trip.sent(ntpShort(part.ntp), at);
      }
      if (part.type !== 'sender-report' && part.type !== 'receiver-report') continue;
      if (part.reports.length > 0) meter.reported(part.reports, this.#counters()[leg === 0 ? 1 : 0].packetsLost, at);
    }
  }

  /** RTCP of our own went to the phone of `leg` at `at` (ms, monotonic). */
  ownRtcp(leg: LegIndex, packet: Uint8Array, at: number): void {
    for (const part of readRtcp(packet)) {
      if (part.type !== 'sender-report') continue;
      this.#meters[leg].ownSource = part.ssrc;
      this.#meters[leg].trip.sent(ntpShort(part.ntp), at);
    }
  }

  /** How it was since the last call, or since the beginning; an interval begins anew with it. */
  report(): QualityReport {
    const [a, b] = this.#counters();
    return { legs: [this.#meters[0].report(a), this.#meters[1].report(b)] };
  }

  /** How it was in all the intervals that have been reported. */
  summary(): readonly [LegQualitySummary, LegQualitySummary] {
    return [this.#meters[0].summary(), this.#meters[1].summary()];
  }
}

/** What a phone has said of its reception, and what we had missed by then of what it was sent. */
interface Reception {
  readonly block: ReportBlock;
  readonly missedBefore: number;
}

class LegMeter {
  readonly trip = new RoundTrip();
  /** The sources whose streams the phone receives, as far as known: ours, and the other phone. */
  ownSource: number | null = null;
  heardSource: number | null = null;

  #port: PortPair | null = null;
  #codec: Codec | null = null;
  #impairment: Impairment | null = null;
  #wanted = false;
  #counted: LegCounters;
  #reception: Reception | null = null;
  /** Where the interval began. */
  #receptionBefore: Reception | null = null;
  readonly #trips = new Trips();
  readonly #allTrips = new Trips();
  readonly #opinionsReceived = new Opinions();
  readonly #opinionsSent = new Opinions();
  /** The last round trip that is known of this phone, in ms. */
  #lastTrip: number | null = null;

  constructor(counters: LegCounters) {
    this.#counted = counters;
  }

  update(leg: MeasuredLeg | null): void {
    if (leg?.port.port !== this.#port?.port || leg?.port.address !== this.#port?.address) {
      this.#lastTrip = null;
      this.#forget();
    }
    const codec = leg?.codecs.find(isSpeech) ?? null;
    if (codec?.clockRate !== this.#codec?.clockRate) this.#forget();
    this.#port = leg?.port ?? null;
    this.#wanted = leg?.send ?? false;
    this.#impairment = codec && impairmentOf(codec.name);
    this.#codec = codec;
  }

  /** The phone has told at `at` how it receives; `missed`: how many packets we have missed of the other phone by now. */
  reported(blocks: readonly ReportBlock[], missed: number, at: number): void {
    for (const { lastSenderReport, delaySinceLastSenderReport } of blocks) {
      const trip = this.trip.answered(lastSenderReport, delaySinceLastSenderReport, at);
      if (trip === null) continue;
      this.#lastTrip = trip;
      this.#trips.add(trip);
      this.#allTrips.add(trip);
    }
    const of = (source: number | null) => blocks.find(({ ssrc }) => ssrc === source);
    const own = of(this.ownSource);
    const block = own ?? of(this.heardSource) ?? blocks[0]!;
    // What we send ourselves has no gaps that were there before.
    const reception = { block, missedBefore: own ? 0 : missed };
    const before = this.#reception;
    const goesOn = before?.block.ssrc === block.ssrc && before.block.extendedHighest <= block.extendedHighest;
    if (!goesOn) this.#receptionBefore = reception;
    this.#reception = reception;
  }

  report(counters: LegCounters): LegQuality {
    const received = this.#received(counters);
    const sent = this.#wanted ? this.#sent() : null;
    this.#opinionsReceived.add(received);
    this.#opinionsSent.add(sent);
    const rttMs = this.#trips.mean;
    this.#trips.clear();
    this.#counted = counters;
    this.#receptionBefore = this.#reception;
    return { codec: this.#codec?.name ?? null, received, sent, rttMs };
  }

  summary(): LegQualitySummary {
    return {
      codec: this.#codec?.name ?? null,
      received: this.#opinionsReceived.summary,
      sent: this.#opinionsSent.summary,
      rttMs: this.#allTrips.mean,
      rttWorstMs: this.#allTrips.worst,
    };
  }

  #received(now: LegCounters): StreamQuality | null {
    const before = this.#counted;
    const arrived = now.packetsReceived - before.packetsReceived;
    const packets = arrived - (now.duplicates - before.duplicates);
    if (packets <= 0) return null;
    // Late packets may fill more gaps than have opened.
    const lost = Math.max(0, now.packetsLost - before.packetsLost);
    const meanBurst = lost === 0 ? null : Math.max(1, lost / Math.max(1, now.lossEvents - before.lossEvents));
    return this.#quality(packets, lost, meanBurst, now.jitterMs);
  }

  #sent(): StreamQuality | null {
    const [before, now] = [this.#receptionBefore, this.#reception];
    if (before === null || now === null) return null;
    const expected = now.block.extendedHighest - before.block.extendedHighest;
    const lostInAll = now.block.cumulativeLost - before.block.cumulativeLost;
    const packets = expected - lostInAll;
    if (expected <= 0 || packets <= 0) return null;
    const lost = Math.max(0, lostInAll - Math.max(0, now.missedBefore - before.missedBefore));
    const clockRate = this.#codec?.clockRate;
    return this.#quality(packets, lost, null, clockRate === undefined ? null : (now.block.jitter * 1000) / clockRate);
  }

  #quality(packets: number, lost: number, meanBurst: number | null, jitterMs: number | null): StreamQuality {
    const expected = packets + lost;
    const lossRate = lost / expected;
    // Half of the way there and back is the way there, as far as anybody can tell.
    const delayMs = this.#lastTrip === null ? null : this.#lastTrip / 2;
    const mos =
      this.#impairment === null || expected < fewestForOpinion
        ? null
        : opinionScore(this.#impairment, { lossRate, meanBurst, delayMs });
    return { packets, lost, lossRate, meanBurst, jitterMs, mos };
  }

  /** What the phone has told counts no longer as a beginning. */
  #forget(): void {
    this.#reception = null;
    this.#receptionBefore = null;
  }
}

/** Round trips, in ms. */
class Trips {
  #sum = 0;
  #count = 0;
  #worst = 0;

  add(trip: number): void {
    this.#sum += trip;
    this.#count++;
    this.#worst = Math.max(this.#worst, trip);
  }

  get mean(): number | null {
    return this.#count === 0 ? null : this.#sum / this.#count;
  }

  get worst(): number | null {
    return this.#count === 0 ? null : this.#worst;
  }

  clear(): void {
    this.#sum = 0;
    this.#count = 0;
    this.#worst = 0;
  }
}

/** Opinions of intervals, each as weighty as it has packets. */
class Opinions {
  #sum = 0;
  #weight = 0;
  #worst = Number.POSITIVE_INFINITY;

  add(stream: StreamQuality | null): void {
    if (stream === null || stream.mos === null) return;
    const weight = stream.packets + stream.lost;
    this.#sum += stream.mos * weight;
    this.#weight += weight;
    this.#worst = Math.min(this.#worst, stream.mos);
  }

  get summary(): OpinionSummary | null {
    return this.#weight === 0 ? null : { mos: this.#sum / this.#weight, worst: this.#worst };
  }
}

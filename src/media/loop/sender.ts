import type { Clock, Random } from '../../base/index.ts';
import { type AudioEncoder, createEncoder, NoiseAnalysis, packetLength, SilenceDetector } from '../../codec/index.ts';
import { formatRtp, type ReportBlock } from '../../rtp/index.ts';
import type { AgreedCodec } from '../../sdp/index.ts';
import { EventSender } from './event-sender.ts';
import { SenderReports } from './sender-reports.ts';

/** Length of the frames given, in ms. */
const frameMs = 20;
/** Comfort noise is told again after so many frames of a pause, and when it has changed by so many dB. */
const noiseFrames = 25;
const noiseStep = 3;

/** What is sent, and how. */
export interface SenderFormat {
  readonly codec: AgreedCodec;
  /** Telephone events, on the clock that the phone has agreed to; null: keys are not sent. */
  readonly events: AgreedCodec | null;
  /** Null: pauses are sent like speech, unless the codec itself leaves them out. Counts where it has the codec's clock. */
  readonly comfortNoise: AgreedCodec | null;
  /** The ms that the phone wants in a packet; the codec may have less, or at least 10. */
  readonly ptimeMs: number;
}

export interface SenderOptions extends SenderFormat {
  /** Of the frames given, in Hz. */
  readonly sampleRate: number;
  readonly random: Random;
  readonly clock: Clock;
  /** Takes an RTP packet; it may keep and change it. */
  readonly send: (packet: Uint8Array) => void;
  readonly sendRtcp: (packet: Uint8Array) => void;
  /** How what the phone sends is received, for our reports; asked once for each. */
  readonly reports?: () => readonly ReportBlock[];
}

/**
 * Frames of 20 ms → RTP to one leg, from a source of our own: encoded, packed as the phone wants it, with telephone
 * events between, pauses left out where that is agreed, and reports by RTCP. Time goes on with each frame, whether
 * something is sent or not.
 */
export class Sender implements Disposable {
  readonly ssrc: number;
  readonly #options: SenderOptions;
  readonly #reports: SenderReports;
  #format: SenderFormat;
  #encoder: AudioEncoder;
  /** Packets in a hundred; null where nobody has said. */
  #expectedLoss: number | null = null;
  #packetMs: number;
  #sequence: number;
  /** Of the first sample that is not sent yet. */
  #timestamp: number;
  /** The next packet of speech follows a pause (RFC 3551 §4.1). */
  #afterPause = true;

  /** Samples that wait for a packet to be full. */
  readonly #pending: Int16Array;
  #waiting = 0;
  readonly #quiet: Int16Array;

  readonly #events: EventSender;
  readonly #silence = new SilenceDetector();
  readonly #noise = new NoiseAnalysis();
  /** Frames since the noise was told, -1 outside of pauses; and what was told. */
  #noiseAge = -1;
  #noiseLevel = 0;

  /** @throws CodecError for a codec that we cannot encode */
  constructor(options: SenderOptions) {
    const { random, sampleRate } = options;
    this.#options = options;
    this.#format = options;
    this.#encoder = this.#makeEncoder(options);
    this.#packetMs = packetLength(options.codec, options.ptimeMs);
    this.ssrc = random.below(2 ** 32);
    this.#sequence = random.below(2 ** 16);
    this.#timestamp = random.below(2 ** 32);
    this.#pending = new Int16Array((sampleRate * 80) / 1000);
    this.#quiet = new Int16Array((sampleRate * frameMs) / 1000);
    this.#events = new EventSender((payload, marker, timestamp) => {
      const { events } = this.#format;
      if (events !== null) this.#send(events.payloadType, payload, marker, timestamp);
    });
    this.#reports = new SenderReports(this.ssrc, options);
  }

  /**
   * Sends in this way from now on: the source, its numbers and its time go on.
   * @throws CodecError for a codec that we cannot encode; nothing is changed then
   */
  update(format: SenderFormat): void {
    const packetMs = packetLength(format.codec, format.ptimeMs);
    if (!sameCodec(format.codec, this.#format.codec)) {
      const encoder = this.#makeEncoder(format);
      this.#encoder[Symbol.dispose]();
      this.#encoder = encoder;
      this.#afterPause = true;
    }
    this.#dropPending();
    this.#packetMs = packetMs;
    this.#format = format;
    if (format.events === null) this.#events.stop();
  }

  /** So many packets in a hundred will be lost on the way, for codecs that can prepare for it. */
  expectLoss(percent: number): void {
    this.#expectedLoss = percent;
    this.#encoder.expectLoss?.(percent);
  }

  /** Whether a key is being sent, or waits to be. */
  get busy(): boolean {
    return this.#events.busy;
  }

  /** The next 20 ms; null is silence. */
  frame(samples: Int16Array | null): void {
    const now = this.#options.clock.now();
    this.#reports.at(now, this.#timestamp + this.#ticks(this.#waiting), this.#format.codec.clockRate);
    if (this.#events.busy) this.#frameOfEvent();
    else if (this.#format.comfortNoise?.clockRate === this.#format.codec.clockRate) this.#frameWithPauses(samples);
    else this.#speak(samples ?? this.#quiet);
    if (this.#reports.due(now)) this.report(now);
  }

  /** So many ms pass in which nothing is sent, as while the phone is on hold: what comes next follows a pause. */
  skip(ms: number): void {
    this.#dropPending();
    this.#pass((ms * this.#options.sampleRate) / 1000);
    this.#afterPause = true;
    this.#noiseAge = -1;
    const now = this.#options.clock.now();
    if (!this.#reports.due(now)) return;
    this.#reports.at(now, this.#timestamp, this.#format.codec.clockRate);
    this.report(now);
  }

  /**
   * A key, `0` to `9`, `*`, `#`, `A` to `D`, that is pressed for `durationMs`, after those before it; nothing where no
   * events are agreed or there is no such key. What is said meanwhile is not sent.
   */
  digit(digit: string, durationMs: number): void {
    const { events } = this.#format;
    if (events !== null) this.#events.queue(digit, durationMs, events.clockRate);
  }

  /** Sends our report, now, in ms (monotonic). `frame` does so about every 5 s. */
  report(now: number): void {
    this.#options.sendRtcp(this.#reports.report(now));
  }

  /** Says goodbye, if anything was sent before (RFC 3550 §6.3.7), and frees the encoder. */
  [Symbol.dispose](): void {
    const goodbye = this.#reports.goodbye(this.#options.clock.now());
    if (goodbye !== null) this.#options.sendRtcp(goodbye);
    this.#encoder[Symbol.dispose]();
  }

  #makeEncoder({ codec }: SenderFormat): AudioEncoder {
    const encoder = createEncoder(codec, { sampleRate: this.#options.sampleRate });
    if (this.#expectedLoss !== null) encoder.expectLoss?.(this.#expectedLoss);
    return encoder;
  }

  /** Ticks of the codec's clock in so many of the samples given. */
  #ticks(samples: number): number {
    return (samples * this.#format.codec.clockRate) / this.#options.sampleRate;
  }

  #pass(samples: number): void {
    this.#timestamp = (this.#timestamp + this.#ticks(samples)) % 2 ** 32;
  }

  /** The time of what waits passes without it. */
  #dropPending(): void {
    this.#pass(this.#waiting);
    this.#waiting = 0;
  }

  #frameOfEvent(): void {
    this.#dropPending();
    this.#noiseAge = -1;
    this.#events.tick(this.#timestamp, frameMs);
    this.#pass(this.#quiet.length);
    this.#afterPause = true;
  }

  #frameWithPauses(samples: Int16Array | null): void {
    if (!this.#silence.isSilent(samples)) {
      this.#noiseAge = -1;
      this.#speak(samples ?? this.#quiet);
      return;
    }
    this.#dropPending();
    this.#tellNoise(samples);
    this.#pass(this.#quiet.length);
    this.#afterPause = true;
  }

  #tellNoise(samples: Int16Array | null): void {
    const { comfortNoise } = this.#format;
    if (comfortNoise === null) return;
    if (this.#noiseAge < 0) this.#noise.startOver();
    this.#noise.hear(samples);
    const known = this.#noiseAge >= 0 && this.#noiseAge < noiseFrames;
    this.#noiseAge = known ? this.#noiseAge + 1 : 0;
    if (known && Math.abs(this.#noise.level - this.#noiseLevel) < noiseStep) return;
    this.#noiseAge = 0;
    this.#noiseLevel = this.#noise.level;
    // The shape counts for the rate of the clock (RFC 3389 §3).
    const payload = this.#noise.payload(this.#options.sampleRate === comfortNoise.clockRate);
    this.#send(comfortNoise.payloadType, payload, false, this.#timestamp);
  }

  #speak(samples: Int16Array): void {
    const length = (this.#options.sampleRate * this.#packetMs) / 1000;
    if (this.#waiting === 0 && samples.length === length) {
      this.#packet(samples);
      return;
    }
    const pending = this.#pending;
    pending.set(samples, this.#waiting);
    this.#waiting += samples.length;
    let from = 0;
    for (; this.#waiting >= length; from += length) {
      this.#waiting -= length;
      this.#packet(pending.subarray(from, from + length));
    }
    if (from > 0) pending.copyWithin(0, from, from + this.#waiting);
  }

  #packet(samples: Int16Array): void {
    const payload = this.#encoder.encode(samples);
    if (payload.length > 0) {
      this.#send(this.#format.codec.payloadType, payload, this.#afterPause, this.#timestamp);
    }
    this.#afterPause = payload.length === 0;
    this.#pass(samples.length);
  }

  #send(payloadType: number, payload: Uint8Array, marker: boolean, timestamp: number): void {
    this.#options.send(
      formatRtp({ payloadType, marker, sequenceNumber: this.#sequence, timestamp, ssrc: this.ssrc, payload }),
    );
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#reports.sent(payload.length);
  }
}

function sameCodec(a: AgreedCodec, b: AgreedCodec): boolean {
  return a.name === b.name && a.clockRate === b.clockRate && a.channels === b.channels && a.fmtp === b.fmtp;
}

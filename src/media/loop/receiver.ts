import { type AudioDecoder, CodecError, canCode, createDecoder, SilenceDetector } from '../../codec/index.ts';
import {
  DigitDetector,
  headerLength,
  JitterBuffer,
  type JitterBufferOptions,
  payloadEnd,
  payloadType,
  rtpKind,
  ssrc,
  timestamp,
} from '../../rtp/index.ts';
import type { AgreedCodec } from '../../sdp/index.ts';
import { PauseNoise } from './pause-noise.ts';
import { neededSamples, shorten, stretch } from './time-scale.ts';

/** How often sound is taken, in ms. */
const tickMs = 20;
/** The longest that one packet may hold, and the longest that a correction or a seam adds, in ms. */
const longestPacket = 120;
const longestCorrection = 20;
const seamMs = 10;
/** Sound that ends fades within so long, in ms; a last sample below this level needs none. */
const fadeMs = 2.5;
const inaudible = 64;
/** Payloads of Opus of no more bytes tell of silence (DTX), in which nothing need come. */
const opusSilence = 2;

export interface ReceiverOptions {
  /** What the phone may send, by `receivedAs`. */
  readonly codecs: readonly AgreedCodec[];
  /** Of the frames, in Hz. */
  readonly sampleRate: number;
  readonly jitter: JitterBufferOptions;
  /** A key of the phone (telephone-event), once it has been let go, and how long it was pressed, in ms. */
  readonly onDigit?: (digit: string, durationMs: number) => void;
}

/** What has become of the packets of a leg. */
export interface ReceiverStatistics {
  /** How much later than at its earliest sound is being played, in ms. */
  readonly delayMs: number;
  /** How much was made up for what was lost or late, and how much recovered from packets behind it, in ms. */
  readonly concealedMs: number;
  readonly recoveredMs: number;
  readonly received: number;
  /** Came too late to be played; came again; were thrown away as too much was held or their numbers were wild. */
  readonly late: number;
  readonly duplicates: number;
  readonly discarded: number;
  /** Sequence numbers that had not come when they were to be played. */
  readonly missing: number;
  /** Not RTP, or with a payload that its codec cannot decode. */
  readonly malformed: number;
  /** RTP with a payload type that was not agreed, or of a codec that we cannot decode. */
  readonly ignored: number;
}

/** What packets of one payload type are. */
interface Format {
  readonly kind: 'speech' | 'noise' | 'event' | 'other';
  readonly codec: AgreedCodec;
  /** For speech and for noise; made with the first packet. */
  decoder: AudioDecoder | null;
  noise: PauseNoise | null;
}

/**
 * The sound of one leg: RTP → a frame of 20 ms of samples each tick. Packets wait in a jitter buffer; what is lost is
 * recovered from the packet behind it where the codec can, else made up. No array is made for a packet or a frame but
 * those that decoders make.
 */
export class Receiver implements Disposable {
  readonly #sampleRate: number;
  readonly #buffer: JitterBuffer;
  readonly #digits: DigitDetector;
  readonly #formats: (Format | null)[] = new Array(128).fill(null);
  /** Of the packets of agreed types. */
  #source = -1;
  /** Decodes what is heard at present. */
  #current: AudioDecoder | null = null;
  /** What is heard while nothing comes, after the phone has told of it. */
  #noise: PauseNoise | null = null;
  #isNoise = false;
  /** Samples that are decoded and not played yet. */
  readonly #line: Int16Array;
  #length = 0;
  /** The first frame of the line. */
  readonly #head: Int16Array;
  readonly #frame: Int16Array;
  /** What would have gone on where something else comes. */
  readonly #seam: Int16Array;
  readonly #silence = new SilenceDetector();
  /** The last sample that was played. */
  #last = 0;
  #received = 0;
  #concealedMs = 0;
  #recoveredMs = 0;
  #malformed = 0;
  #ignored = 0;

  constructor({ codecs, sampleRate, jitter, onDigit = () => {} }: ReceiverOptions) {
    this.#sampleRate = sampleRate;
    this.#buffer = new JitterBuffer(jitter);
    this.#digits = new DigitDetector(onDigit);
    this.#frame = new Int16Array(this.#samples(tickMs));
    this.#seam = new Int16Array(this.#samples(seamMs));
    this.#line = new Int16Array(this.#samples(2 * longestPacket + tickMs + 2 * longestCorrection));
    this.#head = this.#line.subarray(0, this.#frame.length);
    this.update(codecs);
  }

  /** The phone may send these from now on. What goes on under its number goes on. */
  update(codecs: readonly AgreedCodec[]): void {
    for (let type = 0; type < this.#formats.length; type++) {
      const format = this.#formats[type]!;
      const codec = codecs.find(({ receivedAs }) => receivedAs === type) ?? null;
      if (format && codec && sameFormat(format.codec, codec)) continue;
      if (format?.decoder === this.#current) this.#current = null;
      format?.decoder?.[Symbol.dispose]();
      this.#formats[type] = codec && { kind: kindOf(codec), codec, decoder: null, noise: null };
    }
  }

  /** Takes a packet of the phone, decrypted, that arrived at `at` (ms, monotonic). It is not kept. */
  push(packet: Uint8Array, at: number): void {
    this.#received++;
    if (rtpKind(packet) !== 'rtp') {
      this.#malformed++;
      return;
    }
    const format = this.#formats[payloadType(packet)]!;
    const source = ssrc(packet);
    if (format !== null) this.#source = source;
    if (format === null || format.kind === 'other') {
      this.#ignored++;
      // It takes a number of the sequence that is heard, unless it is of another source.
      if (source === this.#source) this.#buffer.pushAside(packet);
      return;
    }
    const { clockRate } = format.codec;
    const from = headerLength(packet);
    const to = payloadEnd(packet, from);
    if (format.kind !== 'event') {
      this.#buffer.push(packet, from, to, clockRate, at);
      return;
    }
    this.#buffer.pushAside(packet);
    if (!this.#digits.push(source, timestamp(packet), packet.subarray(from, to), clockRate, at)) this.#malformed++;
  }

  /**
   * The next 20 ms, at `now` (ms, monotonic); null where there is nothing to be heard. Valid until the next call, and may
   * be changed by who gets it.
   */
  pull(now: number): Int16Array | null {
    this.#digits.check(now);
    const frame = this.#frame;
    this.#fill(now, frame.length);
    if (this.#length >= frame.length) this.#correct(now);
    if (this.#noise !== null && this.#length < frame.length) this.#fillWithNoise(this.#noise);
    if (this.#length === 0 && Math.abs(this.#last) < inaudible) {
      this.#last = 0;
      return null;
    }
    if (this.#length < frame.length) this.#fade(frame.length);
    frame.set(this.#head);
    this.#length -= frame.length;
    this.#line.copyWithin(0, frame.length, frame.length + this.#length);
    this.#last = frame[frame.length - 1]!;
    return frame;
  }

  statistics(): ReceiverStatistics {
    const { delayMs, late, duplicates, discarded, missing } = this.#buffer.statistics;
    return {
      delayMs,
      concealedMs: this.#concealedMs,
      recoveredMs: this.#recoveredMs,
      received: this.#received,
      late,
      duplicates,
      discarded,
      missing,
      malformed: this.#malformed,
      ignored: this.#ignored,
    };
  }

  [Symbol.dispose](): void {
    this.update([]);
  }

  #samples(ms: number): number {
    return Math.round((ms * this.#sampleRate) / 1000);
  }

  /** Makes the line at least so long, unless there is nothing more to be heard now. */
  #fill(now: number, samples: number): void {
    while (this.#length < samples) {
      const playout = this.#buffer.next(now, ((this.#frame.length - this.#length) * 1000) / this.#sampleRate);
      if (playout === 'nothing') return;
      if (playout === 'packet') this.#decode(this.#buffer.payload!);
      else this.#conceal(this.#buffer.ms, this.#buffer.payload);
    }
  }

  #decode(payload: Uint8Array): void {
    const format = this.#formats[this.#buffer.payloadType]!;
    if (format?.kind === 'noise') {
      format.noise ??= new PauseNoise(format.codec.clockRate, this.#sampleRate);
      format.noise.take(payload);
      this.#noise = format.noise;
      this.#buffer.lasted(0);
      this.#buffer.rest();
      return;
    }
    if (format?.kind !== 'speech') {
      // It was agreed when the packet came, and is no longer.
      this.#conceal(this.#buffer.packetMs, null);
      this.#buffer.lasted(this.#buffer.packetMs);
      return;
    }
    format.decoder ??= createDecoder(format.codec, { sampleRate: this.#sampleRate });
    const former = this.#current;
    this.#current = format.decoder;
    this.#noise = null;
    if (payload.length <= opusSilence && format.codec.name.toLowerCase() === 'opus') this.#buffer.rest();
    const isSeam = former !== null && (former !== format.decoder || !this.#buffer.follows) && this.#isSounding;
    if (isSeam) this.#seam.set(former.conceal(this.#seam.length).subarray(0, this.#seam.length));
    const start = this.#length;
    let ms = this.#buffer.packetMs;
    try {
      ms = (this.#append(format.decoder.decode(payload)) * 1000) / this.#sampleRate;
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#malformed++;
      this.#conceal(ms, null);
    }
    this.#buffer.lasted(ms);
    if (isSeam) this.#blend(start);
  }

  /** Whether there is sound right before what is decoded now: what fades ends with silence. */
  get #isSounding(): boolean {
    return this.#length > 0 || this.#last !== 0;
  }

  /** Makes up `ms` of sound, or recovers it from the packet behind it. */
  #conceal(ms: number, next: Uint8Array | null): void {
    const wanted = Math.min(this.#samples(ms), this.#samples(longestPacket));
    const decoder = this.#current;
    const recovered =
      next && this.#formats[this.#buffer.payloadType]?.decoder === decoder && decoder?.recover(next, wanted);
    if (recovered) this.#recoveredMs += ms;
    else this.#concealedMs += ms;
    if (decoder !== null) this.#append(recovered || decoder.conceal(wanted));
    else {
      this.#line.fill(0, this.#length, this.#length + wanted);
      this.#length += wanted;
    }
  }

  /** Puts samples behind the line, as many as there is room for; the answer is how many. */
  #append(samples: Int16Array): number {
    const room = Math.min(samples.length, this.#line.length - this.#length);
    for (let i = 0; i < room; i++) this.#line[this.#length + i] = samples[i]!;
    this.#length += room;
    this.#isNoise = false;
    return room;
  }

  /** Lets what would have gone on turn into what is in the line from `start` on. */
  #blend(start: number): void {
    const count = Math.min(this.#seam.length, this.#length - start);
    for (let i = 0; i < count; i++) {
      const weight = (i + 1) / (count + 1);
      this.#line[start + i] = Math.round(this.#seam[i]! * (1 - weight) + this.#line[start + i]! * weight);
    }
  }

  /** Shortens or stretches what is to be played now, where the jitter buffer asks for it. */
  #correct(now: number): void {
    const wanted = this.#samples(this.#buffer.correction(this.#silence.isSilent(this.#head), now));
    if (wanted === 0) return;
    const done = wanted > 0 ? this.#shorten(wanted, now) : -this.#stretch(-wanted);
    if (done !== 0) this.#buffer.corrected((done * 1000) / this.#sampleRate, now);
  }

  /** Takes at most so many samples out, and leaves a frame at least; the answer is how many. */
  #shorten(samples: number, now: number): number {
    const frame = this.#frame.length;
    this.#fill(now, frame + neededSamples(samples, this.#sampleRate));
    const most = Math.min(samples, this.#length - frame);
    const done = shorten(this.#line, this.#length, this.#sampleRate, most);
    this.#length -= done;
    return done;
  }

  /** Adds at most so many samples, piece by piece; the answer is how many. */
  #stretch(samples: number): number {
    const most = this.#frame.length - neededSamples(0, this.#sampleRate);
    for (let done = 0; ; ) {
      const piece = stretch(this.#line, this.#length, this.#sampleRate, Math.min(most, samples - done));
      if (piece === 0) return done;
      this.#length += piece;
      done += piece;
    }
  }

  #fillWithNoise(noise: PauseNoise): void {
    const before = this.#length > 0 ? this.#line[this.#length - 1]! : this.#last;
    noise.fill(this.#line, this.#length, this.#frame.length, this.#isNoise ? 0 : before);
    this.#length = this.#frame.length;
    this.#isNoise = true;
  }

  /** Ends the sound, and fills the line up to so many samples with silence. */
  #fade(samples: number): void {
    const from = this.#length > 0 ? this.#line[this.#length - 1]! : this.#last;
    const fade = this.#samples(fadeMs);
    for (let i = 0; this.#length < samples; i++) {
      this.#line[this.#length++] = i < fade ? Math.round(from * (1 - (i + 1) / fade)) : 0;
    }
  }
}

function kindOf({ name, clockRate, channels }: AgreedCodec): Format['kind'] {
  if (name.toLowerCase() === 'telephone-event') return 'event';
  if (name.toLowerCase() === 'cn') return 'noise';
  return canCode(name, clockRate, channels) ? 'speech' : 'other';
}

function sameFormat(a: AgreedCodec, b: AgreedCodec): boolean {
  return (
    a.name.toLowerCase() === b.name.toLowerCase() &&
    a.clockRate === b.clockRate &&
    a.channels === b.channels &&
    a.fmtp === b.fmtp
  );
}

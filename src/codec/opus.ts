/** Opus (RFC 6716) as RFC 7587 carries it, as mono. Its RTP clock says 48000 whatever the rate of the samples. */
import { SampleBuffer } from './buffers.ts';
import { type AudioDecoder, type AudioEncoder, CodecError } from './codec.ts';
import { type OpusDecoderState, type OpusEncoderState, type OpusLibrary, opusLibrary } from './opus-library.ts';
import { type OpusParameters, opusParameters } from './opus-parameters.ts';

/** Rates in Hz at which Opus takes and gives samples. */
const sampleRates: readonly number[] = [8000, 12_000, 16_000, 24_000, 48_000];

/** Requests and their values, of `opus_defines.h`. */
const setBitrate = 4002;
const setMaxBandwidth = 4004;
const setVariableBitrate = 4006;
const setComplexity = 4010;
const setInbandFec = 4012;
const setPacketLoss = 4014;
const setDtx = 4016;
const setSignal = 4024;
const voiceSignal = 3001;

/**
 * Bandwidths, each with the lowest rate in Hz that samples it whole, with bits a second that carry a voice well
 * (RFC 7587 §3.1.1), and with the fewest that leave room for redundancy as well.
 */
const bandwidths = [
  { rate: 8000, value: 1101, bitrate: 16_000, redundant: 20_000 },
  { rate: 12_000, value: 1102, bitrate: 20_000, redundant: 22_000 },
  { rate: 16_000, value: 1103, bitrate: 24_000, redundant: 24_000 },
  { rate: 24_000, value: 1104, bitrate: 28_000, redundant: 28_000 },
  { rate: 48_000, value: 1105, bitrate: 32_000, redundant: 32_000 },
] as const;

/** Of 10: the highest before the time that it takes doubles. */
const complexity = 5;
/** In percent, where nobody has measured it: too little for redundancy, which takes bits from the sound. */
const usualLoss = 5;
/** In percent: less than this makes libopus send no redundancy at all bandwidths. */
const leastLoss = 10;
/** The longest packet that libopus makes of one frame, in bytes. */
const longestPacket = 1275;
/** Packets of no more bytes say that there is silence, and need not be sent. */
const silencePacket = 2;
/** The longest packet in ms (RFC 6716 §3.2.5). */
const longestMs = 120;

/** The rate nearest above at which Opus works by itself. */
export function opusRate(sampleRate: number): number {
  return sampleRates.find((rate) => rate === sampleRate) ?? 48_000;
}

/**
 * Samples in a packet at this rate, by its first bytes (RFC 6716 §3.1, §3.2).
 * @throws CodecError when there can be no such packet
 */
export function opusSamples(payload: Uint8Array, sampleRate: number): number {
  const toc = payload[0];
  if (toc === undefined) throw new CodecError('an Opus packet without a byte');
  const configuration = toc >> 3;
  let ms = 2.5 * 2 ** (configuration & 3);
  if (configuration < 12) ms = (configuration & 3) === 3 ? 60 : 10 * 2 ** (configuration & 3);
  else if (configuration < 16) ms = 10 * 2 ** (configuration & 1);
  const frames = (toc & 3) === 0 ? 1 : (toc & 3) < 3 ? 2 : (payload[1] ?? 0) & 63;
  if (frames === 0 || frames * ms > longestMs)
    throw new CodecError('an Opus packet of no length, or of more than 120 ms');
  return (frames * ms * sampleRate) / 1000;
}

export class OpusEncoder implements AudioEncoder {
  readonly sampleRate: number;
  readonly #state: OpusEncoderState;
  readonly #packet = new Uint8Array(longestPacket);
  readonly #bandwidth: (typeof bandwidths)[number];
  readonly #wanted: OpusParameters;

  /**
   * `sampleRate`: one that `opusRate` gives. `fmtp`: of the side that decodes, which is obeyed; mono is sent whatever it
   * prefers. `expectedLoss`: of its packets, in percent.
   */
  constructor(sampleRate: number, fmtp: string | null, expectedLoss = usualLoss, library: OpusLibrary = opusLibrary()) {
    this.sampleRate = sampleRate;
    this.#state = library.encoder(sampleRate);
    const wanted = opusParameters(fmtp);
    this.#wanted = wanted;
    const rate = Math.min(sampleRate, wanted.maxPlaybackRate);
    const bandwidth = bandwidths.findLast((candidate) => candidate.rate <= rate) ?? bandwidths[0];
    this.#bandwidth = bandwidth;
    this.#set(setMaxBandwidth, bandwidth.value);
    this.#setBitrate(bandwidth.bitrate);
    this.#set(setVariableBitrate, wanted.constantBitrate ? 0 : 1);
    this.#set(setComplexity, complexity);
    this.#set(setSignal, voiceSignal);
    this.#set(setInbandFec, wanted.inbandFec ? 1 : 0);
    this.#set(setPacketLoss, wanted.inbandFec ? Math.round(expectedLoss) : 0);
    this.#set(setDtx, wanted.dtx ? 1 : 0);
  }

  /** Where the side that decodes makes use of it, each packet holds the one before once more as long as any is lost. */
  expectLoss(percent: number): void {
    if (!this.#wanted.inbandFec) return;
    const { bitrate, redundant } = this.#bandwidth;
    this.#setBitrate(percent > 0 ? redundant : bitrate);
    this.#set(setPacketLoss, percent > 0 ? Math.min(100, Math.max(leastLoss, Math.round(percent))) : 0);
  }

  encode(samples: Int16Array): Uint8Array {
    const length = this.#state.encode(samples, this.#packet);
    if (length < 0) throw new CodecError(`Opus cannot encode ${samples.length} samples (${length})`);
    return this.#packet.subarray(0, length <= silencePacket ? 0 : length);
  }

  #setBitrate(bitrate: number): void {
    this.#set(setBitrate, Math.min(bitrate, this.#wanted.maxAverageBitrate ?? bitrate));
  }

  #set(request: number, value: number): void {
    const error = this.#state.ctl(request, value);
    if (error < 0) throw new CodecError(`Opus refuses ${value} for request ${request} (${error})`);
  }

  [Symbol.dispose](): void {
    this.#state.free();
  }
}

export class OpusDecoder implements AudioDecoder {
  readonly sampleRate: number;
  readonly #state: OpusDecoderState;
  readonly #buffer = new SampleBuffer();
  /** Made up at once by libopus. */
  readonly #step: number;

  /** `sampleRate`: one that `opusRate` gives. */
  constructor(sampleRate: number, library: OpusLibrary = opusLibrary()) {
    this.sampleRate = sampleRate;
    this.#state = library.decoder(sampleRate);
    this.#step = sampleRate / 400;
  }

  decode(payload: Uint8Array): Int16Array {
    const samples = this.#buffer.take(opusSamples(payload, this.sampleRate));
    const decoded = this.#state.decode(payload, samples);
    if (decoded !== samples.length) throw new CodecError(`Opus cannot decode ${payload.length} bytes (${decoded})`);
    return samples;
  }

  conceal(samples: number): Int16Array {
    const whole = this.#buffer.take(Math.ceil(samples / this.#step) * this.#step);
    const longest = (longestMs / 2.5) * this.#step;
    for (let at = 0; at < whole.length; at += longest) this.#state.conceal(whole.subarray(at, at + longest));
    return whole.length === samples ? whole : whole.subarray(0, samples);
  }

  recover(next: Uint8Array, samples: number): Int16Array | null {
    if (samples % this.#step !== 0 || samples > (longestMs / 2.5) * this.#step) return null;
    const recovered = this.#buffer.take(samples);
    return this.#state.recover(next, recovered) === samples ? recovered : null;
  }

  [Symbol.dispose](): void {
    this.#state.free();
  }
}

/** From the name of a codec to what codes it. */
import { type AudioDecoder, type AudioEncoder, CodecError, type CodecSpec } from './codec.ts';
import { G711Decoder, G711Encoder } from './g711.ts';
import { G722Decoder, G722Encoder } from './g722.ts';
import { L16Decoder, L16Encoder } from './l16.ts';
import { OpusDecoder, OpusEncoder, opusRate } from './opus.ts';
import { ResampledDecoder, ResampledEncoder } from './resampled.ts';

export interface DecoderOptions {
  /** Of the samples that come out, in Hz; the codec's own where absent. */
  readonly sampleRate?: number;
}

export interface EncoderOptions {
  /** Of the samples that go in, in Hz; the codec's own where absent. */
  readonly sampleRate?: number;
  /** Packets in a hundred that will be lost on the way, for codecs that can prepare for it. */
  readonly expectedLoss?: number;
}

/** A codec; where it works at several rates, at the one nearest to that which is wanted. */
interface Implementation {
  readonly decoder: (wanted: DecoderOptions) => AudioDecoder;
  readonly encoder: (wanted: EncoderOptions) => AudioEncoder;
  /** Lengths of one packet in ms, rising. */
  readonly packets: readonly number[];
}

const anyPackets = [10, 20, 30, 40, 60];
/** One frame of Opus each, hence no 30. */
const opusPackets = [10, 20, 40, 60];

/** Whether we can decode and encode this codec; without clock rate and channels: at its usual ones. */
export function canCode(name: string, clockRate?: number, channels = 1): boolean {
  const usualRate = name.toLowerCase() === 'opus' ? 48_000 : 8000;
  return implementationOf(name, clockRate ?? usualRate, channels, null) !== null;
}

/**
 * A decoder for one stream of this codec.
 * @throws CodecError when it is none that `canCode`
 */
export function createDecoder(codec: CodecSpec, options: DecoderOptions = {}): AudioDecoder {
  const decoder = known(codec).decoder(options);
  const { sampleRate = decoder.sampleRate } = options;
  return sampleRate === decoder.sampleRate ? decoder : new ResampledDecoder(decoder, sampleRate);
}

/**
 * An encoder for one stream of this codec.
 * @throws CodecError when it is none that `canCode`
 */
export function createEncoder(codec: CodecSpec, options: EncoderOptions = {}): AudioEncoder {
  const encoder = known(codec).encoder(options);
  const { sampleRate = encoder.sampleRate } = options;
  return sampleRate === encoder.sampleRate ? encoder : new ResampledEncoder(encoder, sampleRate);
}

/**
 * The length in ms of the packets of a codec, for a side that wants `ptime` and takes at most `maxptime` ms: the longest
 * that is within both, or the shortest that there is.
 * @throws CodecError when it is none that `canCode`
 */
export function packetLength(codec: CodecSpec, ptime: number, maxptime = ptime): number {
  const { packets } = known(codec);
  return packets.findLast((ms) => ms <= Math.min(ptime, maxptime)) ?? packets[0]!;
}

function known({ name, clockRate, channels, fmtp }: CodecSpec): Implementation {
  const implementation = implementationOf(name, clockRate, channels, fmtp);
  if (implementation === null) throw new CodecError(`cannot code ${name}/${clockRate}/${channels}`);
  return implementation;
}

function implementationOf(
  name: string,
  clockRate: number,
  channels: number,
  fmtp: string | null,
): Implementation | null {
  switch (name.toLowerCase()) {
    case 'pcmu':
      return clockRate === 8000 && channels === 1 ? g711('PCMU') : null;
    case 'pcma':
      return clockRate === 8000 && channels === 1 ? g711('PCMA') : null;
    case 'g722':
      return clockRate === 8000 && channels === 1 ? g722 : null;
    case 'opus':
      // Always two channels (RFC 7587 §7), which some phones forget to say.
      return clockRate === 48_000 && channels <= 2 ? opus(fmtp) : null;
    case 'l16':
      // Other rates have no whole number of samples in 20 ms.
      return clockRate % 50 === 0 && channels <= 2 ? l16(clockRate, channels) : null;
    default:
      return null;
  }
}

function g711(law: 'PCMU' | 'PCMA'): Implementation {
  return { decoder: () => new G711Decoder(law), encoder: () => new G711Encoder(law), packets: anyPackets };
}

const g722: Implementation = {
  decoder: () => new G722Decoder(),
  encoder: () => new G722Encoder(),
  packets: anyPackets,
};

function l16(clockRate: number, channels: number): Implementation {
  return {
    decoder: () => new L16Decoder(clockRate, channels),
    encoder: () => new L16Encoder(clockRate, channels),
    packets: anyPackets,
  };
}

function opus(fmtp: string | null): Implementation {
  return {
    decoder: ({ sampleRate = 48_000 }) => new OpusDecoder(opusRate(sampleRate)),
    encoder: ({ sampleRate = 48_000, expectedLoss }) => new OpusEncoder(opusRate(sampleRate), fmtp, expectedLoss),
    packets: opusPackets,
  };
}

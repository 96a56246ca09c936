/** From the name of a codec to what codes it. */
import { type AudioDecoder, type AudioEncoder, CodecError, type CodecSpec } from './codec.ts';
import { G711Decoder, G711Encoder } from './g711.ts';
import { G722Decoder, G722Encoder } from './g722.ts';
import { L16Decoder, L16Encoder } from './l16.ts';
import { ResampledDecoder, ResampledEncoder } from './resampled.ts';

export interface DecoderOptions {
  /** Of the samples that come out, in Hz; the codec's own where absent. */
  readonly sampleRate?: number;
}

export interface EncoderOptions {
  /** Of the samples that go in, in Hz; the codec's own where absent. */
  readonly sampleRate?: number;
}

/** A codec at its own rate. */
interface Implementation {
  readonly decoder: () => AudioDecoder;
  readonly encoder: () => AudioEncoder;
}

/** Whether we can decode and encode this codec; without clock rate and channels: at its usual ones. */
export function canCode(name: string, clockRate?: number, channels = 1): boolean {
  return implementationOf(name, clockRate ?? 8000, channels) !== null;
}

/**
 * A decoder for one stream of this codec.
 * @throws CodecError when it is none that `canCode`
 */
export function createDecoder(codec: CodecSpec, { sampleRate }: DecoderOptions = {}): AudioDecoder {
  const decoder = known(codec).decoder();
  return sampleRate === undefined || sampleRate === decoder.sampleRate
    ? decoder
    : new ResampledDecoder(decoder, sampleRate);
}

/**
 * An encoder for one stream of this codec.
 * @throws CodecError when it is none that `canCode`
 */
export function createEncoder(codec: CodecSpec, { sampleRate }: EncoderOptions = {}): AudioEncoder {
  const encoder = known(codec).encoder();
  return sampleRate === undefined || sampleRate === encoder.sampleRate
    ? encoder
    : new ResampledEncoder(encoder, sampleRate);
}

function known({ name, clockRate, channels }: CodecSpec): Implementation {
  const implementation = implementationOf(name, clockRate, channels);
  if (implementation === null) throw new CodecError(`cannot code ${name}/${clockRate}/${channels}`);
  return implementation;
}

function implementationOf(name: string, clockRate: number, channels: number): Implementation | null {
  switch (name.toLowerCase()) {
    case 'pcmu':
      return clockRate === 8000 && channels === 1 ? g711('PCMU') : null;
    case 'pcma':
      return clockRate === 8000 && channels === 1 ? g711('PCMA') : null;
    case 'g722':
      return clockRate === 8000 && channels === 1 ? g722 : null;
    case 'l16':
      // Other rates have no whole number of samples in 20 ms.
      return clockRate % 50 === 0 && channels <= 2 ? l16(clockRate, channels) : null;
    default:
      return null;
  }
}

function g711(law: 'PCMU' | 'PCMA'): Implementation {
  return { decoder: () => new G711Decoder(law), encoder: () => new G711Encoder(law) };
}

const g722: Implementation = { decoder: () => new G722Decoder(), encoder: () => new G722Encoder() };

function l16(clockRate: number, channels: number): Implementation {
  return { decoder: () => new L16Decoder(clockRate, channels), encoder: () => new L16Encoder(clockRate, channels) };
}

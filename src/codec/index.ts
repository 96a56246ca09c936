export { type AudioDecoder, type AudioEncoder, CodecError, type CodecSpec } from './codec.ts';
export { ComfortNoise, NoiseAnalysis } from './comfort-noise.ts';
export {
  canCode,
  createDecoder,
  createEncoder,
  type DecoderOptions,
  type EncoderOptions,
  packetLength,
} from './create.ts';
export { type OpusImplementation, opusImplementation } from './opus-library.ts';
export { Resampler } from './resampler.ts';
export { SilenceDetector } from './silence.ts';

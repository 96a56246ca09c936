export { type AudioDecoder, type AudioEncoder, CodecError, type CodecSpec } from './codec.ts';
export { canCode, createDecoder, createEncoder, type DecoderOptions, type EncoderOptions } from './create.ts';
export { Resampler } from './resampler.ts';

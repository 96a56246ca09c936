/** Linear samples of 16 bits in network order (RFC 3551 §4.5.11). */
import { ByteBuffer, SampleBuffer } from './buffers.ts';
import { type AudioDecoder, type AudioEncoder, CodecError } from './codec.ts';
import { Concealment } from './concealment.ts';

/** Several channels become their mean. */
export class L16Decoder implements AudioDecoder {
  readonly sampleRate: number;
  readonly #channels: number;
  readonly #buffer = new SampleBuffer();
  readonly #concealment: Concealment;

  constructor(sampleRate: number, channels: number) {
    this.sampleRate = sampleRate;
    this.#channels = channels;
    this.#concealment = new Concealment(sampleRate);
  }

  decode(payload: Uint8Array): Int16Array {
    const channels = this.#channels;
    const count = payload.length / (2 * channels);
    if (count === 0 || !Number.isInteger(count)) throw new CodecError(`${payload.length} bytes are no whole samples`);
    const samples = this.#buffer.take(count);
    for (let i = 0, at = 0; i < count; i++) {
      let sum = 0;
      for (let channel = 0; channel < channels; channel++, at += 2)
        sum += ((payload[at]! << 24) >> 16) | payload[at + 1]!;
      samples[i] = sum / channels;
    }
    this.#concealment.heard(samples);
    return samples;
  }

  conceal(samples: number): Int16Array {
    return this.#concealment.conceal(samples);
  }

  recover(): null {
    return null;
  }

  [Symbol.dispose](): void {}
}

/** Every channel carries the same. */
export class L16Encoder implements AudioEncoder {
  readonly sampleRate: number;
  readonly #channels: number;
  readonly #buffer = new ByteBuffer();

  constructor(sampleRate: number, channels: number) {
    this.sampleRate = sampleRate;
    this.#channels = channels;
  }

  encode(samples: Int16Array): Uint8Array {
    const payload = this.#buffer.take(samples.length * 2 * this.#channels);
    for (let i = 0, at = 0; i < samples.length; i++) {
      for (let channel = 0; channel < this.#channels; channel++, at += 2) {
        payload[at] = samples[i]! >> 8;
        payload[at + 1] = samples[i]! & 0xff;
      }
    }
    return payload;
  }

  [Symbol.dispose](): void {}
}

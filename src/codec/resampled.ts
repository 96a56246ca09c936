/** Codecs at another rate than their own. */
import type { AudioDecoder, AudioEncoder } from './codec.ts';
import { Resampler } from './resampler.ts';

/** A decoder whose samples come out at `sampleRate` Hz. */
export class ResampledDecoder implements AudioDecoder {
  readonly sampleRate: number;
  readonly #decoder: AudioDecoder;
  readonly #resampler: Resampler;

  constructor(decoder: AudioDecoder, sampleRate: number) {
    this.sampleRate = sampleRate;
    this.#decoder = decoder;
    this.#resampler = new Resampler(decoder.sampleRate, sampleRate);
  }

  decode(payload: Uint8Array): Int16Array {
    return this.#resampler.resample(this.#decoder.decode(payload));
  }

  conceal(samples: number): Int16Array {
    return this.#resampler.resample(this.#decoder.conceal(this.#inner(samples)));
  }

  recover(next: Uint8Array, samples: number): Int16Array | null {
    const recovered = this.#decoder.recover(next, this.#inner(samples));
    return recovered && this.#resampler.resample(recovered);
  }

  /** That many samples, counted at the decoder's own rate. */
  #inner(samples: number): number {
    return Math.round((samples * this.#decoder.sampleRate) / this.sampleRate);
  }

  [Symbol.dispose](): void {
    this.#decoder[Symbol.dispose]();
  }
}

/** An encoder that takes samples at `sampleRate` Hz. */
export class ResampledEncoder implements AudioEncoder {
  readonly sampleRate: number;
  readonly #encoder: AudioEncoder;
  readonly #resampler: Resampler;

  constructor(encoder: AudioEncoder, sampleRate: number) {
    this.sampleRate = sampleRate;
    this.#encoder = encoder;
    this.#resampler = new Resampler(sampleRate, encoder.sampleRate);
  }

  encode(samples: Int16Array): Uint8Array {
    return this.#encoder.encode(this.#resampler.resample(samples));
  }

  expectLoss(percent: number): void {
    this.#encoder.expectLoss?.(percent);
  }

  [Symbol.dispose](): void {
    this.#encoder[Symbol.dispose]();
  }
}

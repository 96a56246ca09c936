/**
 * ITU-T G.722 at 64 kbit/s: 16,000 samples a second in two bands of 8,000. Its RTP clock says 8000 (RFC 3551 §4.5.2):
 * one octet for each tick.
 */
import { ByteBuffer, SampleBuffer } from './buffers.ts';
import { type AudioDecoder, type AudioEncoder, CodecError } from './codec.ts';
import { Concealment } from './concealment.ts';
import { clipped, HighBand, LowBand } from './g722-band.ts';

const sampleRate = 16_000;

/** Half of the quadrature mirror filter (table 11), which is symmetrical: the taps of even numbers. */
const mirror = Int32Array.from([3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11]);
const taps = 2 * mirror.length;

export class G722Encoder implements AudioEncoder {
  readonly sampleRate = sampleRate;
  readonly #low = new LowBand();
  readonly #high = new HighBand();
  readonly #buffer = new ByteBuffer();
  /** The last samples, then the new ones. */
  #line = new Int16Array(taps);

  encode(samples: Int16Array): Uint8Array {
    const kept = taps - 2;
    const count = samples.length >> 1;
    if (this.#line.length < kept + 2 * count) {
      const line = new Int16Array(kept + 2 * count);
      line.set(this.#line.subarray(0, kept));
      this.#line = line;
    }
    const line = this.#line;
    line.set(samples, kept);
    const payload = this.#buffer.take(count);
    for (let i = 0; i < count; i++) {
      let even = 0;
      let odd = 0;
      for (let tap = 0, at = 2 * i; tap < mirror.length; tap++, at += 2) {
        even += line[at]! * mirror[tap]!;
        odd += line[at + 1]! * mirror[mirror.length - 1 - tap]!;
      }
      payload[i] = (this.#high.encode((odd - even) >> 14) << 6) | this.#low.encode((odd + even) >> 14);
    }
    line.copyWithin(0, 2 * count, 2 * count + kept);
    return payload;
  }

  [Symbol.dispose](): void {}
}

export class G722Decoder implements AudioDecoder {
  readonly sampleRate = sampleRate;
  readonly #low = new LowBand();
  readonly #high = new HighBand();
  readonly #buffer = new SampleBuffer();
  readonly #concealment = new Concealment(sampleRate);
  /** Sums and differences of the two bands: the last ones, then the new. */
  #line = new Int32Array(taps);

  decode(payload: Uint8Array): Int16Array {
    if (payload.length === 0) throw new CodecError('a payload without a sample');
    const kept = taps - 2;
    const length = 2 * payload.length;
    if (this.#line.length < kept + length) {
      const line = new Int32Array(kept + length);
      line.set(this.#line.subarray(0, kept));
      this.#line = line;
    }
    const line = this.#line;
    const samples = this.#buffer.take(length);
    for (let i = 0; i < length; i += 2) {
      const code = payload[i >> 1]!;
      const low = this.#low.decode(code & 63);
      const high = this.#high.decode(code >> 6);
      line[kept + i] = low + high;
      line[kept + i + 1] = low - high;
      let first = 0;
      let second = 0;
      for (let tap = 0, at = i; tap < mirror.length; tap++, at += 2) {
        second += line[at]! * mirror[tap]!;
        first += line[at + 1]! * mirror[mirror.length - 1 - tap]!;
      }
      samples[i] = clipped(first >> 11);
      samples[i + 1] = clipped(second >> 11);
    }
    line.copyWithin(0, length, length + kept);
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

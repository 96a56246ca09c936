/** Comfort noise (RFC 3389): the background of a pause as a level and the shape of its spectrum. */
import { SampleBuffer, saturated } from './buffers.ts';

/** Reflection coefficients that are sent. */
const order = 10;
/** A level in -dBov that stands for no noise at all. */
const quietest = 127;
/** Power of a full square wave of 16 bits: 0 dBov. */
const overload = 32_768 ** 2;
/** Reflection coefficients on the wire: steps of this size around the middle (RFC 3389 §3.2). */
const coefficientStep = 258 / 32_768;
const coefficientMiddle = 127;
/** How far the noise that is heard moves in 20 ms towards what was last made known. */
const approach = 0.2;
/** How far the background moves with each pause's frame. */
const memory = 0.25;

/** The level of samples in -dBov, a whole number from 0 (a full square wave) to 127. */
export function noiseLevel(samples: Int16Array): number {
  let energy = 0;
  for (const sample of samples) energy += sample * sample;
  return levelOf(energy / samples.length);
}

function levelOf(power: number): number {
  return power < 1e-3 ? quietest : Math.min(quietest, Math.max(0, Math.round(-10 * Math.log10(power / overload))));
}

/** Listens to the frames of a pause and tells what they are like. */
export class NoiseAnalysis {
  /** Autocorrelation for each sample of a frame, averaged; its first number is the power. */
  readonly #correlation = new Float64Array(order + 1);
  #heard = false;

  /** Takes a frame; null is one without any sound. */
  hear(samples: Int16Array | null): void {
    const weight = this.#heard ? memory : 1;
    this.#heard = true;
    for (let lag = 0; lag <= order; lag++) {
      let sum = 0;
      if (samples !== null) {
        for (let i = lag; i < samples.length; i++) sum += samples[i]! * samples[i - lag]!;
        sum /= samples.length;
      }
      this.#correlation[lag]! += weight * (sum - this.#correlation[lag]!);
    }
  }

  /** What was heard before belongs to another pause. */
  startOver(): void {
    this.#heard = false;
  }

  /** In -dBov, as in `noiseLevel`. */
  get level(): number {
    return levelOf(this.#correlation[0]!);
  }

  /** The payload: a level, and with `spectrum` ten coefficients, which count for the rate of the samples heard. */
  payload(spectrum: boolean): Uint8Array {
    if (!spectrum || this.level === quietest) return Uint8Array.of(this.level);
    const payload = new Uint8Array(1 + order);
    payload[0] = this.level;
    const coefficients = reflections(this.#correlation);
    for (let i = 0; i < order; i++) {
      const step = Math.round(coefficients[i]! / coefficientStep);
      payload[1 + i] = coefficientMiddle + Math.max(-coefficientMiddle, Math.min(coefficientMiddle, step));
    }
    return payload;
  }
}

/** Reflection coefficients of an autocorrelation, by Levinson and Durbin; with A(z) = 1 + Σ a z^-i, hence k1 = -r1/r0. */
function reflections(correlation: Float64Array): Float64Array {
  const coefficients = new Float64Array(order);
  const predictor = new Float64Array(order + 1);
  // A floor of white noise 40 dB below keeps it stable.
  let error = correlation[0]! * 1.0001 + 1e-9;
  for (let i = 1; i <= order; i++) {
    let sum = correlation[i]!;
    for (let j = 1; j < i; j++) sum += predictor[j]! * correlation[i - j]!;
    const k = -sum / error;
    coefficients[i - 1] = k;
    for (let j = 1; j <= i >> 1; j++) {
      const low = predictor[j]!;
      const high = predictor[i - j]!;
      predictor[j] = low + k * high;
      if (j !== i - j) predictor[i - j] = high + k * low;
    }
    predictor[i] = k;
    error *= 1 - k * k;
  }
  return coefficients;
}

/** Makes the noise that the other side has told of. */
export class ComfortNoise {
  /** Root mean square that is wanted, and that which is heard now. */
  #target = 0;
  #amplitude = 0;
  #started = false;
  readonly #coefficients = new Float64Array(order);
  readonly #backward = new Float64Array(order + 1);
  readonly #buffer = new SampleBuffer();
  #seed = 0x2545_f491;

  /** Takes a payload; coefficients beyond the tenth are left out, a payload without a byte says nothing. */
  take(payload: Uint8Array): void {
    const level = payload[0];
    if (level === undefined) return;
    this.#target = (level & 0x7f) === quietest ? 0 : Math.sqrt(overload * 10 ** (-(level & 0x7f) / 10));
    for (let i = 0; i < order; i++) {
      const step = Math.min(payload[1 + i] ?? coefficientMiddle, 2 * coefficientMiddle) - coefficientMiddle;
      this.#coefficients[i] = step * coefficientStep;
    }
    if (!this.#started) this.#amplitude = this.#target;
    this.#started = true;
  }

  /** The next samples of noise, at the rate that the coefficients count for; valid until the next call. */
  generate(count: number): Int16Array {
    this.#amplitude += approach * (this.#target - this.#amplitude);
    const coefficients = this.#coefficients;
    const backward = this.#backward;
    let loss = 1;
    for (let i = 0; i < order; i++) loss *= 1 - coefficients[i]! ** 2;
    // Even numbers from -1 to 1 have a power of a third; the filter gives back what it takes off here.
    const gain = this.#amplitude * Math.sqrt(3 * loss);
    const samples = this.#buffer.take(count);
    for (let i = 0; i < count; i++) {
      let forward = gain * this.#random();
      for (let k = order - 1; k >= 0; k--) {
        forward -= coefficients[k]! * backward[k]!;
        backward[k + 1] = backward[k]! + coefficients[k]! * forward;
      }
      backward[0] = forward;
      samples[i] = saturated(forward);
    }
    return samples;
  }

  /** Evenly spread between -1 and 1 (xorshift32). */
  #random(): number {
    let seed = this.#seed;
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    this.#seed = seed;
    return seed / 2 ** 31;
  }
}

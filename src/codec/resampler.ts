/** Change of sampling rate by a polyphase low-pass filter (windowed sinc, Kaiser). */
import { SampleBuffer, saturated } from './buffers.ts';

/**
 * Samples of the slower side that the filter spans. With the two below: flat to 0.42 of the slower rate (3.4 kHz of
 * 8000 Hz), at least 70 dB down from 0.52 on; the little that folds between 0.5 and 0.52 lies above the voice.
 */
const span = 48;
/** Middle of the slope, as part of the slower rate. */
const cutoff = 0.47;
/** Of the Kaiser window: for 70 dB. */
const beta = 6.76;

interface Filter {
  /** Outputs for each `decimation` inputs. */
  readonly interpolation: number;
  readonly decimation: number;
  readonly taps: number;
  /** For each phase its taps, in the order of the samples that they weigh. */
  readonly weights: Float64Array;
}

/** Filters depend on the two rates alone, so that all calls share them. */
const filters = new Map<string, Filter>();

/**
 * Turns a stream of samples at one rate into one at another. For frames of 20 ms between rates that are multiples of
 * 50 Hz each frame gives exactly one frame. No array is made as long as the frames keep their length.
 */
export class Resampler {
  readonly from: number;
  readonly to: number;
  /** By how much the filter delays, in ms: 3 where the slower side has 8000 Hz. */
  readonly delayMs: number;
  readonly #filter: Filter;
  /** The last inputs that still matter, then the new ones. */
  #line: Float64Array;
  /** Where the next output lies: in the new inputs, and between two of them. */
  #position = 0;
  #phase = 0;
  readonly #buffer = new SampleBuffer();

  /** Rates in Hz, whole numbers. */
  constructor(from: number, to: number) {
    this.from = from;
    this.to = to;
    this.#filter = filterOf(from, to);
    this.delayMs = (this.#filter.taps / 2 / from) * 1000;
    this.#line = new Float64Array(this.#filter.taps - 1);
  }

  /** The stream's next samples at the other rate; valid until the next call. */
  resample(samples: Int16Array): Int16Array {
    const { interpolation, decimation, taps, weights } = this.#filter;
    const kept = taps - 1;
    if (this.#line.length < kept + samples.length) this.#lengthen(kept + samples.length);
    const line = this.#line;
    for (let i = 0; i < samples.length; i++) line[kept + i] = samples[i]!;

    const ahead = (samples.length - this.#position) * interpolation - this.#phase;
    const output = this.#buffer.take(Math.max(0, Math.ceil(ahead / decimation)));
    let position = this.#position;
    let phase = this.#phase;
    for (let i = 0; i < output.length; i++) {
      let sum = 0;
      for (let tap = 0, weight = phase * taps; tap < taps; tap += 2, weight += 2) {
        sum += weights[weight]! * line[position + tap]! + weights[weight + 1]! * line[position + tap + 1]!;
      }
      output[i] = saturated(sum);
      phase += decimation;
      while (phase >= interpolation) {
        phase -= interpolation;
        position++;
      }
    }
    this.#position = position - samples.length;
    this.#phase = phase;
    line.copyWithin(0, samples.length, samples.length + kept);
    return output;
  }

  #lengthen(length: number): void {
    const line = new Float64Array(length);
    line.set(this.#line.subarray(0, this.#filter.taps - 1));
    this.#line = line;
  }
}

function filterOf(from: number, to: number): Filter {
  const key = `${from}:${to}`;
  const known = filters.get(key);
  if (known !== undefined) return known;
  const filter = makeFilter(from, to);
  filters.set(key, filter);
  return filter;
}

function makeFilter(from: number, to: number): Filter {
  const divisor = greatestCommonDivisor(from, to);
  const interpolation = to / divisor;
  const slower = Math.min(from, to);
  const taps = 2 * Math.ceil((span * from) / slower / 2);
  const weights = new Float64Array(interpolation * taps);
  const middle = (interpolation * taps) / 2;
  // Of the prototype at `from * interpolation` Hz, each phase takes every `interpolation`th tap.
  for (let phase = 0; phase < interpolation; phase++) {
    let sum = 0;
    for (let tap = 0; tap < taps; tap++) {
      const distance = phase + (taps - 1 - tap) * interpolation - middle;
      const x = (2 * Math.PI * cutoff * slower * distance) / (from * interpolation);
      const weight = (x === 0 ? 1 : Math.sin(x) / x) * kaiser(distance / middle);
      weights[phase * taps + tap] = weight;
      sum += weight;
    }
    for (let tap = 0; tap < taps; tap++) weights[phase * taps + tap]! /= sum;
  }
  return { interpolation, decimation: from / divisor, taps, weights };
}

/** The window at `x`, -1 to 1. */
function kaiser(x: number): number {
  return bessel(beta * Math.sqrt(Math.max(0, 1 - x * x))) / bessel(beta);
}

/** Modified Bessel function of the first kind and order zero. */
function bessel(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

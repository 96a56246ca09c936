/** One of the two bands of ITU-T G.722: adaptive differential coding, of 6 bits in the lower and 2 in the higher one. */

/** Table of the scale factor's mantissa: 2^11 · 2^(i/32) (§3.5). */
const mantissas = Int32Array.from([
  2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025,
  3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
]);

/** The nearest whole number that 16 bits can hold. */
export function clipped(value: number): number {
  return value > 32_767 ? 32_767 : value < -32_768 ? -32_768 : value;
}

/**
 * What encoder and decoder do alike in both bands (§3.6): they guess the next sample from those before, by two poles
 * and six zeros that follow the signal.
 */
class Predictor {
  /** The guess at the next sample. */
  estimate = 0;
  #zeroPart = 0;
  // The last two samples as reconstructed, and without the share of the poles.
  #sample1 = 0;
  #sample2 = 0;
  #partial1 = 0;
  #partial2 = 0;
  #pole1 = 0;
  #pole2 = 0;
  readonly #differences = new Int32Array(6);
  readonly #zeros = new Int32Array(6);

  /** Takes the quantised difference between the sample and the guess. */
  update(difference: number): void {
    const sample = clipped(this.estimate + difference);
    const partial = clipped(this.#zeroPart + difference);
    const like1 = partial < 0 === this.#partial1 < 0;
    const like2 = partial < 0 === this.#partial2 < 0;

    const weighed = clipped(this.#pole1 * 4);
    let pole2 = (like1 ? Math.min(-weighed, 32_767) : weighed) >> 7;
    pole2 += (like2 ? 128 : -128) + ((this.#pole2 * 32_512) >> 15);
    pole2 = pole2 > 12_288 ? 12_288 : pole2 < -12_288 ? -12_288 : pole2;

    const limit = 15_360 - pole2;
    const pole1 = (like1 ? 192 : -192) + ((this.#pole1 * 32_640) >> 15);
    this.#pole1 = pole1 > limit ? limit : pole1 < -limit ? -limit : pole1;
    this.#pole2 = pole2;

    const differences = this.#differences;
    const zeros = this.#zeros;
    const step = difference === 0 ? 0 : 128;
    const negative = difference < 0;
    let zeroPart = 0;
    for (let i = 5; i >= 0; i--) {
      const like = differences[i]! < 0 === negative;
      const zero = ((zeros[i]! * 32_640) >> 15) + (like ? step : -step);
      zeros[i] = zero;
      const moved = i > 0 ? differences[i - 1]! : difference;
      differences[i] = moved;
      zeroPart += (zero * clipped(moved * 2)) >> 15;
    }

    this.#sample2 = this.#sample1;
    this.#sample1 = sample;
    this.#partial2 = this.#partial1;
    this.#partial1 = partial;
    const polePart =
      ((this.#pole1 * clipped(this.#sample1 * 2)) >> 15) + ((this.#pole2 * clipped(this.#sample2 * 2)) >> 15);
    this.#zeroPart = clipped(zeroPart);
    this.estimate = clipped(clipped(polePart) + this.#zeroPart);
  }
}

/** The scale factor that follows the loudness of a band (§3.5). */
function scaleOf(logarithm: number, shift: number): number {
  const mantissa = mantissas[(logarithm >> 6) & 31]!;
  const exponent = shift - (logarithm >> 11);
  return (exponent < 0 ? mantissa << -exponent : mantissa >> exponent) << 2;
}

function followed(logarithm: number, step: number, highest: number): number {
  const next = ((logarithm * 127) >> 7) + step;
  return next < 0 ? 0 : next > highest ? highest : next;
}

/** Decision levels of the lower band's quantiser (table 14), each for both signs. */
const lowLevels = Int32Array.from([
  35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339, 1458,
  1612, 1765, 1980, 2195, 2557, 2919,
]);
/** Outputs of the lower band's quantiser by code: of its upper 4 bits, which alone steer the predictor, and of all 6. */
const lowOutputs4 = Int32Array.from([
  0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0,
]);
const lowOutputs6 = Int32Array.from([
  -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
  -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728, 24808,
  21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008,
  3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
]);
/** How the logarithm of the scale factor moves, by the upper 4 bits of the code. */
const lowSteps = Int32Array.from([-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60]);

/** 0 to 4000 Hz, of 6 bits. */
export class LowBand {
  readonly #predictor = new Predictor();
  #logarithm = 0;
  #scale = 32;

  /** The 6 bits of the band's next sample. */
  encode(sample: number): number {
    const difference = clipped(sample - this.#predictor.estimate);
    const magnitude = difference < 0 ? ~difference : difference;
    let level = 0;
    while (level < 29 && magnitude >= (lowLevels[level]! * this.#scale) >> 12) level++;
    // The codes of negative numbers fall from 63, 62 and then 31 on, those of others from 61 on.
    const code = difference < 0 ? (level < 2 ? 63 - level : 33 - level) : 61 - level;
    this.#update(code);
    return code;
  }

  /** The band's next sample. */
  decode(code: number): number {
    const sample = this.#predictor.estimate + ((lowOutputs6[code]! * this.#scale) >> 15);
    this.#update(code);
    return sample > 16_383 ? 16_383 : sample < -16_384 ? -16_384 : sample;
  }

  #update(code: number): void {
    const upper = code >> 2;
    const difference = (this.#scale * lowOutputs4[upper]!) >> 15;
    this.#logarithm = followed(this.#logarithm, lowSteps[upper]!, 18_432);
    this.#scale = scaleOf(this.#logarithm, 8);
    this.#predictor.update(difference);
  }
}

/** The decision level of the higher band's quantiser, its outputs, and the steps of its scale factor, by code. */
const highLevel = 564;
const highOutputs = Int32Array.from([-7408, -1616, 7408, 1616]);
const highSteps = Int32Array.from([798, -214, 798, -214]);

/** 4000 to 8000 Hz, of 2 bits. */
export class HighBand {
  readonly #predictor = new Predictor();
  #logarithm = 0;
  #scale = 8;

  /** The 2 bits of the band's next sample. */
  encode(sample: number): number {
    const difference = clipped(sample - this.#predictor.estimate);
    const magnitude = difference < 0 ? ~difference : difference;
    const loud = magnitude >= (highLevel * this.#scale) >> 12;
    const code = (difference < 0 ? 0 : 2) + (loud ? 0 : 1);
    this.#update(code);
    return code;
  }

  /** The band's next sample. */
  decode(code: number): number {
    const sample = this.#predictor.estimate + ((this.#scale * highOutputs[code]!) >> 15);
    this.#update(code);
    return sample > 16_383 ? 16_383 : sample < -16_384 ? -16_384 : sample;
  }

  #update(code: number): void {
    const difference = (this.#scale * highOutputs[code]!) >> 15;
    this.#logarithm = followed(this.#logarithm, highSteps[code]!, 22_528);
    this.#scale = scaleOf(this.#logarithm, 10);
    this.#predictor.update(difference);
  }
}

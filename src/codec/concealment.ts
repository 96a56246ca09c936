/**
 * Concealment of loss for codecs that have none of their own, in the spirit of ITU-T G.711 Appendix I: the last periods
 * of the voice are repeated and fade out. Unlike there nothing is delayed; the first seam is smoothed on the side of
 * what is made up.
 */
import { SampleBuffer, saturated } from './buffers.ts';

// All in ms. Voices have periods of 2.5 (a child) to 15 (a deep man).
const shortestPeriod = 2.5;
const longestPeriod = 15;
/** What is compared when looking for the period: short, since voices glide. */
const comparedMs = 12;
/** Periods are repeated in groups of about this length: a single one sounds like a buzzer. */
const groupMs = 10;
/** Full level until here, silence from there on. */
const fadeFrom = 10;
const fadeUntil = 80;
/** The blend into what is decoded again: a quarter of the cycle, and more after a long loss. */
const seamGrowth = 0.4;
const longestSeam = 10;
/** Below this likeness of a period with the one before there is no pitch: noise, of which the longest piece is taken. */
const voiced = 0.5;
/** Rate in Hz at which the period is sought before it is refined. */
const coarseRate = 8000;

/** Hears what is decoded, and makes up what is missing. */
export class Concealment {
  readonly #rate: number;
  /** The last samples, as heard: the longest group with its seam, and what is compared. */
  readonly #history: Int16Array;
  readonly #cycle: Float32Array;
  readonly #buffer = new SampleBuffer();
  #cycleLength = 0;
  /** Samples made up since the last that was decoded, those in the seam not counted. */
  #missing = 0;
  /** How many samples of the cycle have been taken since the loss began. */
  #taken = 0;
  /** Step between the last sample heard and what the cycle would have had there; taken back within `#seam` samples. */
  #step = 0;
  #seam = 1;

  /** `rate`: of the samples, in Hz. */
  constructor(rate: number) {
    this.#rate = rate;
    this.#history = new Int16Array(this.#samples(longestPeriod + comparedMs + 1));
    this.#cycle = new Float32Array(this.#samples(longestPeriod) + 1);
  }

  /** Takes samples that were decoded. After a loss their beginning is blended with what was made up. */
  heard(samples: Int16Array): void {
    if (this.#missing > 0) {
      const grown = this.#seam + Math.max(0, seamGrowth * (this.#missing - this.#samples(fadeFrom)));
      const seam = Math.min(Math.round(grown), this.#samples(longestSeam), samples.length);
      for (let i = 0; i < seam; i++) {
        const weight = (i + 1) / (seam + 1);
        samples[i] = saturated(samples[i]! * weight + this.#next() * (1 - weight));
      }
      this.#missing = 0;
    }
    this.#remember(samples);
  }

  /** What may have been in the `count` samples that come now and are missing; valid until the next call. */
  conceal(count: number): Int16Array {
    if (this.#missing === 0) this.#begin();
    const samples = this.#buffer.take(count);
    for (let i = 0; i < count; i++) samples[i] = saturated(this.#next());
    this.#missing += count;
    this.#remember(samples);
    return samples;
  }

  #samples(ms: number): number {
    return Math.round((ms * this.#rate) / 1000);
  }

  #remember(samples: Int16Array): void {
    const history = this.#history;
    if (samples.length >= history.length) {
      history.set(samples.subarray(samples.length - history.length));
      return;
    }
    history.copyWithin(0, samples.length);
    history.set(samples, history.length - samples.length);
  }

  /** Cuts the cycle that will be repeated out of what was heard last, so that its end runs into its beginning. */
  #begin(): void {
    const history = this.#history;
    const period = this.#period();
    const length = period * Math.max(1, Math.floor(this.#samples(groupMs) / period));
    const seam = Math.max(1, Math.min(length >> 2, this.#samples(4)));
    const start = history.length - length;
    for (let i = 0; i < length; i++) this.#cycle[i] = history[start + i]!;
    for (let i = 0; i < seam; i++) {
      const weight = (i + 1) / seam;
      const at = length - seam + i;
      this.#cycle[at] = this.#cycle[at]! * (1 - weight) + history[start - seam + i]! * weight;
    }
    this.#cycleLength = length;
    this.#seam = seam;
    this.#step = history[history.length - 1]! - history[start - 1]!;
    this.#taken = 0;
  }

  #next(): number {
    const taken = this.#taken++;
    const gain = (fadeUntil - (taken * 1000) / this.#rate) / (fadeUntil - fadeFrom);
    if (gain <= 0) return 0;
    const step = taken < this.#seam ? this.#step * (1 - (taken + 1) / this.#seam) : 0;
    return (this.#cycle[taken % this.#cycleLength]! + step) * Math.min(gain, 1);
  }

  /** The period of what was heard last, in samples: that at which it is most like itself. */
  #period(): number {
    const stride = Math.max(1, Math.floor(this.#rate / coarseRate));
    const longest = this.#samples(longestPeriod);
    let best = this.#mostAlike(this.#samples(shortestPeriod), longest, stride, stride);
    if (this.#likeness(best, 1) < voiced) return longest;
    if (stride > 1) best = this.#mostAlike(best - stride, Math.min(best + stride, longest), 1, 1);
    return best;
  }

  #mostAlike(from: number, to: number, step: number, stride: number): number {
    let best = from;
    let highest = Number.NEGATIVE_INFINITY;
    for (let lag = from; lag <= to; lag += step) {
      const likeness = this.#likeness(lag, stride);
      if (likeness > highest) {
        highest = likeness;
        best = lag;
      }
    }
    return best;
  }

  /** Normalised correlation, -1 to 1, of the last samples with those `lag` before; each `stride`th sample is looked at. */
  #likeness(lag: number, stride: number): number {
    const history = this.#history;
    let product = 0;
    let energy = 0;
    let energyBefore = 0;
    for (let i = history.length - this.#samples(comparedMs); i < history.length; i += stride) {
      const now = history[i]!;
      const before = history[i - lag]!;
      product += now * before;
      energy += now * now;
      energyBefore += before * before;
    }
    return energy === 0 || energyBefore === 0 ? 0 : product / Math.sqrt(energy * energyBefore);
  }
}

/** Signals as functions of time, so that the same one can be had at any rate and with any delay; and what is left of them. */

/** The level, -1 to 1, at a time in seconds. */
export type Signal = (seconds: number) => number;

/** A sine; amplitude 0.5 is 6 dB below full scale. */
export function tone(hz: number, amplitude = 0.5): Signal {
  return (seconds) => amplitude * Math.sin(2 * Math.PI * hz * seconds);
}

/** Middle and width in Hz, and level, of the resonances of four vowels. */
const vowels = [
  [730, 1090, 2440],
  [270, 2290, 3010],
  [300, 870, 2240],
  [530, 1840, 2480],
] as const;
const widths = [80, 110, 160] as const;
const levels = [1, 0.5, 0.25] as const;

/** Syllables a second; the last third of each fourth is a pause. */
const syllables = 4;

/**
 * What is like a voice: harmonics of a gliding pitch of about 130 Hz under the resonances of changing vowels, hisses,
 * and pauses. Nothing above `highest` Hz.
 */
export function voice(highest = 3400): Signal {
  return (seconds) => {
    const place = seconds * syllables;
    const within = place % 1;
    if (Math.floor(place) % 4 === 3 && within > 0.3) return 0;
    const loudness = Math.sin(Math.PI * within) ** 2;
    const vowel = vowels[Math.floor(place) % vowels.length]!;
    // The integral of a pitch that swings by 5 % twice a second.
    const cycles = 130 * (seconds - (0.05 / (2 * Math.PI * 2)) * Math.cos(2 * Math.PI * 2 * seconds));
    let sum = 0;
    for (let harmonic = 1; harmonic * 137 < highest; harmonic++) {
      const hz = harmonic * 130;
      let level = 0.02;
      for (let i = 0; i < 3; i++) level += levels[i]! / (1 + ((hz - vowel[i]!) / widths[i]!) ** 2);
      sum += level * Math.sin(2 * Math.PI * ((harmonic * cycles) % 1) + harmonic ** 2);
    }
    return 0.12 * loudness * sum + 0.02 * Math.sin(Math.PI * within) * hiss(seconds, highest);
  };
}

/** Tones that have nothing to do with each other, in the upper half of the band. */
function hiss(seconds: number, highest: number): number {
  let sum = 0;
  for (let i = 0; i < 24; i++) {
    const hz = (0.5 + 0.5 * ((i * 0.618_034) % 1)) * highest;
    sum += Math.sin(2 * Math.PI * hz * seconds + i * i);
  }
  return sum / 4;
}

/** `count` samples of a signal at `rate` Hz, from sample number `start` on (a fraction shifts it in time). */
export function sampled(signal: Signal, rate: number, count: number, start = 0): Int16Array {
  return Int16Array.from({ length: count }, (_, i) => Math.round(32_767 * signal((start + i) / rate)));
}

/** How much of a signal has come through. */
export interface Measure {
  /** Of signal to everything else, in dB. */
  readonly snr: number;
  readonly delayMs: number;
  /** Of what came through to what went in, in dB. */
  readonly gain: number;
}

/**
 * Compares samples at `rate` Hz with the signal that went in at time 0: the delay up to `longestMs` that fits best is
 * sought, to a fraction of a sample, and taken out. The first `skipMs` of the signal are not compared.
 */
export function measure(signal: Signal, samples: Int16Array, rate: number, longestMs = 60, skipMs = 100): Measure {
  const start = Math.round((skipMs * rate) / 1000);
  const longest = Math.round((longestMs * rate) / 1000);
  const count = samples.length - start - longest;
  if (count < rate / 20) throw new Error('too little to compare');
  const reference = sampled(signal, rate, count, start);
  let delay = 0;
  let most = Number.NEGATIVE_INFINITY;
  for (let candidate = 0; candidate <= longest; candidate++) {
    let product = 0;
    for (let i = 0; i < count; i++) product += reference[i]! * samples[start + candidate + i]!;
    if (product > most) {
      most = product;
      delay = candidate;
    }
  }
  const first = start + Math.max(0, delay - 1);
  const at = (shift: number, length = Math.min(count, rate / 20)) =>
    compared(sampled(signal, rate, length, first - shift), samples.subarray(first, first + length));
  let from = delay - 1;
  let to = delay + 1;
  while (to - from > 0.002) {
    const third = (to - from) / 3;
    if (at(from + third).snr > at(to - third).snr) to -= third;
    else from += third;
  }
  const found = (from + to) / 2;
  return { ...at(found, count), delayMs: (found * 1000) / rate };
}

/** Ratio of signal to all else, once the gain that fits best is taken out. */
export function compared(reference: Int16Array, samples: Int16Array): Pick<Measure, 'snr' | 'gain'> {
  let product = 0;
  let energy = 0;
  for (let i = 0; i < reference.length; i++) {
    product += reference[i]! * samples[i]!;
    energy += reference[i]! ** 2;
  }
  const gain = product / energy;
  let rest = 1e-9;
  for (let i = 0; i < reference.length; i++) rest += (samples[i]! - gain * reference[i]!) ** 2;
  return { snr: decibels((gain * gain * energy) / rest), gain: 2 * decibels(Math.abs(gain)) };
}

/** Power of samples in dB, full scale being a square wave at 0. */
export function power(samples: Int16Array): number {
  let energy = 1e-9;
  for (const sample of samples) energy += sample * sample;
  return decibels(energy / samples.length / 32_768 ** 2);
}

/** Borders in Hz of the bands that tell voices apart. */
const bands = [200, 400, 600, 900, 1300, 1800, 2500, 3300] as const;

/** Power of samples in dB in each of seven bands between 200 and 3300 Hz. */
export function bandLevels(samples: Int16Array, rate: number): readonly number[] {
  const length = rate / 50;
  const window = Float64Array.from({ length }, (_, i) => Math.sin((Math.PI * i) / length) ** 2);
  const weighed = new Float64Array(length);
  const levels = bands.slice(1).map(() => 1e-9);
  for (let start = 0; start + length <= samples.length; start += length) {
    for (let i = 0; i < length; i++) weighed[i] = samples[start + i]! * window[i]!;
    let band = 0;
    for (let hz = 200; hz < 3300; hz += 50) {
      if (hz >= bands[band + 1]!) band++;
      levels[band]! += powerAt(hz, weighed, rate) / length / samples.length / 32_768 ** 2;
    }
  }
  return levels.map(decibels);
}

/** By the algorithm of Goertzel. */
function powerAt(hz: number, samples: Float64Array, rate: number): number {
  const turn = 2 * Math.cos((2 * Math.PI * hz) / rate);
  let last = 0;
  let before = 0;
  for (const sample of samples) {
    const next = sample + turn * last - before;
    before = last;
    last = next;
  }
  return last * last + before * before - turn * last * before;
}

/** A ratio of powers in dB. */
function decibels(ratio: number): number {
  return 10 * Math.log10(ratio);
}

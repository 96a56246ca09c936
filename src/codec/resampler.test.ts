import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { measure, power, sampled, tone, voice } from '../../test/support/signals.ts';
import { Resampler } from './index.ts';

/** All of `samples` through a resampler, in pieces of `length`. */
function resampled(samples: Int16Array, from: number, to: number, length = from / 50): Int16Array {
  const resampler = new Resampler(from, to);
  const output: number[] = [];
  for (let at = 0; at < samples.length; at += length) {
    output.push(...resampler.resample(samples.subarray(at, at + length)));
  }
  return Int16Array.from(output);
}

const pairs = [
  [8000, 16_000],
  [8000, 48_000],
  [16_000, 8000],
  [16_000, 48_000],
  [48_000, 8000],
  [48_000, 16_000],
  [44_100, 8000],
  [8000, 44_100],
] as const;

describe.each(pairs)('from %i to %i Hz', (from, to) => {
  test('a frame of 20 ms gives a frame of 20 ms', () => {
    const resampler = new Resampler(from, to);
    for (let i = 0; i < 5; i++) expect(resampler.resample(new Int16Array(from / 50)).length).toBe(to / 50);
  });

  test.each([300, 1000, 3400])('a tone of %i Hz comes out as it went in, after the delay that is stated', (hz) => {
    const output = resampled(sampled(tone(hz), from, from * 0.3), from, to);
    const { snr, delayMs, gain } = measure(tone(hz), output, to, 4);
    expect(snr).toBeGreaterThan(64);
    expect(Math.abs(gain)).toBeLessThan(0.01);
    // A tone looks the same after each of its periods.
    const periods = ((delayMs - new Resampler(from, to).delayMs) * hz) / 1000;
    expect(Math.abs(periods - Math.round(periods))).toBeLessThan(0.02);
  });

  test('a voice comes out as it went in', () => {
    const { snr, delayMs } = measure(voice(), resampled(sampled(voice(), from, from * 0.4), from, to), to, 10);
    expect(snr).toBeGreaterThan(60);
    expect(Math.abs(delayMs - new Resampler(from, to).delayMs)).toBeLessThan(0.02);
  });

  test('the pieces may be of any length', () => {
    const samples = sampled(voice(), from, from / 10);
    const whole = resampled(samples, from, to, samples.length);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), (length) => {
        expect(resampled(samples, from, to, length)).toEqual(whole);
      }),
      { numRuns: 8 },
    );
  });
});

test.each([
  [48_000, 8000],
  [16_000, 8000],
  [48_000, 16_000],
])('what %i Hz hold and %i Hz cannot is 70 dB down', (from, to) => {
  for (const part of [0.52, 0.6, 0.8, 0.99]) {
    const input = sampled(tone(part * to), from, from / 5);
    expect(power(resampled(input, from, to).subarray(to / 50)) - power(input)).toBeLessThan(-69);
  }
});

test('a step at full scale stays within 16 bits', () => {
  const square = Int16Array.from({ length: 800 }, (_, i) => (i % 40 < 20 ? 32_767 : -32_768));
  const output = resampled(square, 8000, 48_000);
  // What wraps jumps across the whole range from one sample to the next.
  const steps = output.slice(1).map((sample, i) => Math.abs(sample - output[i]!) / 2);
  expect(Math.max(...steps)).toBeLessThan(16_000);
  expect(Math.max(...output)).toBe(32_767);
});

import { describe, expect, test } from 'vitest';
import { sampled, tone } from '../../../test/support/signals.ts';
import { shorten, stretch } from './time-scale.ts';

describe.each([8000, 16_000, 48_000])('a tone at %d Hz', (rate) => {
  const ms = rate / 1000;
  /** 100 ms of a tone of 200 Hz, whose period is 5 ms, and room for more. */
  const line = (): Int16Array => {
    const samples = new Int16Array(150 * ms);
    samples.set(sampled(tone(200), rate, 100 * ms));
    return samples;
  };
  const different = (a: Int16Array, b: Int16Array): number =>
    Math.max(...a.map((sample, i) => Math.abs(sample - b[i]!)));

  test('is shortened by a whole period, so that it sounds as before', () => {
    const shortened = line();
    expect(shorten(shortened, 100 * ms, rate, 8 * ms)).toBe(5 * ms);
    expect(different(shortened.subarray(0, 95 * ms), line().subarray(0, 95 * ms))).toBeLessThan(20);
  });

  test('is stretched by a whole period, so that it sounds as before', () => {
    const stretched = line();
    expect(stretch(stretched, 100 * ms, rate, 8 * ms)).toBe(5 * ms);
    const expected = sampled(tone(200), rate, 105 * ms);
    expect(different(stretched.subarray(0, 105 * ms), expected)).toBeLessThan(20);
  });

  test('stays as it is where there is room for no piece', () => {
    const untouched = line();
    expect(shorten(untouched, 100 * ms, rate, 2 * ms)).toBe(0);
    expect(stretch(untouched, 7 * ms, rate, 10 * ms)).toBe(0);
    expect(untouched).toEqual(line());
  });
});

test('whatever is taken or added, the seam is no step', () => {
  const ramp = Int16Array.from({ length: 400 }, (_, i) => (i < 160 ? 10 * i : 0));
  const [shortened, stretched] = [ramp.slice(), ramp.slice()];
  const [taken, added] = [shorten(shortened, 160, 8000, 80), stretch(stretched, 160, 8000, 80)];
  expect([taken > 0, added > 0]).toEqual([true, true]);
  for (const [samples, length] of [
    [shortened, 160 - taken],
    [stretched, 160 + added],
  ] as const) {
    for (let i = 1; i < length; i++) expect(Math.abs(samples[i]! - samples[i - 1]!)).toBeLessThan(50);
  }
});

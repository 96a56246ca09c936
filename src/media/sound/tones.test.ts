import { describe, expect, test } from 'vitest';
import { isTone, toneSamples } from './tones.ts';

/** How strong `hz` is, as the amplitude of its sine. */
function amplitudeOf(samples: Int16Array, hz: number, sampleRate: number): number {
  let [re, im] = [0, 0];
  samples.forEach((sample, i) => {
    const angle = (2 * Math.PI * hz * i) / sampleRate;
    re += sample * Math.cos(angle);
    im += sample * Math.sin(angle);
  });
  return (2 * Math.hypot(re, im)) / samples.length;
}

const part = (samples: Int16Array, sampleRate: number, from: number, to: number) =>
  samples.subarray((from * sampleRate) / 1000, (to * sampleRate) / 1000);
const isSilent = (samples: Int16Array) => samples.every((sample) => sample === 0);

describe.each([8000, 16_000, 48_000])('at %i Hz', (rate) => {
  test('ringback is 425 Hz for one second in five', () => {
    const tone = toneSamples('ringback', rate);
    expect(tone).toHaveLength(5 * rate);
    expect(amplitudeOf(part(tone, rate, 100, 900), 425, rate)).toBeCloseTo(3277, -1);
    expect(isSilent(part(tone, rate, 1000, 5000))).toBe(true);
  });

  test('busy is 425 Hz every other half second', () => {
    const tone = toneSamples('busy', rate);
    expect(tone).toHaveLength(rate);
    expect(amplitudeOf(part(tone, rate, 100, 400), 425, rate)).toBeGreaterThan(3200);
    expect(isSilent(part(tone, rate, 500, 1000))).toBe(true);
  });

  test('what is heard on hold is softer than a tone, and not silence', () => {
    const tone = toneSamples('moh', rate);
    const loudest = tone.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    expect(loudest).toBeGreaterThan(500);
    expect(loudest).toBeLessThan(1100);
    expect(amplitudeOf(part(tone, rate, 50, 250), 440, rate)).toBeGreaterThan(900);
  });

  test('no tone begins or ends with a click', () => {
    for (const name of ['ringback', 'busy', 'moh'] as const) {
      const tone = toneSamples(name, rate);
      let steepest = 0;
      tone.forEach((sample, i) => {
        steepest = Math.max(steepest, Math.abs(sample - tone.at(i - 1)!));
      });
      // A sine of 550 Hz at least is as steep as this in its middle.
      expect(steepest).toBeLessThan(1.02 * ((2 * Math.PI * 425 * 3277) / rate));
    }
  });
});

test('other names are no tones', () => {
  expect(['ringback', 'busy', 'moh', 'toString', ''].map(isTone)).toEqual([true, true, true, false, false]);
});

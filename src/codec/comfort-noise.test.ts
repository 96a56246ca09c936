import { describe, expect, test } from 'vitest';
import { bandLevels, power, sampled, tone, voice } from '../../test/support/signals.ts';
import { SeededRandom } from '../base/index.ts';
import { ComfortNoise, NoiseAnalysis, SilenceDetector } from './index.ts';

const frame = 160;

/** Noise of the given strength, with little of it above 1 kHz where `dull`. */
function noise(amplitude: number, frames: number, dull = false): Int16Array {
  const random = new SeededRandom(7);
  let last = 0;
  return Int16Array.from({ length: frames * frame }, () => {
    last = (dull ? 0.8 * last : 0) + (random.below(2 ** 20) / 2 ** 19 - 1) * (dull ? 0.6 : 1);
    return amplitude * last;
  });
}

function analysed(samples: Int16Array): NoiseAnalysis {
  const analysis = new NoiseAnalysis();
  for (let at = 0; at < samples.length; at += frame) analysis.hear(samples.subarray(at, at + frame));
  return analysis;
}

function made(payload: Uint8Array, frames: number): Int16Array {
  const comfortNoise = new ComfortNoise();
  comfortNoise.take(payload);
  return Int16Array.from(Array.from({ length: frames }, () => [...comfortNoise.generate(frame)]).flat());
}

describe('comfort noise (RFC 3389)', () => {
  test('the level is in -dBov: 0 for a full square wave, 3 for a full sine, 127 for nothing', () => {
    expect(analysed(new Int16Array(frame).fill(-32_768)).level).toBe(0);
    expect(analysed(sampled(tone(500, 1), 8000, frame)).level).toBe(3);
    expect(analysed(new Int16Array(frame)).level).toBe(127);
    const silent = new NoiseAnalysis();
    silent.hear(null);
    expect([...silent.payload(true)]).toEqual([127]);
  });

  test.each([30, 50, 70])('a level of -%i dBov is made as loud as it was', (level) => {
    expect(power(made(Uint8Array.of(level), 50))).toBeCloseTo(-level, -0.5);
  });

  test.each([false, true])('noise comes back with its level and its spectrum (dull: %s)', (dull) => {
    const samples = noise(300, 100, dull);
    const payload = analysed(samples).payload(true);
    expect(payload.length).toBe(11);
    const again = made(payload, 100);
    expect(Math.abs(power(again) - power(samples))).toBeLessThan(1.5);
    const levels = bandLevels(again, 8000);
    bandLevels(samples, 8000).forEach((level, band) => {
      expect(Math.abs(levels[band]! - level)).toBeLessThan(3);
    });
  });

  test('without a spectrum the level alone is told, and the noise is white', () => {
    const payload = analysed(noise(300, 10, true)).payload(false);
    expect(payload.length).toBe(1);
    const levels = bandLevels(made(payload, 100), 8000);
    const widths = [200, 200, 300, 400, 500, 700, 800];
    const densities = levels.map((level, band) => level - 10 * Math.log10(widths[band]!));
    expect(Math.max(...densities) - Math.min(...densities)).toBeLessThan(3);
  });

  test('level 127 is silence, and a new level is taken over in a few frames', () => {
    const comfortNoise = new ComfortNoise();
    comfortNoise.take(Uint8Array.of(127));
    expect(power(comfortNoise.generate(frame))).toBeLessThan(-100);
    comfortNoise.take(Uint8Array.of(40));
    for (let i = 0; i < 20; i++) comfortNoise.generate(frame);
    expect(power(comfortNoise.generate(frame))).toBeCloseTo(-40, -0.5);
    comfortNoise.take(new Uint8Array(0));
    expect(power(comfortNoise.generate(frame))).toBeCloseTo(-40, -0.5);
  });

  test('any payload makes a noise that stays within its level', () => {
    const random = new SeededRandom(3);
    for (let i = 0; i < 50; i++) {
      const payload = random.bytes(1 + random.below(16));
      payload[0] = 40;
      expect(power(made(payload, 20))).toBeLessThan(-25);
    }
  });
});

describe('pauses are told from speech', () => {
  /** Which frames belong to pauses. */
  function silent(samples: Int16Array): boolean[] {
    const detector = new SilenceDetector();
    return Array.from({ length: samples.length / frame }, (_, i) =>
      detector.isSilent(samples.subarray(i * frame, (i + 1) * frame)),
    );
  }

  test('nothing but background is a pause after 200 ms', () => {
    const frames = silent(noise(20, 50));
    expect(frames.slice(0, 9).some(Boolean)).toBe(false);
    expect(frames.slice(10).every(Boolean)).toBe(true);
  });

  test('speech over background is sent, with 200 ms behind its end', () => {
    const samples = noise(20, 300);
    sampled(voice(), 8000, 100 * frame).forEach((sample, i) => {
      samples[100 * frame + i]! += sample;
    });
    const frames = silent(samples);
    expect(frames.slice(20, 100).every(Boolean)).toBe(true);
    // The voice begins softly.
    expect(frames.slice(104, 187).some(Boolean)).toBe(false);
    expect(frames.slice(210).every(Boolean)).toBe(true);
  });

  test('a background that grows louder is speech for a while only', () => {
    const samples = new Int16Array(400 * frame);
    samples.set(noise(20, 100));
    samples.set(noise(100, 300), 100 * frame);
    const frames = silent(samples);
    expect(frames[110]).toBe(false);
    expect(frames[399]).toBe(true);
  });

  test('what is loud is speech however long it lasts', () => {
    expect(silent(noise(3000, 1000)).some(Boolean)).toBe(false);
  });
});

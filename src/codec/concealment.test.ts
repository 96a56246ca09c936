import { describe, expect, test } from 'vitest';
import { compared, power, sampled, tone, voice } from '../../test/support/signals.ts';
import { createDecoder, createEncoder } from './index.ts';

/** Frames of 20 ms through L16, which keeps samples as they are; those that `lost` names are concealed. */
function concealed(samples: Int16Array, rate: number, lost: (frame: number) => boolean): Int16Array {
  const spec = { name: 'L16', clockRate: rate, channels: 1, fmtp: null };
  const encoder = createEncoder(spec);
  const decoder = createDecoder(spec);
  const length = rate / 50;
  const output = new Int16Array(samples.length);
  for (let frame = 0; frame < samples.length / length; frame++) {
    const at = frame * length;
    const payload = encoder.encode(samples.subarray(at, at + length));
    output.set(lost(frame) ? decoder.conceal(length) : decoder.decode(payload), at);
  }
  return output;
}

/** The greatest step from one sample to the next. */
function steepest(samples: Int16Array): number {
  let most = 0;
  for (let i = 1; i < samples.length; i++) most = Math.max(most, Math.abs(samples[i]! - samples[i - 1]!));
  return most;
}

describe.each([8000, 16_000, 48_000])('loss at %i Hz', (rate) => {
  const frame = rate / 50;

  test.each([200, 317, 401])('of 10 ms of a tone of %i Hz is hardly heard', (hz) => {
    const samples = sampled(tone(hz), rate, 20 * frame);
    const output = concealed(samples, rate, (n) => n === 10);
    const part = [10 * frame, 10.5 * frame] as const;
    expect(compared(samples.subarray(...part), output.subarray(...part)).snr).toBeGreaterThan(15);
  });

  test('of a frame in eight of a voice: 10 ms are better than silence, and as loud as they were', () => {
    const samples = sampled(voice(), rate, 120 * frame);
    const output = concealed(samples, rate, (n) => n % 8 === 7);
    const lost = (of: Int16Array) => of.filter((_, i) => Math.floor(i / frame) % 8 === 7 && i % frame < frame / 2);
    // Silence leaves 0 dB. Half of the pitch's glide within 10 ms is all that is missed.
    expect(compared(lost(samples), lost(output)).snr).toBeGreaterThan(2.5);
    expect(Math.abs(power(lost(output)) - power(lost(samples)))).toBeLessThan(1);
  });

  test('makes no click at either seam', () => {
    const samples = sampled(voice(), rate, 50 * frame);
    const output = concealed(samples, rate, (n) => n === 9 || n === 21 || n === 22 || n === 35);
    expect(steepest(output)).toBeLessThan(1.2 * steepest(samples));
  });

  test('fades from 10 ms on and is silent after 80', () => {
    const output = concealed(sampled(tone(250), rate, 20 * frame), rate, (n) => n >= 10);
    const level = (from: number) => power(output.subarray(from * frame, (from + 0.4) * frame));
    expect(level(10)).toBeCloseTo(level(9), 0);
    for (let n = 11; n < 14; n++) expect(level(n)).toBeLessThan(level(n - 1) - 1);
    expect(Math.max(...output.subarray(14 * frame))).toBe(0);
  });

  test('before anything was heard is silence', () => {
    expect(Math.max(...concealed(sampled(tone(250), rate, 4 * frame), rate, () => true))).toBe(0);
  });

  test('of noise is made up of noise, not of a tone', () => {
    const noise = sampled((t) => 0.5 * Math.sin(1e9 * t * t), rate, 12 * frame);
    const output = concealed(noise, rate, (n) => n === 10);
    expect(power(output.subarray(10 * frame, 10.5 * frame))).toBeCloseTo(power(noise), -0.5);
  });
});

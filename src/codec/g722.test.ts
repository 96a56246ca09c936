import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { measure, sampled, voice } from '../../test/support/signals.ts';
import { CodecError, createDecoder, createEncoder } from './index.ts';

const spec = { name: 'G722', clockRate: 8000, channels: 1, fmtp: null };

/**
 * What the encoder of spandsp and that of FFmpeg make of `samples.dat` (125 ms of a voice, then 75 ms of a square wave
 * at full scale, 16 bits at 16000 Hz), the same byte for byte, and what the decoder of FFmpeg makes of that.
 */
const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../test/fixtures/g722/${name}.dat`, import.meta.url)));
const samples = new Int16Array(fixture('samples').buffer);
const encoded = fixture('encoded');
const decoded = new Int16Array(fixture('decoded').buffer);

/** In packets of 20 ms. */
function pieces<T extends { subarray(from: number, to: number): T; length: number }>(all: T, length: number): T[] {
  return Array.from({ length: all.length / length }, (_, i) => all.subarray(i * length, (i + 1) * length));
}

describe('G.722 at 64 kbit/s', () => {
  test('is encoded as others do it, to the bit', () => {
    const encoder = createEncoder(spec);
    expect(pieces(samples, 320).flatMap((piece) => [...encoder.encode(piece)])).toEqual([...encoded]);
  });

  test('is decoded as others do it, to the bit', () => {
    const decoder = createDecoder(spec);
    expect(pieces(encoded, 160).flatMap((piece) => [...decoder.decode(piece)])).toEqual([...decoded]);
  });

  test('carries a voice of 7 kHz, 1.4 ms later', () => {
    const payload = createEncoder(spec).encode(sampled(voice(7000), 16_000, 8000));
    expect(payload.length).toBe(4000);
    const { snr, delayMs, gain } = measure(voice(7000), createDecoder(spec).decode(payload), 16_000, 10);
    expect(snr).toBeGreaterThan(20);
    expect(delayMs).toBeCloseTo(22 / 16, 1);
    expect(Math.abs(gain)).toBeLessThan(0.1);
  });

  test('a payload without a sample is refused', () => {
    expect(() => createDecoder(spec).decode(new Uint8Array(0))).toThrow(CodecError);
  });
});

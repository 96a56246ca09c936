/**
 * What a call between two phones without a common codec sounds like: a signal as the first phone encodes it, decoded,
 * encoded for the second one and decoded there. The samples between have the lower of the two codecs' rates, Opus taking
 * that of the other.
 */
import { describe, expect, test } from 'vitest';
import { bandLevels, measure, sampled, tone, voice } from '../../test/support/signals.ts';
import { createDecoder, createEncoder } from './index.ts';

const mono = { clockRate: 8000, channels: 1, fmtp: null };

/**
 * Each codec's own rate, the signal-to-noise ratio in dB that it leaves of a tone and of a voice at least, and the delay
 * in ms of encoder and decoder together.
 */
const codecs = {
  PCMU: { spec: { ...mono, name: 'PCMU' }, rate: 8000, tone: 34, voice: 36, delay: 0 },
  PCMA: { spec: { ...mono, name: 'PCMA' }, rate: 8000, tone: 34, voice: 36, delay: 0 },
  G722: { spec: { ...mono, name: 'G722' }, rate: 16_000, tone: 40, voice: 34, delay: 22 / 16 },
  L16: { spec: { ...mono, name: 'L16', clockRate: 16_000 }, rate: 16_000, tone: 60, voice: 60, delay: 0 },
  opus: { spec: { ...mono, name: 'opus', clockRate: 48_000 }, rate: 48_000, tone: 30, voice: 10, delay: 6.5 },
} as const;

/** Of two filters between 8000 and 16000 Hz, in ms: one before the encoder and one behind the decoder. */
const resampling = 2 * 3;

type Name = keyof typeof codecs;
const names = Object.keys(codecs) as Name[];
const pairs = names.flatMap((from) => names.filter((to) => to !== from).map((to) => [from, to] as const));

/** The delay of a codec that is given samples at `rate` Hz. */
function delayAt(rate: number, name: Name): number {
  return codecs[name].delay + (codecs[name].rate === rate || name === 'opus' ? 0 : resampling);
}

/** The signal behind both calls of both codecs, in frames of 20 ms; the phones have `rate` too. */
function through(from: Name, to: Name, samples: Int16Array, rate: number): Int16Array {
  const options = { sampleRate: rate };
  using first = createEncoder(codecs[from].spec, options);
  using decoder = createDecoder(codecs[from].spec, options);
  using encoder = createEncoder(codecs[to].spec, options);
  using last = createDecoder(codecs[to].spec, options);
  const output = new Int16Array(samples.length);
  const frame = rate / 50;
  for (let at = 0; at < samples.length; at += frame) {
    const heard = decoder.decode(first.encode(samples.subarray(at, at + frame)));
    output.set(last.decode(encoder.encode(heard)), at);
  }
  return output;
}

/** The ratio that is left where two noises add up, less a dB. */
function together(a: number, b: number): number {
  return -10 * Math.log10(10 ** (-a / 10) + 10 ** (-b / 10)) - 1;
}

describe.each(pairs)('%s → %s', (from, to) => {
  const rate = Math.min(codecs[from].rate, codecs[to].rate);

  test('a tone survives', () => {
    const output = through(from, to, sampled(tone(1000), rate, rate * 0.4), rate);
    const { snr, gain } = measure(tone(1000), output, rate, 5);
    expect(snr).toBeGreaterThan(together(codecs[from].tone, codecs[to].tone));
    expect(Math.abs(gain)).toBeLessThan(0.5);
  });

  // Opus follows the ear more than the waveform: its ratio is low, and the level of each band says more.
  test('a voice survives, with the delay of the filters alone', () => {
    const samples = sampled(voice(), rate, rate * 0.8);
    const output = through(from, to, samples, rate);
    const { snr, delayMs } = measure(voice(), output, rate, 25);
    expect(snr).toBeGreaterThan(together(codecs[from].voice, codecs[to].voice));
    expect(Math.abs(delayMs - delayAt(rate, from) - delayAt(rate, to))).toBeLessThan(0.1);
    const levels = bandLevels(output, rate);
    bandLevels(samples, rate).forEach((level, band) => {
      expect(Math.abs(levels[band]! - level)).toBeLessThan(3);
    });
  });
});

import { describe, expect, test } from 'vitest';
import { CodecError, createDecoder, createEncoder } from './index.ts';

const everySample = Int16Array.from({ length: 65_536 }, (_, i) => i - 32_768);
const everyCode = Uint8Array.from({ length: 256 }, (_, i) => i);

/** Segments as in tables 1a and 2a of G.711: where they end, and the size of their steps. */
const laws = [
  {
    name: 'PCMU',
    scale: 4,
    segments: [
      [1, 1],
      [31, 2],
      [95, 4],
      [223, 8],
      [479, 16],
      [991, 32],
      [2015, 64],
      [4063, 128],
      [8159, 256],
    ],
    code: (n: number) => 255 - n,
    negative: (n: number) => 127 - n,
  },
  {
    name: 'PCMA',
    scale: 8,
    segments: [
      [64, 2],
      [128, 4],
      [256, 8],
      [512, 16],
      [1024, 32],
      [2048, 64],
      [4096, 128],
    ],
    code: (n: number) => (128 + n) ^ 0x55,
    negative: (n: number) => n ^ 0x55,
  },
] as const;

describe.each(laws)('$name (ITU-T G.711)', ({ name, scale, segments, code, negative }) => {
  const spec = { name, clockRate: 8000, channels: 1, fmtp: null };
  const codes = createEncoder(spec).encode(everySample);
  const samples = createDecoder(spec).decode(everyCode);
  /** From, to and the code's number. */
  const intervals: [from: number, to: number][] = [];
  for (const [end, step] of segments) {
    let from = intervals.at(-1)?.[1] ?? 0;
    for (; from < end; from += step) intervals.push([from, from + step]);
  }

  test('each of the 128 intervals of the table has its code, on both sides of zero', () => {
    expect(intervals.length).toBe(128);
    const wrong: number[] = [];
    intervals.forEach(([from, to], n) => {
      for (let level = from * scale; level < (n === 127 ? 32_768 : to * scale); level++) {
        if (codes[32_768 + level] !== code(n)) wrong.push(level);
        if (codes[32_768 - 1 - level] !== negative(n)) wrong.push(-1 - level);
      }
    });
    expect(wrong).toEqual([]);
  });

  test('each code is decoded to the middle of its interval', () => {
    intervals.forEach(([from, to], n) => {
      const middle = name === 'PCMU' && n === 0 ? 0 : ((from + to) / 2) * scale;
      expect([samples[code(n)], samples[negative(n)]]).toEqual([middle, -middle + 0]);
    });
  });

  test('a payload without a sample is refused', () => {
    expect(() => createDecoder(spec).decode(new Uint8Array(0))).toThrow(CodecError);
  });
});

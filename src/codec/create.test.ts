import { describe, expect, test } from 'vitest';
import { CodecError, canCode, createDecoder, createEncoder } from './index.ts';

describe('which codecs we can do', () => {
  test.each(['PCMU', 'pcma', 'G722', 'L16'])('%s', (name) => {
    expect(canCode(name)).toBe(true);
  });

  test.each([
    ['G729', 8000, 1],
    ['telephone-event', 8000, 1],
    ['PCMU', 16_000, 1],
    ['PCMA', 8000, 2],
    ['L16', 11_025, 1],
    ['L16', 16_000, 6],
  ])('not %s/%i/%i', (name, clockRate, channels) => {
    const codec = { name, clockRate, channels, fmtp: null };
    expect(canCode(name, clockRate, channels)).toBe(false);
    expect(() => createDecoder(codec)).toThrow(CodecError);
    expect(() => createEncoder(codec)).toThrow(CodecError);
  });
});

test('samples go in and come out at the rate that is asked for', () => {
  const codec = { name: 'PCMU', clockRate: 8000, channels: 1, fmtp: null };
  const decoder = createDecoder(codec, { sampleRate: 48_000 });
  const encoder = createEncoder(codec, { sampleRate: 16_000 });
  expect([decoder.sampleRate, encoder.sampleRate]).toEqual([48_000, 16_000]);
  expect(decoder.decode(new Uint8Array(160)).length).toBe(960);
  expect(decoder.conceal(960).length).toBe(960);
  expect(decoder.recover(new Uint8Array(160), 960)).toBeNull();
  expect(encoder.encode(new Int16Array(320)).length).toBe(160);
});

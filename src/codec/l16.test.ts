import { describe, expect, test } from 'vitest';
import { CodecError, createDecoder, createEncoder } from './index.ts';

const spec = (channels: number) => ({ name: 'L16', clockRate: 16_000, channels, fmtp: null });
const samples = Int16Array.of(1, -1, 32_767, -32_768, 256);
const bytes = [0, 1, 0xff, 0xff, 0x7f, 0xff, 0x80, 0, 1, 0];

describe('L16 (RFC 3551 §4.5.11)', () => {
  test('is in network order', () => {
    expect([...createEncoder(spec(1)).encode(samples)]).toEqual(bytes);
    expect([...createDecoder(spec(1)).decode(Uint8Array.from(bytes))]).toEqual([...samples]);
  });

  test('both channels carry what is one to us, and the mean is taken of two', () => {
    expect([...createEncoder(spec(2)).encode(samples.subarray(0, 2))]).toEqual([0, 1, 0, 1, 0xff, 0xff, 0xff, 0xff]);
    expect([...createDecoder(spec(2)).decode(Uint8Array.of(0, 4, 0, 8, 0xff, 0xfc, 0xff, 0xfe))]).toEqual([6, -3]);
  });

  test.each([0, 1, 3, 6])('%i bytes are no whole samples of two channels', (length) => {
    expect(() => createDecoder(spec(2)).decode(new Uint8Array(length))).toThrow(CodecError);
  });
});

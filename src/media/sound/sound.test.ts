import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chunk, waveFile, waveFormat } from '../../../test/support/wave-file.ts';
import { readMuLaw, readWav, SoundError } from './sound.ts';

const all = (bytes: Uint8Array, read = readWav) => {
  const { sampleRate, length, read: samples } = read(bytes);
  return { sampleRate, samples: [...samples(0, length)] };
};
const pcm = (...samples: number[]) => new Uint8Array(Int16Array.from(samples).buffer);
const stereo = waveFormat({ channels: 2, sampleRate: 44_100 });

describe('a WAV file', () => {
  test('of 16-bit PCM is read sample by sample', () => {
    const file = waveFile(waveFormat({ sampleRate: 16_000 }), chunk('data', pcm(1, -2, 32_767, -32_768)));
    expect(all(file)).toEqual({ sampleRate: 16_000, samples: [1, -2, 32_767, -32_768] });
  });

  test('of two channels is mixed to one, without overflow', () => {
    const file = waveFile(stereo, chunk('data', pcm(100, 200, 32_767, 32_767, -32_768, -32_768, 5, -5)));
    expect(all(file)).toEqual({ sampleRate: 44_100, samples: [150, 32_767, -32_768, 0] });
  });

  test('of µ-law or A-law is decoded (ITU-T G.711, tables 1 and 2)', () => {
    const codes = Uint8Array.of(0xff, 0x7f, 0x80, 0x00, 0xd5, 0xaa);
    const law = (code: number) => waveFile(waveFormat({ code, bits: 8 }), chunk('data', codes));
    expect(all(law(7)).samples.slice(0, 4)).toEqual([0, 0, 32_124, -32_124].map((sample) => expect.closeTo(sample, 0)));
    expect(all(law(6)).samples.slice(4)).toEqual([8, 32_256]);
  });

  test('of the extensible kind is read as its sub-format says', () => {
    const format = (code: number) => waveFormat({ code: 0xfffe, subFormat: code });
    expect(all(waveFile(format(1), chunk('data', pcm(7, 8)))).samples).toEqual([7, 8]);
    expect(() => readWav(waveFile(format(3), chunk('data', pcm(7))))).toThrow('format 3, 16 bits');
  });

  test('may hold chunks of other things, of odd length too, and more behind its data', () => {
    const file = waveFile(
      chunk('LIST', Uint8Array.of(1, 2, 3)),
      waveFormat({}),
      chunk('fact', new Uint8Array(4)),
      chunk('data', pcm(4, 5)),
      chunk('id3 ', new Uint8Array(7)),
    );
    expect(all(file).samples).toEqual([4, 5]);
  });

  test.each([
    ['is cut off', 1000],
    ['was never told its size', 0xffff_ffff],
  ])('whose data %s is read to its end, a half sample left out', (_, size) => {
    const file = waveFile(waveFormat({}), chunk('data', Uint8Array.of(...pcm(1, 2, 3), 4), size));
    expect(all(file.subarray(0, -1)).samples).toEqual([1, 2, 3]);
  });

  test('gives any part of it', () => {
    const sound = readWav(waveFile(stereo, chunk('data', pcm(1, 1, 2, 2, 3, 3, 4, 4, 5, 5))));
    expect([...sound.read(1, 2)]).toEqual([2, 3]);
    expect([...sound.read(3, 100)]).toEqual([4, 5]);
    expect([...sound.read(5, 1)]).toEqual([]);
  });

  const data = chunk('data', pcm(1));
  test.each([
    ['it is no WAV file', new Uint8Array()],
    ['it is no WAV file', new TextEncoder().encode('RIFF....AVI LIST')],
    ['it is no WAV file', new TextEncoder().encode('RIFXaaaaWAVE')],
    ['it holds no data', waveFile()],
    ['it holds no data', waveFile(waveFormat({}))],
    ['its data comes before its format', waveFile(data)],
    ['its format is cut off', waveFile(chunk('fmt ', new Uint8Array(15)), data)],
    ['it has no channel', waveFile(waveFormat({ channels: 0 }), data)],
    ['it has 4000 samples a second', waveFile(waveFormat({ sampleRate: 4000 }), data)],
    ['it has 44101 samples a second', waveFile(waveFormat({ sampleRate: 44_101 }), data)],
    ['it holds no sound', waveFile(waveFormat({}), chunk('data', new Uint8Array(1)))],
    ['it holds no sound', waveFile(stereo, data)],
    ['(format 1, 24 bits)', waveFile(waveFormat({ bits: 24 }), data)],
    ['(format 3, 32 bits)', waveFile(waveFormat({ code: 3, bits: 32 }), data)],
    ['(format 85, 0 bits)', waveFile(waveFormat({ code: 85, bits: 0 }), data)],
  ])('is refused: %s', (reason, file) => {
    expect(() => readWav(file)).toThrow(SoundError);
    expect(() => readWav(file)).toThrow(reason);
  });

  test('that is damaged anywhere is read or refused, and nothing else', () => {
    const whole = waveFile(chunk('LIST', new Uint8Array(3)), stereo, chunk('data', pcm(1, 2, 3, 4)));
    const damage = fc.array(fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 })), { maxLength: 6 });
    fc.assert(
      fc.property(damage, fc.nat({ max: whole.length }), (bytes, length) => {
        const file = whole.slice(0, length);
        for (const [at, byte] of bytes) if (at < length) file[at] = byte;
        try {
          const { samples } = all(file);
          expect(samples.length).toBeLessThanOrEqual(whole.length);
        } catch (error) {
          expect(error).toBeInstanceOf(SoundError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a file of µ-law alone', () => {
  test('has 8000 samples a second, one a byte', () => {
    expect(all(Uint8Array.of(0x80, 0x00, 0xff), readMuLaw)).toEqual({
      sampleRate: 8000,
      samples: [32_124, -32_124, 0],
    });
  });

  test('is refused when it is empty', () => {
    expect(() => readMuLaw(new Uint8Array())).toThrow('it holds no sound');
  });
});

import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bandLevels, compared, measure, power, sampled, tone, voice } from '../../test/support/signals.ts';
import { CodecError, canCode, createDecoder, createEncoder, opusImplementation, packetLength } from './index.ts';
import { OpusDecoder, OpusEncoder, opusSamples } from './opus.ts';
import { linkedOpus, type OpusLibrary, packagedOpus } from './opus-library.ts';

const spec = (fmtp: string | null = null) => ({ name: 'opus', clockRate: 48_000, channels: 2, fmtp });
const linked = linkedOpus();

/** The packets of 20 ms of these samples, copied. */
function packets(samples: Int16Array, rate: number, fmtp: string | null = null, library?: OpusLibrary): Uint8Array[] {
  using encoder = new OpusEncoder(rate, fmtp, 20, library);
  const length = rate / 50;
  return Array.from({ length: samples.length / length }, (_, i) =>
    encoder.encode(samples.subarray(i * length, (i + 1) * length)).slice(),
  );
}

/** What these packets hold; null where one is lost. */
function decoded(payloads: readonly (Uint8Array | null)[], rate: number, library?: OpusLibrary): Int16Array {
  using decoder = new OpusDecoder(rate, library);
  return Int16Array.from(
    payloads.flatMap((payload) => [...(payload ? decoder.decode(payload) : decoder.conceal(rate / 50))]),
  );
}

function bytes(payloads: readonly Uint8Array[]): number {
  return payloads.reduce((sum, { length }) => sum + length, 0);
}

const libraries = [linked, packagedOpus()].filter((library) => library !== null);

describe.each(libraries)('Opus by $implementation', (library) => {
  describe.each([8000, 16_000, 48_000])('at %i Hz', (rate) => {
    test.each([400, 1000, 2000])('carries a tone of %i Hz', (hz) => {
      const output = decoded(packets(sampled(tone(hz), rate, rate), rate, null, library), rate, library);
      expect(measure(tone(hz), output, rate, 8, 300).snr).toBeGreaterThan(25);
    });

    // It is made for the ear and follows the waveform only so far: that, the delay, and the level of each band.
    test('carries a voice, 6.5 ms later', () => {
      const samples = sampled(voice(), rate, rate * 0.6);
      const output = decoded(packets(samples, rate, null, library), rate, library);
      const { snr, delayMs } = measure(voice(), output, rate, 12, 200);
      expect(snr).toBeGreaterThan(9);
      expect(delayMs).toBeCloseTo(6.5, 0);
      const levels = bandLevels(output, rate);
      bandLevels(samples, rate).forEach((level, band) => {
        expect(Math.abs(levels[band]! - level)).toBeLessThan(3);
      });
    });
  });

  test('a lost packet is made up, about as loud as it was', () => {
    const payloads = packets(sampled(voice(), 8000, 16_000), 8000, null, library);
    const whole = decoded(payloads, 8000, library);
    const lost = (_: unknown, i: number) => Math.floor(i / 160) % 8 === 7;
    const output = decoded(
      payloads.map((payload, i) => (i % 8 === 7 ? null : payload)),
      8000,
      library,
    );
    expect(Math.abs(power(output.filter(lost)) - power(whole.filter(lost)))).toBeLessThan(4);
  });

  test('whatever the bytes, samples come out or a CodecError', () => {
    using decoder = new OpusDecoder(16_000, library);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (payload) => {
        try {
          expect(decoder.decode(payload).length).toBe(opusSamples(payload, 16_000));
        } catch (error) {
          expect(error).toBeInstanceOf(CodecError);
        }
      }),
      { numRuns: 500 },
    );
    expect(() => decoder.decode(new Uint8Array(0))).toThrow(CodecError);
  });

  test('a length that Opus has no frame for is refused', () => {
    using encoder = new OpusEncoder(8000, null, 0, library);
    expect(() => encoder.encode(new Int16Array(240))).toThrow(CodecError);
    expect(encoder.encode(sampled(tone(500), 8000, 480)).length).toBeGreaterThan(20);
  });

  test('two channels become one', () => {
    const { Encoder } = createRequire(import.meta.url)('@evan/opus') as typeof import('@evan/opus');
    const encoder = new Encoder({ channels: 2, sample_rate: 48_000, application: 'audio' });
    const left = sampled(tone(440), 48_000, 48_000);
    const both = Int16Array.from({ length: 96_000 }, (_, i) => (i % 2 === 0 ? left[i >> 1]! : 0));
    using decoder = new OpusDecoder(8000, library);
    const output = Array.from({ length: 50 }, (_, i) => {
      const payload = encoder.encode(both.subarray(i * 1920, (i + 1) * 1920));
      return [...decoder.decode(payload)];
    }).flat();
    const { snr, gain } = measure(tone(440), Int16Array.from(output), 8000, 10, 200);
    expect(snr).toBeGreaterThan(15);
    expect(gain).toBeCloseTo(-6, 0);
  });
});

describe.each(libraries)(
  'what a phone asks for in its fmtp (RFC 7587 §6.1) is obeyed by $implementation',
  (library) => {
    const samples = sampled(voice(7000), 48_000, 48_000);
    const made = (fmtp: string | null) => packets(samples, 48_000, fmtp, library);
    const usual = made(null);
    /** Bandwidth of a packet, by its first byte (RFC 6716 §3.1): 0 narrow, 1 medium, 2 wide, 3 and 4 beyond. */
    const bandwidth = ([toc = 0]: Uint8Array) => {
      const configuration = toc >> 3;
      if (configuration < 12) return configuration >> 2;
      return configuration < 16 ? 3 + ((configuration - 12) >> 1) : [0, 2, 3, 4][(configuration - 16) >> 2]!;
    };
    const widest = (payloads: readonly Uint8Array[]) => Math.max(...payloads.map(bandwidth));

    test('about 32 kbit/s where it asks for nothing', () => {
      expect((bytes(usual) * 8) / 1000).toBeGreaterThan(24);
      expect((bytes(usual) * 8) / 1000).toBeLessThan(40);
      expect(widest(usual)).toBeGreaterThan(2);
    });

    test('maxaveragebitrate', () => {
      expect((bytes(made('maxaveragebitrate=12000')) * 8) / 1000).toBeLessThan(15);
    });

    test.each([
      ['8000', 0],
      ['12000', 1],
      ['16000', 2],
      ['47999', 3],
    ])('maxplaybackrate=%s', (rate, most) => {
      expect(widest(made(`stereo=1; maxplaybackrate=${rate}`))).toBeLessThanOrEqual(most);
    });

    test('cbr', () => {
      expect(new Set(usual.map(({ length }) => length)).size).toBeGreaterThan(5);
      expect(new Set(made('cbr=1').map(({ length }) => length)).size).toBe(1);
    });

    test('usedtx: packets end in silence, but for one now and then', () => {
      const pause = new Int16Array(48_000 * 2);
      const empty = (fmtp: string) => packets(pause, 48_000, fmtp, library).filter(({ length }) => length === 0).length;
      expect(empty('usedtx=1')).toBeGreaterThan(70);
      expect(empty('usedtx=0')).toBe(0);
    });

    test('mono is sent whatever it prefers', () => {
      expect(usual.concat(made('stereo=1;sprop-stereo=1')).every(([toc]) => (toc! & 4) === 0)).toBe(true);
    });

    test('what makes no sense is ignored', () => {
      const odd = 'maxplaybackrate=1;maxaveragebitrate=x;usedtx;cbr=yes;=;;useinbandfec=2';
      expect(made(odd)).toEqual(usual);
    });
  },
);

describe.skipIf(linked === null)('forward error correction (RFC 7587 §3.3)', () => {
  const samples = sampled(voice(), 16_000, 32_000);
  /** The frames that were lost, each fourth, decoded in spite of that by `make`; and as they were. */
  function lostFrames(payloads: readonly Uint8Array[], make: (decoder: OpusDecoder, next: Uint8Array) => Int16Array) {
    const whole = decoded(payloads, 16_000);
    using decoder = new OpusDecoder(16_000);
    const made: number[] = [];
    const were: number[] = [];
    payloads.forEach((payload, i) => {
      const next = payloads[i + 1];
      if (i % 4 === 3 && next !== undefined) {
        made.push(...make(decoder, next));
        were.push(...whole.subarray(i * 320, (i + 1) * 320));
      } else {
        decoder.decode(payload);
      }
    });
    return compared(Int16Array.from(were), Int16Array.from(made)).snr;
  }

  test('a lost packet comes back from the next', () => {
    const payloads = packets(samples, 16_000, 'useinbandfec=1');
    const concealed = lostFrames(payloads, (decoder) => decoder.conceal(320));
    const recovered = lostFrames(payloads, (decoder, next) => decoder.recover(next, 320) ?? decoder.conceal(320));
    expect(recovered).toBeGreaterThan(concealed + 3);
  });

  test('there is none where the phone makes no use of it', () => {
    using decoder = new OpusDecoder(16_000);
    for (const payload of packets(samples, 16_000)) {
      expect(decoder.recover(payload, 320)).toBeNull();
      decoder.decode(payload);
    }
  });

  test('there is none of a length that Opus does not have, nor in what is no packet', () => {
    using decoder = new OpusDecoder(16_000);
    const [, , payload] = packets(samples, 16_000, 'useinbandfec=1');
    expect(decoder.recover(payload!, 321)).toBeNull();
    for (const odd of [[], [0], [3, 0], [0x0b], [0x0a, 255]]) {
      expect(decoder.recover(Uint8Array.from(odd), 320)).toBeNull();
    }
  });
});

test('any number of samples is made up', () => {
  using decoder = new OpusDecoder(8000);
  for (const count of [1, 160, 161, 4000]) expect(decoder.conceal(count).length).toBe(count);
});

test.each([
  ['SILK of 60 ms', [3 << 3], 60],
  ['hybrid of 20 ms', [13 << 3], 20],
  ['CELT of 2.5 ms', [16 << 3], 2.5],
  ['CELT of 20 ms', [31 << 3], 20],
  ['two frames', [(1 << 3) | 1], 40],
  ['two frames of unequal size', [(1 << 3) | 2], 40],
  ['five frames', [(1 << 3) | 3, 5], 100],
])('the length of a packet (RFC 6716 §3.1): %s', (_, payload, ms) => {
  expect(opusSamples(Uint8Array.from(payload), 48_000)).toBe(ms * 48);
});

test('is created by its name, at any rate', () => {
  expect([canCode('opus'), canCode('OPUS', 48_000, 2), canCode('opus', 16_000, 2)]).toEqual([true, true, false]);
  using encoder = createEncoder(spec(), { sampleRate: 44_100, expectedLoss: 3 });
  using decoder = createDecoder(spec(), { sampleRate: 8000 });
  expect(decoder.decode(encoder.encode(new Int16Array(882))).length).toBe(160);
  expect(createDecoder(spec()).sampleRate).toBe(48_000);
});

test.each([
  [20, undefined, 20],
  [30, undefined, 20],
  [60, 40, 40],
  [100, undefined, 60],
  [5, undefined, 10],
])('a packet for ptime %s and maxptime %s has %s ms', (ptime, maxptime, ms) => {
  expect(packetLength(spec(), ptime, maxptime)).toBe(ms);
});

test('says which one is in use', () => {
  expect(opusImplementation()).toBe(linked === null ? '@evan/opus' : 'libopus');
});

test.skipIf(linked === null)('requests that do not set a number are refused', () => {
  const encoder = linked!.encoder(8000);
  expect(encoder.ctl(4010, 3)).toBe(0);
  // A bitrate is asked for, the state is asked for, an energy mask is set: each with an address.
  for (const request of [4003, 5120, 10_026, 0, -2]) expect(encoder.ctl(request, 8)).toBe(-1);
  encoder.free();
});

test.skipIf(linked === null)('what is freed is of no more use', () => {
  const encoder = new OpusEncoder(8000, null, 0, linked!);
  const decoder = new OpusDecoder(8000, linked!);
  for (const codec of [encoder, decoder, encoder, decoder]) codec[Symbol.dispose]();
  expect(() => encoder.encode(new Int16Array(160))).toThrow(CodecError);
  expect(() => decoder.decode(Uint8Array.of(8, 0, 0))).toThrow(CodecError);
});

test.skipIf(linkedOpus() === null)('the first packet of a process may be one that is searched for redundancy', () => {
  const library = JSON.stringify(new URL('./opus-library.ts', import.meta.url).href);
  const script = `import(${library}).then(({ linkedOpus }) => linkedOpus().decoder(8000).recover(new Uint8Array(9), new Int16Array(160)))`;
  // Whether a process dies of a spoilt register is a matter of luck.
  for (let i = 0; i < 4; i++) expect(spawnSync(process.execPath, ['-e', script])).toMatchObject({ status: 0 });
});

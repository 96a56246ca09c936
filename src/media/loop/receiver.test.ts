import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { evenNetwork } from '../../../test/support/jitter-line.ts';
import { compared, type Signal, sampled, tone, voice } from '../../../test/support/signals.ts';
import { SeededRandom } from '../../base/index.ts';
import { createEncoder, type EncoderOptions, opusImplementation } from '../../codec/index.ts';
import { formatRtp, formatTelephoneEvent } from '../../rtp/index.ts';
import type { AgreedCodec } from '../../sdp/index.ts';
import { Receiver, type ReceiverOptions } from './receiver.ts';

function codec(name: string, number: number, clockRate = 8000): AgreedCodec {
  return { name, clockRate, channels: 1, fmtp: null, payloadType: number, receivedAs: number };
}

const pcmu = codec('PCMU', 0);
const pcma = codec('PCMA', 8);
const g722 = codec('G722', 9);
const l16 = codec('L16', 96);
const events = codec('telephone-event', 101);
const events48 = codec('telephone-event', 102, 48_000);
const gsm = codec('GSM', 3);
const opus: AgreedCodec = { ...codec('opus', 111, 48_000), channels: 2, fmtp: 'useinbandfec=1' };
const cn = codec('CN', 13);
const codecs = [opus, cn, pcmu, pcma, g722, l16, events, events48, gsm];

interface Sent {
  readonly time: number;
  readonly packet: Uint8Array;
}

interface Stream {
  readonly codec?: AgreedCodec;
  readonly signal?: Signal;
  /** How many packets, of how many ms, from when on. */
  readonly count: number;
  readonly ms?: number;
  readonly start?: number;
  readonly sequence?: number;
  readonly ticks?: number;
  readonly ssrc?: number;
  readonly ppm?: number;
  readonly encoder?: EncoderOptions;
}

/** A phone that sends what a signal is from `start` on. */
function stream(options: Stream): readonly Sent[] {
  const { signal = tone(440, 0.3), count, ms = 20, start = 0, sequence = 0, ticks = 0, ssrc = 1, ppm = 0 } = options;
  const { receivedAs, clockRate, ...spec } = options.codec ?? l16;
  const encoder = createEncoder({ ...spec, clockRate }, options.encoder);
  const length = (encoder.sampleRate * ms) / 1000;
  const first = (start * encoder.sampleRate) / 1000;
  return Array.from({ length: count }, (_, i) => ({
    time: start + (i * ms) / (1 + ppm / 1e6),
    packet: formatRtp({
      payloadType: receivedAs,
      sequenceNumber: sequence + i,
      timestamp: ticks + (i * ms * clockRate) / 1000,
      ssrc,
      payload: encoder.encode(sampled(signal, encoder.sampleRate, length, first + i * length)).slice(),
    }),
  }));
}

interface Heard {
  readonly receiver: Receiver;
  /** One each tick. */
  readonly frames: readonly (Int16Array | null)[];
  /** All of them in a row, silence where there was nothing. */
  readonly samples: Int16Array;
}

const rate = 8000;
const onTime = (): number | null => 0;

function hear(
  sent: readonly Sent[],
  lateness: (packet: Sent) => number | null = onTime,
  options: Partial<ReceiverOptions> & { readonly tickAt?: (tick: number) => number } = {},
): Heard {
  const { tickAt = (tick) => 7 + 20 * tick } = options;
  const receiver = new Receiver({ codecs, sampleRate: rate, jitter: { minMs: 20, maxMs: 200 }, ...options });
  const arriving = sent
    .flatMap((each) => {
      const late = lateness(each);
      return late === null ? [] : [{ at: each.time + late, packet: each.packet }];
    })
    .sort((a, b) => a.at - b.at);
  const end = arriving.at(-1)!.at + 500;
  const frames: (Int16Array | null)[] = [];
  for (let tick = 0, next = 0; tickAt(tick) < end; tick++) {
    const now = tickAt(tick);
    for (; next < arriving.length && arriving[next]!.at <= now; next++) {
      receiver.push(arriving[next]!.packet, arriving[next]!.at);
    }
    frames.push(receiver.pull(now)?.slice() ?? null);
  }
  const length = ((options.sampleRate ?? rate) * 20) / 1000;
  const samples = new Int16Array(frames.length * length);
  frames.forEach((frame, i) => {
    if (frame) samples.set(frame, i * length);
  });
  return { receiver, frames, samples };
}

/** The part between two times, in ms. */
function part(samples: Int16Array, from: number, to: number, sampleRate = rate): Int16Array {
  return samples.subarray((from * sampleRate) / 1000, (to * sampleRate) / 1000);
}

/** By how much a sample differs at most from what a tone of `hz` would make of the two before, of the amplitude. */
function greatestClick(samples: Int16Array, hz: number, amplitude: number, sampleRate = rate): number {
  const factor = 2 * Math.cos((2 * Math.PI * hz) / sampleRate);
  let greatest = 0;
  for (let i = 2; i < samples.length; i++) {
    greatest = Math.max(greatest, Math.abs(samples[i]! - factor * samples[i - 1]! + samples[i - 2]!));
  }
  return greatest / (amplitude * 32_767);
}

/** The level of the softest 20 ms, of the amplitude of a tone. */
function softest(samples: Int16Array, amplitude: number, sampleRate = rate): number {
  const length = sampleRate / 50;
  let least = Number.POSITIVE_INFINITY;
  for (let from = 0; from + length <= samples.length; from += length) {
    let energy = 0;
    for (const sample of samples.subarray(from, from + length)) energy += sample ** 2;
    least = Math.min(least, Math.sqrt((2 * energy) / length));
  }
  return least / (amplitude * 32_767);
}

describe('a tone', () => {
  test('comes out as it went in', () => {
    const { samples } = hear(stream({ count: 250 }));
    expect(greatestClick(part(samples, 1000, 4800), 440, 0.3)).toBeLessThan(0.001);
    expect(softest(part(samples, 1000, 4800), 0.3)).toBeGreaterThan(0.95);
  });

  test.each([
    ['L16', l16, 8000, 0.01],
    ['PCMU', pcmu, 8000, 0.08],
    ['G.722', g722, 16_000, 0.01],
    ['PCMA', pcma, 48_000, 0.01],
  ])('in %s comes out unbroken where packets are 0 to 80 ms late', (_, of, sampleRate, click) => {
    const network = evenNetwork(new SeededRandom(5), 0, 40);
    const { samples, receiver } = hear(stream({ count: 600, codec: of }), network, { sampleRate });
    const settled = part(samples, 2000, 11_900, sampleRate);
    // What is left in PCMU at 8000 Hz is its own noise.
    expect(greatestClick(settled, 440, 0.3, sampleRate)).toBeLessThan(click);
    expect(softest(settled, 0.3, sampleRate)).toBeGreaterThan(0.98);
    const { delayMs, late, missing } = receiver.statistics();
    expect([late, missing]).toEqual([0, 0]);
    expect(delayMs).toBeGreaterThan(70);
    expect(delayMs).toBeLessThan(120);
  });

  test('of which 5 % are lost has no click above 3 % of it, and is never gone', () => {
    const network = evenNetwork(new SeededRandom(6), 0.05, 10);
    const { samples, receiver } = hear(stream({ count: 1000 }), network);
    const settled = part(samples, 1000, 19_800);
    expect(greatestClick(settled, 440, 0.3)).toBeLessThan(0.03);
    expect(softest(settled, 0.3)).toBeGreaterThan(0.4);
    const { received, missing, concealedMs } = receiver.statistics();
    expect(missing).toBe(1000 - received);
    // The end, which nothing tells of, is made up for as well.
    expect(concealedMs - missing * 20).toBeLessThanOrEqual(200);
  });

  test.each([200, -200])('of a sender whose clock is %d ppm fast stays unbroken', (ppm) => {
    const { samples, receiver } = hear(stream({ count: 5000, ppm }));
    const settled = part(samples, 1000, 99_800);
    expect(greatestClick(settled, 440, 0.3)).toBeLessThan(0.01);
    expect(softest(settled, 0.3)).toBeGreaterThan(0.98);
    expect(receiver.statistics().delayMs).toBeLessThan(60);
  });

  test('is unbroken where ticks come unevenly', () => {
    const tickAt = (tick: number): number => 7 + 20 * tick + (tick % 2 === 0 ? 19 : 0);
    const { samples } = hear(stream({ count: 500 }), evenNetwork(new SeededRandom(6), 0, 10), { tickAt });
    const settled = part(samples, 1000, 9800);
    expect(greatestClick(settled, 440, 0.3)).toBeLessThan(0.01);
    expect(softest(settled, 0.3)).toBeGreaterThan(0.98);
  });

  test.each([10, 30, 40, 60, 120])('is unbroken in packets of %d ms', (ms) => {
    const network = evenNetwork(new SeededRandom(8), 0, 10);
    const { samples } = hear(stream({ count: 10_000 / ms, ms }), network);
    const settled = part(samples, 2000, 9800);
    expect(greatestClick(settled, 440, 0.3)).toBeLessThan(0.01);
    expect(softest(settled, 0.3)).toBeGreaterThan(0.98);
  });

  test('has no click above 8 % of it where a stream is held back by so much that packets are thrown away', () => {
    const held = ({ time }: Sent): number => (time >= 2000 && time < 2600 ? 2600 - time : 0);
    const { samples, receiver } = hear(stream({ count: 500 }), held);
    expect(receiver.statistics().discarded).toBeGreaterThan(10);
    expect(greatestClick(part(samples, 1000, 9800), 440, 0.3)).toBeLessThan(0.08);
  });
});

describe('a change of codec in the midst of a stream', () => {
  test.each([
    ['between those of one clock', pcmu, pcma],
    ['of other samples', pcmu, g722],
    ['and back', g722, pcmu],
  ])('%s is heard without a gap', (_, first, second) => {
    const { samples, receiver } = hear([
      ...stream({ codec: first, count: 100 }),
      ...stream({ codec: second, count: 100, start: 2000, sequence: 100, ticks: 16_000 }),
    ]);
    const settled = part(samples, 500, 3900);
    expect(softest(settled, 0.3)).toBeGreaterThan(0.9);
    expect(greatestClick(settled, 440, 0.3)).toBeLessThan(0.3);
    expect(receiver.statistics()).toMatchObject({ missing: 0, malformed: 0, ignored: 0 });
  });

  test('that was agreed anew is heard under its number; what goes on goes on', () => {
    const receiver = new Receiver({ codecs: [pcmu, l16], sampleRate: rate, jitter: { minMs: 20, maxMs: 200 } });
    const sent = [
      ...stream({ codec: pcmu, count: 50 }),
      ...stream({ codec: codec('PCMA', 97), count: 50, start: 1000, sequence: 50, ticks: 8000 }),
    ];
    const samples: number[] = [];
    for (const [i, { packet, time }] of sent.entries()) {
      if (i === 49) receiver.update([pcmu, codec('PCMA', 97)]);
      receiver.push(packet, time);
      samples.push(...(receiver.pull(time + 5) ?? new Int16Array(160)));
    }
    expect(softest(part(Int16Array.from(samples), 200, 2000), 0.3)).toBeGreaterThan(0.9);
  });
});

describe('a pause', () => {
  test('is nothing to be heard, from 120 ms after the last packet on', () => {
    const { frames } = hear([
      ...stream({ count: 50 }),
      ...stream({ count: 50, start: 3000, sequence: 50, ticks: 24_000 }),
    ]);
    const isNull = (from: number, to: number): boolean => frames.slice(from, to).every((frame) => frame === null);
    expect(isNull(0, 1)).toBe(true);
    expect(frames.slice(5, 50).every((frame) => frame !== null)).toBe(true);
    expect(isNull(60, 150)).toBe(true);
    expect(frames.slice(155, 200).every((frame) => frame !== null)).toBe(true);
  });
});

describe('keys', () => {
  /** Reports each 20 ms of a key that is pressed for 100 ms, three of them its end. */
  function press(
    of: AgreedCodec,
    key: number,
    options: { start: number; sequence: number; ticks: number },
  ): readonly Sent[] {
    const each = of.clockRate / 50;
    return [1, 2, 3, 4, 5, 5, 5].map((length, i) => ({
      time: options.start + 20 * i,
      packet: formatRtp({
        payloadType: of.receivedAs,
        sequenceNumber: options.sequence + i,
        timestamp: options.ticks,
        ssrc: 1,
        payload: formatTelephoneEvent({ event: key, end: i >= 4, volume: 10, duration: length * each }),
      }),
    }));
  }

  test.each([
    ['8000', events],
    ['48000', events48],
  ])('on a clock of %s Hz are told once, and their packets are neither heard nor missed (RFC 4733)', (_, of) => {
    const digits: (readonly [string, number])[] = [];
    const { receiver, samples } = hear(
      [
        ...stream({ count: 50 }),
        ...press(of, 5, { start: 1000, sequence: 50, ticks: 8000 }),
        ...press(of, 5, { start: 1140, sequence: 57, ticks: 99_000 }),
        ...stream({ count: 50, start: 1280, sequence: 64, ticks: 10_240 }),
      ],
      onTime,
      { onDigit: (digit, ms) => digits.push([digit, ms]) },
    );
    expect(digits).toEqual([
      ['5', 100],
      ['5', 100],
    ]);
    expect(receiver.statistics()).toMatchObject({ missing: 0, late: 0, ignored: 0 });
    expect(softest(part(samples, 1400, 2200), 0.3)).toBeGreaterThan(0.98);
  });

  test('are told where the end is lost, by the clock', () => {
    const digits: string[] = [];
    const pressed = press(events, 11, { start: 0, sequence: 0, ticks: 0 }).slice(0, 3);
    hear(pressed, onTime, { onDigit: (digit) => digits.push(digit) });
    expect(digits).toEqual(['#']);
  });
});

describe('packets that are not what was agreed', () => {
  const heard = (change: (packet: Uint8Array, i: number) => Uint8Array): Heard =>
    hear(stream({ count: 200 }).map(({ time, packet }, i) => ({ time, packet: change(packet, i) })));

  test('with a payload that cannot be decoded are counted and made up for', () => {
    const { receiver, samples } = heard((packet, i) => (i === 100 ? packet.subarray(0, packet.length - 1) : packet));
    expect(receiver.statistics()).toMatchObject({ malformed: 1, missing: 0 });
    const around = part(samples, 1800, 2300);
    expect(softest(around, 0.3)).toBeGreaterThan(0.5);
    expect(greatestClick(around, 440, 0.3)).toBeLessThan(0.1);
  });

  test('that are no RTP are counted', () => {
    expect(heard((packet, i) => (i === 100 ? packet.subarray(0, 11) : packet)).receiver.statistics()).toMatchObject({
      malformed: 1,
      missing: 1,
    });
  });

  test('of other types, or of codecs that we cannot decode, are ignored, and not missed', () => {
    const { receiver } = heard((packet, i) => {
      if (i === 100) packet[1] = 77;
      if (i === 150) packet[1] = gsm.receivedAs;
      return packet;
    });
    expect(receiver.statistics()).toMatchObject({ ignored: 2, missing: 0 });
  });

  test('of another type and source do not disturb the stream', () => {
    const other = stream({ count: 200, ssrc: 9, sequence: 500, codec: codec('PCMU', 77) });
    const { receiver, samples } = hear([...stream({ count: 200 }), ...other]);
    expect(receiver.statistics()).toMatchObject({ ignored: 200, missing: 0, discarded: 0 });
    expect(softest(part(samples, 500, 3900), 0.3)).toBeGreaterThan(0.98);
  });
});

test('whatever comes, there is a frame or nothing each tick', () => {
  const packet = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc
      .record({
        payloadType: fc.constantFrom(...codecs.map(({ receivedAs }) => receivedAs), 77),
        sequenceNumber: fc.oneof(fc.nat(40), fc.nat(65_535)),
        timestamp: fc.oneof(fc.nat(8000), fc.nat(2 ** 32 - 1)),
        ssrc: fc.nat(2),
        payload: fc.oneof(
          fc.uint8Array({ maxLength: 60 }),
          fc.nat(1400).map((length) => new Uint8Array(length)),
        ),
      })
      .map(formatRtp),
  );
  const arrival = fc.record({ packet, wait: fc.oneof(fc.nat(25), fc.nat(400)) });
  fc.assert(
    fc.property(fc.array(arrival, { maxLength: 80 }), fc.constantFrom(8000, 16_000, 48_000), (arriving, sampleRate) => {
      using receiver = new Receiver({ codecs, sampleRate, jitter: { minMs: 0, maxMs: 60 } });
      let now = 0;
      for (const { packet: bytes, wait } of arriving) {
        receiver.push(bytes, now);
        for (const end = now + wait; now < end; now += 20) {
          const frame = receiver.pull(now);
          if (frame !== null) expect(frame.length).toBe(sampleRate / 50);
        }
      }
      const { received, late, duplicates, discarded, malformed, ignored } = receiver.statistics();
      expect(received).toBe(arriving.length);
      expect(late + duplicates + discarded).toBeLessThanOrEqual(received);
      expect(malformed + ignored).toBeLessThanOrEqual(2 * received);
    }),
    { numRuns: 200 },
  );
});

test('padding, CSRC list and header extension are not heard (RFC 3550 section 5.1)', () => {
  const plain = stream({ count: 100 });
  const decorated = plain.map(({ time, packet }) => {
    const head = packet.slice(0, 12);
    head[0] = 0x80 | 0x20 | 0x10 | 1;
    const more = Uint8Array.of(1, 2, 3, 4, 0xbe, 0xde, 0, 1, 0x10, 0x55, 0, 0);
    return { time, packet: Uint8Array.of(...head, ...more, ...packet.subarray(12), 0, 0, 0, 4) };
  });
  expect(hear(decorated).samples).toEqual(hear(plain).samples);
});

describe('Opus', () => {
  // The package that takes over where libopus is not linked in makes nothing of redundancy.
  test.skipIf(opusImplementation() !== 'libopus')(
    'recovers what is lost from the packet behind it, nearer to what was said than what is made up',
    () => {
      const fixed = { jitter: { minMs: 60, maxMs: 60 } };
      const [recovered, concealed] = [opus, { ...opus, fmtp: null }].map((of) => {
        const sent = stream({
          codec: of,
          count: 150,
          signal: voice(),
          encoder: { sampleRate: 16_000, expectedLoss: 20 },
        });
        const whole = hear(sent, onTime, fixed);
        const holed = hear(sent, (packet) => (sent.indexOf(packet) % 10 === 5 ? null : 0), fixed);
        const { snr } = compared(part(whole.samples, 500, 2900), part(holed.samples, 500, 2900));
        return { snr, ...holed.receiver.statistics() };
      });
      expect(recovered!.snr).toBeGreaterThan(concealed!.snr + 2);
      // Pauses have no copies, and the end, which nothing tells of, is made up.
      expect(recovered!.recoveredMs).toBeGreaterThanOrEqual(200);
      expect(recovered!.recoveredMs + recovered!.concealedMs).toBe(400);
      expect(concealed).toMatchObject({ recoveredMs: 0, concealedMs: 400 });
    },
  );

  test('of which 5 % are lost has no click above 8 % of a tone', () => {
    const network = evenNetwork(new SeededRandom(6), 0.05, 10);
    const { samples } = hear(stream({ codec: opus, count: 500 }), network, { sampleRate: 48_000 });
    const settled = part(samples, 1000, 9800, 48_000);
    expect(greatestClick(settled, 440, 0.3, 48_000)).toBeLessThan(0.08);
  });

  test('tells of silence by a packet of one byte, behind which nothing is missing (RFC 6716 section 2.1.9)', () => {
    const speech = stream({ codec: opus, count: 50 });
    const silence = { ...stream({ codec: opus, count: 1, start: 1000, sequence: 50, ticks: 48_000 })[0]! };
    const [packet] = [silence.packet.slice(0, 13)];
    const { frames, receiver } = hear([...speech, { time: 1000, packet: packet! }]);
    expect(receiver.statistics()).toMatchObject({ concealedMs: 0, malformed: 0 });
    expect(frames.slice(58).every((frame) => frame === null)).toBe(true);
  });
});

describe('comfort noise (RFC 3389)', () => {
  const noise = (start: number, sequence: number): Sent => ({
    time: start,
    packet: formatRtp({
      payloadType: cn.receivedAs,
      sequenceNumber: sequence,
      timestamp: start * 8,
      ssrc: 1,
      payload: Uint8Array.of(50),
    }),
  });
  const sent = [
    ...stream({ codec: pcmu, count: 50 }),
    noise(1000, 50),
    noise(1500, 51),
    ...stream({ codec: pcmu, count: 50, start: 2000, sequence: 52, ticks: 16_000 }),
  ];

  test.each([8000, 48_000])('is heard in a pause as loud as it was told, at %d Hz', (sampleRate) => {
    const { samples, frames, receiver } = hear(sent, onTime, { sampleRate });
    expect(frames.slice(5, 150)).not.toContain(null);
    const pause = part(samples, 1100, 2000, sampleRate);
    // -50 dBov is an amplitude of 104.
    const amplitude = Math.sqrt(pause.reduce((sum, sample) => sum + sample ** 2, 0) / pause.length);
    expect(amplitude).toBeGreaterThan(70);
    expect(amplitude).toBeLessThan(130);
    expect(receiver.statistics()).toMatchObject({ missing: 0, malformed: 0, ignored: 0 });
  });

  test('makes nothing up, and does not add to the delay', () => {
    const { samples, receiver } = hear([...sent, noise(3000, 102)]);
    expect(receiver.statistics().concealedMs).toBe(0);
    expect(receiver.statistics().delayMs).toBeLessThan(50);
    expect(softest(part(samples, 2100, 2900), 0.3)).toBeGreaterThan(0.9);
  });

  test('sets in without a click', () => {
    const onset = part(hear(sent).samples, 1000, 1200);
    let step = 0;
    for (let i = 1; i < onset.length; i++) step = Math.max(step, Math.abs(onset[i]! - onset[i - 1]!));
    // The tone itself steps by a third of its amplitude.
    expect(step).toBeLessThan(0.36 * 0.3 * 32_767);
  });
});

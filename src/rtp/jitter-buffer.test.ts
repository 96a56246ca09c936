import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Arrival,
  arrivals,
  evenNetwork,
  type Run,
  type RunOptions,
  run,
  type Sent,
  stream,
} from '../../test/support/jitter-line.ts';
import { SeededRandom } from '../base/index.ts';
import { JitterBuffer } from './jitter-buffer.ts';
import { formatRtp } from './packet.ts';

const bounds = { minMs: 20, maxMs: 200 };
const numbers = ({ heard }: Run): readonly number[] => heard.map(({ number }) => number);
const allOf = (sent: readonly Sent[]): readonly number[] => sent.map(({ number }) => number);
const onTime = (): number => 0;

/** Bounds, packets and what the network does to them: bursts of loss, lateness of several kinds, copies. */
const scene = fc
  .record({
    bounds: fc.constantFrom({ minMs: 20, maxMs: 200 }, { minMs: 0, maxMs: 60 }, { minMs: 60, maxMs: 400 }),
    ms: fc.constantFrom(10, 20, 30, 40, 60, 120),
    clockRate: fc.constantFrom(8000, 48_000),
    sequence: fc.nat(65_535),
    ticks: fc.nat(2 ** 32 - 1),
    phase: fc.nat(19),
    fates: fc.array(
      fc.record({
        lost: fc.oneof({ weight: 20, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(12) }),
        late: fc.oneof({ weight: 8, arbitrary: fc.nat(30) }, { weight: 1, arbitrary: fc.nat(300) }),
        copies: fc.constantFrom(1, 1, 1, 1, 2, 3),
      }),
      { minLength: 30, maxLength: 300 },
    ),
    pauses: fc.array(fc.nat(299), { maxLength: 3 }),
  })
  .map(({ fates, pauses, ...rest }) => {
    const isSilent = (i: number): boolean => pauses.some((from) => i > from && i < from + 20);
    const sent = stream({ ...rest, count: fates.length, isSilent });
    let lost = 0;
    const arriving: Arrival[] = [];
    sent.forEach((packet, i) => {
      const fate = fates[i]!;
      lost = Math.max(lost, fate.lost);
      if (lost-- > 0) return;
      for (let copy = 0; copy < fate.copies; copy++) {
        arriving.push({ ...packet, at: packet.time + fate.late + copy * 7 });
      }
    });
    arriving.sort((a, b) => a.at - b.at);
    return { ...rest, sent, arriving, played: { ...rest.bounds, clockRate: rest.clockRate, phase: rest.phase } };
  });

describe('whatever the network does', () => {
  test('packets are played in their order, and none twice', () => {
    fc.assert(
      fc.property(scene, ({ arriving, played }) => {
        const order = numbers(run(arriving, played));
        expect(order).toEqual([...new Set(order)].sort((a, b) => a - b));
      }),
    );
  });

  test('each packet is played, late, a duplicate or discarded, and each that was never played in time is missing', () => {
    fc.assert(
      fc.property(scene, ({ arriving, played }) => {
        const result = run(arriving, played);
        const counted = result.buffer.statistics;
        expect(counted.received).toBe(arriving.length);
        expect(counted.played + counted.late + counted.duplicates + counted.discarded).toBe(arriving.length);
        expect(counted.played).toBe(result.heard.length);
        if (result.heard.length === 0 || counted.discarded > 0) return;
        const order = numbers(result);
        expect(counted.missing).toBe(order.at(-1)! - order[0]! + 1 - order.length);
      }),
    );
  });

  test('what has come before its time is played, unless more is held than the greatest delay', () => {
    fc.assert(
      fc.property(scene, ({ arriving, played, ms }) => {
        const result = run(arriving, played);
        if (result.buffer.statistics.discarded > 0) return;
        const heard = new Set(numbers(result));
        for (const { number, at } of arriving) {
          if (heard.has(number)) continue;
          const behind = result.heard.find((packet) => packet.number > number)!;
          // Its time was filled before the packets behind it were played, at the earliest in the tick before.
          expect(at).toBeGreaterThan(behind.at - (behind.number - number) * ms - 20);
        }
      }),
    );
  });

  test('no more is held than the greatest delay and a tick, and nothing is played with less than the least', () => {
    fc.assert(
      fc.property(scene, ({ arriving, played }) => {
        const least = Math.min(...arriving.map(({ at, time }) => at - time));
        const result = run(arriving, {
          ...played,
          onTick: (_, { statistics: { targetMs } }) => {
            expect(targetMs).toBeGreaterThanOrEqual(played.minMs);
            expect(targetMs).toBeLessThanOrEqual(played.maxMs);
          },
        });
        for (const { number, at, delay } of result.heard) {
          const { time } = arriving.find((packet) => packet.number === number)!;
          const newest = Math.max(...arriving.filter((packet) => packet.at <= at).map((packet) => packet.time));
          expect(newest - time).toBeLessThanOrEqual(played.maxMs + 20);
          expect(delay).toBeGreaterThanOrEqual(played.minMs + least - 5);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('the delay', () => {
  const network = (jitterMs: number, loss = 0): (() => number | null) =>
    evenNetwork(new SeededRandom(7), loss, jitterMs);
  const mean = (result: Run, from: number, to = Number.POSITIVE_INFINITY): number => {
    const counted = result.heard.filter(({ number }) => number >= from && number < to);
    return counted.reduce((sum, { delay }) => sum + delay, 0) / counted.length;
  };

  test.each([
    [0, 20, 40],
    [10, 20, 50],
    [20, 35, 65],
    [40, 75, 105],
    [80, 140, 185],
  ])('for packets that are 0 to twice %d ms late is %d to %d ms, and all are played', (jitterMs, least, most) => {
    const sent = stream({ count: 3000 });
    const result = run(arrivals(sent, network(jitterMs)), bounds);
    expect(result.heard.length).toBeGreaterThanOrEqual(2990);
    expect(mean(result, 1000)).toBeGreaterThanOrEqual(least);
    expect(mean(result, 1000)).toBeLessThanOrEqual(most);
  });

  test('does not grow with loss, which is made up once', () => {
    const sent = stream({ count: 3000 });
    const result = run(arrivals(sent, network(0, 0.1)), bounds);
    expect(mean(result, 1000)).toBeLessThanOrEqual(45);
    const lost = (3000 - result.heard.length) * 20;
    expect(result.concealedMs).toBeGreaterThanOrEqual(lost - 100);
    expect(result.concealedMs).toBeLessThanOrEqual(lost + 200);
  });

  /** A network that holds back for 150 ms what is sent from 20 s on. */
  const held = ({ time }: Sent): number => (time >= 20_000 && time < 20_150 ? 20_150 - time : 0);

  test('grows at once when packets are held back, so that all of them are played', () => {
    const sent = stream({ count: 2000 });
    const result = run(arrivals(sent, held), bounds);
    expect(numbers(result)).toEqual(allOf(sent));
    expect(mean(result, 1010, 1030)).toBeGreaterThan(140);
  });

  test('shrinks after that in the first silence', () => {
    const sent = stream({ count: 2000 });
    const result = run(arrivals(sent, held), { ...bounds, isSilent: (at) => at > 24_000 && at < 26_000 });
    expect(mean(result, 1300)).toBeLessThan(50);
    expect(numbers(result)).toEqual(allOf(sent));
  });

  test('shrinks without silence by steps of at most 10 ms, at first four in a second', () => {
    const steps: { at: number; delay: number }[] = [];
    let before = 0;
    run(arrivals(stream({ count: 3000 }), held), {
      ...bounds,
      onTick: (at, { statistics: { delayMs } }) => {
        if (at > 21_000 && before - delayMs > 2) steps.push({ at, delay: before - delayMs });
        before = delayMs;
        if (at === 40_000) expect(delayMs).toBeLessThan(45);
      },
    });
    expect(steps.length).toBeGreaterThanOrEqual(10);
    for (const { delay } of steps) expect(delay).toBeLessThanOrEqual(10.1);
    steps.slice(1).forEach(({ at }, i) => {
      expect(at - steps[i]!.at).toBeGreaterThanOrEqual(240);
    });
  });

  test('stays within its bounds for an hour beside a sender whose clock is 200 ppm fast or slow', () => {
    for (const ppm of [200, -200]) {
      const sent = stream({ count: 180_000, ppm });
      const result = run(arrivals(sent, network(5, 0.01)), bounds);
      expect(result.heard.filter(({ delay }) => delay > 70)).toEqual([]);
      expect(result.buffer.statistics.late).toBeLessThan(20);
      // 720 ms have to be taken out or put in, and not much more.
      expect(Math.max(result.shortenedMs, result.stretchedMs)).toBeLessThan(1500);
    }
  });

  test('follows a way through the network that becomes a second longer, and shorter again', () => {
    const sent = stream({ count: 6000 });
    const detour = ({ time }: Sent): number => (time >= 40_000 && time < 80_000 ? 1000 : 0);
    const result = run(arrivals(sent, detour), bounds);
    expect(mean(result, 2600, 3900)).toBeLessThan(1250);
    expect(result.heard.length).toBeGreaterThan(5880);
    expect(mean(result, 5800)).toBeLessThan(100);
  });
});

describe('a pause of the sender', () => {
  // Half a second of speech, a second of nothing.
  const isSilent = (i: number): boolean => i % 75 >= 25;

  test('is silence and no loss; at most 100 ms are made up where nothing has told of it', () => {
    const sent = stream({ count: 3000, isSilent });
    const result = run(arrivals(sent, evenNetwork(new SeededRandom(3), 0, 10)), bounds);
    expect(numbers(result)).toEqual(allOf(sent));
    expect(result.buffer.statistics.missing).toBe(0);
    expect(result.concealedMs).toBeLessThanOrEqual(40 * 120);
    expect(result.silentMs).toBeGreaterThan(39 * 800);
  });

  test('brings the delay to what is wanted', () => {
    const sent = stream({ count: 600, isSilent });
    const result = run(
      arrivals(sent, ({ time }) => (time >= 1600 && time < 1750 ? 1750 - time : 0)),
      { minMs: 20, maxMs: 40 },
    );
    expect(result.heard.filter(({ number, delay }) => number >= 50 && delay > 65)).toEqual([]);
  });

  test('behind which packets overtake each other loses none of them', () => {
    const sent = stream({ count: 40, ms: 10, isSilent: (i) => i >= 5 && i < 24 });
    const result = run(
      arrivals(sent, ({ number }) => (number === 4 ? 81 : number === 5 ? 21 : 0)),
      bounds,
    );
    expect(numbers(result)).toEqual(allOf(sent));
  });

  test('needs nothing made up when the last packet has told of it', () => {
    const buffer = new JitterBuffer(bounds);
    const [sent] = stream({ count: 1 });
    buffer.push(sent!.packet, 12, 16, 8000, 0);
    expect(buffer.next(60, 20)).toBe('packet');
    buffer.lasted(20);
    buffer.rest();
    expect(buffer.next(80, 20)).toBe('nothing');
  });

  test('in which the timestamps stand still as well (a call on hold) is over when packets come', () => {
    const before = stream({ count: 100 });
    const behind = stream({ count: 100, sequence: 100, ticks: 100 * 160, start: 62_000, number: 100 });
    const result = run(arrivals([...before, ...behind], onTime), bounds);
    expect(numbers(result)).toEqual(allOf([...before, ...behind]));
    expect(result.heard.filter(({ delay }) => delay > 70)).toEqual([]);
  });
});

describe('a stream that begins anew', () => {
  const before = stream({ count: 100, sequence: 5000, ticks: 1_000_000 });
  const behind = { count: 100, start: 2000, number: 100 };

  test.each<[string, Sent[], number]>([
    ['with another SSRC', [...stream({ ...behind, ssrc: 2, sequence: 7, ticks: 9 })], 0],
    ['with other sequence numbers and timestamps', [...stream({ ...behind, sequence: 40_000, ticks: 9 })], 1],
    ['with its first sequence numbers', [...stream({ ...behind, sequence: 0, ticks: 9 })], 1],
    ['with timestamps that leap, in sequence', [...stream({ ...behind, sequence: 5100, ticks: 3_000_000_000 })], 0],
    ['with timestamps that leap back, in sequence', [...stream({ ...behind, sequence: 5100, ticks: 5 })], 0],
    ['with timestamps a minute ahead', [...stream({ ...behind, sequence: 5100, ticks: 1_496_000 })], 0],
  ])('%s goes on where it was', (_, restarted, lost) => {
    const result = run(arrivals([...before, ...restarted], onTime), bounds);
    expect(numbers(result)).toEqual([...allOf(before), ...allOf(restarted).slice(lost)]);
    expect(result.heard.filter(({ delay }) => delay > 70)).toEqual([]);
    expect(result.concealedMs + result.silentMs).toBeLessThanOrEqual(20 * lost + 120);
  });

  test('as often as it likes loses one packet each time at most, and never its order', () => {
    const part = fc.record({
      count: fc.integer({ min: 5, max: 60 }),
      ssrc: fc.nat(3),
      sequence: fc.option(fc.nat(65_535)),
      ticks: fc.option(fc.nat(2 ** 28 - 1)),
      gap: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(5000) }),
    });
    fc.assert(
      fc.property(
        fc.array(part, { minLength: 2, maxLength: 8 }),
        fc.array(fc.nat(15), { minLength: 10 }),
        (parts, late) => {
          const sent: Sent[] = [];
          let [start, sequence, ticks] = [0, 0, 0];
          for (const [i, each] of parts.entries()) {
            const from = {
              sequence: each.sequence ?? sequence,
              ticks: each.ticks === null ? ticks : each.ticks + (i << 28),
              start: start + each.gap,
            };
            sent.push(...stream({ ...each, ...from, number: sent.length }));
            [start, sequence, ticks] = [
              from.start + each.count * 20,
              from.sequence + each.count,
              from.ticks + each.count * 160,
            ];
          }
          const result = run(
            arrivals(sent, ({ number }) => late[number % late.length]!),
            bounds,
          );
          const order = numbers(result);
          expect(order).toEqual([...new Set(order)].sort((a, b) => a - b));
          expect(order.length).toBeGreaterThanOrEqual(sent.length - parts.length);
          expect(result.heard.filter(({ delay }) => delay > 200 + 40)).toEqual([]);
        },
      ),
    );
  });

  test('is not believed for a single wild packet, nor for a straggler of the source before', () => {
    const wild = stream({ count: 1, sequence: 40_000, ticks: 77, start: 1010, number: 900 });
    const other = stream({ ...behind, ssrc: 2 });
    const straggler = stream({ count: 1, sequence: 5099, ticks: 1_015_840, start: 2030, number: 901 });
    const result = run(arrivals([...before, ...other, ...wild, ...straggler], onTime), bounds);
    expect(numbers(result)).toEqual([...allOf(before), ...allOf(other)]);
    expect(result.buffer.statistics.discarded).toBe(2);
  });

  test('goes back to a source before it after two packets in sequence', () => {
    const other = stream({ ...behind, ssrc: 2 });
    const again = stream({ count: 100, start: 4000, number: 200, sequence: 9 });
    const result = run(arrivals([...before, ...other, ...again], onTime), bounds);
    expect(numbers(result)).toEqual([...allOf(before), ...allOf(other), ...allOf(again).slice(1)]);
  });

  test('with another clock rate, as after a change of codec, goes on in sequence', () => {
    const buffer = new JitterBuffer(bounds);
    const kinds: string[] = [];
    for (let i = 0; i < 100; i++) {
      const rate = i < 50 ? 8000 : 48_000;
      const ticks = i < 50 ? i * 160 : 12_345 + i * 960;
      const payload = Uint8Array.of(i);
      const packet = formatRtp({ payloadType: 0, sequenceNumber: i, timestamp: ticks, ssrc: 1, payload });
      buffer.push(packet, 12, 13, rate, i * 20);
      kinds.push(buffer.next(i * 20, 20));
      if (kinds.at(-1) === 'packet') buffer.lasted(20);
    }
    expect(kinds.slice(4).every((kind) => kind === 'packet')).toBe(true);
  });
});

describe('packets that are no sound', () => {
  const event = (sequenceNumber: number): Uint8Array =>
    formatRtp({ payloadType: 101, sequenceNumber, timestamp: 0, ssrc: 1, payload: new Uint8Array(4) });

  test('keep the sequence without a gap, and what they stand for is silence', () => {
    const buffer = new JitterBuffer(bounds);
    const kinds: string[] = [];
    // Ten packets of sound, ten of an event, ten of sound.
    for (let i = 0; i < 40; i++) {
      const payload = Uint8Array.of(1);
      if (i >= 10 && i < 20) buffer.pushAside(event(i));
      else if (i < 30) {
        const packet = formatRtp({ payloadType: 0, sequenceNumber: i, timestamp: i * 160, ssrc: 1, payload });
        buffer.push(packet, 12, 13, 8000, i * 20);
      }
      kinds.push(i < 34 ? buffer.next(i * 20 + 5, 20) : 'nothing');
      if (kinds.at(-1) === 'packet') buffer.lasted(20);
    }
    expect(kinds.filter((kind) => kind === 'packet').length).toBe(20);
    expect(kinds.slice(0, 32)).not.toContain('lost');
    expect(buffer.statistics).toMatchObject({ received: 30, played: 20, asides: 10, missing: 0 });
  });
});

describe('memory', () => {
  test('is no more for a flood than for a call', () => {
    const buffer = new JitterBuffer(bounds);
    const buffers = new Set<unknown>();
    for (let i = 0; i < 100_000; i++) {
      const packet = formatRtp({
        payloadType: 0,
        sequenceNumber: i,
        timestamp: i,
        ssrc: 1,
        payload: new Uint8Array(160),
      });
      buffer.push(packet, 12, 172, 8000, i / 1000);
      if (i % 20 === 0 && buffer.next(i / 1000, 20) === 'packet') {
        buffers.add(buffer.payload!.buffer);
        buffer.lasted(20);
      }
    }
    const { received, played, late, duplicates, discarded } = buffer.statistics;
    expect(received - played - late - duplicates - discarded).toBeLessThanOrEqual(64);
    expect(buffers.size).toBeLessThanOrEqual(64);
  });

  test('is not given to payloads that are no sound', () => {
    const buffer = new JitterBuffer(bounds);
    const packet = formatRtp({
      payloadType: 0,
      sequenceNumber: 1,
      timestamp: 1,
      ssrc: 1,
      payload: new Uint8Array(60_000),
    });
    buffer.push(packet, 12, packet.length, 8000, 0);
    expect(buffer.next(100, 20)).toBe('nothing');
    expect(buffer.statistics.discarded).toBe(1);
  });
});

test('of what is missing the last comes with the packet behind it, from which it may be recovered', () => {
  const sent = stream({ count: 10 });
  const options: RunOptions = bounds;
  const buffer = new JitterBuffer(options);
  const seen: [string, number | null][] = [];
  sent.forEach(({ packet, number }) => {
    if (number !== 4 && number !== 5) buffer.push(packet, 12, 16, 8000, 0);
  });
  for (let now = 100; seen.length < 8; now += 20) {
    const kind = buffer.next(now, 20);
    seen.push([kind, buffer.payload && buffer.payload[3]!]);
    if (kind === 'packet') buffer.lasted(20);
  }
  expect(seen.slice(3, 7)).toEqual([
    ['packet', 3],
    ['lost', null],
    ['lost', 6],
    ['packet', 6],
  ]);
});

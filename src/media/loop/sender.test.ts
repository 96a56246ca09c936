import { describe, expect, test } from 'vitest';
import { sampled, tone, voice } from '../../../test/support/signals.ts';
import { SeededRandom, VirtualClock } from '../../base/index.ts';
import { CodecError, createDecoder } from '../../codec/index.ts';
import {
  marker,
  parseTelephoneEvent,
  payloadType,
  type ReportBlock,
  type RtcpPacket,
  readRtcp,
  rtpPayload,
  sequenceNumber,
  ssrc,
  timestamp,
} from '../../rtp/index.ts';
import type { AgreedCodec } from '../../sdp/index.ts';
import { Sender, type SenderOptions } from './sender.ts';

function agreed(name: string, payloadType: number, clockRate = 8000, fmtp: string | null = null): AgreedCodec {
  return { name, payloadType, receivedAs: payloadType, clockRate, channels: 1, fmtp };
}

const pcmu = agreed('PCMU', 0);
const opus = agreed('opus', 111, 48_000);
const events = agreed('telephone-event', 101);
const comfortNoise = agreed('CN', 13);

/** One that was sent. */
interface Sent {
  readonly at: number;
  readonly type: number;
  readonly marker: boolean;
  readonly sequence: number;
  readonly timestamp: number;
  readonly payload: Uint8Array;
}

/** A sender of frames of 20 ms at 8000 Hz, of PCMU unless told otherwise, and what it has sent. */
class Bench {
  readonly clock = new VirtualClock();
  readonly sent: Sent[] = [];
  readonly rtcp: { readonly at: number; readonly packets: readonly RtcpPacket[] }[] = [];
  readonly sender: Sender;
  readonly #rate: number;
  #frames = 0;

  constructor(options: Partial<SenderOptions> = {}) {
    this.#rate = options.sampleRate ?? 8000;
    this.sender = new Sender({
      codec: pcmu,
      events,
      comfortNoise: null,
      ptimeMs: 20,
      sampleRate: this.#rate,
      random: new SeededRandom(1),
      clock: this.clock,
      send: (packet) => {
        expect(ssrc(packet)).toBe(this.sender.ssrc);
        this.sent.push({
          at: this.clock.now(),
          type: payloadType(packet),
          marker: marker(packet),
          sequence: sequenceNumber(packet),
          timestamp: timestamp(packet),
          payload: rtpPayload(packet),
        });
      },
      sendRtcp: (packet) => this.rtcp.push({ at: this.clock.now(), packets: readRtcp(packet) }),
      ...options,
    });
  }

  /** So many frames of a signal, null of silence, each 20 ms after the one before. */
  play(frames: number, signal: ((seconds: number) => number) | null = tone(440)): void {
    const length = this.#rate / 50;
    for (let i = 0; i < frames; i++, this.#frames++) {
      this.sender.frame(signal && sampled(signal, this.#rate, length, this.#frames * length));
      this.clock.advance(20);
    }
  }

  /** Timestamps of what was sent, counted from the first. */
  get times(): number[] {
    return this.sent.map((packet) => (packet.timestamp - this.sent[0]!.timestamp) >>> 0);
  }

  /** Sequence numbers rise by one each, and only the packets told of carry the marker. */
  expectOrder(markers: readonly number[]): void {
    const expected = this.sent.map((_, i) => (this.sent[0]!.sequence + i) & 0xffff);
    expect(this.sent.map(({ sequence }) => sequence)).toEqual(expected);
    expect(this.sent.flatMap((packet, i) => (packet.marker ? [i] : []))).toEqual(markers);
  }
}

describe('speech', () => {
  test.each([
    [10, 160 / 2, 12],
    [20, 160, 6],
    [30, 240, 4],
    [40, 320, 3],
    [60, 480, 2],
  ])('in packets of %i ms', (ptimeMs, length, count) => {
    const bench = new Bench({ ptimeMs });
    bench.play(6);
    expect(bench.sent.map(({ payload }) => payload.length)).toEqual(new Array(count).fill(length));
    expect(bench.times).toEqual(Array.from({ length: count }, (_, i) => i * length));
    bench.expectOrder([0]);
  });

  test('comes out as it went in, whatever the packets', () => {
    for (const ptimeMs of [10, 30, 60]) {
      const bench = new Bench({ ptimeMs });
      bench.play(12);
      const decoder = createDecoder(pcmu);
      const samples = bench.sent.flatMap(({ payload }) => [...decoder.decode(payload)]);
      const expected = sampled(tone(440), 8000, 12 * 160);
      expect(samples.length).toBe(expected.length);
      expect(Math.max(...samples.map((sample, i) => Math.abs(sample - expected[i]!)))).toBeLessThan(600);
    }
  });

  test('of G.722 has 8000 ticks a second though it has 16000 samples (RFC 3551 §4.5.2)', () => {
    const bench = new Bench({ codec: agreed('G722', 9), sampleRate: 16_000 });
    bench.play(3);
    expect(bench.times).toEqual([0, 160, 320]);
    expect(bench.sent.every(({ payload }) => payload.length === 160)).toBe(true);
  });

  test('of Opus has 48000 ticks a second whatever the samples, and no packets of 30 ms', () => {
    const bench = new Bench({ codec: opus, ptimeMs: 30 });
    bench.play(3);
    expect(bench.times).toEqual([0, 960, 1920]);
  });

  test('null is silence, which is sent too', () => {
    const bench = new Bench();
    bench.play(3, null);
    expect(bench.sent.map(({ payload }) => [...new Set(payload)])).toEqual([[0xff], [0xff], [0xff]]);
    bench.expectOrder([0]);
  });

  test('what is left out takes its time, drops what waits, and is followed by a marker', () => {
    const bench = new Bench({ ptimeMs: 30 });
    bench.play(4);
    bench.sender.skip(1000);
    bench.play(3);
    expect(bench.times).toEqual([0, 240, 640 + 8000, 880 + 8000]);
    bench.expectOrder([0, 2]);
  });

  test('source, numbers and time begin anywhere, and wrap', () => {
    const first = new Bench({ random: new SeededRandom(5) });
    const second = new Bench({ random: new SeededRandom(6) });
    expect(first.sender.ssrc).not.toBe(second.sender.ssrc);
    const last = { bytes: (count: number) => new Uint8Array(count), below: (limit: number) => limit - 1 };
    const bench = new Bench({ random: last });
    bench.play(3);
    expect(bench.sent.map(({ sequence }) => sequence)).toEqual([65_535, 0, 1]);
    expect(bench.times).toEqual([0, 160, 320]);
  });

  test('a codec that we cannot encode is refused', () => {
    expect(() => new Bench({ codec: agreed('G729', 18) })).toThrow(CodecError);
  });
});

describe('pauses', () => {
  test('of Opus with usedtx are not sent; time goes on, and a marker tells that speech begins (RFC 3551 §4.1)', () => {
    const bench = new Bench({ codec: agreed('opus', 111, 48_000, 'usedtx=1') });
    bench.play(25, voice());
    bench.play(150, null);
    const before = bench.sent.length;
    expect(before).toBeLessThan(70);
    bench.play(10, voice());
    expect(bench.sent.length).toBeGreaterThan(before);
    const again = bench.sent.findIndex(({ at }) => at >= 175 * 20);
    expect(bench.times[again]).toBe((bench.sent[again]!.at / 20) * 960);
    expect(bench.sent[again]!.marker).toBe(true);
  });

  test('are comfort noise where it is agreed: at once after 200 ms, then each half second', () => {
    const bench = new Bench({ comfortNoise });
    bench.play(5);
    bench.play(62, null);
    bench.play(2);
    const noise = bench.sent.filter(({ type }) => type === 13);
    expect(noise.map(({ at }) => at)).toEqual([280, 800, 1320]);
    expect(noise.map(({ payload }) => [...payload])).toEqual([[127], [127], [127]]);
    expect(bench.times).toEqual([
      ...Array.from({ length: 14 }, (_, i) => i * 160),
      14 * 160,
      40 * 160,
      66 * 160,
      67 * 160,
      68 * 160,
    ]);
    bench.expectOrder([0, 17]);
  });

  test('that become louder are told of at once, with their spectrum', () => {
    const bench = new Bench({ comfortNoise });
    bench.play(15, tone(300, 0.001));
    bench.play(5, tone(300, 0.0018));
    const noise = bench.sent.filter(({ type }) => type === 13);
    expect(noise.length).toBe(2);
    expect(noise.map(({ payload }) => payload.length)).toEqual([11, 11]);
    expect(noise[1]!.payload[0]).toBeLessThan(noise[0]!.payload[0]! - 2);
  });

  test('have no spectrum that would count for another rate, nor noise on another clock', () => {
    const wide = new Bench({ codec: agreed('G722', 9), comfortNoise, sampleRate: 16_000 });
    wide.play(12, tone(300, 0.001));
    expect(wide.sent.at(-1)).toMatchObject({ type: 13, payload: { length: 1 } });
    const other = new Bench({ codec: opus, comfortNoise });
    other.play(30, null);
    expect(other.sent.every(({ type }) => type === 111)).toBe(true);
  });
});

describe('keys (RFC 4733)', () => {
  /** The reports of what was sent. */
  const reports = (bench: Bench) =>
    bench.sent.flatMap((packet) => {
      const report = packet.type === 101 || packet.type === 110 ? parseTelephoneEvent(packet.payload) : null;
      return report ? [{ ...report, marker: packet.marker, timestamp: packet.timestamp }] : [];
    });

  test('grow each 20 ms and end three times, in place of speech, whose time goes on', () => {
    const bench = new Bench();
    bench.play(2);
    bench.sender.digit('5', 100);
    bench.play(12);
    const report = (duration: number, end: boolean) => ({ event: 5, end, volume: 10, duration });
    expect(reports(bench)).toMatchObject([
      report(160, false),
      report(320, false),
      report(480, false),
      report(640, false),
      report(800, true),
      report(800, true),
      report(800, true),
    ]);
    // Two packets of speech, seven reports with the time of the first, a pause, speech.
    expect(bench.times).toEqual([0, 160, ...new Array(7).fill(320), 11 * 160, 12 * 160, 13 * 160]);
    bench.expectOrder([0, 2, 9]);
  });

  test('wait for each other, with a pause between', () => {
    const bench = new Bench();
    for (const digit of ['1', '#', 'd', 'x']) bench.sender.digit(digit, 60);
    bench.play(30);
    expect(
      reports(bench)
        .filter(({ marker }) => marker)
        .map(({ event }) => event),
    ).toEqual([1, 11, 15]);
    const ends = bench.sent.filter(({ payload, type }) => type === 101 && parseTelephoneEvent(payload)!.end);
    expect(ends.map(({ at }) => at)).toEqual([40, 60, 80, 180, 200, 220, 320, 340, 360]);
    expect(bench.times.slice(0, 5)).toEqual(new Array(5).fill(0));
    expect(bench.times[5]).toBe(7 * 160);
  });

  test('last as long on their own clock', () => {
    const bench = new Bench({ codec: opus, events: agreed('telephone-event', 110, 48_000) });
    bench.sender.digit('9', 50);
    bench.play(6);
    expect(reports(bench).map(({ duration }) => duration)).toEqual([960, 1920, 2400, 2400, 2400]);
  });

  test('are at least 40 ms long, and at most what the format holds', () => {
    const bench = new Bench();
    bench.sender.digit('1', 1);
    bench.sender.digit('2', 20_000);
    bench.play(600);
    const ends = reports(bench).filter(({ end }) => end);
    expect(ends.map(({ duration }) => duration)).toEqual([320, 320, 320, 65_535, 65_535, 65_535]);
  });

  test('are not sent where they are not agreed, nor any more when they no longer are', () => {
    const bench = new Bench({ events: null });
    bench.sender.digit('1', 100);
    bench.play(3);
    expect(bench.sent.map(({ type }) => type)).toEqual([0, 0, 0]);
    const other = new Bench();
    other.sender.digit('1', 100);
    other.play(2);
    other.sender.update({ codec: pcmu, events: null, comfortNoise: null, ptimeMs: 20 });
    other.play(2);
    expect(other.sent.map(({ type }) => type)).toEqual([101, 101, 0, 0]);
    other.expectOrder([0, 2]);
  });

  test('what waits for its packet when a key comes is left out', () => {
    const bench = new Bench({ ptimeMs: 60 });
    bench.play(5);
    bench.sender.digit('1', 40);
    bench.play(8);
    // 60 ms of speech, 40 ms that are left out, the key and its pause for 120 ms, 60 ms of speech.
    expect(bench.times).toEqual([0, 800, 800, 800, 800, 800 + 6 * 160].slice(0, bench.times.length));
    expect(bench.times.length).toBe(5);
  });
});

test('a new format goes on with the source, its numbers and its time', () => {
  const bench = new Bench();
  bench.play(2);
  bench.sender.update({ codec: agreed('PCMA', 8), events, comfortNoise: null, ptimeMs: 40 });
  bench.play(4);
  expect(bench.sent.map(({ type }) => type)).toEqual([0, 0, 8, 8]);
  expect(bench.times).toEqual([0, 160, 320, 640]);
  bench.expectOrder([0, 2]);
  expect(() => bench.sender.update({ codec: agreed('G729', 18), events, comfortNoise: null, ptimeMs: 20 })).toThrow(
    CodecError,
  );
  bench.play(2);
  expect(bench.sent.at(-1)!.type).toBe(8);
});

describe('reports (RFC 3550 §6)', () => {
  const block: ReportBlock = {
    ssrc: 77,
    fractionLost: 12,
    cumulativeLost: 3,
    extendedHighest: 70_000,
    jitter: 40,
    lastSenderReport: 5,
    delaySinceLastSenderReport: 6,
  };

  test('tell what was sent, when, and how the other side is received, under one name', () => {
    const bench = new Bench({ reports: () => [block] });
    bench.play(500);
    expect(bench.rtcp.length).toBeGreaterThan(1);
    const [report, description] = bench.rtcp[0]!.packets;
    const { at } = bench.rtcp[0]!;
    const count = bench.sent.filter((packet) => packet.at <= at).length;
    expect(report).toMatchObject({
      type: 'sender-report',
      ssrc: bench.sender.ssrc,
      rtpTimestamp: (bench.sent[0]!.timestamp + at * 8) % 2 ** 32,
      packetCount: count,
      octetCount: count * 160,
      reports: [block],
    });
    expect(description).toMatchObject({ type: 'description', ssrc: bench.sender.ssrc, cname: /^[a-z2-7]{20}$/ });
    expect(new Set(bench.rtcp.map(({ packets }) => JSON.stringify(packets[1]))).size).toBe(1);
  });

  test('come each 2.05 to 6.16 s, the first in half of that, never in step (§6.3)', () => {
    const bench = new Bench();
    bench.play(50 * 300);
    const times = [0, ...bench.rtcp.map(({ at }) => at)];
    const between = times.slice(1).map((at, i) => at - times[i]!);
    expect(between[0]).toBeLessThan(3100);
    expect(Math.min(...between.slice(1))).toBeGreaterThan(2000);
    expect(Math.max(...between)).toBeLessThan(6200);
    expect(new Set(between).size).toBeGreaterThan(20);
    expect(times.length).toBeGreaterThan(60);
  });

  test('are those of a receiver while nothing is sent', () => {
    const bench = new Bench();
    bench.sender.report(bench.clock.now());
    expect(bench.rtcp[0]!.packets[0]!.type).toBe('receiver-report');
  });

  test('end with a goodbye, unless nothing was ever sent (§6.3.7)', () => {
    const bench = new Bench();
    bench.play(1);
    bench.sender[Symbol.dispose]();
    expect(bench.rtcp.at(-1)!.packets.map(({ type }) => type)).toEqual(['sender-report', 'description', 'bye']);
    expect(bench.rtcp.at(-1)!.packets[2]).toMatchObject({ sources: [bench.sender.ssrc] });
    const quiet = new Bench();
    quiet.sender[Symbol.dispose]();
    expect(quiet.rtcp).toEqual([]);
  });
});

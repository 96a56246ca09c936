import { describe, expect, test } from 'vitest';
import { createDecoder, createEncoder } from '../../src/codec/index.ts';
import { payloadType, rtpPayload, ssrc } from '../../src/rtp/index.ts';
import { channelsOf, diskFull } from '../support/memory-disk.ts';
import { codec, type EngineGround, engines, setUp } from './engine-stage.ts';

const pcmu = codec('PCMU', 0);
const pcma = codec('PCMA', 8);
const g722 = codec('G722', 9);
const file = '/recordings/a.wav';
const recording = { file, paused: false };

/** Those whose time is virtual: packets can be paced. */
const virtual = engines.filter(([name]) => !name.includes('UDP'));

type Stage = Awaited<ReturnType<typeof setUp<EngineGround>>>;

/** Both phones speak for so many packets, each at its level; `null` is silent. */
async function speak(
  stage: Stage,
  packets: number,
  levels: readonly [number | null, number | null],
  codecs = [pcmu, pcmu],
) {
  const { alice, bob, portA, portB, settle, clock } = stage;
  const lines = [alice, bob].flatMap((phone, i) => {
    const level = levels[i] ?? null;
    const spec = codecs[i]!;
    if (level === null) return [];
    const encoder = createEncoder(spec, { sampleRate: 8000 });
    return [{ phone, to: i === 0 ? portA : portB, spec, encoder, samples: new Int16Array(160).fill(level) }];
  });
  for (let n = 0; n < packets; n++) {
    for (const { phone, to, spec, encoder, samples } of lines) {
      phone.speak(to, { payloadType: spec.receivedAs, payload: Uint8Array.from(encoder.encode(samples)) });
    }
    await settle();
    clock.advance(20);
  }
  await settle();
}

const share = (samples: Int16Array, from: number, to: number) =>
  samples.filter((sample) => sample > from && sample < to).length / samples.length;

describe.each(virtual)('recording: %s', (_, open) => {
  test.each([
    ['relayed', pcmu, pcmu],
    ['transcoded', pcmu, pcma],
  ])('what is %s is recorded, each phone in its channel', async (_how, a, b) => {
    const codecs = [a, b];
    await using stage = await setUp(open(), { a: { codecs: [a] }, b: { codecs: [b] }, spec: { recording } });
    await speak(stage, 150, [1000, -2000], codecs);
    expect(stage.bob.heard.length).toBeGreaterThan(140);
    const { recordings } = await stage.finish(stage.session);
    expect(recordings).toEqual([{ file, durationMs: 3000, pausedMs: 0, status: 'complete', reason: null }]);
    expect(stage.heard.recordings).toEqual([{ type: 'started', file }]);
    const { left, right } = channelsOf(stage.disk.files.get(file)!);
    expect(share(left, 950, 1050)).toBeGreaterThan(0.9);
    expect(share(right, -2100, -1900)).toBeGreaterThan(0.9);
  });

  test('what has more than telephone quality is recorded at 16 kHz', async () => {
    await using stage = await setUp(open(), { a: { codecs: [g722] }, b: { codecs: [g722] }, spec: { recording } });
    stage.clock.advance(1000);
    await stage.settle();
    await stage.finish(stage.session);
    const { sampleRate, left } = channelsOf(stage.disk.files.get(file)!);
    expect([sampleRate, left.length]).toEqual([16_000, 16_000]);
  });

  test('it begins, pauses, goes on and ends with the session’s updates', async () => {
    await using stage = await setUp(open());
    const second = async () => {
      stage.clock.advance(1000);
      await stage.settle();
    };
    await second();
    await stage.update({ spec: { recording } });
    await second();
    await stage.update({ spec: { recording: { file, paused: true } } });
    await second();
    await second();
    await stage.update({ spec: { recording } });
    await second();
    await stage.update({ spec: { recording: null } });
    await second();
    const { recordings } = await stage.finish(stage.session);
    expect(recordings).toMatchObject([{ durationMs: 2000, pausedMs: 2000, status: 'complete' }]);
  });

  test('a disk that is full is told of, and the phones go on hearing each other', async () => {
    const ground = open();
    ground.disk.verdict = () => {
      throw diskFull();
    };
    await using stage = await setUp(ground, { spec: { recording } });
    await speak(stage, 100, [1000, 1000]);
    expect(stage.heard.recordings).toEqual([
      { type: 'started', file },
      { type: 'failed', file, reason: diskFull().message },
    ]);
    expect([stage.alice.heard.length, stage.bob.heard.length]).toEqual([100, 100]);
    const { recordings } = await stage.finish(stage.session);
    expect(recordings).toMatchObject([{ durationMs: 0, status: 'failed' }]);
  });
});

describe.each(virtual)('playing: %s', (_, open) => {
  const loud = (packets: readonly Uint8Array[], spec = pcmu) => {
    using decoder = createDecoder(spec, { sampleRate: 8000 });
    return packets.filter((packet) => decoder.decode(rtpPayload(packet)).some((sample) => Math.abs(sample) > 1000))
      .length;
  };
  const second = async (stage: Stage) => {
    for (let i = 0; i < 10; i++) {
      stage.clock.advance(100);
      await stage.settle();
    }
  };

  test('a phone alone hears a tone in its codec', async () => {
    const busy = { source: 'busy', repeat: true };
    await using stage = await setUp(open(), { a: { codecs: [pcma] }, b: null, spec: { playing: [busy, null] } });
    for (let i = 0; i < 4; i++) await second(stage);
    const { heard } = stage.alice;
    expect(heard.length).toBeGreaterThan(190);
    expect(new Set(heard.map(payloadType))).toEqual(new Set([8]));
    expect(loud(heard, pcma) / heard.length).toBeCloseTo(0.5, 1);
  });

  test('what is played stands in the place of the other phone, which hears on; played once, it is told of', async () => {
    const tone = { source: 'busy', repeat: false };
    await using stage = await setUp(open(), { spec: { playing: [null, tone] } });
    const spoken = stage.alice.speak(stage.portA);
    const answered = stage.bob.speak(stage.portB);
    await second(stage);
    await second(stage);
    expect(stage.heard.played).toEqual([1]);
    expect(stage.alice.heard).toEqual([answered]);
    expect(new Set(stage.bob.heard.map(ssrc)).has(ssrc(spoken))).toBe(false);
    expect(loud(stage.bob.heard)).toBeGreaterThan(20);
    await stage.update({ spec: { playing: [null, null] } });
    stage.bob.heard.length = 0;
    const next = stage.alice.speak(stage.portA);
    await stage.settle();
    expect(stage.bob.heard).toEqual([next]);
  });

  test('what yields gives way as long as the other phone is heard', async () => {
    const music = { source: 'moh', repeat: true, yields: true };
    await using stage = await setUp(open(), { spec: { playing: [null, music] } });
    await second(stage);
    expect(stage.bob.heard.length).toBeGreaterThan(45);
    stage.bob.heard.length = 0;
    await speak(stage, 50, [2000, null]);
    expect(stage.bob.heard).toHaveLength(50);
    stage.bob.heard.length = 0;
    await second(stage);
    await second(stage);
    expect(stage.bob.heard.length).toBeGreaterThan(60);
  });

  test('to a phone that does not want to hear, or has no codec of ours, nothing is played', async () => {
    const busy = { source: 'busy', repeat: true };
    for (const a of [{ send: false }, { codecs: [codec('speex', 97)] }]) {
      await using stage = await setUp(open(), { a, b: null, spec: { playing: [busy, null] } });
      await second(stage);
      expect(stage.alice.heard).toEqual([]);
    }
  });
});

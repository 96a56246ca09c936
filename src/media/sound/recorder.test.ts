import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { channelsOf, diskFull, MemoryDisk } from '../../../test/support/memory-disk.ts';
import { VirtualClock } from '../../base/index.ts';
import { Recorder, type RecordingSummary } from './recorder.ts';

const file = '/recordings/a.wav';

function setUp({ sampleRate = 8000, paused = false, disk = new MemoryDisk() } = {}) {
  const clock = new VirtualClock();
  const failures: string[] = [];
  const recorder = new Recorder({
    order: { file, paused },
    sampleRate,
    create: disk.create,
    clock,
    onFailure: (reason) => failures.push(reason),
  });
  const frame = (value: number) => new Int16Array(sampleRate / 50).fill(value);
  /** Both legs speak for so many ticks. */
  const speak = (ticks: number, left = 1, right = 2) => {
    for (let i = 0; i < ticks; i++) recorder.frame(frame(left), frame(right));
  };
  const end = () => new Promise<RecordingSummary>((resolve) => recorder.end(resolve));
  return { clock, disk, failures, recorder, frame, speak, end, recorded: () => channelsOf(disk.files.get(file)!) };
}

/** Lets what the disk has promised come true. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** One value for each 20 ms. */
const ticksOf = (channel: Int16Array, sampleRate: number) => channel.filter((_, i) => i % (sampleRate / 50) === 7);

test('the caller is on the left and the callee on the right, sample by sample', async () => {
  const { recorder, end, recorded } = setUp();
  const left = Int16Array.from({ length: 160 }, (_, i) => i);
  const right = Int16Array.from({ length: 160 }, (_, i) => -i * 200);
  recorder.frame(left, right);
  expect(await end()).toEqual({ file, durationMs: 20, pausedMs: 0, status: 'complete', reason: null });
  expect(recorded()).toEqual({ sampleRate: 8000, left, right });
});

test('the legs stay in step whatever each of them lacks and whenever it is paused', async () => {
  const leg = fc.option(fc.integer({ min: 1, max: 100 }));
  const ticks = fc.array(fc.tuple(leg, leg, fc.boolean()), { maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(ticks, async (ticks) => {
      const { recorder, frame, end, recorded } = setUp();
      for (const [left, right, paused] of ticks) {
        recorder.pause(paused);
        recorder.frame(left === null ? null : frame(left), right === null ? null : frame(right));
      }
      const kept = ticks.filter(([, , paused]) => !paused);
      expect(await end()).toMatchObject({
        durationMs: kept.length * 20,
        pausedMs: (ticks.length - kept.length) * 20,
        status: 'complete',
      });
      const { left, right } = recorded();
      expect([...ticksOf(left, 8000)]).toEqual(kept.map(([left]) => left ?? 0));
      expect([...ticksOf(right, 8000)]).toEqual(kept.map(([, right]) => right ?? 0));
    }),
    { numRuns: 40 },
  );
});

test.each([
  [8000, 8000],
  [16_000, 16_000],
  [48_000, 16_000],
])('a session of %i Hz makes a file of %i Hz', async (sampleRate, expected) => {
  const { speak, end, recorded } = setUp({ sampleRate });
  speak(10, 1000, -2000);
  await end();
  const { left, right, ...file } = recorded();
  expect(file.sampleRate).toBe(expected);
  expect([left.length, right.length]).toEqual([expected / 5, expected / 5]);
  expect([left.at(-1), right.at(-1)]).toEqual([1000, -2000]);
});

test('a session that changes its rate goes on in the same file, in step', async () => {
  const { recorder, speak, end, recorded } = setUp({ sampleRate: 8000 });
  speak(5, 7, 8);
  for (let i = 0; i < 5; i++) recorder.frame(new Int16Array(960).fill(700), new Int16Array(320).fill(800));
  expect(await end()).toMatchObject({ durationMs: 200 });
  const { left, right } = recorded();
  expect([...ticksOf(left, 8000)]).toEqual([7, 7, 7, 7, 7, expect.anything(), 700, 700, 700, 700]);
  expect([...ticksOf(right, 8000)]).toEqual([8, 8, 8, 8, 8, expect.anything(), 800, 800, 800, 800]);
});

test('the file grows each second, and its header says every ten what is in it', async () => {
  const { disk, speak } = setUp();
  speak(50);
  await settled();
  expect(disk.files.get(`${file}.part`)?.length).toBe(44 + 32_000);
  for (let second = 1; second < 11; second++) {
    speak(50);
    await settled();
  }
  const part = disk.files.get(`${file}.part`)!;
  expect(part.length).toBe(44 + 11 * 32_000);
  expect(new DataView(part.buffer).getUint32(40, true)).toBe(11 * 32_000);
});

test('a recording that is paused from the beginning holds what comes after', async () => {
  const { recorder, speak, end, recorded } = setUp({ paused: true });
  speak(100, 1, 1);
  recorder.pause(false);
  speak(3, 5, 6);
  expect(await end()).toMatchObject({ durationMs: 60, pausedMs: 2000, status: 'complete' });
  expect([...ticksOf(recorded().left, 8000)]).toEqual([5, 5, 5]);
});

test('a recording of nothing is an empty file', async () => {
  const { end, recorded } = setUp();
  expect(await end()).toEqual({ file, durationMs: 0, pausedMs: 0, status: 'complete', reason: null });
  expect(recorded().left).toHaveLength(0);
});

describe('a disk', () => {
  test('that is full ends the recording; what was written is a whole file', async () => {
    const { disk, failures, speak, end, recorded } = setUp();
    disk.verdict = (step, position) => {
      if (step === 'write' && position > 40_000) throw diskFull();
    };
    for (let second = 0; second < 5; second++) {
      speak(50);
      await settled();
    }
    expect(failures).toEqual(['ENOSPC: no space left on device, write']);
    expect(disk.files.has(file)).toBe(true);
    expect(await end()).toEqual({ file, durationMs: 2000, pausedMs: 0, status: 'failed', reason: failures[0] });
    expect(recorded().left).toHaveLength(16_000);
  });

  test('that refuses any step makes a recording that failed, and neither throws nor goes on', async () => {
    const steps = fc.record({ failing: fc.nat({ max: 12 }), seconds: fc.nat({ max: 12 }), waiting: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(steps, async ({ failing, seconds, waiting }) => {
        const disk = new MemoryDisk();
        let step = 0;
        disk.verdict = () => {
          if (step++ >= failing) throw diskFull();
        };
        const { failures, speak, end } = setUp({ disk });
        for (let second = 0; second < seconds; second++) {
          speak(50);
          if (waiting) await settled();
        }
        const summary = await end();
        // A step for making the file, one for its header, one a second, one for the header again, one for its name.
        const steps = 4 + seconds + (seconds > 10 ? 1 : 0);
        expect(summary.status).toBe(failing >= steps ? 'complete' : 'failed');
        expect(failures.length).toBeLessThanOrEqual(1);
        if (summary.status === 'failed') expect(step).toBeLessThanOrEqual(failing + 3);
      }),
      { numRuns: 100 },
    );
  });

  test('where the file is already there leaves that as it is', async () => {
    const disk = new MemoryDisk();
    disk.files.set(file, Uint8Array.of(1, 2, 3));
    const { speak, end } = setUp({ disk });
    speak(10);
    expect(await end()).toMatchObject({ status: 'failed', durationMs: 0, reason: 'EEXIST: file already exists' });
    expect(disk.files.get(file)).toEqual(Uint8Array.of(1, 2, 3));
  });

  test('that is slow is not waited for: what it missed is silence, what follows is in its place', async () => {
    const { disk, failures, speak, end, recorded } = setUp();
    const { promise, resolve } = Promise.withResolvers<void>();
    disk.verdict = (step, position) => (step === 'write' && position > 0 ? promise : undefined);
    for (let second = 1; second <= 20; second++) speak(50, second, second);
    resolve();
    await settled();
    speak(50, 21, 21);
    const summary = await end();
    expect(failures).toEqual([]);
    expect(summary).toMatchObject({ durationMs: 21_000, status: 'failed' });
    const seconds = [...recorded().left.filter((_, i) => i % 8000 === 4000)];
    const missed = seconds.filter((value) => value === 0).length;
    expect(summary.reason).toBe(`the disk was too slow for ${missed * 1000} ms of it`);
    expect(missed).toBeGreaterThan(0);
    expect(seconds).toEqual(seconds.map((value, i) => (value === 0 ? 0 : i + 1)));
    expect(seconds.at(-1)).toBe(21);
  });

  test('that never answers costs the call five seconds and no timer', async () => {
    const { clock, disk, recorder, speak } = setUp();
    disk.verdict = () => new Promise(() => {});
    speak(100);
    const summaries: RecordingSummary[] = [];
    recorder.end((summary) => summaries.push(summary));
    clock.advance(4999);
    expect(summaries).toEqual([]);
    clock.advance(1);
    expect(summaries).toMatchObject([{ status: 'failed', durationMs: 0, reason: 'the disk does not answer' }]);
    expect(clock.pending).toBe(0);
  });
});

test('nothing is taken once it has ended', async () => {
  const { recorder, speak, end, recorded } = setUp();
  speak(2);
  const ended = end();
  speak(100);
  recorder.end(() => expect.unreachable());
  await ended;
  expect(recorded().left).toHaveLength(320);
});

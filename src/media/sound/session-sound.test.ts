import { expect, test } from 'vitest';
import { channelsOf, diskFull, MemoryDisk } from '../../../test/support/memory-disk.ts';
import { VirtualClock } from '../../base/index.ts';
import type { RecordingSummary } from './recorder.ts';
import { SessionSound } from './session-sound.ts';

function setUp() {
  const disk = new MemoryDisk();
  const told: string[] = [];
  const asked: string[] = [];
  const sounds = {
    samples: async (name: string, sampleRate: number) => {
      asked.push(`${name} ${sampleRate}`);
      return new Int16Array(sampleRate / 25).fill(name.length);
    },
  };
  const sound = new SessionSound(
    { clock: new VirtualClock(), sounds, createRecording: disk.create },
    {
      onRecording: (event) => told.push(`${event.type} ${event.file}`),
      onPlayed: (leg) => told.push(`played to ${leg}`),
    },
  );
  const speak = (ticks: number, value: number) => {
    const frame = new Int16Array(160).fill(value);
    for (let i = 0; i < ticks; i++) sound.hear(frame, frame);
  };
  const end = () => new Promise<readonly RecordingSummary[]>((resolve) => sound.end(resolve));
  return { disk, told, asked, sound, speak, end };
}

/** Lets promises that are kept be heard of. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('a recording goes on through changes of its session, pauses and goes on as it is told', async () => {
  const { disk, told, sound, speak, end } = setUp();
  sound.update({ recording: { file: '/a.wav', paused: false } }, 8000);
  speak(2, 1);
  sound.update({ recording: { file: '/a.wav', paused: true } }, 8000);
  speak(3, 2);
  sound.update(
    { recording: { file: '/a.wav', paused: false }, playing: [null, { source: 'moh', repeat: true }] },
    8000,
  );
  speak(4, 3);
  expect(await end()).toMatchObject([{ file: '/a.wav', durationMs: 120, pausedMs: 60, status: 'complete' }]);
  const { left } = channelsOf(disk.files.get('/a.wav')!);
  expect([...left.filter((_, i) => i % 160 === 0)]).toEqual([1, 1, 3, 3, 3, 3]);
  expect(told).toEqual(['started /a.wav']);
});

test('another file ends the recording and begins one; both are told of at the end', async () => {
  const { disk, told, sound, speak, end } = setUp();
  sound.update({ recording: { file: '/a.wav', paused: false } }, 8000);
  speak(2, 1);
  sound.update({ recording: { file: '/b.wav', paused: false } }, 8000);
  speak(3, 1);
  sound.update({}, 8000);
  expect(sound.recording).toBe(false);
  speak(9, 1);
  expect((await end()).map(({ file, durationMs }) => [file, durationMs])).toEqual([
    ['/a.wav', 40],
    ['/b.wav', 60],
  ]);
  expect([...disk.files.keys()]).toEqual(['/a.wav', '/b.wav']);
  expect(told).toEqual(['started /a.wav', 'started /b.wav']);
});

test('what was not recorded has nothing to tell, at once', () => {
  const ended: unknown[] = [];
  setUp().sound.end((recordings) => ended.push(recordings));
  expect(ended).toEqual([[]]);
});

test('a full disk is told of, and is in the summary', async () => {
  const { disk, told, sound, speak, end } = setUp();
  disk.verdict = (step) => {
    if (step === 'create') throw diskFull();
  };
  sound.update({ recording: { file: '/a.wav', paused: false } }, 8000);
  await settled();
  speak(100, 1);
  expect(told).toEqual(['started /a.wav', 'failed /a.wav']);
  expect(await end()).toMatchObject([{ status: 'failed', reason: expect.stringContaining('ENOSPC') }]);
});

test('each leg hears what it is to hear, at the rate of the session; the same goes on, another begins anew', async () => {
  const { told, asked, sound } = setUp();
  const moh = { source: 'moh', repeat: true };
  const welcome = { source: 'welcome', repeat: false };
  sound.update({ playing: [null, moh] }, 8000);
  await settled();
  expect([sound.playingTo(0), sound.playingTo(1)]).toEqual([null, moh]);
  expect([sound.play(0), sound.play(1)]).toEqual([null, new Int16Array(160).fill(3)]);
  sound.update({ playing: [welcome, { ...moh }] }, 8000);
  await settled();
  expect(asked).toEqual(['moh 8000', 'welcome 8000']);
  expect([sound.play(0), sound.play(0)]).toEqual([expect.anything(), expect.anything()]);
  expect(told).toEqual([]);
  expect(sound.play(0)).toBeNull();
  sound.update({ playing: [welcome, moh] }, 8000);
  expect(sound.play(0)).toBeNull();
  expect(told).toEqual(['played to 0']);

  sound.update({ playing: [null, moh] }, 16_000);
  await settled();
  expect(asked.at(-1)).toBe('moh 16000');
  expect(sound.play(1)).toHaveLength(320);
  sound.update({}, 16_000);
  expect(sound.play(1)).toBeNull();
});

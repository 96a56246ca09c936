import { mkdir, mkdtemp, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { chunk, waveFile, waveFormat } from '../../../test/support/wave-file.ts';
import { type Log, SystemClock, silentLog } from '../../base/index.ts';
import { SoundLibrary } from './sound-library.ts';
import { toneSamples } from './tones.ts';

let base = '';
let folder = '';
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'prompts-'));
  folder = join(base, 'prompts');
  await mkdir(folder);
});
afterEach(async () => {
  await rm(base, { recursive: true, force: true });
});

function setUp(where: string | null = folder, room?: number) {
  const logged: string[] = [];
  const log: Log = {
    ...silentLog,
    warning: (message, fields) =>
      logged.push(`${message}: ${fields?.['sound']}${fields?.['error'] ? ` (${fields['error']})` : ''}`),
  };
  return { logged, library: new SoundLibrary({ folder: where, clock: new SystemClock(), log, ...(room && { room }) }) };
}

const wave = (samples: Int16Array, sampleRate = 8000) =>
  waveFile(waveFormat({ sampleRate }), chunk('data', new Uint8Array(samples.buffer)));
const steady = (value: number, length = 8000) => new Int16Array(length).fill(value);

test('a file of the folder is found by its name, with the ending or without', async () => {
  const samples = Int16Array.from({ length: 20_000 }, (_, i) => i);
  await writeFile(join(folder, 'welcome.wav'), wave(samples));
  await writeFile(join(folder, 'closed.ulaw'), Uint8Array.of(0x80, 0x00));
  await writeFile(join(folder, 'open.now.ul'), Uint8Array.of(0x00));
  const { library, logged } = setUp();
  expect(await library.samples('welcome', 8000)).toEqual(samples);
  expect(await library.samples('welcome.wav', 8000)).toEqual(samples);
  expect(await library.samples('closed', 8000)).toEqual(Int16Array.of(32_124, -32_124));
  expect(await library.samples('open.now', 8000)).toEqual(Int16Array.of(-32_124));
  expect(logged).toEqual([]);
});

test.each([
  [44_100, 8000],
  [11_025, 16_000],
  [8000, 48_000],
  [48_000, 8000],
])('a file of %i Hz is heard at %i Hz, as long as it is', async (from, to) => {
  await writeFile(join(folder, 'music.wav'), wave(steady(5000, 2 * from), from));
  const samples = await setUp().library.samples('music', to);
  expect(samples).toHaveLength(2 * to);
  expect(samples?.at(to)).toBe(5000);
});

test('a file is made samples of once, and again when it has changed', async () => {
  const path = join(folder, 'welcome.wav');
  await writeFile(path, wave(steady(1)));
  const { library } = setUp();
  const [first, second] = await Promise.all([library.samples('welcome', 8000), library.samples('welcome', 8000)]);
  expect(second).toBe(first);
  expect(await library.samples('welcome', 8000)).toBe(first);
  await writeFile(path, wave(steady(2)));
  await utimes(path, 1, 1);
  expect(await library.samples('welcome', 8000)).toEqual(steady(2));
});

test('what has not been played for longest makes room', async () => {
  const { library } = setUp(folder, 2500);
  for (const name of ['a', 'b', 'c']) await writeFile(join(folder, `${name}.ul`), new Uint8Array(500));
  const first = await library.samples('a', 8000);
  await library.samples('b', 8000);
  expect(await library.samples('a', 8000)).toBe(first);
  const second = await library.samples('b', 8000);
  await library.samples('a', 8000);
  await library.samples('c', 8000);
  expect(await library.samples('a', 8000)).toBe(first);
  expect(await library.samples('b', 8000)).not.toBe(second);
});

describe('a tone', () => {
  test('needs no folder and no file', async () => {
    for (const where of [null, folder, join(base, 'nowhere')]) {
      const { library, logged } = setUp(where);
      expect(await library.samples('ringback', 16_000)).toEqual(toneSamples('ringback', 16_000));
      expect(await library.samples('moh', 8000)).toBe(await library.samples('moh', 8000));
      expect(logged).toEqual([]);
    }
  });

  test('is replaced by a file of its name, unless that is damaged', async () => {
    await writeFile(join(folder, 'moh.wav'), wave(steady(7)));
    await writeFile(join(folder, 'busy.wav'), 'noise');
    const { library, logged } = setUp();
    expect(await library.samples('moh', 8000)).toEqual(steady(7));
    expect(await library.samples('busy', 8000)).toEqual(toneSamples('busy', 8000));
    expect(logged).toEqual(['a sound file cannot be played: busy (SoundError: it is no WAV file)']);
    await rm(join(folder, 'moh.wav'));
    expect(await library.samples('moh', 8000)).toEqual(toneSamples('moh', 8000));
  });
});

describe('nothing is played', () => {
  test.each(['../secret', '..', '.', '.hidden', '', '/etc/secret', 'a/../../secret', 'a\\b', 'a\0', 'x'.repeat(101)])(
    'for a name that leads elsewhere: %j',
    async (name) => {
      await writeFile(join(base, 'secret.wav'), wave(steady(1)));
      await writeFile(join(folder, '.hidden.wav'), wave(steady(1)));
      const { library, logged } = setUp();
      expect(await library.samples(name, 8000)).toBeNull();
      expect(logged).toEqual([`a sound has a name that no file may have: ${name}`]);
    },
  );

  test('where there is no such file', async () => {
    const { library, logged } = setUp();
    expect(await library.samples('welcome', 8000)).toBeNull();
    expect(logged).toEqual(['there is no such sound: welcome']);
  });

  test('of a file that is too large, that is a folder, or that is no sound', async () => {
    await writeFile(join(folder, 'large.wav'), '');
    await truncate(join(folder, 'large.wav'), 65 * 1024 * 1024);
    await mkdir(join(folder, 'folder.wav'));
    await writeFile(join(folder, 'empty.ul'), '');
    const { library, logged } = setUp();
    for (const name of ['large', 'folder', 'empty']) expect(await library.samples(name, 8000)).toBeNull();
    expect(logged).toEqual([
      'a sound file cannot be played: large (SoundError: it is larger than 64 MiB)',
      expect.stringContaining('EISDIR'),
      'a sound file cannot be played: empty (SoundError: it holds no sound)',
    ]);
  });
});

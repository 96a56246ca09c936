import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { channelsOf } from '../../../test/support/memory-disk.ts';
import { type Log, silentLog, VirtualClock } from '../../base/index.ts';
import { Recorder, type RecordingSummary } from './recorder.ts';
import { type CreateRecordingFile, createRecordingFile } from './recording-file.ts';
import { RecordingFolder, recordingPath, repairRecording, summaryOfLeft } from './recording-folder.ts';

let base = '';
let folder = '';
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'recordings-'));
  folder = join(base, 'recordings');
});
afterEach(async () => {
  await rm(base, { recursive: true, force: true });
});

const clock = new VirtualClock();
const callId = 'abcdefghijklmnopqrstuvwxyz';

function setUp(retentionDays = 90) {
  const logged: string[] = [];
  const note = (level: string) => (message: string) => void logged.push(`${level}: ${message}`);
  const log: Log = { ...silentLog, info: note('info'), warning: note('warning'), error: note('error') };
  return { logged, recordings: new RecordingFolder(folder, retentionDays, log) };
}

/** Records as many ticks, the caller's samples 3 and the callee's 4. */
function recording(file: string, ticks: number, create: CreateRecordingFile): Recorder {
  const recorder = new Recorder({
    order: { file, paused: false },
    sampleRate: 8000,
    create,
    clock,
    onFailure: (reason) => expect.unreachable(reason),
  });
  for (let i = 0; i < ticks; i++) recorder.frame(new Int16Array(160).fill(3), new Int16Array(160).fill(4));
  return recorder;
}

function record(file: string, ticks: number): Promise<RecordingSummary> {
  return new Promise((resolve) => recording(file, ticks, createRecordingFile).end(resolve));
}

/** The same, and the process dies when all whole seconds are written. */
async function leave(file: string, seconds: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  recording(file, 50 * seconds + 20, async (path) => {
    const part = await createRecordingFile(path);
    let writes = 0;
    return {
      ...part,
      write: async (bytes, position) => {
        await part.write(bytes, position);
        if (++writes <= seconds) return;
        await part.close();
        resolve();
      },
    };
  });
  await promise;
}

async function put(path: string, text = 'x'): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

describe('a recording on the disk', () => {
  test('stands under its name when it has ended, for our own user alone', async () => {
    const file = recordingPath(folder, callId, clock.wall());
    expect(file).toBe(join(folder, '2025-01-05', `${callId}.wav`));
    expect(await record(file, 120)).toMatchObject({ status: 'complete', durationMs: 2400 });
    expect(await readdir(dirname(file))).toEqual([`${callId}.wav`]);
    expect(channelsOf(await readFile(file)).left).toEqual(new Int16Array(19_200).fill(3));
    const modes = await Promise.all([folder, dirname(file), file].map(async (path) => (await stat(path)).mode & 0o777));
    expect(modes).toEqual([0o700, 0o700, 0o600]);
  });

  test('takes the place of no other, finished or not', async () => {
    const file = recordingPath(folder, callId, 0);
    await put(file, 'mine');
    expect(await record(file, 10)).toMatchObject({ status: 'failed', reason: `there is a file already: ${file}` });
    const second = recordingPath(folder, callId, 0, 2);
    await put(`${second}.part`, 'mine');
    expect(await record(second, 10)).toMatchObject({ status: 'failed', reason: expect.stringContaining('EEXIST') });
    expect((await readdir(dirname(file))).sort()).toEqual([`${callId}-2.wav.part`, `${callId}.wav`]);
    for (const path of [file, `${second}.part`]) expect(await readFile(path, 'utf8')).toBe('mine');
  });

  test('fails where there can be no folder', async () => {
    await put(folder);
    expect(await record(recordingPath(folder, callId, 0), 10)).toMatchObject({ status: 'failed', durationMs: 0 });
  });
});

test.each(['../abcdefghijklmnopqrstuvw', 'short', `${callId}a`, 'abcdefghijklm/opqrstuvwxyz'])(
  'a call id of another kind names no file: %s',
  (other) => {
    expect(() => recordingPath(folder, other, 0)).toThrow(RangeError);
  },
);

describe('what a dead process has left', () => {
  test('is all but the last second, after a kill in the middle of it', async () => {
    const file = recordingPath(folder, callId, clock.wall());
    const program = fileURLToPath(new URL('../../../test/support/record-until-killed.ts', import.meta.url));
    const child = spawn(process.execPath, [program, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await setUp().recordings.repair()).toEqual([{ file, durationMs: 3000 }]);
    const { left, right } = channelsOf(await readFile(file));
    expect([left, right]).toEqual([new Int16Array(24_000).fill(3), new Int16Array(24_000).fill(4)]);
  });

  test('gets right sizes and its name, and loses the sample that is cut', async () => {
    const file = recordingPath(folder, callId, clock.wall());
    await leave(file, 3);
    await appendFile(`${file}.part`, Uint8Array.of(3, 0, 4));
    const { logged, recordings } = setUp();
    expect(await recordings.repair()).toEqual([{ file, durationMs: 3000 }]);
    expect(await readdir(dirname(file))).toEqual([`${callId}.wav`]);
    const { left, right } = channelsOf(await readFile(file));
    expect([left, right]).toEqual([new Int16Array(24_000).fill(3), new Int16Array(24_000).fill(4)]);
    expect(logged).toEqual(['warning: a recording was repaired']);
    expect(await recordings.repair()).toEqual([]);
  });

  test('is whole wherever it was cut off', async () => {
    const file = recordingPath(folder, callId, clock.wall());
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 44 + 32_000 }), async (size) => {
        await rm(folder, { recursive: true, force: true });
        await leave(file, 1);
        await truncate(`${file}.part`, size);
        const samples = Math.max(0, Math.floor((size - 44) / 4));
        const repaired = await setUp().recordings.repair();
        if (samples === 0) {
          expect(repaired).toEqual([]);
          expect(await readdir(dirname(file))).toEqual([]);
        } else {
          expect(repaired).toEqual([{ file, durationMs: Math.round(samples / 8) }]);
          expect(channelsOf(await readFile(file)).right).toEqual(new Int16Array(samples).fill(4));
        }
      }),
      { numRuns: 20 },
    );
  });

  test('stays as it is where it does not begin as ours do, or its name is taken', async () => {
    const [strange, taken] = [recordingPath(folder, callId, 0), recordingPath(folder, callId, 0, 2)];
    await put(`${strange}.part`, 'not a recording, but as long as one would have to be');
    await leave(taken, 1);
    await put(taken);
    const { logged, recordings } = setUp();
    expect(await recordings.repair()).toEqual([]);
    expect(logged).toEqual(['error: a recording could not be repaired', 'error: a recording could not be repaired']);
    expect((await readdir(dirname(strange))).sort()).toEqual([
      `${callId}-2.wav`,
      `${callId}-2.wav.part`,
      `${callId}.wav.part`,
    ]);
  });

  test('may be one file alone', async () => {
    const file = recordingPath(folder, callId, 0);
    await leave(file, 1);
    expect(await repairRecording(file)).toBe(1000);
    await expect(repairRecording(file)).rejects.toThrow('ENOENT');
    await leave(recordingPath(folder, callId, 0, 2), 2);
    const summary = { pausedMs: 0, reason: 'what recorded it has died' };
    const second = recordingPath(folder, callId, 0, 2);
    expect(await summaryOfLeft(second)).toEqual({ ...summary, file: second, durationMs: 2000, status: 'repaired' });
    expect(await summaryOfLeft(second)).toEqual({ ...summary, file: second, durationMs: 0, status: 'failed' });
  });

  test('is nothing where there is no folder', async () => {
    expect(await setUp().recordings.repair()).toEqual([]);
  });
});

test('a folder is tended: repaired at once, and what has become too old goes within the hour', async () => {
  const file = recordingPath(folder, callId, clock.wall());
  const time = new VirtualClock();
  await leave(file, 1);
  const { recordings } = setUp(1);
  using _tended = await recordings.tend(time);
  expect(await readdir(dirname(file))).toEqual([`${callId}.wav`]);
  time.advance(38 * 3_600_000);
  const gone = async () => (await readdir(folder)).length === 0;
  await expect.poll(gone).toBe(true);
});

test('a folder that cannot be read is told of, and stops nothing', async () => {
  await put(folder);
  const { logged, recordings } = setUp();
  const time = new VirtualClock();
  (await recordings.tend(time))[Symbol.dispose]();
  expect(logged).toEqual([
    'error: recordings cannot be looked through',
    'warning: old recordings could not be deleted',
  ]);
  expect(time.pending).toBe(0);
});

describe('old recordings', () => {
  const now = Date.UTC(2025, 3, 10, 12);
  const day = (name: string) => join(folder, name);

  test('go when their day is longer ago than the retention, and their folder with them', async () => {
    for (const name of ['2025-01-09', '2025-01-10', '2025-04-10', '2024-12-31']) {
      await put(join(day(name), `${callId}.wav`));
      await put(join(day(name), `${callId}-12.wav.part`));
    }
    const { logged, recordings } = setUp();
    await recordings.deleteOld(now);
    expect((await readdir(folder)).sort()).toEqual(['2025-01-10', '2025-04-10']);
    expect(await readdir(day('2025-01-10'))).toHaveLength(2);
    expect(logged).toEqual(['info: old recordings were deleted', 'info: old recordings were deleted']);
  });

  test('are ours alone: whatever has another name stays', async () => {
    const others = ['notes.txt', `${callId}.mp3`, `${callId}.wav.bak`, 'UPPERCASEUPPERCASEUPPERCAS.wav'];
    for (const name of others) await put(join(day('2020-01-01'), name));
    await put(join(day('2020-01-01'), `${callId}.wav`));
    await mkdir(join(day('2020-01-01'), `${callId}-2.wav`));
    await put(join(folder, 'archive', `${callId}.wav`));
    await put(join(folder, `${callId}.wav`));
    await put(join(base, 'elsewhere', `${callId}.wav`));
    await symlink(join(base, 'elsewhere'), day('2020-01-02'));
    const { logged, recordings } = setUp();
    await recordings.deleteOld(now);
    expect((await readdir(day('2020-01-01'))).sort()).toEqual([...others, `${callId}-2.wav`].sort());
    expect((await readdir(folder)).sort()).toEqual(['2020-01-01', '2020-01-02', `${callId}.wav`, 'archive']);
    expect(await readdir(join(base, 'elsewhere'))).toEqual([`${callId}.wav`]);
    expect(logged).toEqual(['info: old recordings were deleted']);
  });

  test('stay for ever where the retention is 0, and where there is no folder nothing happens', async () => {
    await setUp().recordings.deleteOld(now);
    await put(join(day('2000-01-01'), `${callId}.wav`));
    const { logged, recordings } = setUp(0);
    await recordings.deleteOld(now);
    expect(await readdir(day('2000-01-01'))).toHaveLength(1);
    expect(logged).toEqual([]);
  });

  test('that cannot be deleted are told of', async () => {
    await put(folder);
    const { logged, recordings } = setUp();
    await recordings.deleteOld(now);
    expect(logged).toEqual(['warning: old recordings could not be deleted']);
  });
});

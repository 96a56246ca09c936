import { type FileHandle, open, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, every, isoTime, type Log } from '../../base/index.ts';
import type { RecordingSummary } from './recorder.ts';
import { exists, unfinished, writeAll } from './recording-file.ts';
import { rateOfStereo, stereoHeader, stereoSample, wavHeaderSize } from './wav-header.ts';

/** A recording of an earlier process that was closed by this one. */
export interface RepairedRecording {
  readonly file: string;
  readonly durationMs: number;
}

/** Names of our folders, by day, and of our files, by call; what is named otherwise is not ours. */
const dayPattern = /^\d{4}-\d\d-\d\d$/;
const filePattern = /^[a-z2-7]{26}(-\d{1,4})?\.wav(\.part)?$/;

const dayMs = 86_400_000;
const hourMs = 3_600_000;

/**
 * The folder of recordings: `<day>/<call_id>.wav`, the day in UTC. Several exchanges may not share one, for each would
 * take what the others write for left over.
 */
export class RecordingFolder {
  readonly #path: string;
  readonly #retentionDays: number;
  readonly #log: Log;

  /** `retentionDays` 0: recordings are kept for ever. */
  constructor(path: string, retentionDays: number, log: Log) {
    this.#path = path;
    this.#retentionDays = retentionDays;
    this.#log = log;
  }

  /** Repairs and deletes, and goes on deleting every hour until what it resolves to is disposed. Never rejects. */
  async tend(clock: Clock): Promise<Disposable> {
    await this.repair().catch((error) => this.#log.error('recordings cannot be looked through', { error }));
    await this.deleteOld(clock.wall());
    const timer = every(clock, hourMs, () => void this.deleteOld(clock.wall()));
    return { [Symbol.dispose]: () => timer.cancel() };
  }

  /**
   * Closes what an earlier process has left unfinished: the sizes in the header become right, a last sample that is cut
   * goes, the file gets its name. One that holds no sound is deleted. Only to be called while nothing is recorded here.
   * Rejects with the system's error where the folder can't be read; what can't be repaired is told in the log.
   */
  async repair(): Promise<readonly RepairedRecording[]> {
    const repaired: RepairedRecording[] = [];
    for (const day of await this.#days()) {
      for (const name of await this.#files(day)) {
        if (!name.endsWith(unfinished)) continue;
        const file = join(this.#path, day, name.slice(0, -unfinished.length));
        try {
          const durationMs = await repairRecording(file);
          if (durationMs === null) {
            this.#log.warning('a recording without sound was deleted', { file });
            continue;
          }
          repaired.push({ file, durationMs });
          this.#log.warning('a recording was repaired', { file, duration_ms: durationMs });
        } catch (error) {
          this.#log.error('a recording could not be repaired', { file: file + unfinished, error });
        }
      }
    }
    return repaired;
  }

  /** Deletes the recordings of days that are longer ago than the retention; `now` is wall time in ms. Never rejects. */
  async deleteOld(now: number): Promise<void> {
    if (this.#retentionDays === 0) return;
    const firstDay = dayOf(now - this.#retentionDays * dayMs);
    try {
      for (const day of await this.#days()) {
        if (day >= firstDay) continue;
        const files = await this.#files(day);
        for (const name of files) await unlink(join(this.#path, day, name));
        await rmdir(join(this.#path, day)).catch(() => {}); // somebody keeps something else in it
        if (files.length === 0) continue;
        this.#log.info('old recordings were deleted', {
          day,
          files: files.length,
          retention_days: this.#retentionDays,
        });
      }
    } catch (error) {
      this.#log.warning('old recordings could not be deleted', { error });
    }
  }

  async #days(): Promise<readonly string[]> {
    const entries = await readdir(this.#path, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    return entries.filter((entry) => entry.isDirectory() && dayPattern.test(entry.name)).map(({ name }) => name);
  }

  async #files(day: string): Promise<readonly string[]> {
    const entries = await readdir(join(this.#path, day), { withFileTypes: true });
    return entries.filter((entry) => entry.isFile() && filePattern.test(entry.name)).map(({ name }) => name);
  }
}

/**
 * Where the recording of a call is to stand: `startedAt` wall time in ms when the call began, `part` 1 for the first
 * recording of it. Throws RangeError for a call id that is none of ours.
 */
export function recordingPath(folder: string, callId: string, startedAt: number, part = 1): string {
  const name = `${callId}${part > 1 ? `-${part}` : ''}.wav`;
  if (!filePattern.test(name)) throw new RangeError(`no name for a recording: ${name}`);
  return join(folder, dayOf(startedAt), name);
}

/**
 * Closes the recording that is to stand at `file` and that its writer has left. Resolves to its length in ms, to null
 * where it held no sound and was deleted. Rejects with the system's error, or where it does not begin as one of ours.
 */
export async function repairRecording(file: string): Promise<number | null> {
  const part = file + unfinished;
  const handle = await open(part, 'r+');
  let durationMs: number | null;
  try {
    durationMs = await mend(handle);
  } finally {
    await handle.close();
  }
  if (durationMs === null) {
    await unlink(part);
    return null;
  }
  if (await exists(file)) throw new Error(`there is a file already: ${file}`);
  await rename(part, file);
  return durationMs;
}

/** What has become of the recording that is to stand at `file`, whose writer has died: repaired where it can be. Never rejects. */
export async function summaryOfLeft(file: string): Promise<RecordingSummary> {
  const summary = { file, durationMs: 0, pausedMs: 0, status: 'failed', reason: 'what recorded it has died' } as const;
  try {
    const durationMs = await repairRecording(file);
    return durationMs === null ? summary : { ...summary, durationMs, status: 'repaired' };
  } catch {
    return summary;
  }
}

/** Cuts off a torn sample and writes the right sizes; null where there are no samples. */
async function mend(handle: FileHandle): Promise<number | null> {
  const { size } = await handle.stat();
  const samples = Math.floor((size - wavHeaderSize) / stereoSample);
  if (samples <= 0) return null;
  const header = new Uint8Array(wavHeaderSize);
  await handle.read(header, 0, wavHeaderSize, 0);
  const sampleRate = rateOfStereo(header);
  if (sampleRate === null) throw new Error('it does not begin as a recording of ours');
  await handle.truncate(wavHeaderSize + samples * stereoSample);
  await writeAll(handle, stereoHeader(sampleRate, samples * stereoSample), 0);
  await handle.datasync();
  return Math.round((samples / sampleRate) * 1000);
}

function dayOf(wall: number): string {
  return isoTime(wall).slice(0, 10);
}

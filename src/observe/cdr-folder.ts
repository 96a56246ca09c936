import { access, constants, mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../base/index.ts';
import type { CdrFileName } from './cdr-file-name.ts';
import { callIdOf } from './cdr-spill.ts';
import { repairTail } from './record-file.ts';

/** The folder of CDR files: what must be repaired, is known of old, or may go. Files of other names are left alone. */
export class CdrFolder {
  readonly #path: string;
  readonly #names: CdrFileName;
  readonly #retentionDays: number;
  readonly #log: Log;
  #cleanedOn = '';

  /** `retentionDays` 0: files are kept for ever. */
  constructor(path: string, names: CdrFileName, retentionDays: number, log: Log) {
    this.#path = path;
    this.#names = names;
    this.#retentionDays = retentionDays;
    this.#log = log;
  }

  /** Makes the folder and repairs the last line of every file; resolves to the file written last. Rejects where there can be no folder, or none to write to. */
  async prepare(): Promise<string | null> {
    await mkdir(this.#path, { recursive: true, mode: 0o750 });
    // Asked before the first call ends, so that the start tells of a folder that is another user's.
    await access(this.#path, constants.W_OK | constants.X_OK);
    let newest: { readonly name: string; readonly mtimeMs: number } | null = null;
    for (const name of (await readdir(this.#path)).filter((entry) => this.#names.owns(entry))) {
      const path = join(this.#path, name);
      try {
        const { mtimeMs } = await stat(path);
        const state = await repairTail(path, (line) => callIdOf(line) !== null);
        if (state !== 'whole') this.#log.warning('the last line of a CDR file was repaired', { file: name, state });
        if (newest === null || mtimeMs >= newest.mtimeMs) newest = { name, mtimeMs };
      } catch (error) {
        this.#log.warning('a CDR file could not be checked', { file: name, error });
      }
    }
    return newest?.name ?? null;
  }

  /** Adds the call ids in the last `bytes` of a file to `ids`; none where there is no such file. */
  async noteIds(name: string, bytes: number, ids: Set<string>): Promise<void> {
    const file = await open(join(this.#path, name), 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (!file) return;
    try {
      const { size } = await file.stat();
      for await (const line of file.readLines({ start: Math.max(0, size - bytes), autoClose: false })) {
        const callId = callIdOf(line); // null for a first line that is cut
        if (callId !== null) ids.add(callId);
      }
    } finally {
      await file.close();
    }
  }

  /** Deletes what is older than the retention, once a day; `now` is wall time in ms. Never rejects. */
  async deleteOld(now: number): Promise<void> {
    const today = this.#names.dayAt(now);
    if (this.#retentionDays === 0 || today === this.#cleanedOn) return;
    this.#cleanedOn = today;
    const limit = now - this.#retentionDays * 86_400_000;
    const firstDay = this.#names.dayAt(limit);
    try {
      for (const name of await readdir(this.#path)) {
        if (!this.#names.owns(name) || name === this.#names.at(now)) continue;
        const path = join(this.#path, name);
        const day = this.#names.dayOf(name);
        if (day === null ? (await stat(path)).mtimeMs >= limit : day >= firstDay) continue;
        await unlink(path);
        this.#log.info('an old CDR file was deleted', { file: name, retention_days: this.#retentionDays });
      }
    } catch (error) {
      this.#log.warning('old CDR files could not be deleted', { error });
    }
  }
}

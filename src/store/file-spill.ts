import { mkdir, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Log } from '../base/index.ts';
import { replayRows, type Spill } from './spill.ts';
import type { StoreEntry } from './store-entry.ts';

/** How long a disk that refused is left alone (ms). */
const retryPause = 1000;

const fileName = /^store-(\d{6,})\.jsonl$/;

export interface FileSpillOptions {
  /** Made with the first entry. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Entries that may wait in memory for a disk that does not write. */
  readonly limit: number;
}

/**
 * Spilled entries in files of one JSON entry a line, `store-000001.jsonl` and on. A file is written by one process from
 * its beginning to its end, so only a last line can be torn (by a full disk or the death of the process).
 */
export class FileSpill implements Spill {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #limit: number;
  /** Written or being written, oldest first. */
  readonly #files: string[];
  /** Where lines are appended; null: the next lines begin a new file. */
  #current: string | null = null;
  #number: number;
  /** Not in a file yet. */
  #pending: StoreEntry[] = [];
  #writing: Promise<void> | null = null;
  /** Entries that the files have received since the replay last began a round; unknown: infinite. */
  #received: number;
  /** While true, entries stay in memory. */
  #paused = false;
  #failure: string | null = null;
  #retryAt = 0;
  #dropped = 0;

  private constructor({ folder, clock, log, limit }: FileSpillOptions, files: string[]) {
    this.#folder = folder;
    this.#clock = clock;
    this.#log = log;
    this.#limit = limit;
    this.#files = files;
    this.#received = files.length > 0 ? Number.POSITIVE_INFINITY : 0;
    this.#number = Number(fileName.exec(files.at(-1) ?? '')?.[1] ?? 0);
  }

  /** Finds what an earlier process has left. Rejects with the system's error when the folder can't be read. */
  static async open(options: FileSpillOptions): Promise<FileSpill> {
    const names = await readdir(options.folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const files = names.filter((name) => fileName.test(name));
    files.sort((a, b) => Number(fileName.exec(a)![1]) - Number(fileName.exec(b)![1]));
    return new FileSpill(options, files);
  }

  get empty(): boolean {
    return this.#files.length === 0 && this.#pending.length === 0 && this.#writing === null;
  }

  get dropped(): number {
    return this.#dropped;
  }

  get failure(): string | null {
    return this.#failure;
  }

  add(entries: readonly StoreEntry[]): void {
    for (const entry of entries) this.#pending.push(entry);
    const surplus = this.#pending.length - this.#limit;
    if (surplus > 0) {
      this.#pending.splice(0, surplus);
      this.#dropped += surplus;
    }
    this.#write();
  }

  async replay(
    commit: (entries: readonly StoreEntry[]) => Promise<void>,
    takeBack: (entries: readonly StoreEntry[]) => void,
  ): Promise<void> {
    try {
      do {
        // Entries arrive while we work. When few did, writing pauses for a last short round, else there is no end.
        const last = this.#failure !== null || this.#received + this.#pending.length <= replayRows;
        this.#paused = true;
        while (this.#writing) await this.#writing;
        this.#received = 0;
        this.#current = null;
        this.#paused = last;
        this.#write();
        for (let left = this.#files.length; left > 0; left--) await this.#replayFile(this.#files[0]!, commit);
      } while (!this.#paused);
      this.#failure = null;
      takeBack(this.#pending.splice(0));
    } catch (error) {
      this.#received = Number.POSITIVE_INFINITY;
      throw error;
    } finally {
      this.#paused = false;
      this.#write();
    }
  }

  async settle(): Promise<void> {
    this.#paused = false;
    this.#retryAt = 0;
    this.#write();
    while (this.#writing) await this.#writing;
    if (this.#failure !== null && this.#pending.length > 0) throw new Error(this.#failure);
  }

  #write(): void {
    if (this.#writing || this.#paused || this.#pending.length === 0) return;
    if (this.#failure !== null && this.#clock.now() < this.#retryAt) return;
    this.#writing = this.#append(this.#pending.splice(0)).then((written) => {
      this.#writing = null;
      if (written) this.#write();
    });
  }

  /** Whether the entries are in a file, and that on the disk. */
  async #append(entries: StoreEntry[]): Promise<boolean> {
    try {
      const name = this.#current ?? `store-${String(++this.#number).padStart(6, '0')}.jsonl`;
      if (this.#current === null) await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      const file = await open(join(this.#folder, name), 'a', 0o600);
      try {
        if (this.#current === null) this.#files.push(name);
        this.#current = name;
        await file.appendFile(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
        await file.sync();
      } finally {
        await file.close();
      }
      this.#received += entries.length;
      this.#failure = null;
      return true;
    } catch (error) {
      const { message } = error as Error;
      if (this.#failure === null) this.#log.error('entries cannot be spilled', { error: message });
      this.#failure = `entries cannot be spilled: ${message}`;
      this.#retryAt = this.#clock.now() + retryPause;
      // The file may end in half a line. What follows goes to another; entries written twice do no harm.
      this.#current = null;
      this.#pending = [...entries, ...this.#pending];
      return false;
    }
  }

  async #replayFile(name: string, commit: (entries: readonly StoreEntry[]) => Promise<void>): Promise<void> {
    const path = join(this.#folder, name);
    let unreadable = 0;
    let batch: StoreEntry[] = [];
    for await (const line of linesOf(path)) {
      const entry = entryOf(line);
      if (entry) batch.push(entry);
      else unreadable++;
      if (batch.length < replayRows) continue;
      await commit(batch);
      batch = [];
    }
    if (batch.length > 0) await commit(batch);
    if (unreadable > 0) this.#log.warning('spilled lines cannot be read', { file: path, lines: unreadable });
    await unlink(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT')
        this.#log.error('a replayed file cannot be removed', { file: path, error: error.message });
    });
    this.#files.shift();
  }
}

/** The lines of a file; none where there is no file: its first line could not be written. */
async function* linesOf(path: string): AsyncIterable<string> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    yield* file.readLines({ encoding: 'utf8', autoClose: false });
  } finally {
    await file.close();
  }
}

function entryOf(line: string): StoreEntry | null {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null || !('kind' in value) || !('row' in value)) return null;
    return value as StoreEntry;
  } catch {
    return null;
  }
}

import { mkdir, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { repairTail } from './record-file.ts';

/** A record on its way to its file. `line` is JSON and ends with a newline. */
export interface CdrLine {
  readonly callId: string;
  readonly file: string;
  readonly line: string;
}

/** What one reading of the spill gave. `end`: where the next one begins; equal to `from` at the end of the file. */
export interface SpilledLines {
  readonly lines: readonly CdrLine[];
  readonly unreadable: number;
  readonly end: number;
}

/**
 * The second place for records that can't be written to theirs: one file of `name TAB record` lines, in order, kept over
 * a restart. Every method rejects with the system's error.
 */
export class CdrSpill {
  readonly #path: string;
  #repaired = false;

  /** `path` of the file; it and its folder are made at the first `append`. */
  constructor(path: string) {
    this.#path = path;
  }

  async append(lines: readonly CdrLine[]): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    await this.#repair();
    this.#repaired = false; // until this has gone well
    const file = await open(this.#path, 'a', 0o600);
    try {
      await file.appendFile(lines.map(({ file: name, line }) => `${name}\t${line}`).join(''));
      await file.sync();
      this.#repaired = true;
    } finally {
      await file.close();
    }
  }

  /** The records from the byte `from` on, as many as about 256 KiB hold. */
  async read(from: number): Promise<SpilledLines> {
    await this.#repair();
    let file: Awaited<ReturnType<typeof open>>;
    try {
      file = await open(this.#path, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { lines: [], unreadable: 0, end: from };
      throw error;
    }
    try {
      for (let length = 262_144; ; length *= 2) {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, from);
        const newline = buffer.subarray(0, bytesRead).lastIndexOf(10);
        if (newline < 0 && bytesRead === length) continue; // a line longer than the buffer
        const all = buffer
          .toString('utf8', 0, newline + 1)
          .split('\n')
          .slice(0, -1);
        const lines = all.map(spilled).filter((line) => line !== null);
        return { lines, unreadable: all.length - lines.length, end: from + newline + 1 };
      }
    } finally {
      await file.close();
    }
  }

  /** Forgets everything: all of it stands in the CDR files. */
  async clear(): Promise<void> {
    await unlink(this.#path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }

  async #repair(): Promise<void> {
    if (this.#repaired) return;
    await repairTail(this.#path, (line) => spilled(line) !== null);
    this.#repaired = true;
  }
}

/** The `call_id` of a CDR line; null for what is no CDR line. */
export function callIdOf(line: string): string | null {
  try {
    const record: unknown = JSON.parse(line);
    if (typeof record !== 'object' || record === null || !('call_id' in record)) return null;
    return typeof record.call_id === 'string' ? record.call_id : null;
  } catch {
    return null;
  }
}

function spilled(text: string): CdrLine | null {
  const tab = text.indexOf('\t');
  const file = text.slice(0, Math.max(tab, 0));
  const line = text.slice(tab + 1);
  const callId = callIdOf(line);
  return callId === null || file === '' || /[/\\]/.test(file) ? null : { callId, file, line: `${line}\n` };
}

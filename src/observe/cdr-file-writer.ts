import { join } from 'node:path';
import type { CdrLine } from './cdr-spill.ts';
import type { OpenRecordFile, RecordFile } from './record-file.ts';

interface Batch {
  readonly file: string;
  /** Those not known to be in the file. */
  lines: { readonly record: CdrLine; readonly bytes: Uint8Array }[];
  /** The file's size before the first of `lines`; null until the file was opened for this batch. */
  base: number | null;
}

/**
 * Appends records to the files of one folder so that each stands there once, whole and in order, whatever a write did
 * before it failed: after a failure the file's size tells how much of the batch had landed. One call at a time.
 */
export class CdrFileWriter {
  readonly #folder: string;
  readonly #openFile: OpenRecordFile;
  #file: { readonly name: string; readonly handle: RecordFile; size: number } | null = null;
  #batch: Batch | null = null;
  #dirty = false;

  constructor(folder: string, openFile: OpenRecordFile) {
    this.#folder = folder;
    this.#openFile = openFile;
  }

  /** Whether something was written that `sync` has not brought to the disk. */
  get dirty(): boolean {
    return this.#dirty;
  }

  /** Records taken by `append` that are not known to be in their file. */
  get unfinished(): readonly CdrLine[] {
    return this.#batch ? this.#batch.lines.map(({ record }) => record) : [];
  }

  /**
   * Appends `records`, all of one file. Resolves to their number. Rejects with the system's error: what is not known to
   * be written is then kept, and `finish` goes on with it.
   */
  async append(records: readonly CdrLine[]): Promise<number> {
    if (this.#batch) throw new Error('a batch is unfinished');
    const file = records[0]?.file;
    if (file === undefined) return 0;
    const encoder = new TextEncoder();
    this.#batch = {
      file,
      lines: records.map((record) => ({ record, bytes: encoder.encode(record.line) })),
      base: null,
    };
    return await this.finish();
  }

  /** Goes on with the batch that failed; resolves to the number of records that are now known to be written. */
  async finish(): Promise<number> {
    const batch = this.#batch;
    if (!batch) return 0;
    const count = batch.lines.length;
    try {
      const file = await this.#open(batch.file);
      if (batch.base === null) batch.base = file.size;
      else await this.#resolveLanded(batch, file);
      const bytes = Buffer.concat(batch.lines.map((line) => line.bytes));
      for (let done = 0; done < bytes.length; ) {
        const taken = await file.handle.write(bytes.subarray(done));
        if (taken <= 0) throw new Error('the file takes no more bytes');
        this.#dirty = true;
        done += taken;
        file.size += taken;
      }
      this.#batch = null;
      return count;
    } catch (error) {
      await this.#drop(); // the next try asks the file anew
      throw error;
    }
  }

  /** Brings what was written to the disk, and lets go of a file that was moved away or deleted. */
  async sync(): Promise<void> {
    this.#dirty = false;
    const file = this.#file;
    if (!file) return;
    try {
      await file.handle.sync();
      if (!(await file.handle.isCurrent())) await this.#drop();
    } catch (error) {
      await this.#drop();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#drop();
  }

  async #open(name: string) {
    if (this.#file?.name === name) return this.#file;
    if (this.#file) {
      if (this.#dirty) await this.#file.handle.sync();
      await this.#drop();
    }
    const handle = await this.#openFile(join(this.#folder, name));
    try {
      this.#file = { name, handle, size: await handle.size() };
    } catch (error) {
      await handle.close().catch(() => {});
      throw error;
    }
    return this.#file;
  }

  /** Drops from the batch what a failed write had appended, and cuts off the line it had begun. */
  async #resolveLanded(batch: Batch, file: { readonly handle: RecordFile; size: number }): Promise<void> {
    const base = batch.base ?? 0;
    const landed = file.size - base;
    if (landed < 0) {
      batch.base = file.size; // another file stands here now: the rest of the batch begins in it
      return;
    }
    let whole = 0;
    let count = 0;
    for (const { bytes } of batch.lines) {
      if (whole + bytes.length > landed) break;
      whole += bytes.length;
      count++;
    }
    if (count < batch.lines.length && landed > whole) {
      await file.handle.truncate(base + whole);
      file.size = base + whole;
    }
    batch.lines = batch.lines.slice(count);
    batch.base = file.size;
  }

  async #drop(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.handle.close().catch(() => {}); // it was synced where that mattered, or has failed already
  }
}

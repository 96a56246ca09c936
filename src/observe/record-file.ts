import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A file of lines that is only ever appended to. Every method rejects with the system's error. */
export interface RecordFile {
  /** Bytes in the file. */
  size(): Promise<number>;
  /** Appends `bytes` in one write; resolves to how many of them were taken. */
  write(bytes: Uint8Array): Promise<number>;
  /** Cuts the file back to `size` bytes. */
  truncate(size: number): Promise<void>;
  /** Resolves when all that was written is on the disk. */
  sync(): Promise<void>;
  /** Whether the path still leads to this file: false when it was moved away or deleted. */
  isCurrent(): Promise<boolean>;
  close(): Promise<void>;
}

/** Opens the file at `path` for appending and makes it where there is none. */
export type OpenRecordFile = (path: string) => Promise<RecordFile>;

/** A record file on the disk; readable by owner and group, for it names who called whom. A folder that is gone is made anew. */
export async function openRecordFile(path: string): Promise<RecordFile> {
  const handle = await open(path, 'a', 0o640).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    await mkdir(dirname(path), { recursive: true, mode: 0o750 });
    return open(path, 'a', 0o640);
  });
  return {
    size: async () => (await handle.stat()).size,
    write: async (bytes) => (await handle.write(bytes)).bytesWritten,
    truncate: (size) => handle.truncate(size),
    sync: () => handle.datasync(),
    close: () => handle.close(),
    isCurrent: async () => {
      const mine = await handle.stat();
      const named = await stat(path).catch(() => null);
      return named !== null && named.ino === mine.ino && named.dev === mine.dev;
    },
  };
}

/** How a file was found after a start. */
export type TailState = 'whole' | 'completed' | 'torn';

/**
 * Repairs a file whose last line has no newline because the process or the machine died: a line that `isRecord` gets
 * its newline (`completed`), any other is moved to `<path>.torn` (`torn`). Nothing is lost. A missing file is `whole`.
 */
export async function repairTail(path: string, isRecord: (line: string) => boolean): Promise<TailState> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'whole';
    throw error;
  }
  try {
    const { size } = await handle.stat();
    const tail = await lastLine(handle, size);
    if (tail.length === 0) return 'whole';
    if (isRecord(tail.toString('utf8'))) {
      await handle.write('\n', size);
      return 'completed';
    }
    const torn = await open(`${path}.torn`, 'a', 0o640);
    try {
      await torn.appendFile(Buffer.concat([tail, Buffer.from('\n')]));
      await torn.sync(); // before the only other copy goes
    } finally {
      await torn.close();
    }
    await handle.truncate(size - tail.length);
    return 'torn';
  } finally {
    await handle.close();
  }
}

/** What stands after the last newline. */
async function lastLine(handle: FileHandle, size: number): Promise<Buffer> {
  let tail: Buffer = Buffer.alloc(0);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - 65_536);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(end - start), 0, end - start, start);
    const chunk = buffer.subarray(0, bytesRead);
    const newline = chunk.lastIndexOf(10);
    tail = Buffer.concat([chunk.subarray(newline + 1), tail]);
    if (newline >= 0 || bytesRead === 0) break;
    end = start;
  }
  return tail;
}

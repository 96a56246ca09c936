import { access, type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What the name of a recording ends in while it is being written. */
export const unfinished = '.part';

/** A new recording on a disk. Every method rejects with the system's error. */
export interface RecordingFile {
  /** Writes all of `bytes` at `position`; what lies between the end of the file and there becomes zeros. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Brings all to the disk, and gives the file the name that it was made for. */
  finish(): Promise<void>;
  /** Lets go of the file as it is. */
  close(): Promise<void>;
}

/** Makes a new recording that is to stand at `path` when it is finished. Rejects where something stands there already. */
export type CreateRecordingFile = (path: string) => Promise<RecordingFile>;

/**
 * A recording on the machine's disk, `<path>.part` until it is finished. Only our own user may read it, and enter the
 * folders that are made for it.
 */
export async function createRecordingFile(path: string): Promise<RecordingFile> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  if (await exists(path)) throw new Error(`there is a file already: ${path}`);
  const handle = await open(path + unfinished, 'wx', 0o600);
  return {
    write: (bytes, position) => writeAll(handle, bytes, position),
    finish: async () => {
      try {
        await handle.datasync();
      } finally {
        await handle.close();
      }
      await rename(path + unfinished, path);
    },
    close: () => handle.close(),
  };
}

/** Writes all of `bytes` at `position`, in as many steps as the system needs. Rejects with its error. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    if (bytesWritten === 0) throw new Error('the file takes no more bytes');
    done += bytesWritten;
  }
}

/** Whether something stands at `path`. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

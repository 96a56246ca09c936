import type { CreateRecordingFile } from '../../src/media/index.ts';

/** A disk for recordings in memory; what is on it can be looked at, and it can be full or slow. */
export class MemoryDisk {
  /** By path; those being written have `.part` behind it. */
  readonly files = new Map<string, Uint8Array>();
  /** How often was written, headers among it. */
  writes = 0;
  /** Told before each step; what it throws or rejects with is what comes of the step. */
  verdict: (step: 'create' | 'write' | 'finish', position: number) => void | Promise<void> = () => {};

  readonly create: CreateRecordingFile = async (path) => {
    await this.verdict('create', 0);
    const part = `${path}.part`;
    if (this.files.has(path) || this.files.has(part)) throw new Error('EEXIST: file already exists');
    this.files.set(part, new Uint8Array());
    return {
      write: async (bytes, position) => {
        this.writes++;
        await this.verdict('write', position);
        const before = this.files.get(part)!;
        const after = new Uint8Array(Math.max(before.length, position + bytes.length));
        after.set(before);
        after.set(bytes, position);
        this.files.set(part, after);
      },
      finish: async () => {
        await this.verdict('finish', 0);
        this.files.set(path, this.files.get(part)!);
        this.files.delete(part);
      },
      close: async () => {},
    };
  };
}

/** What a system says whose disk is full. */
export function diskFull(): Error {
  return Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
}

/** Both channels of a stereo WAV file of 16-bit PCM, and its samples a second. Throws where the sizes are not those of the file. */
export function channelsOf(file: Uint8Array): {
  readonly sampleRate: number;
  readonly left: Int16Array;
  readonly right: Int16Array;
} {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const said = [view.getUint32(4, true), view.getUint16(22, true), view.getUint16(34, true), view.getUint32(40, true)];
  const is = [file.length - 8, 2, 16, file.length - 44];
  if (said.join() !== is.join()) throw new Error(`sizes, channels and bits are said to be ${said}, and are ${is}`);
  const samples = new Int16Array(Uint8Array.from(file.subarray(44)).buffer);
  const channel = (first: 0 | 1) => samples.filter((_, i) => i % 2 === first);
  return { sampleRate: view.getUint32(24, true), left: channel(0), right: channel(1) };
}

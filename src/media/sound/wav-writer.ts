import type { CreateRecordingFile, RecordingFile } from './recording-file.ts';
import { maxWavData, stereoHeader, wavHeaderSize } from './wav-header.ts';

/** How many bytes of samples may wait for the disk. At 8 kHz, two channels of 16 bits: 16 s. */
const mostWaiting = 512 * 1024;

/** After how many bytes of samples the sizes in the header are brought up to date, for who plays the file meanwhile. */
const headerInterval = 320 * 1024;

/** What stands in the file. */
export interface Written {
  /** Bytes of samples, with the silence that stands for what was missed. */
  readonly bytes: number;
  /** Bytes of samples that were dropped because the disk was behind. */
  readonly missed: number;
  /** Why writing ended before its time; null where it didn't. */
  readonly failure: string | null;
}

export interface WavWriterOptions {
  /** Where the file is to stand when it is finished. */
  readonly path: string;
  /** Samples a second. */
  readonly sampleRate: number;
  readonly create: CreateRecordingFile;
  /** Told once, unless `end` was called before: nothing more will be written. */
  readonly onFailure: (reason: string) => void;
}

/**
 * Writes a stereo WAV file while it grows. Nobody ever waits for it: what the disk is too slow for is dropped and
 * counted, and leaves as much silence behind, so that what follows stands in its right place. The first error ends it,
 * and what has been written until then is kept as a whole file.
 */
export class WavWriter {
  readonly #options: WavWriterOptions;
  readonly #queue: { readonly bytes: Uint8Array; readonly position: number }[] = [];
  #file: RecordingFile | null = null;
  /** Bytes that wait, that were given in all, that the file holds, and that its header tells of. */
  #waiting = 0;
  #given = 0;
  #held = 0;
  #told = 0;
  #missed = 0;
  #failure: string | null = null;
  #running = false;
  #over = false;
  #onEnd: ((written: Written) => void) | null = null;

  private constructor(options: WavWriterOptions) {
    this.#options = options;
  }

  /** Begins the file. */
  static open(options: WavWriterOptions): WavWriter {
    const writer = new WavWriter(options);
    writer.#wake();
    return writer;
  }

  /** Takes samples of both channels, left before right, 16 bits each, little-endian. They are not copied. */
  append(bytes: Uint8Array): void {
    if (this.#failure !== null || this.#onEnd) return;
    if (this.#given + bytes.length > maxWavData) {
      this.#fail('a WAV file holds no more than 4 GiB');
    } else {
      if (this.#waiting + bytes.length > mostWaiting) {
        this.#missed += bytes.length;
      } else {
        this.#queue.push({ bytes, position: this.#given });
        this.#waiting += bytes.length;
      }
      this.#given += bytes.length;
    }
    this.#wake();
  }

  /** Ends the file when all that was taken is written. `done` is told what stands in it then, maybe at once. */
  end(done: (written: Written) => void): void {
    this.#onEnd ??= done;
    if (this.#over) done(this.written);
    else this.#wake();
  }

  /** What has been written so far. */
  get written(): Written {
    return { bytes: this.#held, missed: this.#missed, failure: this.#failure };
  }

  #wake(): void {
    if (this.#running || this.#over) return;
    this.#running = true;
    void this.#run();
  }

  /** Writes what waits, and closes the file where nothing more is to come. Never rejects. */
  async #run(): Promise<void> {
    try {
      if (!this.#file) {
        this.#file = await this.#options.create(this.#options.path);
        await this.#tellSizes(this.#file);
      }
      for (let chunk = this.#queue.shift(); chunk; chunk = this.#queue.shift()) {
        await this.#file.write(chunk.bytes, wavHeaderSize + chunk.position);
        this.#waiting -= chunk.bytes.length;
        this.#held = chunk.position + chunk.bytes.length;
        if (this.#held - this.#told >= headerInterval) await this.#tellSizes(this.#file);
      }
    } catch (error) {
      this.#queue.length = 0;
      this.#fail(error);
    }
    this.#running = false;
    if (this.#failure === null && !this.#onEnd) return;
    this.#running = true;
    await this.#close();
    this.#over = true;
    this.#onEnd?.(this.written);
  }

  async #tellSizes(file: RecordingFile): Promise<void> {
    await file.write(stereoHeader(this.#options.sampleRate, this.#held), 0);
    this.#told = this.#held;
  }

  async #close(): Promise<void> {
    const file = this.#file;
    if (!file) return;
    try {
      await this.#tellSizes(file);
      await file.finish();
    } catch (error) {
      this.#fail(error);
      await file.close().catch(() => {});
    }
  }

  #fail(error: unknown): void {
    if (this.#failure !== null) return;
    this.#failure = error instanceof Error ? error.message : String(error);
    if (!this.#onEnd) this.#options.onFailure(this.#failure);
  }
}

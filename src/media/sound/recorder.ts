import type { Clock, Timer } from '../../base/index.ts';
import { Resampler } from '../../codec/index.ts';
import type { CreateRecordingFile } from './recording-file.ts';
import { stereoSample } from './wav-header.ts';
import { WavWriter, type Written } from './wav-writer.ts';

/** What is to be recorded of a session: plain data. */
export interface RecordingOrder {
  /** Path of the WAV file; there must be none yet. */
  readonly file: string;
  readonly paused: boolean;
}

/** What has become of a recording. */
export interface RecordingSummary {
  readonly file: string;
  /** Length of the sound in the file; what was paused is not in it. */
  readonly durationMs: number;
  readonly pausedMs: number;
  /** `failed`: something is missing that should be in it; `repaired`: it was closed by a later process. */
  readonly status: 'complete' | 'failed' | 'repaired';
  /** What went wrong; null where nothing did. */
  readonly reason: string | null;
}

/** How much is written at once: what the death of the process costs. */
const chunkMs = 1000;

const frameMs = 20;

/** How long the disk may take to close a file before the call goes on without it. */
const patience = 5000;

/**
 * Records the two legs of a session in step: the caller on the left, the callee on the right. Each tick brings one
 * frame of each leg, so that the two can't slide against each other. It never throws and nobody waits for it.
 */
export class Recorder {
  readonly #file: string;
  readonly #sampleRate: 8000 | 16_000;
  readonly #clock: Clock;
  readonly #writer: WavWriter;
  readonly #frameSamples: number;
  readonly #resamplers: [Resampler | null, Resampler | null] = [null, null];
  /** Left and right in turn. */
  #chunk: Int16Array<ArrayBuffer>;
  #filled = 0;
  #paused: boolean;
  #pausedMs = 0;
  #over = false;

  /** `sampleRate` is that of the session, samples a second; the file has 8 kHz where the session has, else 16 kHz. */
  constructor(options: {
    readonly order: RecordingOrder;
    readonly sampleRate: number;
    readonly create: CreateRecordingFile;
    readonly clock: Clock;
    /** Told at most once, before `end`: the recording is over. */
    readonly onFailure: (reason: string) => void;
  }) {
    const { order, create, onFailure } = options;
    this.#file = order.file;
    this.#paused = order.paused;
    this.#clock = options.clock;
    this.#sampleRate = options.sampleRate <= 8000 ? 8000 : 16_000;
    this.#frameSamples = (this.#sampleRate * frameMs) / 1000;
    this.#chunk = this.#newChunk();
    this.#writer = WavWriter.open({ path: order.file, sampleRate: this.#sampleRate, create, onFailure });
  }

  /** What is said while it is paused is left out of the file. */
  pause(paused: boolean): void {
    this.#paused = paused;
  }

  /** Takes 20 ms of each leg, of any sample rate; null where nothing is to be heard. */
  frame(caller: Int16Array | null, callee: Int16Array | null): void {
    if (this.#over) return;
    if (this.#paused) {
      this.#pausedMs += frameMs;
      return;
    }
    if (caller) this.#put(0, caller);
    if (callee) this.#put(1, callee);
    this.#filled += 2 * this.#frameSamples;
    if (this.#filled < this.#chunk.length) return;
    this.#writer.append(new Uint8Array(this.#chunk.buffer));
    this.#chunk = this.#newChunk();
    this.#filled = 0;
  }

  /** Closes the file. `done` is called once: when that is done, or when the disk has taken 5 s over it. */
  end(done: (summary: RecordingSummary) => void): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#filled > 0) this.#writer.append(new Uint8Array(this.#chunk.buffer, 0, 2 * this.#filled));
    let timer: Timer | null = null;
    let told = false;
    const tell = (written: Written): void => {
      if (told) return;
      told = true;
      timer?.cancel();
      done(this.#summary(written));
    };
    this.#writer.end(tell);
    if (told) return;
    timer = this.#clock.after(patience, () => {
      const { written } = this.#writer;
      tell({ ...written, failure: written.failure ?? 'the disk does not answer' });
    });
  }

  #summary({ bytes, missed, failure }: Written): RecordingSummary {
    const behind = missed > 0 ? `the disk was too slow for ${this.#msOf(missed)} ms of it` : null;
    const reason = failure ?? behind;
    return {
      file: this.#file,
      durationMs: this.#msOf(bytes),
      pausedMs: this.#pausedMs,
      status: reason === null ? 'complete' : 'failed',
      reason,
    };
  }

  #msOf(bytes: number): number {
    return Math.round((bytes / stereoSample / this.#sampleRate) * 1000);
  }

  /** Puts a frame into its channel of the chunk. */
  #put(channel: 0 | 1, frame: Int16Array): void {
    const samples = this.#atOurRate(channel, frame);
    const chunk = this.#chunk;
    const count = Math.min(samples.length, this.#frameSamples);
    for (let i = 0, at = this.#filled + channel; i < count; i++, at += 2) chunk[at] = samples[i]!;
  }

  #atOurRate(channel: 0 | 1, frame: Int16Array): Int16Array {
    const rate = (frame.length * 1000) / frameMs;
    if (rate === this.#sampleRate) return frame;
    let resampler = this.#resamplers[channel];
    if (resampler?.from !== rate) {
      resampler = new Resampler(rate, this.#sampleRate);
      this.#resamplers[channel] = resampler;
    }
    return resampler.resample(frame);
  }

  /** Silence to be filled in. The platforms that Node comes for are little-endian, as the file is. */
  #newChunk(): Int16Array<ArrayBuffer> {
    return new Int16Array((2 * this.#sampleRate * chunkMs) / 1000);
  }
}

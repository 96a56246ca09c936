import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Log } from '../../base/index.ts';
import { Resampler } from '../../codec/index.ts';
import { readMuLaw, readWav, type Sound, SoundError } from './sound.ts';
import { isTone, toneSamples } from './tones.ts';

/** A name, never a path: no separator, and no dot in front. */
const namePattern = /^[\w-][\w.-]{0,99}$/;

/** What a sound file may be called, in the order in which they are looked for. */
const readers = { '.wav': readWav, '.ulaw': readMuLaw, '.ul': readMuLaw } as const;

/** A file of this size holds six minutes of CD quality. */
const mostFileBytes = 64 * 1024 * 1024;

/** How many bytes of samples are kept for the next time, where nothing else is said. */
const usualRoom = 64 * 1024 * 1024;

/** How much sound is made samples of in one go, ms. */
const sliceMs = 500;

interface Kept {
  /** Which state of the file it was made from; empty for a tone. */
  readonly state: string;
  readonly samples: Int16Array;
}

/**
 * The sounds that can be played, by name: files of the prompts folder (WAV, or µ-law as `.ulaw` or `.ul`), and the tones
 * `ringback`, `busy` and `moh`, each of which a file of that name takes the place of. What was played is kept as samples,
 * and read anew when its file has changed.
 */
export class SoundLibrary {
  readonly #folder: string | null;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #room: number;
  /** By name and rate; the one used last stands last. */
  readonly #kept = new Map<string, Kept>();
  readonly #loading = new Map<string, Promise<Int16Array | null>>();
  #keptBytes = 0;

  /** `folder` null: tones only. `room`: for how many bytes of samples. */
  constructor(options: {
    readonly folder: string | null;
    readonly clock: Clock;
    readonly log: Log;
    readonly room?: number;
  }) {
    this.#folder = options.folder;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#room = options.room ?? usualRoom;
  }

  /**
   * The samples of the sound `name` (with or without the ending of its file) at `sampleRate`, not to be changed. Resolves
   * to null, and says in the log why, where there is none that can be played. Never rejects.
   */
  samples(name: string, sampleRate: number): Promise<Int16Array | null> {
    const key = `${sampleRate} ${name}`;
    const started = this.#loading.get(key);
    if (started) return started;
    const loading = this.#load(key, name, sampleRate).finally(() => this.#loading.delete(key));
    this.#loading.set(key, loading);
    return loading;
  }

  async #load(key: string, name: string, sampleRate: number): Promise<Int16Array | null> {
    if (!namePattern.test(name)) {
      this.#log.warning('a sound has a name that no file may have', { sound: name });
      return null;
    }
    try {
      const samples = await this.#fromFolder(key, name, sampleRate);
      if (samples) return samples;
      if (!isTone(name)) this.#log.warning('there is no such sound', { sound: name, folder: this.#folder });
    } catch (error) {
      this.#log.warning('a sound file cannot be played', { sound: name, folder: this.#folder, error });
    }
    if (!isTone(name)) return null;
    const kept = this.#kept.get(key);
    return this.#keep(key, kept?.state === '' ? kept : { state: '', samples: toneSamples(name, sampleRate) });
  }

  /** Null where the folder has no such file. Rejects with SoundError or the system's error. */
  async #fromFolder(key: string, name: string, sampleRate: number): Promise<Int16Array | null> {
    if (this.#folder === null) return null;
    for (const [ending, read] of Object.entries(readers)) {
      const file = await openFile(join(this.#folder, name.endsWith(ending) ? name : name + ending));
      if (!file) continue;
      try {
        const { size, mtimeMs } = await file.stat();
        const state = `${ending} ${size} ${mtimeMs}`;
        const kept = this.#kept.get(key);
        if (kept?.state === state) return this.#keep(key, kept);
        if (size > mostFileBytes) throw new SoundError(`it is larger than ${mostFileBytes / 1024 / 1024} MiB`);
        const sound = read(await file.readFile());
        return this.#keep(key, { state, samples: await this.#convert(sound, sampleRate) });
      } finally {
        await file.close();
      }
    }
    return null;
  }

  /** In slices with pauses between them: the same thread sends the packets of calls. */
  async #convert(sound: Sound, sampleRate: number): Promise<Int16Array> {
    const resampler = sound.sampleRate === sampleRate ? null : new Resampler(sound.sampleRate, sampleRate);
    const slice = Math.floor((sound.sampleRate * sliceMs) / 1000);
    const samples = new Int16Array(Math.ceil((sound.length * sampleRate) / sound.sampleRate));
    let length = 0;
    for (let at = 0; at < sound.length; at += slice) {
      const part = sound.read(at, slice);
      const converted = resampler ? resampler.resample(part) : part;
      const room = samples.length - length;
      samples.set(converted.length > room ? converted.subarray(0, room) : converted, length);
      length += Math.min(converted.length, room);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#clock.after(0, resolve);
      await promise;
    }
    return samples.subarray(0, length);
  }

  /** Puts it last, and forgets those that have not been used for longest where there are too many. */
  #keep(key: string, kept: Kept): Int16Array {
    this.#forget(key);
    this.#kept.set(key, kept);
    this.#keptBytes += kept.samples.byteLength;
    for (const oldest of this.#kept.keys()) {
      if (this.#keptBytes <= this.#room || oldest === key) break;
      this.#forget(oldest);
    }
    return kept.samples;
  }

  #forget(key: string): void {
    this.#keptBytes -= this.#kept.get(key)?.samples.byteLength ?? 0;
    this.#kept.delete(key);
  }
}

/** Null where there is no such file. Rejects with the system's other errors. */
async function openFile(path: string) {
  return open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
}

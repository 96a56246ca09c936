import { silentLog } from '../base/index.ts';
import type { MediaSession, MediaSessionSpec, MediaSessionUser } from './engine.ts';
import { LocalSession, type LocalSessionHost } from './local-session.ts';
import { createRecordingFile } from './sound/recording-file.ts';
import { SoundLibrary } from './sound/sound-library.ts';

/** Where nothing else is said, recordings go to the disk, the only sounds are our tones, and nothing is logged. */
export interface MediaSessionsOptions
  extends Omit<LocalSessionHost, 'sounds' | 'createRecording' | 'log'>,
    Partial<Pick<LocalSessionHost, 'sounds' | 'createRecording' | 'log'>> {}

/** The sessions over a relay of this process. */
export class MediaSessions {
  readonly #host: LocalSessionHost;
  readonly #running = new Set<LocalSession>();

  constructor(options: MediaSessionsOptions) {
    const { clock, log = silentLog } = options;
    this.#host = {
      ...options,
      log,
      sounds: options.sounds ?? new SoundLibrary({ folder: null, clock, log }),
      createRecording: options.createRecording ?? createRecordingFile,
    };
  }

  /** How many there are. */
  get count(): number {
    return this.#running.size;
  }

  /** Throws where a port is not open or serves another leg. */
  start(spec: MediaSessionSpec, user: MediaSessionUser): MediaSession {
    const session = new LocalSession(spec, user, this.#host, (ended) => this.#running.delete(ended));
    this.#running.add(session);
    return session;
  }

  /** Ends every session without a word to its user. */
  endAll(): void {
    for (const session of this.#running) session.end(() => {});
  }
}

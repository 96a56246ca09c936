import type { MediaSession, MediaSessionSpec, MediaSessionUser } from './engine.ts';
import { LocalSession, type LocalSessionHost } from './local-session.ts';

/** The sessions over a relay of this process. */
export class MediaSessions {
  readonly #host: LocalSessionHost;
  readonly #running = new Set<LocalSession>();

  constructor(host: LocalSessionHost) {
    this.#host = host;
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

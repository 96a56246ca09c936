import type { MediaSession, MediaSessionSpec, MediaSessionUser } from './engine.ts';
import { LocalSession } from './local-session.ts';
import type { Relay } from './relay.ts';

export interface MediaSessionsOptions {
  readonly relay: Relay;
}

/** The sessions over a relay of this process. */
export class MediaSessions {
  readonly #relay: Relay;
  #count = 0;

  constructor({ relay }: MediaSessionsOptions) {
    this.#relay = relay;
  }

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** Throws where a port is not open or serves another leg. */
  start(spec: MediaSessionSpec, user: MediaSessionUser): MediaSession {
    const session = new LocalSession(spec, user, this.#relay, () => this.#count--);
    this.#count++;
    return session;
  }
}

import type { MediaEngine, MediaSession, MediaSessionSpec, MediaSessionUser, MediaWorker } from './engine.ts';
import { LocalSession } from './local-session.ts';
import type { MediaTotals, PortPair, Relay } from './relay.ts';

export interface LocalEngineOptions {
  readonly relay: Relay;
  /** What the status page calls it. */
  readonly name: string;
}

/** The media engine inside this process: a relay, and what the relay does not do of itself. */
export class LocalEngine implements MediaEngine {
  readonly #relay: Relay;
  readonly #name: string;
  #sessions = 0;

  constructor({ relay, name }: LocalEngineOptions) {
    this.#relay = relay;
    this.#name = name;
  }

  lease(address: string): PortPair | null {
    return this.#relay.lease(address);
  }

  release(pair: PortPair): void {
    this.#relay.release(pair);
  }

  start(spec: MediaSessionSpec, user: MediaSessionUser): MediaSession {
    const session = new LocalSession(spec, user, this.#relay, () => this.#sessions--);
    this.#sessions++;
    return session;
  }

  usage(): { readonly total: number; readonly inUse: number } {
    return this.#relay.usage();
  }

  totals(): MediaTotals {
    return this.#relay.totals();
  }

  workers(): readonly MediaWorker[] {
    return [{ name: this.#name, state: 'running', sessions: this.#sessions }];
  }

  close(): Promise<void> {
    return this.#relay.close();
  }
}

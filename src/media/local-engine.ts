import type { MediaEngine, MediaSession, MediaSessionSpec, MediaSessionUser, MediaWorker } from './engine.ts';
import { MediaSessions, type MediaSessionsOptions } from './media-sessions.ts';
import { PortLeases, type PortLeasesOptions } from './relay/port-leases.ts';
import type { MediaTotals, PortPair, Relay } from './relay/relay.ts';

export interface LocalEngineOptions extends PortLeasesOptions, Omit<MediaSessionsOptions, 'log'> {
  readonly relay: Relay;
  /** What the status page calls it. */
  readonly name: string;
}

/** The media engine inside this process. */
export class LocalEngine implements MediaEngine {
  readonly #relay: Relay;
  readonly #ports: PortLeases;
  readonly #sessions: MediaSessions;
  readonly #name: string;

  constructor(options: LocalEngineOptions) {
    this.#relay = options.relay;
    this.#ports = new PortLeases(options);
    this.#sessions = new MediaSessions(options);
    this.#name = options.name;
  }

  lease(address: string): PortPair | null {
    return this.#ports.lease(address);
  }

  release(pair: PortPair): void {
    this.#ports.release(pair);
  }

  start(spec: MediaSessionSpec, user: MediaSessionUser): MediaSession {
    return this.#sessions.start(spec, user);
  }

  usage(): { readonly total: number; readonly inUse: number } {
    return this.#ports.usage();
  }

  totals(): MediaTotals {
    return this.#relay.totals();
  }

  workers(): readonly MediaWorker[] {
    return [{ name: this.#name, state: 'running', sessions: this.#sessions.count, restarts: 0 }];
  }

  async close(): Promise<void> {
    this.#sessions.endAll();
    await this.#relay.close();
    this.#ports.releaseAll();
  }
}

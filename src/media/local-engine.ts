import type { MediaEngine, MediaSession, MediaSessionSpec, MediaSessionUser, MediaWorker } from './engine.ts';
import { LocalSession } from './local-session.ts';
import { PortLeases, type PortLeasesOptions } from './port-leases.ts';
import type { MediaTotals, PortPair, Relay } from './relay.ts';

export interface LocalEngineOptions extends PortLeasesOptions {
  readonly relay: Relay;
  /** What the status page calls it. */
  readonly name: string;
}

/** The media engine inside this process: a relay, and what the relay does not do of itself. */
export class LocalEngine implements MediaEngine {
  readonly #relay: Relay;
  readonly #ports: PortLeases;
  readonly #name: string;
  #sessions = 0;

  constructor(options: LocalEngineOptions) {
    this.#relay = options.relay;
    this.#ports = new PortLeases(options);
    this.#name = options.name;
  }

  lease(address: string): PortPair | null {
    return this.#ports.lease(address);
  }

  release(pair: PortPair): void {
    this.#ports.release(pair);
  }

  start(spec: MediaSessionSpec, user: MediaSessionUser): MediaSession {
    const session = new LocalSession(spec, user, this.#relay, () => this.#sessions--);
    this.#sessions++;
    return session;
  }

  usage(): { readonly total: number; readonly inUse: number } {
    return this.#ports.usage();
  }

  totals(): MediaTotals {
    return this.#relay.totals();
  }

  workers(): readonly MediaWorker[] {
    return [{ name: this.#name, state: 'running', sessions: this.#sessions }];
  }

  async close(): Promise<void> {
    await this.#relay.close();
    this.#ports.releaseAll();
  }
}

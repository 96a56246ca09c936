import { type Clock, type Log, type Random, sameAddress } from '../../base/index.ts';
import { PortPool, type PortRange } from './port-pool.ts';
import type { PortPair, Relay } from './relay.ts';

export interface PortLeasesOptions {
  readonly relay: Pick<Relay, 'open' | 'shut'>;
  readonly ports: PortRange;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Ports of the pool, opened on a relay when they are leased. A number is leased once, whatever the address. */
export class PortLeases {
  readonly #relay: Pick<Relay, 'open' | 'shut'>;
  readonly #log: Log;
  readonly #pool: PortPool;
  readonly #leased = new Map<number, PortPair>();

  constructor({ relay, ports, clock, random, log }: PortLeasesOptions) {
    this.#relay = relay;
    this.#log = log;
    this.#pool = new PortPool(ports, clock, random);
  }

  /** A pair of ports on a local address, at once; null when none is left or the address cannot be bound. */
  lease(address: string): PortPair | null {
    const pair = this.#pool.take((port) => {
      const opened = this.#relay.open({ address, port });
      if (opened === 'opened') return { address, port };
      if (opened === 'taken') this.#log.warning('media port is held by another program', { address, port });
      else this.#log.error('media address cannot be bound', { address });
      return opened;
    });
    if (pair) this.#leased.set(pair.port, pair);
    return pair;
  }

  /** Gives a pair back: closed at once, used again as late as possible. Harmless when it is not leased. */
  release(pair: PortPair): void {
    const leased = this.#leased.get(pair.port);
    if (!leased || !sameAddress(leased, pair)) return;
    this.#leased.delete(pair.port);
    this.#relay.shut(leased);
    this.#pool.release(pair.port);
  }

  /** Gives every pair back. */
  releaseAll(): void {
    for (const pair of this.#leased.values()) this.release(pair);
  }

  /** In ports, two to a pair; ports in quarantine are not in use. */
  usage(): { readonly total: number; readonly inUse: number } {
    return this.#pool.usage();
  }
}

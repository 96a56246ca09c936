import { type Clock, type Log, type Random, sameAddress } from '../../base/index.ts';
import { PortPool, type PortRange } from '../relay/port-pool.ts';
import type { OpenFailure, PortPair } from '../relay/relay.ts';
import type { WorkerLink } from './worker-link.ts';

/** Pairs that a worker keeps open for an address that calls use: it is refilled to the second when it falls below the first. */
const fewOpen = 16;
const manyOpen = 48;

/** A pair of ports in the hands of a call. */
export interface Lease {
  readonly pair: PortPair;
  readonly link: WorkerLink;
  /** The session that it serves. */
  session: object | null;
}

export interface WorkerPortsOptions {
  readonly ports: PortRange;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Whether both ports of a pair could be bound by this process, looked at now and let go again. */
  readonly probe: (pair: PortPair) => 'opened' | OpenFailure;
}

/**
 * The port pool over several workers. Of addresses that calls use, each worker keeps pairs open in advance; where there
 * are none, a pair is looked at by this process and opened by the worker at once, so that a lease never waits.
 */
export class WorkerPorts {
  readonly #pool: PortPool;
  readonly #log: Log;
  readonly #probe: WorkerPortsOptions['probe'];
  readonly #leases = new Map<number, Lease>();
  /** Open in advance, by worker and address. */
  readonly #stock = new Map<WorkerLink, Map<string, PortPair[]>>();
  /** Ordered to be open in advance, by port. */
  readonly #ordered = new Map<number, WorkerLink>();
  readonly #leasedOf = new Map<WorkerLink, number>();

  constructor({ ports, clock, random, log, probe }: WorkerPortsOptions) {
    this.#pool = new PortPool(ports, clock, random);
    this.#log = log;
    this.#probe = probe;
  }

  /**
   * A pair on a local address, carried by `link`, or by another worker where only that has one left; null when none is
   * left at all or the address cannot be bound.
   */
  lease(address: string, link: WorkerLink): PortPair | null {
    const pair = this.#stockOf(link, address).pop() ?? this.#openNow(address, link);
    if (pair) return this.#noted(pair, link);
    return this.#pool.free === 0 ? this.#leaseOfStock(address, link) : null;
  }

  release(pair: PortPair): void {
    const lease = this.find(pair);
    if (!lease) return;
    this.#leases.delete(pair.port);
    this.#leasedOf.set(lease.link, this.loadOf(lease.link) - 1);
    this.#shut(lease.pair, lease.link);
  }

  /** How many pairs calls have of this worker. */
  loadOf(link: WorkerLink): number {
    return this.#leasedOf.get(link) ?? 0;
  }

  find(pair: PortPair): Lease | null {
    const lease = this.#leases.get(pair.port);
    return lease && sameAddress(lease.pair, pair) ? lease : null;
  }

  usage(): { readonly total: number; readonly inUse: number } {
    return { total: this.#pool.usage().total, inUse: 2 * this.#leases.size };
  }

  /** A pair that was to be open in advance is, or is not. */
  onOpened(link: WorkerLink, pair: PortPair, result: 'opened' | OpenFailure): void {
    if (result !== 'opened') this.#report(pair, result);
    if (this.#ordered.get(pair.port) !== link) return;
    this.#ordered.delete(pair.port);
    if (result === 'opened') this.#stockOf(link, pair.address).push(pair);
    else if (result === 'taken') this.#pool.reject(pair.port);
    else this.#pool.release(pair.port);
  }

  /** What a worker had open in advance has gone with it. */
  onDown(link: WorkerLink): void {
    for (const pairs of this.#stock.get(link)?.values() ?? []) for (const { port } of pairs) this.#pool.release(port);
    this.#stock.delete(link);
    for (const [port, of] of this.#ordered) {
      if (of !== link) continue;
      this.#ordered.delete(port);
      this.#pool.release(port);
    }
  }

  /** Pairs in the hands of calls are opened again, for those that wait for their answer. */
  onRestart(link: WorkerLink): void {
    const leased = [...this.#leases.values()].filter((lease) => lease.link === link);
    if (leased.length > 0) link.open(leased.map(({ pair }) => pair));
  }

  #noted(pair: PortPair, link: WorkerLink): PortPair {
    this.#leases.set(pair.port, { pair, link, session: null });
    this.#leasedOf.set(link, this.loadOf(link) + 1);
    this.#refill(pair.address, link);
    return pair;
  }

  #openNow(address: string, link: WorkerLink): PortPair | null {
    const pair = this.#pool.take((port) => {
      const wanted = { address, port };
      // Its last call has only just ended: the worker shuts it before it opens it, but only that worker.
      if (link.isShutting(port)) return wanted;
      if (this.#isShutting(port)) return 'later';
      const found = this.#probe(wanted);
      if (found === 'opened') return wanted;
      this.#report(wanted, found);
      return found;
    });
    if (pair) link.open([pair]);
    return pair;
  }

  #refill(address: string, link: WorkerLink): void {
    if (link.state === 'down') return;
    const { length } = this.#stockOf(link, address);
    // A small pool is left to those who need a port now.
    const spare = Math.floor(this.#pool.free / 4);
    if (length >= fewOpen || spare === 0 || this.#ordered.size > 0) return;
    const pairs: PortPair[] = [];
    while (length + pairs.length < Math.min(manyOpen, spare)) {
      const pair = this.#pool.take((port) => (this.#isShutting(port) ? 'later' : { address, port }));
      if (pair === null) break;
      this.#ordered.set(pair.port, link);
      pairs.push(pair);
    }
    if (pairs.length > 0) link.open(pairs);
  }

  /**
   * A pair that is open in advance elsewhere: with another worker, or for another address, where it is shut and opened
   * again by the same worker. `link`'s own come first.
   */
  #leaseOfStock(address: string, link: WorkerLink): PortPair | null {
    for (const holder of new Set([link, ...this.#stock.keys()])) {
      if (!holder.fit) continue;
      const own = this.#stockOf(holder, address).pop();
      if (own) return this.#noted(own, holder);
      for (const pairs of this.#stock.get(holder)?.values() ?? []) {
        const given = pairs.pop();
        if (given === undefined) continue;
        this.#shut(given, holder);
        const pair = this.#openNow(address, holder);
        return pair && this.#noted(pair, holder);
      }
    }
    return null;
  }

  /** Whether a worker may still have it open. */
  #isShutting(port: number): boolean {
    for (const link of this.#stock.keys()) if (link.isShutting(port)) return true;
    return false;
  }

  #shut(pair: PortPair, link: WorkerLink): void {
    link.shut(pair);
    this.#pool.release(pair.port);
  }

  #report({ address, port }: PortPair, failure: OpenFailure): void {
    if (failure === 'taken') this.#log.warning('media port is held by another program', { address, port });
    else this.#log.error('media address cannot be bound', { address });
  }

  #stockOf(link: WorkerLink, address: string): PortPair[] {
    const byAddress = this.#stock.get(link) ?? new Map<string, PortPair[]>();
    this.#stock.set(link, byAddress);
    const pairs = byAddress.get(address) ?? [];
    byAddress.set(address, pairs);
    return pairs;
  }
}

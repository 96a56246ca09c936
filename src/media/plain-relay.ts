import { type Address, type Clock, type Log, type Random, sameAddress } from '../base/index.ts';
import type { LeasedPorts } from './plain-leg.ts';
import { PlainSession, type SessionHost } from './plain-session.ts';
import { type OpenFailure, PortPool, type PortRange } from './port-pool.ts';
import type { LegCounters, MediaTotals, PortPair, Relay, RelaySession, RelaySpec, RelayUser } from './relay.ts';
import type { MediaSockets } from './sockets.ts';

export interface PlainRelayOptions {
  readonly sockets: MediaSockets;
  readonly ports: PortRange;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Further addresses that lead to our ports, such as the public one of a NAT. */
  readonly ownAddresses?: readonly string[];
}

/** The relay in JavaScript, for whichever sockets: packets pass untouched where nothing must change. */
export class PlainRelay implements Relay {
  readonly #sockets: MediaSockets;
  readonly #log: Log;
  readonly #ownAddresses: ReadonlySet<string>;
  readonly #pool: PortPool;
  readonly #host: SessionHost;
  /** By RTP port: the pool hands out each number once, whatever the address. */
  readonly #leases = new Map<number, LeasedPorts>();
  readonly #sessions = new Set<PlainSession>();
  /** Of sessions that have ended. */
  #received = 0;
  #sent = 0;
  #lost = 0;
  #lostReported = 0;
  #closed = false;

  constructor({ sockets, ports, clock, random, log, ownAddresses = [] }: PlainRelayOptions) {
    this.#ownAddresses = new Set(ownAddresses);
    this.#sockets = sockets;
    this.#log = log;
    this.#pool = new PortPool(ports, clock, random);
    this.#host = {
      clock,
      portsAt: (address) => this.#portsAt(address),
      portsOf: (pair) => this.#portsOf(pair),
      onEnd: (session) => this.#forget(session),
    };
  }

  lease(address: string): PortPair | null {
    if (this.#closed) return null;
    const ports = this.#pool.take((port) => this.#open({ address, port }));
    if (ports === null) return null;
    this.#leases.set(ports.pair.port, ports);
    return ports.pair;
  }

  release(pair: PortPair): void {
    const ports = this.#leases.get(pair.port);
    if (!ports || !sameAddress(ports.pair, pair)) return;
    this.#leases.delete(pair.port);
    this.#shut(ports);
    this.#pool.release(pair.port);
  }

  start(spec: RelaySpec, user: RelayUser): RelaySession {
    const session = new PlainSession(spec, user, this.#host);
    this.#sessions.add(session);
    return session;
  }

  usage(): { readonly total: number; readonly inUse: number } {
    return this.#pool.usage();
  }

  totals(): MediaTotals {
    let { received, sent, lost } = { received: this.#received, sent: this.#sent, lost: this.#lost };
    for (const session of this.#sessions) {
      for (const leg of session.counters()) {
        received += leg.packetsReceived;
        sent += leg.packetsSent;
        lost += leg.packetsLost;
      }
    }
    // A late packet takes back a loss; a counter that others read must never go down.
    this.#lostReported = Math.max(this.#lostReported, lost);
    return { received, sent, lost: this.#lostReported };
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const session of this.#sessions) session.end(() => {});
    for (const ports of this.#leases.values()) this.release(ports.pair);
  }

  #open({ address, port }: PortPair): LeasedPorts | OpenFailure {
    let leased: LeasedPorts | null = null;
    const rtp = this.#sockets.open({ address, port }, (bytes, from) => leased?.user?.onRtp(bytes, from));
    if (rtp) {
      const above = { address, port: port + 1 };
      const rtcp = this.#sockets.open(above, (bytes, from) => leased?.user?.onRtcp(bytes, from));
      if (rtcp) {
        leased = { pair: { address, port }, rtp, rtcp, user: null };
        return leased;
      }
      rtp.close();
    }
    return this.#whyNot({ address, port });
  }

  /** Where not even a port of the system's choice opens, the address or the process is in trouble and not the port. */
  #whyNot({ address, port }: PortPair): OpenFailure {
    const probe = this.#sockets.open({ address, port: 0 }, () => {});
    probe?.close();
    if (probe) this.#log.warning('media port is held by another program', { address, port });
    else this.#log.error('media address cannot be bound', { address });
    return probe ? 'taken' : 'unusable';
  }

  #shut(ports: LeasedPorts): void {
    ports.user?.moveTo(null);
    ports.rtp.close();
    ports.rtcp.close();
  }

  #portsOf(pair: PortPair): LeasedPorts {
    const ports = this.#leases.get(pair.port);
    if (!ports || !sameAddress(ports.pair, pair)) throw new Error(`media port ${pair.port} is not leased`);
    return ports;
  }

  #portsAt(address: Address): LeasedPorts | null {
    const ports = this.#leases.get(address.port & ~1);
    if (ports === undefined) return null;
    return ports.pair.address === address.address || this.#ownAddresses.has(address.address) ? ports : null;
  }

  #forget(session: PlainSession): void {
    if (!this.#sessions.delete(session)) return;
    for (const leg of session.counters()) this.#add(leg);
  }

  #add(leg: LegCounters): void {
    this.#received += leg.packetsReceived;
    this.#sent += leg.packetsSent;
    this.#lost += leg.packetsLost;
  }
}

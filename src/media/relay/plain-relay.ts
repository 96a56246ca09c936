import { type Address, type Clock, sameAddress } from '../../base/index.ts';
import type { OpenPorts } from './plain-leg.ts';
import { PlainSession, type SessionHost } from './plain-session.ts';
import { PortSrtp } from './port-srtp.ts';
import type { MediaTotals, OpenFailure, PortPair, Relay, RelaySession, RelaySpec, RelayUser } from './relay.ts';
import { RelayTotals } from './relay-totals.ts';
import type { MediaSockets } from './sockets.ts';

export interface PlainRelayOptions {
  readonly sockets: MediaSockets;
  readonly clock: Clock;
  /** Further addresses that lead to our ports, such as the public one of a NAT. */
  readonly ownAddresses?: readonly string[];
}

/** The relay in JavaScript, for whichever sockets: packets pass untouched where nothing must change. */
export class PlainRelay implements Relay {
  readonly #sockets: MediaSockets;
  readonly #ownAddresses: ReadonlySet<string>;
  readonly #host: SessionHost;
  /** By RTP port. */
  readonly #open = new Map<number, OpenPorts>();
  readonly #sessions = new Set<PlainSession>();
  readonly #totals = new RelayTotals();
  #closed = false;

  constructor({ sockets, clock, ownAddresses = [] }: PlainRelayOptions) {
    this.#ownAddresses = new Set(ownAddresses);
    this.#sockets = sockets;
    this.#host = {
      clock,
      portsAt: (address) => this.#portsAt(address),
      portsOf: (pair) => this.#portsOf(pair),
      onEnd: (session) => this.#forget(session),
    };
  }

  open(pair: PortPair): 'opened' | OpenFailure {
    if (this.#closed) return 'unusable';
    if (this.#open.has(pair.port)) return 'taken';
    const ports = this.#bind(pair);
    if (ports === null) return this.#whyNot(pair.address);
    this.#open.set(pair.port, ports);
    return 'opened';
  }

  shut(pair: PortPair): void {
    const ports = this.#open.get(pair.port);
    if (!ports || !sameAddress(ports.pair, pair)) return;
    this.#open.delete(pair.port);
    ports.user?.moveTo(null);
    ports.rtp.close();
    ports.rtcp.close();
  }

  start(spec: RelaySpec, user: RelayUser): RelaySession {
    const session = new PlainSession(spec, user, this.#host);
    this.#sessions.add(session);
    return session;
  }

  totals(): MediaTotals {
    return this.#totals.with(this.#sessions);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const session of this.#sessions) session.end(() => {});
    for (const ports of this.#open.values()) this.shut(ports.pair);
  }

  #bind({ address, port }: PortPair): OpenPorts | null {
    let opened: OpenPorts | null = null;
    const rtp = this.#sockets.open({ address, port }, (bytes, from) => opened?.user?.onRtp(bytes, from));
    if (rtp === null) return null;
    const above = { address, port: port + 1 };
    const rtcp = this.#sockets.open(above, (bytes, from) => opened?.user?.onRtcp(bytes, from));
    if (rtcp) opened = { pair: { address, port }, rtp, rtcp, srtp: new PortSrtp(), user: null };
    else rtp.close();
    return opened;
  }

  /** Where not even a port of the system's choice opens, the port is not to blame. */
  #whyNot(address: string): OpenFailure {
    const probe = this.#sockets.open({ address, port: 0 }, () => {});
    probe?.close();
    return probe ? 'taken' : 'unusable';
  }

  #portsOf(pair: PortPair): OpenPorts {
    const ports = this.#open.get(pair.port);
    if (!ports || !sameAddress(ports.pair, pair)) throw new Error(`media port ${pair.port} is not open`);
    return ports;
  }

  #portsAt(address: Address): OpenPorts | null {
    const ports = this.#open.get(address.port & ~1);
    if (ports === undefined) return null;
    return ports.pair.address === address.address || this.#ownAddresses.has(address.address) ? ports : null;
  }

  #forget(session: PlainSession): void {
    if (this.#sessions.delete(session)) this.#totals.add(session.counters());
  }
}

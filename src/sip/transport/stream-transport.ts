import { type Address, type Clock, formatAddress, type Log, SeldomLog } from '../../base/index.ts';
import { Advertised } from './advertised.ts';
import { familyOf } from './family.ts';
import { expandWildcard, isWildcard, Routes } from './interfaces.ts';
import { listenError } from './listen-error.ts';
import { StreamFlow, type StreamFlowOwner } from './stream-flow.ts';
import { defaultStreamLimits, type StreamLimits } from './stream-limits.ts';
import type { Advertise, Flow, Transport, TransportName, TransportReceiver } from './transport.ts';
import type { Wire, WireUser, Wiring } from './wire.ts';

export interface StreamTransportOptions {
  readonly name: TransportName;
  readonly secure: boolean;
  /** Where to listen; `0.0.0.0` and `::` stand for all addresses of the machine of that family. */
  readonly listen: Address;
  readonly wiring: Wiring;
  readonly clock: Clock;
  readonly log: Log;
  readonly advertise?: Advertise | undefined;
  readonly limits?: Partial<StreamLimits> | undefined;
}

/** How long a count of what is kept is good, in ms. */
const recount = 100;

/** Connections as flows: what TCP, TLS, WebSockets and the memory network's streams have in common. */
export class StreamTransport implements Transport {
  readonly name: TransportName;
  readonly reliable = true;
  readonly secure: boolean;
  readonly #listen: Address;
  readonly #wiring: Wiring;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #limits: StreamLimits;
  readonly #advertised: Advertised;
  /** Open flows by the peer's address. */
  readonly #byRemote = new Map<string, StreamFlow>();
  /** Open flows, oldest first. */
  readonly #flows = new Set<StreamFlow>();
  /** Wires not yet gone, by the peer's IP address. */
  readonly #sources = new Map<string, number>();
  #wires = 0;
  #flowCount = 0;
  #owner: StreamFlowOwner | null = null;
  #routes: Routes | null = null;
  #port = 0;
  #addresses: readonly Address[] = [];
  #closed = false;
  readonly #seldom: SeldomLog<
    'connections refused: too many are open' | 'connections closed: too much is kept for them'
  >;
  /** What was kept on connections that nobody holds, and when that was looked at. */
  #kept = 0;
  #keptAt = Number.NEGATIVE_INFINITY;

  constructor(options: StreamTransportOptions) {
    this.name = options.name;
    this.secure = options.secure;
    this.#listen = options.listen;
    this.#wiring = options.wiring;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#seldom = new SeldomLog(options.clock, options.log);
    this.#limits = { ...defaultStreamLimits, ...options.limits };
    this.#advertised = new Advertised(options.advertise);
  }

  get addresses(): readonly Address[] {
    return this.#addresses;
  }

  get advertised(): readonly Address[] {
    return this.#advertised.known;
  }

  async listen(receiver: TransportReceiver): Promise<void> {
    this.#owner = {
      clock: this.#clock,
      log: this.#log,
      limits: this.#limits,
      receiver,
      keepsTooMuch: (flow) => this.#keepsTooMuch(flow),
      onEnded: (flow) => this.#ended(flow),
      onGone: (flow) => this.#gone(flow),
    };
    try {
      const bound = await this.#wiring.listen((wire) => this.#accept(wire));
      this.#port = bound.port;
      this.#addresses = expandWildcard(bound.address).map((address) => ({ address, port: bound.port }));
      this.#routes = await Routes.discover(this.#addresses.map(({ address }) => address));
    } catch (error) {
      throw listenError(this.name, this.#listen, error);
    }
  }

  findFlow(remote: Address): Flow | null {
    return this.#byRemote.get(formatAddress(remote)) ?? null;
  }

  flowTo(remote: Address, local?: Address): Flow | null {
    const open = this.findFlow(remote);
    if (open) return open;
    const owner = this.#owner;
    if (!owner || !this.#wiring.connect || this.#closed || familyOf(remote.address) !== familyOf(this.#listen.address))
      return null;
    const ours = local && this.#addresses.some(({ address }) => address === local.address) ? local.address : null;
    // A listener of one address connects from it too; one of all leaves the choice to the routing table.
    const from = ours ?? (isWildcard(this.#listen.address) ? null : this.#listen.address);
    const flow = this.#flow(
      owner,
      from ?? this.#routes?.sourceFor(remote.address) ?? this.#listen.address,
      remote,
      false,
    );
    flow.attach(this.#wiring.connect(remote, from, flow.wireUser));
    return flow;
  }

  hangUp(which: (flow: Flow) => boolean): void {
    for (const flow of [...this.#flows]) if (which(flow)) flow.destroy('hung up on');
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const flow of [...this.#flows]) flow.end('the transport is closed');
    await this.#wiring.close();
  }

  #accept(wire: Wire): WireUser | null {
    const owner = this.#owner;
    if (!owner || this.#closed) return null;
    const { address } = wire.remote;
    if (owner.receiver.accepts?.(address) === false || !this.#admits(address)) return null;
    const flow = this.#flow(owner, wire.local.address, wire.remote, true);
    flow.attach(wire);
    return flow.wireUser;
  }

  #flow(owner: StreamFlowOwner, localIp: string, remote: Address, incoming: boolean): StreamFlow {
    const local = { address: localIp, port: this.#port };
    const flow = new StreamFlow(
      {
        id: `${this.name}/${formatAddress(local)}/${formatAddress(remote)}/${++this.#flowCount}`,
        transport: this.name,
        secure: this.secure,
        incoming,
        local,
        advertised: this.#advertised.address(local, remote),
        remote,
      },
      owner,
    );
    this.#flows.add(flow);
    this.#byRemote.set(formatAddress(remote), flow);
    this.#wires++;
    this.#sources.set(remote.address, (this.#sources.get(remote.address) ?? 0) + 1);
    return flow;
  }

  /** Whether one more connection from `source` fits; the longest silent one that nobody holds makes room. */
  #admits(source: string): boolean {
    if ((this.#sources.get(source) ?? 0) >= this.#limits.connectionsPerSource) {
      if (!this.#evict((flow) => flow.remote.address === source)) return this.#refuse(source);
    }
    if (this.#wires >= this.#limits.connections && !this.#evict(() => true)) return this.#refuse(source);
    return true;
  }

  #evict(eligible: (flow: StreamFlow) => boolean): boolean {
    let oldest: StreamFlow | null = null;
    for (const flow of this.#flows) {
      if (flow.held || !eligible(flow)) continue;
      if (!oldest || flow.activeSince < oldest.activeSince) oldest = flow;
    }
    oldest?.destroy('room for another connection');
    return oldest !== null;
  }

  /** Counts again where the last count is old; floods are faster than that, but not by much. */
  #keepsTooMuch(flow: StreamFlow): boolean {
    const now = this.#clock.now();
    if (now - this.#keptAt >= recount) {
      this.#keptAt = now;
      this.#kept = 0;
      for (const { held, kept } of this.#flows) if (!held) this.#kept += kept;
    }
    if (this.#kept <= this.#limits.keptBytes) return false;
    this.#kept -= flow.kept;
    this.#seldom.warning('connections closed: too much is kept for them', { transport: this.name, bytes: this.#kept });
    return true;
  }

  #refuse(source: string): false {
    this.#owner?.receiver.onConnectionRefused?.();
    this.#seldom.warning('connections refused: too many are open', { transport: this.name, source, open: this.#wires });
    return false;
  }

  #ended(flow: StreamFlow): void {
    this.#flows.delete(flow);
    const remote = formatAddress(flow.remote);
    if (this.#byRemote.get(remote) === flow) this.#byRemote.delete(remote);
  }

  #gone(flow: StreamFlow): void {
    this.#wires--;
    const left = (this.#sources.get(flow.remote.address) ?? 1) - 1;
    if (left > 0) this.#sources.set(flow.remote.address, left);
    else this.#sources.delete(flow.remote.address);
  }
}

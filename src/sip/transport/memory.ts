import { type Address, type Clock, formatAddress, type Log, type Random, silentLog } from '../../base/index.ts';
import { Advertised } from './advertised.ts';
import { familyOf } from './family.ts';
import { type MemoryPath, MemoryWire } from './memory-wire.ts';
import type { StreamLimits } from './stream-limits.ts';
import { StreamTransport } from './stream-transport.ts';
import type { Advertise, Flow, Transport, TransportName, TransportReceiver } from './transport.ts';
import type { Wire, WireUser, Wiring } from './wire.ts';

export interface MemoryNetworkOptions {
  readonly clock: Clock;
  /** Decides on loss, duplication and delay; needed where these are asked for. */
  readonly random?: Random;
  /** The share of datagrams that vanish, 0 to 1. */
  readonly loss?: number;
  /** The share of datagrams that arrive twice, 0 to 1. */
  readonly duplicate?: number;
  /** How long bytes travel, in ms; datagrams overtake each other where the two differ. Default 0. */
  readonly delay?: { readonly min: number; readonly max: number };
}

export interface MemoryTransportOptions {
  /** Where peers are told the listener is, if not at its own address. */
  readonly advertise?: Advertise;
  readonly log?: Log;
  /** Whether it connects to others; default true. A WebSocket server does not, its phones do. */
  readonly connects?: boolean;
  /** For streams. Default: no bounds but the 5 s to connect, so that an idle world has no timers. */
  readonly limits?: Partial<StreamLimits>;
}

/** What was sent to an address where nobody listens; `bytes` is empty for an attempt to connect. */
export interface Stray {
  readonly transport: TransportName;
  readonly from: Address;
  readonly to: Address;
  readonly bytes: Uint8Array;
}

export type MemoryTransport = Transport;

export type DeliveryListener = (from: Address, to: Address, bytes: Uint8Array) => void;

const largestDatagram = 65_507;
const unlimited: Partial<StreamLimits> = {
  handshake: Number.POSITIVE_INFINITY,
  message: Number.POSITIVE_INFINITY,
  idle: Number.POSITIVE_INFINITY,
  ping: Number.POSITIVE_INFINITY,
};

/**
 * A network in memory, for tests and simulation: hosts with addresses, datagrams that may be lost, doubled, delayed
 * and reordered, and connections that may not. Nothing arrives before the sender has returned, and with a virtual
 * clock and a seed everything happens in the same order each time.
 */
export class MemoryNetwork {
  readonly #options: MemoryNetworkOptions;
  readonly #datagrams = new Map<string, (from: Address, bytes: Uint8Array) => void>();
  readonly #listeners = new Map<string, (wire: Wire) => WireUser | null>();
  readonly #wires = new Set<MemoryWire>();
  readonly #unreachable = new Set<string>();
  readonly #observers = new Set<DeliveryListener>();
  readonly #toNobody: Stray[] = [];
  readonly #path: MemoryPath;
  #nextPort = 49_152;

  constructor(options: MemoryNetworkOptions) {
    const { loss = 0, duplicate = 0, delay } = options;
    if (!options.random && (loss > 0 || duplicate > 0 || (delay && delay.max > delay.min))) {
      throw new Error('a network that leaves things to chance needs a Random');
    }
    this.#options = options;
    this.#path = {
      clock: options.clock,
      delay: () => this.#delay(),
      severed: (a, b) => this.#severed(a, b),
      forget: (wire) => this.#wires.delete(wire),
      delivered: (from, to, bytes) => this.#delivered(from, to, bytes),
    };
  }

  /** Everything sent to an address where nobody listens, in order. */
  get toNobody(): readonly Stray[] {
    return this.#toNobody;
  }

  /** A transport of a host on this network. `udp` may lose, the others are connections; port 0 takes a free one. */
  transport(name: TransportName, address: Address, options: MemoryTransportOptions = {}): MemoryTransport {
    const listen = address.port === 0 ? { address: address.address, port: this.#freePort() } : address;
    if (name === 'udp') return new MemoryDatagrams(listen, options, this.#datagramPort(listen));
    const { advertise, log = silentLog, limits, connects = true } = options;
    return new StreamTransport({
      name,
      secure: name === 'tls' || name === 'wss',
      listen,
      wiring: this.#wiring(name, listen, connects),
      clock: this.#options.clock,
      log,
      advertise,
      limits: { ...unlimited, ...limits },
    });
  }

  /** Cuts the host of this IP address off, without a word to anybody. */
  partition(ip: string): void {
    this.#unreachable.add(ip);
  }

  /** Ends a partition; what connections held back sets out. */
  heal(ip: string): void {
    this.#unreachable.delete(ip);
    for (const wire of this.#wires) wire.resume();
  }

  /** Breaks all connections of a host, as when it crashes: both sides are told. */
  disconnect(ip: string): void {
    for (const wire of [...this.#wires]) {
      if (wire.local.address === ip) wire.break(new Error('the connection was reset'));
    }
  }

  /** Calls `listener` for all that arrives. */
  onDeliver(listener: DeliveryListener): Disposable {
    this.#observers.add(listener);
    return { [Symbol.dispose]: () => this.#observers.delete(listener) };
  }

  #datagramPort(local: Address): DatagramPort {
    const key = formatAddress(local);
    return {
      clock: this.#options.clock,
      bind: (receive) => {
        if (this.#datagrams.has(key)) throw new Error(`cannot listen on udp ${key}: the port is in use`);
        this.#datagrams.set(key, receive);
      },
      unbind: (receive) => {
        if (this.#datagrams.get(key) === receive) this.#datagrams.delete(key);
      },
      send: (to, bytes) => this.#sendDatagram(local, to, bytes),
    };
  }

  #sendDatagram(from: Address, to: Address, bytes: Uint8Array): void {
    if (this.#chance(this.#options.loss)) return;
    const copies = this.#chance(this.#options.duplicate) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (this.#severed(from.address, to.address)) return;
      this.#options.clock.after(this.#delay(), () => this.#arrive(from, to, bytes));
    }
  }

  #arrive(from: Address, to: Address, bytes: Uint8Array): void {
    if (this.#severed(from.address, to.address)) return;
    const receive = this.#datagrams.get(formatAddress(to));
    if (!receive) {
      this.#toNobody.push({ transport: 'udp', from, to, bytes });
      return;
    }
    this.#delivered(from, to, bytes);
    receive(from, bytes);
  }

  #wiring(name: TransportName, listen: Address, connects: boolean): Wiring {
    const key = `${name}/${formatAddress(listen)}`;
    const connect: NonNullable<Wiring['connect']> = (remote, _from, user) => {
      const wire = this.#wire({ address: listen.address, port: this.#freePort() }, remote);
      wire.attach(user);
      this.#options.clock.after(this.#delay(), () => this.#connect(name, wire));
      return wire;
    };
    return {
      ...(connects && { connect }),
      listen: async (accept) => {
        if (this.#listeners.has(key)) throw new Error('the port is in use');
        this.#listeners.set(key, accept);
        return listen;
      },
      close: async () => {
        this.#listeners.delete(key);
      },
    };
  }

  #connect(name: TransportName, wire: MemoryWire): void {
    const { local, remote } = wire;
    // To a host that is cut off, the attempt just takes too long.
    if (wire.over || this.#severed(local.address, remote.address)) return;
    const accept = this.#listeners.get(`${name}/${formatAddress(remote)}`);
    const peer = this.#wire(remote, local);
    const user = accept?.(peer);
    if (user) {
      peer.attach(user);
      wire.join(peer);
      return;
    }
    if (!accept) this.#toNobody.push({ transport: name, from: local, to: remote, bytes: new Uint8Array() });
    this.#wires.delete(peer);
    wire.break(new Error(`${formatAddress(remote)} refused the connection`));
  }

  #wire(local: Address, remote: Address): MemoryWire {
    const wire = new MemoryWire(local, remote, this.#path);
    this.#wires.add(wire);
    return wire;
  }

  #delivered(from: Address, to: Address, bytes: Uint8Array): void {
    for (const observer of this.#observers) observer(from, to, bytes);
  }

  #severed(a: string, b: string): boolean {
    return this.#unreachable.has(a) || this.#unreachable.has(b);
  }

  #delay(): number {
    const { delay, random } = this.#options;
    if (!delay) return 0;
    if (!random || delay.max <= delay.min) return delay.min;
    return delay.min + random.below(Math.round((delay.max - delay.min) * 1_000) + 1) / 1_000;
  }

  #chance(share = 0): boolean {
    return share > 0 && this.#options.random !== undefined && this.#options.random.below(1_000_000) < share * 1_000_000;
  }

  #freePort(): number {
    return this.#nextPort++;
  }
}

/** The network as one host's UDP socket sees it. */
interface DatagramPort {
  readonly clock: Clock;
  bind(receive: (from: Address, bytes: Uint8Array) => void): void;
  unbind(receive: (from: Address, bytes: Uint8Array) => void): void;
  send(to: Address, bytes: Uint8Array): void;
}

class MemoryDatagrams implements Transport {
  readonly name = 'udp';
  readonly reliable = false;
  readonly secure = false;
  readonly #local: Address;
  readonly #port: DatagramPort;
  readonly #advertised: Advertised;
  #receiver: TransportReceiver | null = null;

  constructor(local: Address, { advertise }: MemoryTransportOptions, port: DatagramPort) {
    this.#local = local;
    this.#port = port;
    this.#advertised = new Advertised(advertise);
  }

  get addresses(): readonly Address[] {
    return [this.#local];
  }

  get advertised(): readonly Address[] {
    return this.#advertised.known;
  }

  async listen(receiver: TransportReceiver): Promise<void> {
    this.#port.bind(this.#receive);
    this.#receiver = receiver;
  }

  flowTo(remote: Address): Flow | null {
    return familyOf(remote.address) === familyOf(this.#local.address) ? this.#flow(remote) : null;
  }

  findFlow(): null {
    return null;
  }

  hangUp(): void {}

  async close(): Promise<void> {
    this.#port.unbind(this.#receive);
    this.#receiver = null;
  }

  readonly #receive = (from: Address, bytes: Uint8Array): void => {
    this.#receiver?.onBytes(bytes, this.#flow(from));
  };

  #flow(remote: Address): Flow {
    const closed = () => this.#receiver === null;
    return {
      id: `udp/${formatAddress(this.#local)}/${formatAddress(remote)}`,
      transport: 'udp',
      reliable: false,
      secure: false,
      local: this.#local,
      advertised: this.#advertised.address(this.#local, remote),
      remote,
      get closed() {
        return closed();
      },
      send: (bytes, onError) => {
        if (closed()) this.#fail('the transport is closed', onError);
        else if (bytes.length > largestDatagram) this.#fail('the message is too long for a datagram', onError);
        else this.#port.send(remote, bytes);
      },
      hold: () => nothing,
      onClose: () => nothing,
    };
  }

  #fail(reason: string, onError: ((error: Error) => void) | undefined): void {
    if (onError) this.#port.clock.after(0, () => onError(new Error(reason)));
  }
}

const nothing: Disposable = { [Symbol.dispose]: () => {} };

import { createSocket, type Socket } from 'node:dgram';
import { type Address, type Clock, formatAddress, type Log, SeldomLog } from '../../base/index.ts';
import { Advertised } from './advertised.ts';
import { familyOf } from './family.ts';
import { expandWildcard, isWildcard, Routes } from './interfaces.ts';
import { listenError } from './listen-error.ts';
import type { Advertise, Flow, Transport, TransportReceiver } from './transport.ts';

export interface UdpOptions {
  /** Where to listen; `0.0.0.0` and `::` open one socket on each address of that family that the machine has now. */
  readonly listen: Address;
  readonly clock: Clock;
  readonly log: Log;
  /** Where peers reach the listener, if not at its own address. */
  readonly advertise?: Advertise;
  /** How many bytes the kernel may keep for us while we are busy; it may grant less. Default 4 MiB. */
  readonly receiveBufferBytes?: number;
  /** How many bytes may wait for the kernel to take them; what is beyond is not sent. Default 4 MiB. */
  readonly queueBytes?: number;
}

/** A socket and what its flows share. */
interface OwnSocket {
  readonly local: Address;
  readonly socket: Socket;
  readonly advertised: Advertised;
  readonly clock: Clock;
  readonly queueBytes: number;
  closed: boolean;
}

/**
 * SIP over UDP. A socket for each address of ours, so that an answer leaves from where the request arrived and each
 * flow knows its own end.
 */
export class UdpTransport implements Transport {
  readonly name = 'udp';
  readonly reliable = false;
  readonly secure = false;
  readonly #options: UdpOptions;
  readonly #advertised: Advertised;
  readonly #seldom: SeldomLog<'socket error'>;
  #sockets: readonly OwnSocket[] = [];
  #routes: Routes | null = null;

  constructor(options: UdpOptions) {
    this.#options = options;
    this.#advertised = new Advertised(options.advertise);
    this.#seldom = new SeldomLog(options.clock, options.log);
  }

  get addresses(): readonly Address[] {
    return this.#sockets.map(({ local }) => local);
  }

  get advertised(): readonly Address[] {
    return this.#advertised.known;
  }

  async listen(receiver: TransportReceiver): Promise<void> {
    const { listen } = this.#options;
    try {
      this.#sockets = await this.#open(receiver);
      this.#routes = await Routes.discover(this.addresses.map(({ address }) => address));
    } catch (error) {
      throw listenError(this.name, listen, error);
    }
  }

  flowTo(remote: Address, local?: Address): Flow | null {
    const family = familyOf(remote.address);
    if (!family || family !== familyOf(this.#options.listen.address)) return null;
    const from =
      (local && this.#sockets.find((own) => own.local.address === local.address)) ??
      this.#sockets.find((own) => own.local.address === this.#routes?.sourceFor(remote.address));
    return from ? new UdpFlow(from, remote) : null;
  }

  findFlow(): null {
    return null;
  }

  hangUp(): void {}

  async close(): Promise<void> {
    const sockets = this.#sockets;
    this.#sockets = [];
    await Promise.all(sockets.map(closeOwn));
  }

  /** With a port of 0 the first address takes any free port and the others must have the same one. */
  async #open(receiver: TransportReceiver): Promise<readonly OwnSocket[]> {
    const { listen } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const opened: OwnSocket[] = [];
      try {
        for (const address of expandWildcard(listen.address)) {
          const port = opened[0]?.local.port ?? listen.port;
          const own = await this.#bind({ address, port }, receiver);
          if (own) opened.push(own);
        }
        if (opened.length === 0) throw new Error('the machine has no address of this kind');
        return opened;
      } catch (error) {
        await Promise.all(opened.map(closeOwn));
        if (listen.port !== 0 || opened.length === 0 || attempt === 10) throw error;
      }
    }
  }

  /** `null` when the address has gone, or is not ready, since the interfaces were listed. */
  async #bind(address: Address, receiver: TransportReceiver): Promise<OwnSocket | null> {
    const { listen, log } = this.#options;
    const family = familyOf(address.address) ?? 4;
    const socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      ipv6Only: family === 6,
      // Addresses are numeric here; asking the resolver would cost each datagram a turn of the event loop.
      lookup: (host, _options, done) => done(null, host, family),
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once('error', reject);
    socket.bind({ address: address.address, port: address.port, exclusive: true }, resolve);
    try {
      await promise;
    } catch (error) {
      await closeSocket(socket);
      const gone = (error as NodeJS.ErrnoException).code === 'EADDRNOTAVAIL';
      if (!gone || !isWildcard(listen.address)) throw error;
      log.warning('address left out', { transport: this.name, address: address.address, error });
      return null;
    }
    socket.removeListener('error', reject);
    socket.on('error', (error) => this.#seldom.warning('socket error', { transport: this.name, address, error }));
    this.#enlarge(socket);
    const local = { address: address.address, port: socket.address().port };
    const own: OwnSocket = {
      local,
      socket,
      advertised: this.#advertised,
      clock: this.#options.clock,
      queueBytes: this.#options.queueBytes ?? 4_194_304,
      closed: false,
    };
    socket.on('message', (bytes, from) => {
      // Nothing could be sent back to port 0.
      if (from.port !== 0) receiver.onBytes(bytes, new UdpFlow(own, { address: from.address, port: from.port }));
    });
    return own;
  }

  #enlarge(socket: Socket): void {
    const wanted = this.#options.receiveBufferBytes ?? 4_194_304;
    try {
      socket.setRecvBufferSize(wanted);
      const granted = socket.getRecvBufferSize();
      if (granted < wanted) this.#options.log.debug('receive buffer smaller than wanted', { wanted, granted });
    } catch (error) {
      this.#options.log.debug('receive buffer left as it is', { wanted, error });
    }
  }
}

const nothing: Disposable = { [Symbol.dispose]: () => {} };

class UdpFlow implements Flow {
  readonly transport = 'udp';
  readonly reliable = false;
  readonly secure = false;
  readonly remote: Address;
  readonly #own: OwnSocket;

  constructor(own: OwnSocket, remote: Address) {
    this.#own = own;
    this.remote = remote;
  }

  get local(): Address {
    return this.#own.local;
  }

  get id(): string {
    return `udp/${formatAddress(this.local)}/${formatAddress(this.remote)}`;
  }

  get advertised(): Address {
    return this.#own.advertised.address(this.local, this.remote);
  }

  get closed(): boolean {
    return this.#own.closed;
  }

  send(bytes: Uint8Array, onError?: (error: Error) => void): void {
    if (this.closed) return this.#fail('the transport is closed', onError);
    const waiting = this.#own.socket.getSendQueueSize() + bytes.length;
    if (waiting > this.#own.queueBytes) return this.#fail('too much waits to be sent', onError);
    const { port, address } = this.remote;
    this.#own.socket.send(bytes, port, address, onError && ((error) => error && onError(error)));
  }

  #fail(reason: string, onError: ((error: Error) => void) | undefined): void {
    if (onError) this.#own.clock.after(0, () => onError(new Error(reason)));
  }

  hold(): Disposable {
    return nothing;
  }

  onClose(): Disposable {
    return nothing;
  }
}

function closeOwn(own: OwnSocket): Promise<void> {
  own.closed = true;
  return closeSocket(own.socket);
}

function closeSocket(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.close(() => resolve());
  return promise;
}

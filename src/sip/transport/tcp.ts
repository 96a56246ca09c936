import { connect, createServer, type Server } from 'node:net';
import { type Address, type Clock, type Log, SeldomLog } from '../../base/index.ts';
import { familyOf } from './family.ts';
import { endsOf, SocketWire, socketWire, type WireMaker } from './socket-wire.ts';
import { defaultStreamLimits, type StreamLimits } from './stream-limits.ts';
import { StreamTransport } from './stream-transport.ts';
import type { Advertise } from './transport.ts';
import type { Wire, WireUser, Wiring } from './wire.ts';

export interface TcpOptions {
  /** Where to listen; `0.0.0.0` and `::` stand for all addresses of the machine of that family. */
  readonly listen: Address;
  readonly clock: Clock;
  readonly log: Log;
  /** Where peers reach the listener, if not at its own address. */
  readonly advertise?: Advertise;
  readonly limits?: Partial<StreamLimits>;
}

/** SIP over TCP (RFC 3261 §18). */
export class TcpTransport extends StreamTransport {
  constructor(options: TcpOptions) {
    super({ ...options, name: 'tcp', secure: false, wiring: new TcpWiring(options) });
  }
}

/** Small messages leave at once, and a peer that vanished without a word is found out in the end. */
export function socketOptions({ keepalive = defaultStreamLimits.keepalive }: Partial<StreamLimits> = {}) {
  return { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepalive } as const;
}

/** Connections of TCP; what comes in over them is read by the wires that `makeWire` makes. */
export class TcpWiring implements Wiring {
  readonly #listen: Address;
  readonly #seldom: SeldomLog<'connection not accepted'>;
  readonly #socketOptions: ReturnType<typeof socketOptions>;
  readonly #server: Server;
  #accept: (wire: Wire) => WireUser | null = () => null;

  constructor({ listen, clock, log, limits }: TcpOptions, makeWire: WireMaker = socketWire) {
    this.#listen = listen;
    this.#seldom = new SeldomLog(clock, log);
    this.#socketOptions = socketOptions(limits);
    this.#server = createServer(this.#socketOptions, (socket) => {
      const ends = endsOf(socket);
      const wire = ends && makeWire(socket, ends.local, ends.remote);
      const user = wire && this.#accept(wire);
      if (!user) {
        socket.on('error', () => {});
        socket.destroy();
        return;
      }
      wire.attach(user);
      wire.open();
    });
  }

  listen(accept: (wire: Wire) => WireUser | null): Promise<Address> {
    this.#accept = accept;
    return listenOn(this.#server, this.#listen, this.#seldom);
  }

  connect(remote: Address, from: string | null, user: WireUser): Wire {
    const socket = connect({
      host: remote.address,
      port: remote.port,
      ...(from && { localAddress: from }),
      ...this.#socketOptions,
    });
    const wire = new SocketWire(socket, { address: from ?? '', port: 0 }, remote);
    wire.attach(user);
    socket.once('connect', () => wire.open());
    return wire;
  }

  close(): Promise<void> {
    return closeServer(this.#server);
  }
}

/**
 * Opens a server at an address; on `::` for IPv6 only, so that `0.0.0.0` can be listened on beside it. Rejects with the
 * system's error; what goes wrong once it listens (no file descriptor for one more connection, say) is a warning.
 */
export function listenOn(
  server: Server,
  { address, port }: Address,
  log: SeldomLog<'connection not accepted'>,
): Promise<Address> {
  const { promise, resolve, reject } = Promise.withResolvers<Address>();
  server.once('error', reject);
  server.listen({ host: address, port, ipv6Only: familyOf(address) === 6 }, () => {
    server.removeListener('error', reject);
    server.on('error', (error) => log.warning('connection not accepted', { error }));
    const bound = server.address();
    resolve({ address, port: typeof bound === 'object' && bound ? bound.port : port });
  });
  return promise;
}

/** Stops listening; settles when the connections that came in are over too. Harmless on one that never listened. */
export function closeServer(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  return promise;
}

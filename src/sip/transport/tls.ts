import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import {
  connect,
  createSecureContext,
  createServer,
  type SecureContext,
  type SecureContextOptions,
  type Server,
} from 'node:tls';
import { type Address, type Clock, every, formatAddress, type Log, SeldomLog, type Timer } from '../../base/index.ts';
import { type AcceptedWire, endsOf, SocketWire, socketWire, type WireMaker } from './socket-wire.ts';
import type { StreamLimits } from './stream-limits.ts';
import { StreamTransport } from './stream-transport.ts';
import { closeServer, listenOn, socketOptions } from './tcp.ts';
import type { Advertise, TransportName, TransportReceiver } from './transport.ts';
import type { Wire, WireUser, Wiring } from './wire.ts';

export interface TlsOptions {
  /** Where to listen; `0.0.0.0` and `::` stand for all addresses of the machine of that family. */
  readonly listen: Address;
  /** Path of the certificate chain, PEM. */
  readonly certificate: string;
  /** Path of its private key, PEM. */
  readonly privateKey: string;
  /** Path of the certificates that peers' certificates are checked against, PEM; the system's where absent. */
  readonly ca?: string | null;
  /** Whether a peer that connects to us must show a certificate that `ca` vouches for. Default false. */
  readonly verifyClient?: boolean;
  /** Whether a peer that we connect to must. Default true. */
  readonly verifyServer?: boolean;
  readonly clock: Clock;
  readonly log: Log;
  /** Where peers reach the listener, if not at its own address. */
  readonly advertise?: Advertise;
  readonly limits?: Partial<StreamLimits>;
}

/** How often the files are looked at, in ms. */
const checkInterval = 60_000;

/** Connections over TLS 1.2 or newer. Follows its certificate's files; open connections stay as they are. */
export class SecureTransport extends StreamTransport {
  readonly #tls: TlsWiring;
  readonly #clock: Clock;
  #checking: Timer | null = null;

  /** `wiring` is what has become of `tls`. */
  constructor(
    options: TlsOptions & { readonly name: TransportName; readonly tls: TlsWiring; readonly wiring: Wiring },
  ) {
    super({ ...options, secure: true });
    this.#tls = options.tls;
    this.#clock = options.clock;
  }

  override async listen(receiver: TransportReceiver): Promise<void> {
    await super.listen(receiver);
    this.#checking = every(this.#clock, checkInterval, () => void this.reload());
  }

  /**
   * Reads the files again, as it does by itself every minute. True when new connections have a new certificate from
   * now on; files that don't fit together are a warning, and the old ones stay in use.
   */
  reload(): Promise<boolean> {
    return this.#tls.reload();
  }

  /** When the first certificate of the chain that new connections are shown ends, by the calendar; null before listening. */
  get certificateEnds(): number | null {
    return this.#tls.certificateEnds;
  }

  override close(): Promise<void> {
    this.#checking?.cancel();
    return super.close();
  }
}

/** SIP over TLS (RFC 3261 §26.3.1). */
export class TlsTransport extends SecureTransport {
  constructor(options: TlsOptions) {
    const tls = new TlsWiring(options);
    super({ ...options, name: 'tls', tls, wiring: tls });
  }
}

/** Connections of TLS; what comes in over them is read by the wires that `makeWire` makes. */
export class TlsWiring implements Wiring {
  readonly #options: TlsOptions;
  readonly #makeWire: WireMaker;
  readonly #handshakes = new Map<string, AcceptedWire>();
  #server: Server | null = null;
  #context: SecureContext | null = null;
  /** What the files held when last read. */
  #seen = '';
  #ends: number | null = null;

  constructor(options: TlsOptions, makeWire: WireMaker = socketWire) {
    this.#options = options;
    this.#makeWire = makeWire;
  }

  async listen(accept: (wire: Wire) => WireUser | null): Promise<Address> {
    const { listen, clock, log, verifyClient = false, limits } = this.#options;
    const material = await this.#read();
    this.#seen = fingerprint(material);
    this.#context = this.#contextOf(material);
    this.#ends = endOfChain(material);
    const server = createServer({
      ...material,
      ...socketOptions(limits),
      requestCert: verifyClient,
      rejectUnauthorized: verifyClient,
      // The wire's user limits the handshake by our own clock; this one is only never to come first.
      handshakeTimeout: 2_147_483_647,
    });
    this.#server = server;
    server.on('connection', (socket: Socket) => this.#connected(socket, accept));
    server.on('secureConnection', (socket) => {
      const remote = peerOf(socket);
      const wire = this.#handshakes.get(remote);
      this.#handshakes.delete(remote);
      if (wire) wire.open(socket);
      else socket.destroy();
    });
    server.on('tlsClientError', (error, socket) => {
      log.debug('handshake failed', { remote: peerOf(socket), error });
      socket.destroy();
    });
    return listenOn(server, listen, new SeldomLog(clock, log));
  }

  connect(remote: Address, from: string | null, user: WireUser): Wire {
    const socket = connect({
      host: remote.address,
      port: remote.port,
      ...(from && { localAddress: from }),
      ...(this.#context && { secureContext: this.#context }),
      rejectUnauthorized: this.#options.verifyServer ?? true,
    });
    const { noDelay, keepAlive, keepAliveInitialDelay } = socketOptions(this.#options.limits);
    socket.setNoDelay(noDelay);
    socket.setKeepAlive(keepAlive, keepAliveInitialDelay);
    const wire = new SocketWire(socket, { address: from ?? '', port: 0 }, remote);
    wire.attach(user);
    socket.once('secureConnect', () => wire.open());
    return wire;
  }

  async reload(): Promise<boolean> {
    const { log, certificate } = this.#options;
    try {
      const material = await this.#read();
      const seen = fingerprint(material);
      if (seen === this.#seen || !this.#server) return false;
      // Noted before they are tried, so that a broken file is warned of once and not every minute.
      this.#seen = seen;
      this.#context = this.#contextOf(material);
      this.#server.setSecureContext(material);
      this.#ends = endOfChain(material);
      log.info('certificate replaced', { certificate });
      return true;
    } catch (error) {
      log.warning('new certificate not usable, the old one stays', { certificate, error });
      return false;
    }
  }

  get certificateEnds(): number | null {
    return this.#ends;
  }

  close(): Promise<void> {
    return this.#server ? closeServer(this.#server) : Promise.resolve();
  }

  /** A connection before its handshake: it counts, and it may be refused. */
  #connected(socket: Socket, accept: (wire: Wire) => WireUser | null): void {
    const ends = endsOf(socket);
    const wire = ends && this.#makeWire(socket, ends.local, ends.remote);
    const user = wire && accept(wire);
    if (!user) {
      socket.destroy();
      return;
    }
    wire.attach(user);
    const remote = formatAddress(wire.remote);
    this.#handshakes.set(remote, wire);
    socket.once('close', () => {
      if (this.#handshakes.get(remote) === wire) this.#handshakes.delete(remote);
    });
  }

  #contextOf(material: SecureContextOptions): SecureContext {
    try {
      return createSecureContext(material);
    } catch (cause) {
      const { certificate, privateKey } = this.#options;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${certificate} with ${privateKey}: ${why}`, { cause });
    }
  }

  async #read(): Promise<SecureContextOptions> {
    const { certificate, privateKey, ca } = this.#options;
    const [cert, key, authorities] = await Promise.all([
      readFile(certificate, 'utf8'),
      readFile(privateKey, 'utf8'),
      ca ? readFile(ca, 'utf8') : null,
    ]);
    return { cert, key, minVersion: 'TLSv1.2', ...(authorities !== null && { ca: authorities }) };
  }
}

function peerOf(socket: Socket): string {
  return formatAddress({ address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 });
}

function fingerprint({ cert, key, ca }: SecureContextOptions): string {
  return `${cert}\n${key}\n${ca ?? ''}`;
}

/** In ms since 1970. What stands in the file has been taken for certificates before. */
function endOfChain({ cert }: SecureContextOptions): number {
  const chain = String(cert).match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return Math.min(...chain.map((pem) => new X509Certificate(pem).validToDate.getTime()));
}

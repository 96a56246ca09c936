import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setImmediate as turn } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { type Address, silentLog, VirtualClock } from '../../src/base/index.ts';
import type { SipMessage } from '../../src/sip/message/index.ts';
import {
  type Flow,
  type Gate,
  isWebSocket,
  MemoryNetwork,
  type StreamLimits,
  TcpTransport,
  TlsTransport,
  type Transport,
  TransportLayer,
  type TransportName,
  UdpTransport,
  WssTransport,
  WsTransport,
} from '../../src/sip/transport/index.ts';
import { ca, tlsFile } from '../support/tls-files.ts';
import { openWebSocket, webSocketClient } from '../support/websocket-client.ts';

export interface Kind {
  readonly title: string;
  readonly name: TransportName;
  readonly memory: boolean;
  readonly stream: boolean;
  /** Whether it carries whole messages over connections that only clients open. */
  readonly webSocket: boolean;
  /** The addresses of the two hosts. */
  readonly server: string;
  readonly peer: string;
}

const loopback6 = (networkInterfaces()['lo'] ?? []).some(({ address }) => address === '::1');

const names = ['udp', 'tcp', 'tls', 'ws', 'wss'] as const;
const natureOf = (name: TransportName) => ({ stream: name !== 'udp', webSocket: isWebSocket(name) });
const memory = (name: TransportName): Kind => {
  return { title: `memory ${name}`, name, memory: true, ...natureOf(name), server: '10.0.0.1', peer: '10.0.0.2' };
};
const sockets = (name: TransportName, host: string): Kind => {
  return { title: `${name} on ${host}`, name, memory: false, ...natureOf(name), server: host, peer: host };
};

export const kinds: readonly Kind[] = [
  ...names.map(memory),
  ...names.map((name) => sockets(name, '127.0.0.1')),
  ...(loopback6 ? names.map((name) => sockets(name, '::1')) : []),
];
export const streamKinds = kinds.filter(({ stream }) => stream);
export const byteStreamKinds = streamKinds.filter(({ webSocket }) => !webSocket);
export const webSocketKinds = kinds.filter(({ webSocket }) => webSocket);
export const datagramKinds = kinds.filter(({ stream }) => !stream);

/** A transport layer over one transport, and what it has heard. */
export interface Party {
  readonly layer: TransportLayer;
  readonly address: Address;
  readonly heard: { readonly message: SipMessage; readonly flow: Flow }[];
}

/** A peer that speaks bytes. */
export interface Client {
  /** Where the server sees it. */
  readonly address: Address;
  /** All that came, as text. */
  readonly received: () => string;
  readonly closed: () => boolean;
  send(text: string | Uint8Array): void;
  /** Does not take what is sent to it any more. */
  stopReading(): void;
  close(): void;
}

/** A server, and peers that it meets by one transport. Time stands still but for `clock.advance`. */
export class TransportWorld implements AsyncDisposable {
  readonly kind: Kind;
  readonly clock = new VirtualClock();
  readonly network = new MemoryNetwork({ clock: this.clock });
  readonly #closers: (() => unknown)[] = [];

  constructor(kind: Kind) {
    this.kind = kind;
  }

  /** `client`: one that connects, where it makes a difference. */
  transport(
    host: string,
    options: { limits?: Partial<StreamLimits>; port?: number; client?: boolean } = {},
  ): Transport {
    const { name, webSocket } = this.kind;
    const { client = false } = options;
    // Time that is only jumped over leaves a peer no chance to answer a ping: they are for tests that ask for them.
    const limits = { ping: Number.POSITIVE_INFINITY, ...options.limits };
    const listen = { address: host, port: options.port ?? 0 };
    if (this.kind.memory)
      return this.network.transport(name, listen, {
        connects: client || !webSocket,
        limits: { idle: 180_000, message: 15_000, ...limits },
      });
    if (webSocket && client) return webSocketClient(name, host, { clock: this.clock, ca });
    const common = { listen, clock: this.clock, log: silentLog, limits };
    if (name === 'udp') return new UdpTransport(common);
    if (name === 'tcp') return new TcpTransport(common);
    if (name === 'ws') return new WsTransport(common);
    const secure = {
      ...common,
      certificate: tlsFile('server.pem'),
      privateKey: tlsFile('server.key'),
      ca: tlsFile('server.pem'),
    };
    return name === 'tls' ? new TlsTransport(secure) : new WssTransport(secure);
  }

  /** Starts a layer: the server's, or that of a peer which connects to it from `host`. */
  async party(options: { host?: string; limits?: Partial<StreamLimits>; gate?: Gate } = {}): Promise<Party> {
    const layer = new TransportLayer({
      transports: [
        this.transport(options.host ?? this.kind.server, { ...options, client: options.host !== undefined }),
      ],
      log: silentLog,
      ...(options.gate && { gate: options.gate }),
    });
    const heard: { message: SipMessage; flow: Flow }[] = [];
    await layer.start({ onMessage: (message, flow) => heard.push({ message, flow }) });
    this.#closers.push(() => layer.close());
    return { layer, address: layer.addresses[0]!.address, heard };
  }

  async client(to: Address): Promise<Client> {
    const client = await (this.kind.memory
      ? this.#memoryClient(to)
      : this.kind.webSocket
        ? this.#webSocket(to)
        : this.kind.stream
          ? this.#stream(to)
          : this.#datagrams(to));
    this.#closers.push(() => client.close());
    return client;
  }

  /** Lets the world turn until `condition` holds; the test's own time limit is the only other end. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      this.clock.advance(0);
      await turn();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closing = Promise.all(this.#closers.reverse().map((close) => close()));
    let closed = false;
    void closing.finally(() => {
      closed = true;
    });
    await this.until(() => closed);
    await closing;
  }

  async #memoryClient(to: Address): Promise<Client> {
    const transport = this.network.transport(this.kind.name, { address: this.kind.peer, port: 0 });
    let received = '';
    let address = transport.addresses[0] ?? { address: this.kind.peer, port: 0 };
    this.network.onDeliver((from, at, bytes) => {
      if (at.address === this.kind.peer) received += Buffer.from(bytes).toString();
      else address = from;
    });
    await transport.listen({ onBytes: () => {}, onUnframable: () => {} });
    const flow = transport.flowTo(to)!;
    let closed = false;
    flow.onClose(() => {
      closed = true;
    });
    return {
      get address() {
        return address;
      },
      received: () => received,
      closed: () => closed,
      send: (text) => flow.send(Buffer.from(text)),
      stopReading: () => this.network.partition(this.kind.peer),
      close: () => void transport.close(),
    };
  }

  async #stream(to: Address): Promise<Client> {
    const target = { host: to.address, port: to.port };
    const socket: Socket = this.kind.name === 'tls' ? connectTls({ ...target, ca }) : connectTcp(target);
    await once(socket, this.kind.name === 'tls' ? 'secureConnect' : 'connect');
    let received = '';
    let closed = false;
    socket.on('data', (chunk) => {
      received += chunk.toString();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      closed = true;
    });
    return {
      address: { address: socket.localAddress!, port: socket.localPort! },
      received: () => received,
      closed: () => closed,
      send: (text) => socket.write(text),
      stopReading: () => socket.pause(),
      close: () => socket.destroy(),
    };
  }

  async #webSocket(to: Address): Promise<Client> {
    const socket = await openWebSocket(this.kind.name, to, { ca });
    const { localAddress, localPort } = Reflect.get(socket, '_socket') as Socket;
    let received = '';
    let closed = false;
    socket.on('message', (data) => {
      received += data.toString();
    });
    socket.on('close', () => {
      closed = true;
    });
    return {
      address: { address: localAddress!, port: localPort! },
      received: () => received,
      closed: () => closed,
      send: (text) => socket.send(text),
      stopReading: () => socket.pause(),
      close: () => socket.terminate(),
    };
  }

  async #datagrams(to: Address): Promise<Client> {
    const socket = createSocket(to.address.includes(':') ? 'udp6' : 'udp4');
    socket.bind(0, this.kind.peer);
    await once(socket, 'listening');
    let received = '';
    let closed = false;
    socket.on('message', (bytes) => {
      received += bytes.toString('latin1');
    });
    const { address, port } = socket.address();
    return {
      address: { address, port },
      received: () => received,
      closed: () => closed,
      send: (text) => socket.send(text, to.port, to.address),
      stopReading: () => {},
      close: () => {
        if (!closed) socket.close();
        closed = true;
      },
    };
  }
}

/** The text of a request as a phone would write it. */
export function requestText(
  options: { via?: string; cseq?: string; length?: boolean; callId?: string; body?: string } = {},
): string {
  const {
    via = 'SIP/2.0/UDP 192.0.2.99:5071;branch=z9hG4bKa;rport',
    cseq = '1 OPTIONS',
    length = true,
    callId = 'a',
    body = '',
  } = options;
  return [
    'OPTIONS sip:pbx.example SIP/2.0',
    `Via: ${via}`,
    'Max-Forwards: 70',
    'From: <sip:1001@pbx.example>;tag=f',
    'To: <sip:pbx.example>',
    `Call-ID: ${callId}`,
    `CSeq: ${cseq}`,
    ...(length ? [`Content-Length: ${body.length}`] : []),
    '',
    body,
  ].join('\r\n');
}

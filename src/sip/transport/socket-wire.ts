import type { Socket } from 'node:net';
import type { Address } from '../../base/index.ts';
import type { Wire, WireUser } from './wire.ts';

/** A wire that is made when its connection is, and may have handshakes before it. */
export interface AcceptedWire extends Wire {
  /** Whom to tell of the end, and of bytes once they are read. */
  attach(user: WireUser): void;
  /** Reads from now on; from `socket` where a TLS handshake has put one on top of the first. */
  open(socket?: Socket): void;
}

/** Makes the wires of the connections that come in. */
export type WireMaker = (socket: Socket, local: Address, remote: Address) => AcceptedWire;

export const socketWire: WireMaker = (socket, local, remote) => new SocketWire(socket, local, remote);

/** A wire over a socket of `node:net`, or of `node:tls` once the handshake is over. */
export class SocketWire implements AcceptedWire {
  readonly local: Address;
  readonly remote: Address;
  readonly #end = new ConnectionEnd((error) => this.#user?.onClose(error));
  #socket: Socket;
  #user: WireUser | null = null;

  constructor(socket: Socket, local: Address, remote: Address) {
    this.#socket = socket;
    this.local = local;
    this.remote = remote;
    this.#end.watch(socket);
  }

  attach(user: WireUser): void {
    this.#user = user;
  }

  open(socket: Socket = this.#socket): void {
    this.#socket = socket;
    this.#end.watch(socket);
    socket.on('data', (chunk: Uint8Array) => this.#user?.onData(chunk));
    this.#user?.onOpen();
  }

  get queued(): number {
    return this.#socket.writableLength;
  }

  write(bytes: Uint8Array, done?: (error?: Error | null) => void): void {
    const socket = this.#socket;
    // What ended the connection says more than what that did to the write.
    socket.write(bytes, done && ((error) => done(error && (socket.errored ?? error))));
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** The end of a connection, told once with its first error, whether it is one socket or has another on top. */
export class ConnectionEnd {
  readonly #onEnd: (error: Error | null) => void;
  readonly #watched = new Set<Socket>();
  #error: Error | null = null;
  #told = false;

  constructor(onEnd: (error: Error | null) => void) {
    this.#onEnd = onEnd;
  }

  /** Watches one more socket of the connection; once is enough. */
  watch(socket: Socket): void {
    if (this.#watched.has(socket)) return;
    this.#watched.add(socket);
    socket.on('error', (error) => {
      this.#error ??= error;
    });
    socket.on('close', () => {
      if (this.#told) return;
      this.#told = true;
      this.#onEnd(this.#error);
    });
  }
}

/** Both ends of a connected socket; null when it is already gone. */
export function endsOf(socket: Socket): { readonly local: Address; readonly remote: Address } | null {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  if (!localAddress || !localPort || !remoteAddress || !remotePort) return null;
  return { local: { address: localAddress, port: localPort }, remote: { address: remoteAddress, port: remotePort } };
}

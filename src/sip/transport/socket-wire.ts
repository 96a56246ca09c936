import type { Socket } from 'node:net';
import type { Address } from '../../base/index.ts';
import type { Wire, WireUser } from './wire.ts';

/** A wire over a socket of `node:net`, or of `node:tls` once the handshake is over. */
export class SocketWire implements Wire {
  readonly local: Address;
  readonly remote: Address;
  #socket: Socket;
  #user: WireUser | null = null;
  #error: Error | null = null;
  #closed = false;

  constructor(socket: Socket, local: Address, remote: Address) {
    this.#socket = socket;
    this.local = local;
    this.remote = remote;
    this.#watch(socket);
  }

  /** Whom to tell of the end, and of bytes once they are read. */
  attach(user: WireUser): void {
    this.#user = user;
  }

  /** Reads from now on; from `socket` where the handshake has put one on top of the first. */
  open(socket: Socket = this.#socket): void {
    if (socket !== this.#socket) {
      this.#socket = socket;
      this.#watch(socket);
    }
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

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #watch(socket: Socket): void {
    socket.on('error', (error) => {
      this.#error ??= error;
    });
    socket.on('close', () => {
      if (this.#closed) return;
      this.#closed = true;
      this.#user?.onClose(this.#error);
    });
  }
}

/** Both ends of a connected socket; null when it is already gone. */
export function endsOf(socket: Socket): { readonly local: Address; readonly remote: Address } | null {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  if (!localAddress || !localPort || !remoteAddress || !remotePort) return null;
  return { local: { address: localAddress, port: localPort }, remote: { address: remoteAddress, port: remotePort } };
}

import { isUtf8 } from 'node:buffer';
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Address } from '../../base/index.ts';
import { type AcceptedWire, ConnectionEnd } from './socket-wire.ts';
import type { WebSocketDoor } from './websocket-door.ts';
import type { WireUser } from './wire.ts';

/** Status of a close by us (RFC 6455 §7.4.1): whoever still wants something connects again. */
const goingAway = 1001;
/** What a control frame of a client is longer than its payload, in bytes (RFC 6455 §5.2). */
const controlFrameHead = 6;

/** A wire over a WebSocket: each write is a message, text where it can be, and so is what is told of (RFC 7118 §4.2). */
export class WebSocketWire implements AcceptedWire {
  readonly local: Address;
  readonly remote: Address;
  readonly #door: WebSocketDoor;
  readonly #end = new ConnectionEnd((error) => this.#user?.onClose(error));
  #socket: Socket;
  #webSocket: WebSocket | null = null;
  #user: WireUser | null = null;
  /** Bytes that have come and belong to no frame that is known to be whole. */
  #pending = 0;

  constructor(socket: Socket, local: Address, remote: Address, door: WebSocketDoor) {
    this.#socket = socket;
    this.local = local;
    this.remote = remote;
    this.#door = door;
    this.#end.watch(socket);
  }

  attach(user: WireUser): void {
    this.#user = user;
  }

  /** Begins the WebSocket handshake. */
  open(socket: Socket = this.#socket): void {
    this.#socket = socket;
    this.#end.watch(socket);
    this.#door.admit(socket, (webSocket) => this.#opened(webSocket));
  }

  get queued(): number {
    return this.#webSocket?.bufferedAmount ?? this.#socket.writableLength;
  }

  write(bytes: Uint8Array, done: (error?: Error | null) => void = () => {}): void {
    if (this.#webSocket) this.#webSocket.send(bytes, { binary: !isUtf8(bytes) }, done);
    else queueMicrotask(() => done(new Error('the handshake is not over')));
  }

  ping(): void {
    this.#webSocket?.ping(undefined, undefined, () => {});
  }

  pause(): void {
    this.#webSocket?.pause();
  }

  resume(): void {
    this.#webSocket?.resume();
  }

  end(): void {
    if (this.#webSocket) this.#webSocket.close(goingAway);
    else this.#socket.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #opened(webSocket: WebSocket): void {
    this.#webSocket = webSocket;
    // The library has closed with a status that says what is wrong.
    webSocket.on('error', (error) => this.#user?.onFault(error));
    webSocket.on('message', (data: Buffer) => {
      this.#pending = 0;
      this.#user?.onData(data);
    });
    webSocket.on('ping', (data) => this.#keepalive('ping', data));
    webSocket.on('pong', (data) => this.#keepalive('pong', data));
    // The library tells of whole messages only. Bytes before it sees them, and what is left of them afterwards, show
    // how long one is on its way, also when there are pings among its fragments.
    this.#socket.prependListener('data', (chunk: Uint8Array) => {
      this.#pending += chunk.length;
    });
    this.#socket.on('data', () => this.#user?.onPart(this.#pending > 0));
    this.#user?.onOpen();
  }

  #keepalive(kind: 'ping' | 'pong', { length }: Uint8Array): void {
    this.#pending = Math.max(0, this.#pending - controlFrameHead - length);
    this.#user?.onKeepalive(kind);
  }
}

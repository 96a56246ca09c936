import { createServer, type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Log } from '../../base/index.ts';
import { limits } from '../message/index.ts';

/** The subprotocol that SIP is (RFC 7118 §4.1). */
const subprotocol = 'sip';

/**
 * The HTTP side of a WebSocket listener: makes WebSockets of connections whose peers ask for SIP (RFC 6455 §4.2,
 * RFC 7118 §4.1), and tells the others why not. How long a handshake may take is the concern of whoever uses it.
 */
export class WebSocketDoor {
  readonly #log: Log;
  readonly #http: Server;
  readonly #upgrades: WebSocketServer;
  readonly #waiting = new WeakMap<Duplex, (webSocket: WebSocket) => void>();

  constructor(log: Log) {
    this.#log = log;
    // It never listens: connections are given to it. Limits of time are the user's, by another clock.
    this.#http = createServer({ headersTimeout: 0, requestTimeout: 0, keepAliveTimeout: 0 });
    this.#http.on('request', (request, response) => {
      this.#refused(request, 426);
      const headers = { Upgrade: 'websocket', Connection: 'Upgrade, close', 'Content-Type': 'text/plain' };
      response.writeHead(426, headers).end(`This is a WebSocket for SIP (subprotocol ${subprotocol}).\n`);
    });
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#upgrades = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // Compression would cost more memory than it saves bytes, and 512 KiB could become any number.
      perMessageDeflate: false,
      // Room for what is too long for a message of SIP, so that it is answered; what is longer ends the connection.
      maxPayload: 2 * limits.streamBytes,
      maxFragments: 256,
      maxBufferedChunks: 8_192,
      handleProtocols: () => subprotocol,
    });
    this.#upgrades.on('wsClientError', (error, socket, request) => {
      this.#refused(request, 400, error.message);
      refuse(socket, error.message);
    });
  }

  /** Does the handshake on a connection of which nothing has been read. `onOpen` is called when it has succeeded. */
  admit(socket: Socket, onOpen: (webSocket: WebSocket) => void): void {
    this.#waiting.set(socket, onOpen);
    this.#http.emit('connection', socket);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const onOpen = this.#waiting.get(socket);
    if (!onOpen) {
      socket.destroy();
      return;
    }
    const offered = request.headers['sec-websocket-protocol']?.split(',').map((name) => name.trim());
    if (request.headers.upgrade?.toLowerCase() === 'websocket' && !offered?.includes(subprotocol)) {
      const reason = `The subprotocol ${subprotocol} must be offered`;
      this.#refused(request, 400, reason);
      refuse(socket, reason);
      return;
    }
    this.#upgrades.handleUpgrade(request, socket, head, onOpen);
  }

  #refused({ socket, method, url }: IncomingMessage, status: number, reason = STATUS_CODES[status]): void {
    this.#log.debug('WebSocket handshake refused', { remote: socket.remoteAddress, method, url, status, reason });
  }
}

/** Answers a handshake with 400, and closes. */
function refuse(socket: Duplex, reason: string): void {
  const head = [
    `HTTP/1.1 400 ${STATUS_CODES[400]}`,
    'Connection: close',
    'Content-Type: text/plain',
    `Content-Length: ${Buffer.byteLength(reason) + 1}`,
    // The version that is spoken, should that be what is wrong (RFC 6455 §4.2.2).
    'Sec-WebSocket-Version: 13',
  ];
  socket.once('finish', () => socket.destroy());
  socket.end(`${head.join('\r\n')}\r\n\r\n${reason}\n`);
}

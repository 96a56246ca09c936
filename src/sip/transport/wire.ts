import type { Address } from '../../base/index.ts';

/**
 * A byte stream between two addresses, whatever carries it: a TCP socket, a TLS session, a test's memory. Or a
 * WebSocket, which keeps apart what is written at once.
 */
export interface Wire {
  /** Our end. */
  readonly local: Address;
  readonly remote: Address;
  /** How many bytes wait to be taken by the network. */
  readonly queued: number;
  /** Sends `bytes`, after what is queued. `done` is called once, later: with an error when they did not leave. */
  write(bytes: Uint8Array, done?: (error?: Error | null) => void): void;
  /** Asks whether the peer is still there, where it must answer: a WebSocket's Ping (RFC 6455 §5.5.2). */
  ping?(): void;
  /** Reads no more until `resume`; what has been read already may still be told of. */
  pause?(): void;
  resume?(): void;
  /** Lets what is queued leave, then closes our half. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

/** What a wire tells the one who uses it; never from inside a call to the wire. */
export interface WireUser {
  /** Bytes can pass: connected, and the handshake is over where there is one. */
  onOpen(): void;
  onData(chunk: Uint8Array): void;
  /** Part of a WebSocket message has come, and `onData` when it is whole; `false` when there is no more to wait for. */
  onPart(pending: boolean): void;
  /** What the peer sends to show that it is there: a WebSocket's Ping, or the answer to ours. */
  onKeepalive(kind: 'ping' | 'pong'): void;
  /** What the peer sends is no WebSocket frame; there is nothing more to be read. */
  onFault(error: Error): void;
  /** The end, exactly once; `error` when it was not an orderly one. */
  onClose(error: Error | null): void;
}

/** Where wires come from. */
export interface Wiring {
  /**
   * Opens the listener and tells the address it got (a port of 0 asks for any free one). `accept` is asked for each
   * connection before its handshake; `null` refuses it. Rejects when the address can't be had.
   */
  listen(accept: (wire: Wire) => WireUser | null): Promise<Address>;
  /**
   * Starts to connect to `remote`; what is written meanwhile waits. `from` binds our end to one of our addresses. Absent
   * where only peers connect.
   */
  connect?(remote: Address, from: string | null, user: WireUser): Wire;
  /** Stops listening; open wires stay. */
  close(): Promise<void>;
}

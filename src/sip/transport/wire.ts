import type { Address } from '../../base/index.ts';

/** A byte stream between two addresses, whatever carries it: a TCP socket, a TLS session, a test's memory. */
export interface Wire {
  /** Our end. */
  readonly local: Address;
  readonly remote: Address;
  /** How many bytes wait to be taken by the network. */
  readonly queued: number;
  /** Sends `bytes`, after what is queued. `done` is called once, later: with an error when they did not leave. */
  write(bytes: Uint8Array, done?: (error?: Error | null) => void): void;
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
  /** Starts to connect to `remote`; what is written meanwhile waits. `from` binds our end to one of our addresses. */
  connect(remote: Address, from: string | null, user: WireUser): Wire;
  /** Stops listening; open wires stay. */
  close(): Promise<void>;
}

import type { Address } from '../../base/index.ts';

export type TransportName = 'udp' | 'tcp' | 'tls' | 'ws' | 'wss';

/** Whether SIP goes over WebSockets (RFC 7118): connections that carry whole messages, and that only peers can open. */
export function isWebSocket(transport: TransportName): boolean {
  return transport === 'ws' || transport === 'wss';
}

/**
 * A way to one peer: a connection, or a pair of UDP addresses (RFC 5626 §2). Responses leave on the flow their
 * request came on, requests to a phone on the flow it registered over.
 */
export interface Flow {
  /** Names the flow for as long as the process lives; two UDP flows between the same addresses have the same name. */
  readonly id: string;
  readonly transport: TransportName;
  /** Whether what is sent arrives or the flow ends: TCP and all above it. */
  readonly reliable: boolean;
  /** Whether the hop is encrypted. */
  readonly secure: boolean;
  /** Our end of it. */
  readonly local: Address;
  /** Where peers of this flow reach our listener: what Via and Contact say. */
  readonly advertised: Address;
  /** The peer's end. */
  readonly remote: Address;
  readonly closed: boolean;
  /** Sends one message, whole. `onError` is called at most once, later, when it is known not to have left. */
  send(bytes: Uint8Array, onError?: (error: Error) => void): void;
  /** Keeps a connection open that carries a binding or a dialog: a held flow is never idle. */
  hold(): Disposable;
  /** Calls `listener` once when the connection ends. Never for UDP. */
  onClose(listener: () => void): Disposable;
}

/** What a transport tells the layer above it. */
export interface TransportReceiver {
  /**
   * Whether a peer at this IP address is heard at all: streams ask before they accept a connection and before they read
   * from one. Absent: everybody is.
   */
  accepts?(address: string): boolean;
  /** One datagram, one WebSocket message, or one framed message of a stream. */
  onBytes(bytes: Uint8Array, flow: Flow): void;
  /** The connection can't be read any more; the transport closes the flow after this returns. */
  onUnframable(error: Error, flow: Flow): void;
  /** A connection was refused, for there are too many. */
  onConnectionRefused?(): void;
}

/** A listener and the flows that begin or end at it: UDP, TCP, TLS, WebSocket, memory. */
export interface Transport {
  readonly name: TransportName;
  readonly reliable: boolean;
  readonly secure: boolean;
  /** The addresses that are listened on; known once `listen` has settled. */
  readonly addresses: readonly Address[];
  /** The addresses that its flows have told peers to reach it at, as far as they differ from `addresses`. */
  readonly advertised: readonly Address[];
  /** Opens the listener. Rejects with an error whose message names the address when it can't be had. */
  listen(receiver: TransportReceiver): Promise<void>;
  /**
   * A flow to `remote`: for streams the open connection to it, else a new one that queues until it is connected;
   * for UDP from the socket of `local` where that is one of ours, else of the address the route leads out of.
   * `null` when this transport can't reach such an address (another IP family, or a WebSocket that is not open).
   */
  flowTo(remote: Address, local?: Address): Flow | null;
  /** The open connection to `remote`, if there is one; always `null` for UDP, which has none. */
  findFlow(remote: Address): Flow | null;
  /** Closes the connections that `which` names, at once. Nothing for UDP, which has none. */
  hangUp(which: (flow: Flow) => boolean): void;
  /** Stops listening and closes every flow. Harmless when `listen` was never called or failed. */
  close(): Promise<void>;
}

/** Where peers reach the listener at `local` as `remote` sees it: the public address for a peer beyond the NAT. */
export type Advertise = (local: Address, remote: Address) => Address;

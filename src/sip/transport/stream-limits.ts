/** Bounds of what peers of a stream transport can make us keep. Times in ms; `Infinity` for no bound. */
export interface StreamLimits {
  /** A connection of ours that is not established by then has failed. */
  readonly connect: number;
  /** The handshakes of an accepted connection: TLS, WebSocket. */
  readonly handshake: number;
  /**
   * A message, from its first byte to its last; the first on an accepted connection counts from its opening, but for a
   * WebSocket, whose peer has said in the handshake that it speaks SIP.
   */
  readonly message: number;
  /** Without a message or keepalive either way, on a connection that nobody holds. */
  readonly idle: number;
  /**
   * Silence of a WebSocket peer after which it is sent a Ping (RFC 7118 §6): less than the minute after which proxies
   * take a connection for dead.
   */
  readonly ping: number;
  /** How long it may take to answer; after that it is gone. */
  readonly pong: number;
  /**
   * Silence after which the peer's machine is asked whether it is still there (TCP keepalive), and again after each
   * such time: NATs forget a connection that nothing passes over.
   */
  readonly keepalive: number;
  /** How long the last bytes of a connection that we close may take to leave. */
  readonly linger: number;
  /** Open connections in all. */
  readonly connections: number;
  /** Open connections from one IP address. */
  readonly connectionsPerSource: number;
  /** Bytes that may wait for a peer that does not read. */
  readonly queueBytes: number;
  /** Bytes that may be kept in all, for peers that do not read and of messages that are not whole, on connections that nobody holds. */
  readonly keptBytes: number;
  /** Messages and keepalives of one connection that are handled before others, and timers, have their turn. */
  readonly framesPerTurn: number;
}

export const defaultStreamLimits: StreamLimits = {
  connect: 5_000,
  handshake: 10_000,
  message: 15_000,
  idle: 180_000,
  ping: 30_000,
  pong: 15_000,
  keepalive: 60_000,
  linger: 2_000,
  connections: 10_000,
  connectionsPerSource: 1_000,
  queueBytes: 1_048_576,
  keptBytes: 67_108_864,
  framesPerTurn: 32,
};

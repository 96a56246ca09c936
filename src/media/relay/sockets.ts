import type { Address } from '../../base/index.ts';

/** An open datagram socket. */
export interface DatagramPort {
  /** Where it is bound; the port is the real one where 0 was asked for. */
  readonly local: Address;
  /** Sends now or never: what cannot be sent is lost, as on the network. `bytes` are not to be changed afterwards. */
  send(bytes: Uint8Array, to: Address): void;
  close(): void;
}

/** What the relay needs of the network. */
export interface MediaSockets {
  /**
   * Binds synchronously; null when the port is taken or the address cannot be bound. Port 0 takes any free one.
   * `bytes` belong to `onPacket`; `from` is to be read at once and not kept.
   */
  open(local: Address, onPacket: (bytes: Uint8Array, from: Address) => void): DatagramPort | null;
}

import { type Address, type Clock, formatAddress, type Random } from '../../base/index.ts';
import type { DatagramPort, MediaSockets } from './sockets.ts';

const firstEphemeralPort = 49_152;
const lastPort = 65_535;

/** How badly the network behaves; shares are between 0 and 1, times in ms. */
export interface MemoryNetwork {
  /** Share of datagrams that never arrive. */
  readonly loss?: number;
  /** Share that arrives twice. */
  readonly duplication?: number;
  /** Share that is overtaken by what is sent in the next `reorderingDelay`. */
  readonly reordering?: number;
  readonly reorderingDelay?: number;
  /** How long a datagram is on its way: from `delay` to `delay + delaySpread`. */
  readonly delay?: number;
  readonly delaySpread?: number;
  /** Addresses that no socket can be bound to. */
  readonly unbindable?: readonly string[];
}

type Receiver = (bytes: Uint8Array, from: Address) => void;

/**
 * A small datagram network in memory, for tests and simulations. A datagram always takes a turn of the clock, so nothing
 * arrives before `send` has returned. Every address exists; there are no wildcards.
 */
export class MemorySockets implements MediaSockets {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #receivers = new Map<string, Receiver>();
  #network: MemoryNetwork;
  #nextEphemeral = firstEphemeralPort;

  constructor(clock: Clock, random: Random, network: MemoryNetwork = {}) {
    this.#clock = clock;
    this.#random = random;
    this.#network = network;
  }

  /** How many sockets are open. */
  get size(): number {
    return this.#receivers.size;
  }

  /** Whether a socket is bound there. */
  has(local: Address): boolean {
    return this.#receivers.has(formatAddress(local));
  }

  /** From now on the network behaves like this; what is on its way is not affected. */
  behave(network: MemoryNetwork): void {
    this.#network = network;
  }

  open(local: Address, onPacket: Receiver): DatagramPort | null {
    if (this.#network.unbindable?.includes(local.address)) return null;
    const bound = local.port === 0 ? this.#ephemeral(local.address) : local;
    const key = formatAddress(bound);
    if (this.#receivers.has(key)) return null;
    // A receiver of its own, so that closing and opening again never delivers to the former owner.
    const receiver: Receiver = (bytes, from) => onPacket(bytes, from);
    this.#receivers.set(key, receiver);
    return {
      local: bound,
      send: (bytes, to) => {
        if (this.#receivers.get(key) === receiver) this.#carry(bytes, bound, to);
      },
      close: () => {
        if (this.#receivers.get(key) === receiver) this.#receivers.delete(key);
      },
    };
  }

  #ephemeral(address: string): Address {
    for (;;) {
      const local = { address, port: this.#nextEphemeral };
      this.#nextEphemeral = local.port < lastPort ? local.port + 1 : firstEphemeralPort;
      if (!this.has(local)) return local;
    }
  }

  #carry(bytes: Uint8Array, from: Address, to: Address): void {
    if (this.#happens(this.#network.loss)) return;
    this.#deliver(bytes, from, to);
    if (this.#happens(this.#network.duplication)) this.#deliver(bytes, from, to);
  }

  #deliver(bytes: Uint8Array, from: Address, to: Address): void {
    const { delay = 0, delaySpread = 0, reordering, reorderingDelay = 30 } = this.#network;
    const late = this.#happens(reordering) ? reorderingDelay : 0;
    const spread = delaySpread > 0 ? this.#random.below(delaySpread + 1) : 0;
    const copy = Uint8Array.from(bytes);
    const target = formatAddress(to);
    this.#clock.after(delay + spread + late, () => this.#receivers.get(target)?.(copy, from));
  }

  #happens(share: number | undefined): boolean {
    return share !== undefined && share > 0 && this.#random.below(1_000_000) < share * 1_000_000;
  }
}

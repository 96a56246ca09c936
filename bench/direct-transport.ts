import { type Address, formatAddress } from '../src/base/index.ts';
import type { Flow, Transport, TransportReceiver } from '../src/sip/transport/index.ts';

const nothing: Disposable = { [Symbol.dispose]: () => {} };

/** UDP without sockets: what is sent goes to `onSend` at once, what is delivered is handled at once. */
export class DirectTransport implements Transport {
  readonly name = 'udp';
  readonly reliable = false;
  readonly secure = false;
  readonly addresses: readonly Address[];
  readonly advertised: readonly Address[] = [];
  readonly #onSend: (bytes: Uint8Array, to: Address) => void;
  #receiver: TransportReceiver | null = null;

  constructor(local: Address, onSend: (bytes: Uint8Array, to: Address) => void) {
    this.addresses = [local];
    this.#onSend = onSend;
  }

  async listen(receiver: TransportReceiver): Promise<void> {
    this.#receiver = receiver;
  }

  deliver(bytes: Uint8Array, from: Address): void {
    this.#receiver?.onBytes(bytes, this.flowTo(from));
  }

  flowTo(remote: Address): Flow {
    return new DirectFlow(this.addresses[0]!, remote, this.#onSend);
  }

  findFlow(): null {
    return null;
  }

  hangUp(): void {}

  async close(): Promise<void> {}
}

class DirectFlow implements Flow {
  readonly transport = 'udp';
  readonly reliable = false;
  readonly secure = false;
  readonly closed = false;
  readonly local: Address;
  readonly remote: Address;
  readonly #onSend: (bytes: Uint8Array, to: Address) => void;

  constructor(local: Address, remote: Address, onSend: (bytes: Uint8Array, to: Address) => void) {
    this.local = local;
    this.remote = remote;
    this.#onSend = onSend;
  }

  get id(): string {
    return `udp/${formatAddress(this.local)}/${formatAddress(this.remote)}`;
  }

  get advertised(): Address {
    return this.local;
  }

  send(bytes: Uint8Array): void {
    this.#onSend(bytes, this.remote);
  }

  hold(): Disposable {
    return nothing;
  }

  onClose(): Disposable {
    return nothing;
  }
}

import type { Address, Clock, Timer } from '../../base/index.ts';
import type { Wire, WireUser } from './wire.ts';

/** What a memory wire asks of the network it runs through. */
export interface MemoryPath {
  readonly clock: Clock;
  /** How long the next piece takes, in ms. */
  delay(): number;
  /** Whether nothing passes between the two hosts now. */
  severed(a: string, b: string): boolean;
  /** Told when nothing more will come from a wire. */
  forget(wire: MemoryWire): void;
  /** Told of each piece that arrives. */
  delivered(from: Address, to: Address, bytes: Uint8Array): void;
}

type Piece =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array; readonly done: ((error?: Error | null) => void) | undefined }
  | { readonly kind: 'ping' | 'pong' }
  | { readonly kind: 'end'; readonly error: Error | null };

/**
 * One end of a connection in memory: ordered, without loss. While the hosts can't reach each other its bytes wait, as
 * those of a TCP connection do that is still hoping.
 */
export class MemoryWire implements Wire {
  readonly local: Address;
  readonly remote: Address;
  readonly #path: MemoryPath;
  readonly #queue: Piece[] = [];
  #user: WireUser | null = null;
  #peer: MemoryWire | null = null;
  #queued = 0;
  #arrival = 0;
  #timer: Timer | null = null;
  #ending = false;
  #over = false;

  constructor(local: Address, remote: Address, path: MemoryPath) {
    this.local = local;
    this.remote = remote;
    this.#path = path;
  }

  get queued(): number {
    return this.#queued;
  }

  /** Whether the end has been told. */
  get over(): boolean {
    return this.#over;
  }

  attach(user: WireUser): void {
    this.#user = user;
  }

  /** Connects the two ends; what was written before sets out now. */
  join(peer: MemoryWire): void {
    this.#peer = peer;
    peer.#peer = this;
    peer.#user?.onOpen();
    this.#user?.onOpen();
    this.resume();
    peer.resume();
  }

  write(bytes: Uint8Array, done?: (error?: Error | null) => void): void {
    if (this.#ending) {
      if (done) this.#path.clock.after(0, () => done(new Error('the connection is closed')));
      return;
    }
    this.#queued += bytes.length;
    this.#push({ kind: 'bytes', bytes, done });
  }

  ping(): void {
    if (!this.#ending) this.#push({ kind: 'ping' });
  }

  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#push({ kind: 'end', error: null });
  }

  destroy(): void {
    this.break(new Error('the connection was reset'));
  }

  /** The end without an orderly one, at this side; the other hears of it as soon as anything gets through. */
  break(error: Error): void {
    if (this.#over) return;
    this.#ending = true;
    this.#fail(error);
    this.#finish(error);
    if (this.#peer && !this.#peer.#over) this.#push({ kind: 'end', error });
    else this.#path.forget(this);
  }

  /** Goes on when something may pass again. */
  resume(): void {
    if (this.#timer || !this.#peer || this.#queue.length === 0) return;
    if (this.#path.severed(this.local.address, this.remote.address)) return;
    const { clock } = this.#path;
    // Never before what was sent earlier.
    this.#arrival = Math.max(this.#arrival, clock.now() + this.#path.delay());
    this.#timer = clock.after(this.#arrival - clock.now(), () => this.#deliver());
  }

  #push(piece: Piece): void {
    this.#queue.push(piece);
    this.resume();
  }

  /** All that is queued arrives together, as bytes of a stream may. */
  #deliver(): void {
    this.#timer = null;
    if (this.#path.severed(this.local.address, this.remote.address)) return;
    const peer = this.#peer;
    for (const piece of this.#queue.splice(0)) {
      if (piece.kind === 'bytes') {
        this.#queued -= piece.bytes.length;
        piece.done?.(null);
        if (peer) peer.#receive(this.local, piece.bytes);
      } else if (piece.kind === 'end') {
        if (peer) peer.#ended(piece.error);
        this.#finish(piece.error);
        this.#path.forget(this);
      } else if (peer) {
        peer.#keepAlive(piece.kind);
      }
    }
    this.resume();
  }

  #receive(from: Address, bytes: Uint8Array): void {
    if (this.#over) return;
    this.#path.delivered(from, this.local, bytes);
    this.#user?.onData(bytes);
  }

  #keepAlive(kind: 'ping' | 'pong'): void {
    if (this.#over) return;
    if (kind === 'ping' && !this.#ending) this.#push({ kind: 'pong' });
    this.#user?.onKeepalive(kind);
  }

  /** The other side has closed: what we still had for it is lost. */
  #ended(error: Error | null): void {
    if (this.#over) return;
    this.#ending = true;
    this.#fail(error ?? new Error('the peer closed the connection'));
    this.#finish(error);
    this.#path.forget(this);
  }

  #fail(error: Error): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#queued = 0;
    for (const piece of this.#queue.splice(0)) {
      if (piece.kind === 'bytes' && piece.done) {
        const { done } = piece;
        this.#path.clock.after(0, () => done(error));
      }
    }
  }

  #finish(error: Error | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#path.clock.after(0, () => this.#user?.onClose(error));
  }
}

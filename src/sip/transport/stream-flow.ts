import type { Address, Clock, Log, Timer } from '../../base/index.ts';
import { formatAddress } from '../../base/index.ts';
import { type Frame, type Framer, MessageFramer, SipSyntaxError, StreamFramer } from '../message/index.ts';
import type { StreamLimits } from './stream-limits.ts';
import { type Flow, isWebSocket, type TransportName, type TransportReceiver } from './transport.ts';
import type { Wire, WireUser } from './wire.ts';

/** The answer to a keepalive ping (RFC 5626 §4.4.1). */
const pong = Uint8Array.of(13, 10);

/** From this on, in bytes, it is asked whether as much can be kept for a peer whom nobody knows. */
const muchKept = 16_384;

/** How long a turn may be thought to be, in ms. */
const turn = 1;

/** Who owns a stream flow, and what it has to know of its life. */
export interface StreamFlowOwner {
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: StreamLimits;
  readonly receiver: TransportReceiver;
  /** Whether too much is kept on connections that nobody holds; if so, this one of them is closed. */
  keepsTooMuch(flow: StreamFlow): boolean;
  /** Nothing can be sent on the flow any more. */
  onEnded(flow: StreamFlow): void;
  /** The wire under the flow is gone. */
  onGone(flow: StreamFlow): void;
}

export interface StreamFlowParts {
  readonly id: string;
  readonly transport: TransportName;
  readonly secure: boolean;
  /** Whether the peer connected to us. */
  readonly incoming: boolean;
  readonly local: Address;
  readonly advertised: Address;
  readonly remote: Address;
}

/** When something is to be done about a connection if nothing happens before (monotonic time in ms), and what. */
interface Deadline {
  readonly at: number;
  readonly act: () => void;
}

/**
 * A connection as a flow: frames what arrives, answers pings, and ends when it is silent for too long and nobody
 * holds it. Trickled bytes are no sign of life, only whole messages and keepalives are. The peer of a WebSocket is
 * asked from time to time whether it is there, and the flow ends when it is not.
 */
export class StreamFlow implements Flow {
  readonly id: string;
  readonly transport: TransportName;
  readonly reliable = true;
  readonly secure: boolean;
  readonly incoming: boolean;
  readonly local: Address;
  readonly advertised: Address;
  readonly remote: Address;
  readonly #owner: StreamFlowOwner;
  readonly #framer: Framer;
  readonly #closeListeners = new Set<() => void>();
  #wire: Wire | null = null;
  #state: 'opening' | 'fresh' | 'open' | 'closed' = 'opening';
  #holds = 0;
  #since: number;
  /** When the message that is still arriving began to; null between messages. */
  #partSince: number | null = null;
  /** When the peer was last heard, and when it was asked whether it is there; null when it need not answer. */
  #heard: number;
  #asked: number | null = null;
  #timer: Timer | null = null;
  /** Until others have had their turn; what comes meanwhile waits. */
  #rest: Timer | null = null;
  /** Frames handled in this turn, and when it began. */
  #framesInTurn = 0;
  #turnBegan = 0;

  constructor(parts: StreamFlowParts, owner: StreamFlowOwner) {
    this.id = parts.id;
    this.transport = parts.transport;
    this.secure = parts.secure;
    this.incoming = parts.incoming;
    this.local = parts.local;
    this.advertised = parts.advertised;
    this.remote = parts.remote;
    this.#owner = owner;
    this.#framer = isWebSocket(parts.transport) ? new MessageFramer() : new StreamFramer();
    this.#since = owner.clock.now();
    this.#heard = this.#since;
    this.#watch();
  }

  get closed(): boolean {
    return this.#state === 'closed';
  }

  get held(): boolean {
    return this.#holds > 0;
  }

  /** When something last happened on it: monotonic time in ms. */
  get activeSince(): number {
    return this.#since;
  }

  /** Bytes that are kept for the peer or of its unfinished message. */
  get kept(): number {
    return (this.#wire?.queued ?? 0) + this.#framer.buffered;
  }

  /** Gives the flow its wire; once, before anything else. */
  attach(wire: Wire): void {
    this.#wire = wire;
  }

  send(bytes: Uint8Array, onError?: (error: Error) => void): void {
    const { clock, limits } = this.#owner;
    if (this.#state === 'closed' || !this.#wire) {
      if (onError)
        clock.after(0, () => onError(new Error(`the connection to ${formatAddress(this.remote)} is closed`)));
      return;
    }
    if (this.#wire.queued + bytes.length > limits.queueBytes) {
      if (onError) clock.after(0, () => onError(new Error(`${formatAddress(this.remote)} does not read`)));
      this.destroy('the peer does not read');
      return;
    }
    if (this.#wire.queued > muchKept && this.#isOneTooMany()) {
      if (onError)
        clock.after(0, () => onError(new Error(`too many peers like ${formatAddress(this.remote)} do not read`)));
      return;
    }
    if (this.#state === 'open') this.#since = clock.now();
    this.#wire.write(bytes, onError && ((error) => error && onError(error)));
  }

  hold(): Disposable {
    this.#holds++;
    this.#watch();
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#holds--;
        if (this.#state === 'open') this.#since = this.#owner.clock.now();
        this.#watch();
      },
    };
  }

  onClose(listener: () => void): Disposable {
    const entry = () => listener();
    if (this.#state === 'closed') {
      const timer = this.#owner.clock.after(0, entry);
      return { [Symbol.dispose]: () => timer.cancel() };
    }
    this.#closeListeners.add(entry);
    return { [Symbol.dispose]: () => this.#closeListeners.delete(entry) };
  }

  /** The flow as its wire sees it. */
  get wireUser(): WireUser {
    return {
      onOpen: () => this.#opened(),
      onData: (chunk) => this.#receive(chunk),
      onPart: (pending) => this.#notePart(pending, false),
      onKeepalive: (kind) => this.#keptAlive(kind),
      onFault: (cause) => {
        if (!this.closed) this.#handle({ kind: 'error', error: new SipSyntaxError(cause.message, { cause }) });
      },
      onClose: (error) => this.#gone(error),
    };
  }

  /** Lets what was sent leave, then closes; the flow counts as closed at once. */
  end(reason: string): void {
    if (this.#state === 'opening') {
      this.destroy(reason);
      return;
    }
    const wire = this.#wire;
    if (!this.#finish(reason) || !wire) return;
    wire.end();
    this.#timer = this.#owner.clock.after(this.#owner.limits.linger, () => wire.destroy());
  }

  /** Closes at once. */
  destroy(reason: string): void {
    if (this.#finish(reason)) this.#wire?.destroy();
  }

  #opened(): void {
    if (this.#state !== 'opening') return;
    this.#state = this.incoming && !isWebSocket(this.transport) ? 'fresh' : 'open';
    this.#since = this.#owner.clock.now();
    this.#heard = this.#since;
    this.#watch();
  }

  #receive(chunk: Uint8Array): void {
    if (this.closed) return;
    if (this.#owner.receiver.accepts?.(this.remote.address) === false) {
      this.destroy('its peer is not heard any more');
      return;
    }
    this.#hear();
    this.#framer.push(chunk);
    if (!this.#rest || isWebSocket(this.transport)) this.#read();
  }

  #read(): void {
    const { framesPerTurn } = this.#owner.limits;
    let frames = 0;
    // A message may close the flow under way; what the peer sent behind it is then of no interest.
    while (!this.closed && frames < framesPerTurn) {
      const frame = this.#framer.next();
      if (!frame) break;
      frames++;
      this.#handle(frame);
    }
    if (this.closed) return;
    const now = this.#owner.clock.now();
    if (now - this.#turnBegan > turn) {
      this.#turnBegan = now;
      this.#framesInTurn = 0;
    }
    this.#framesInTurn += frames;
    if (this.#framesInTurn >= framesPerTurn) this.#makeWay();
    this.#notePart(this.#framer.buffered > 0, frames > 0);
    if (this.#framer.buffered > muchKept) this.#isOneTooMany();
  }

  /** Others first: goes on with what has come, and to read, when they have had their turn. */
  #makeWay(): void {
    if (this.#rest) return;
    this.#wire?.pause?.();
    this.#rest = this.#owner.clock.after(0, () => {
      this.#rest = null;
      this.#framesInTurn = 0;
      this.#read();
      if (!this.#rest && !this.closed) this.#wire?.resume?.();
    });
  }

  /** Closes the connection where nobody holds it and too much is kept on those that nobody holds. */
  #isOneTooMany(): boolean {
    if (this.held || !this.#owner.keepsTooMuch(this)) return false;
    this.destroy('too much is kept for peers whom nobody knows');
    return true;
  }

  #keptAlive(kind: 'ping' | 'pong'): void {
    if (this.closed) return;
    this.#hear();
    // An answer to us is no wish of the peer's to keep the connection.
    if (kind === 'ping') this.#since = this.#owner.clock.now();
  }

  #hear(): void {
    this.#heard = this.#owner.clock.now();
    if (this.#asked === null) return;
    this.#asked = null;
    // The next question may be due before the answer to this one was.
    this.#watch();
  }

  #handle(frame: Frame): void {
    const { receiver, clock } = this.#owner;
    switch (frame.kind) {
      case 'message':
        this.#since = clock.now();
        if (this.#state === 'fresh') {
          this.#state = 'open';
          this.#watch();
        }
        receiver.onBytes(frame.bytes, this);
        break;
      case 'ping':
        if (this.#state === 'open') this.#since = clock.now();
        this.send(pong);
        break;
      case 'pong':
        if (this.#state === 'open') this.#since = clock.now();
        break;
      case 'error':
        receiver.onUnframable(frame.error, this);
        this.end(frame.error.message);
        break;
    }
  }

  /** `whole`: a frame was completed, so what is left over now has only just begun. */
  #notePart(pending: boolean, whole: boolean): void {
    if (!pending) {
      this.#partSince = null;
    } else if (whole || this.#partSince === null) {
      this.#partSince = this.#owner.clock.now();
      this.#watch();
    }
  }

  #gone(error: Error | null): void {
    this.#finish(error ? error.message : 'the peer closed it');
    this.#timer?.cancel();
    this.#owner.onGone(this);
  }

  /** Ends the flow for those above; false when it has ended before. */
  #finish(reason: string): boolean {
    if (this.#state === 'closed') return false;
    this.#state = 'closed';
    this.#timer?.cancel();
    this.#rest?.cancel();
    const { log, clock } = this.#owner;
    log.debug('connection closed', { flow: this.id, reason });
    this.#owner.onEnded(this);
    const listeners = [...this.#closeListeners];
    this.#closeListeners.clear();
    // Later, because a send may be what ends the flow, and its caller is in the middle of something.
    if (listeners.length > 0) clock.after(0, () => this.#tell(listeners));
    return true;
  }

  #tell(listeners: readonly (() => void)[]): void {
    for (const listener of listeners) {
      try {
        listener();
      } catch (error) {
        this.#owner.log.error('the user of a closed connection failed', { flow: this.id, error });
      }
    }
  }

  /** What is to be done next if nothing happens. */
  #deadline(): Deadline {
    const { limits } = this.#owner;
    if (this.#state === 'opening') {
      return this.incoming
        ? { at: this.#since + limits.handshake, act: () => this.destroy('no handshake in time') }
        : { at: this.#since + limits.connect, act: () => this.destroy('no connection in time') };
    }
    let next: Deadline = { at: Number.POSITIVE_INFINITY, act: () => {} };
    const consider = (at: number, act: () => void): void => {
      if (at < next.at) next = { at, act };
    };
    if (this.#partSince !== null) {
      consider(this.#partSince + limits.message, () => this.end('a message did not come to its end in time'));
    }
    if (this.#holds === 0) {
      if (this.#state === 'fresh') consider(this.#since + limits.message, () => this.destroy('no message in time'));
      else consider(this.#since + limits.idle, () => this.end('idle'));
    }
    if (this.incoming && isWebSocket(this.transport)) {
      if (this.#asked === null) consider(this.#heard + limits.ping, () => this.#ask());
      else consider(this.#asked + limits.pong, () => this.destroy('the peer does not answer'));
    }
    return next;
  }

  #ask(): void {
    this.#asked = this.#owner.clock.now();
    this.#wire?.ping?.();
    this.#watch();
  }

  /** Sets the timer to the deadline. Activity moves the deadline only; the timer looks again when it fires. */
  #watch(): void {
    if (this.#state === 'closed') return;
    this.#timer?.cancel();
    this.#timer = null;
    const { clock } = this.#owner;
    const { at } = this.#deadline();
    if (at === Number.POSITIVE_INFINITY) return;
    this.#timer = clock.after(at - clock.now(), () => {
      const due = this.#deadline();
      if (clock.now() < due.at) this.#watch();
      else due.act();
    });
  }
}

import { type Clock, type Log, sameAddress, type Timer } from '../../base/index.ts';
import { answer, type NativeAddon, type NativeBinding } from './native-addon.ts';
import { NativeLegCounters } from './native-counters.ts';
import { type NativeHost, type NativePlace, type NativePorts, NativeSession } from './native-session.ts';
import type { MediaTotals, OpenFailure, PortPair, Relay, RelaySession, RelaySpec, RelayUser } from './relay.ts';
import { RelayTotals } from './relay-totals.ts';

/** Bytes that stand before each packet in what `drain` copies: length, session, kind, nothing (32 bits each), time (a double). */
const headerSize = 24;
/** Room for the largest packet and many small ones. */
const drainSize = 128 * 1024;
/** How often it is drained in one turn of the event loop at most. */
const drainsPerTurn = 16;
/** How many packets are given to a thread before it is woken for them: a turn that codes many calls may last long. */
const packetsPerFlush = 16;

export const realTimeRefused = 'real-time priority refused to the media relay: a busy machine may delay audio';

/** Packets that JavaScript is to hear wait so long at most for others, in ms: a fifth of what one of them holds. */
const usualLull = 4;

export interface NativeRelayOptions {
  readonly addon: NativeAddon;
  readonly clock: Clock;
  readonly log: Log;
  /** Further addresses that lead to our ports, such as the public one of a NAT. */
  readonly ownAddresses?: readonly string[];
  /** How many threads the sessions are spread over; 1 where it is not said. */
  readonly threads?: number;
  /** Whether the threads ask for real-time priority, which they give back while they are overloaded. */
  readonly realTime?: boolean;
  /** The differentiated services code point of what is sent; null: as the system does. */
  readonly dscp?: number | null;
  /** Bytes of packets that wait for JavaScript, and for the network, at most, for each thread. */
  readonly tapBytes?: number;
  readonly sendBytes?: number;
  /** For tests: time moves only when `advance` is called. */
  readonly frozen?: boolean;
}

/**
 * The relay in C++: packets go from port to port in threads of its own and never touch JavaScript, unless somebody asks
 * for them. What is told here is in force for every packet that is sent after it has returned.
 */
export class NativeRelay implements Relay {
  readonly #binding: NativeBinding;
  readonly #log: Log;
  readonly #chunkSize: number;
  readonly #host: NativeHost;
  /** How many sessions each thread serves. */
  readonly #threads: number[];
  /** By RTP port. */
  readonly #open = new Map<number, NativePorts>();
  /** By their numbers; those that are ending among them. */
  readonly #sessions = new Map<number, NativeSession>();
  readonly #totals = new RelayTotals();
  readonly #chunks: ArrayBuffer[] = [];
  readonly #freeSlots: number[] = [];
  readonly #settling: (() => void)[] = [];
  readonly #drained = new Uint8Array(drainSize);
  readonly #view = new DataView(this.#drained.buffer);
  /** Threads that have been given packets in this turn. */
  readonly #given = new Set<number>();
  #givenPackets = 0;
  readonly #clock: Clock;
  /** How long, in ms, after a look the next may wait. */
  readonly #lull: number;
  #lookedAt = -Infinity;
  #lookTimer: Timer | null = null;
  #lastNumber = 0;
  #closed = false;

  /** Throws where the system refuses what the threads need. */
  constructor({ addon, clock, log, ownAddresses = [], threads = 1, ...options }: NativeRelayOptions) {
    this.#log = log;
    this.#clock = clock;
    this.#lull = options.frozen ? 0 : usualLull;
    this.#chunkSize = addon.counterChunk;
    this.#threads = Array(threads).fill(0);
    this.#binding = new addon.Relay(
      {
        now: clock.now(),
        frozen: options.frozen ?? false,
        threads,
        realTime: options.realTime ?? true,
        tapBytes: options.tapBytes ?? 1 << 20,
        sendBytes: options.sendBytes ?? 1 << 20,
        dscp: options.dscp ?? -1,
        ownAddresses,
      },
      () => this.#wake(),
    );
    this.#host = {
      binding: this.#binding,
      clock,
      onGiven: (thread) => this.#flushSoon(thread),
      portsOf: (pair) => this.#portsOf(pair),
      onEnd: ({ place }) => this.#threads[place.thread]!--,
    };
  }

  open(pair: PortPair): 'opened' | OpenFailure {
    if (this.#closed) return 'unusable';
    if (this.#open.has(pair.port)) return 'taken';
    if (!this.#binding.openPair(pair.address, pair.port)) {
      // Where not even a port of the system's choice opens, the port is not to blame.
      return this.#binding.canOpen(pair.address) ? 'taken' : 'unusable';
    }
    this.#open.set(pair.port, { pair, thread: null, user: null });
    return 'opened';
  }

  shut(pair: PortPair): void {
    const ports = this.#open.get(pair.port);
    if (!ports || !sameAddress(ports.pair, pair)) return;
    this.#open.delete(pair.port);
    this.#binding.closePair(pair.port);
    ports.user?.lose(ports);
    // Another thread may be the next to serve this number: this one must have let go of it.
    if (ports.thread !== null && this.#threads.length > 1) this.#binding.catchUp(ports.thread);
  }

  start(spec: RelaySpec, user: RelayUser): RelaySession {
    if (this.#closed) throw new Error(`session ${spec.id}: the relay is closed`);
    const place = this.#newPlace(this.#open.get(spec.legs[0].port.port)?.thread ?? null);
    try {
      const session = new NativeSession(spec, user, this.#host, place);
      this.#sessions.set(place.number, session);
      this.#threads[place.thread]!++;
      return session;
    } catch (error) {
      this.#freeSlots.push(place.slot);
      throw error;
    }
  }

  totals(): MediaTotals {
    return this.#totals.with(this.#sessions.values());
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#lookTimer?.cancel();
    for (const session of this.#sessions.values()) session.end(() => {});
    this.#binding.close();
    this.#open.clear();
    this.#look();
    for (const resolve of this.#settling.splice(0)) resolve();
  }

  /** For tests and benchmarks: until every packet that has arrived has been dealt with. */
  settle(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    const settled = this.#threads.map((_, thread) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#settling.push(resolve);
      this.#binding.settle(thread);
      return promise;
    });
    return Promise.all(settled).then(() => {});
  }

  /** For tests: pushes the relay's own clock forward, in ms. */
  advance(ms: number): void {
    this.#binding.advance(ms);
  }

  /** Both directions of a call, and whatever else is said within a ms, wake the thread once. */
  #flushSoon(thread: number): void {
    if (this.#given.size === 0) {
      if (this.#lull > 0) this.#clock.after(0, () => this.#flush());
      else queueMicrotask(() => this.#flush());
    }
    this.#given.add(thread);
    if (++this.#givenPackets >= packetsPerFlush) this.#flush();
  }

  #flush(): void {
    if (!this.#closed) for (const thread of this.#given) this.#binding.flush(thread);
    this.#given.clear();
    this.#givenPackets = 0;
  }

  #portsOf(pair: PortPair): NativePorts {
    const ports = this.#open.get(pair.port);
    if (!ports || !sameAddress(ports.pair, pair)) throw new Error(`media port ${pair.port} is not open`);
    return ports;
  }

  /** A place for a session: in the `thread` that knows its ports, else in the one that serves the fewest. */
  #newPlace(thread: number | null): NativePlace {
    if (this.#freeSlots.length === 0) {
      const chunk = this.#chunks.length;
      this.#chunks.push(this.#binding.counters(chunk));
      for (let i = this.#chunkSize - 1; i >= 0; i--) this.#freeSlots.push(chunk * this.#chunkSize + i);
    }
    const slot = this.#freeSlots.pop()!;
    const memory = this.#chunks[Math.floor(slot / this.#chunkSize)]!;
    const within = slot % this.#chunkSize;
    this.#lastNumber = (this.#lastNumber % 0xffffffff) + 1;
    return {
      thread: thread ?? this.#threads.indexOf(Math.min(...this.#threads)),
      number: this.#lastNumber,
      slot,
      counters: [
        new NativeLegCounters(this.#binding, memory, within, 0),
        new NativeLegCounters(this.#binding, memory, within, 1),
      ],
    };
  }

  /**
   * A thread has something to tell. Where packets come thick and fast they are heard together every few ms: they know
   * when they came, and each waking costs more than the packet.
   */
  #wake(): void {
    const due = this.#lookedAt + this.#lull;
    const now = this.#clock.now();
    if (now >= due) return this.#lookAt(now);
    this.#lookTimer ??= this.#clock.after(due - now, () => {
      this.#lookTimer = null;
      if (!this.#closed) this.#lookAt(this.#clock.now());
    });
  }

  #lookAt(now: number): void {
    this.#lookedAt = now;
    this.#look();
  }

  /** Hears all that there is; from then on the next thing wakes. */
  #look(): void {
    for (let thread = 0; thread < this.#threads.length; thread++) {
      const answers = this.#binding.answers(thread);
      this.#hear(thread);
      for (let i = 0; i < answers.length; i += 3) {
        try {
          this.#take(answers[i]!, answers[i + 1]!, answers[i + 2]!);
        } catch (error) {
          raise(error);
        }
      }
    }
  }

  /** Hands the packets that wait to the users of their sessions. */
  #hear(thread: number): void {
    for (let turn = 0; turn < drainsPerTurn; turn++) {
      const size = this.#binding.drain(thread, this.#drained);
      if (size === 0) return;
      // Closed by one of those who hear, the relay has nothing more to say.
      for (let at = 0; at < size && !this.#closed; ) {
        const length = this.#view.getUint32(at, true);
        const packet = this.#drained.subarray(at + headerSize, at + headerSize + length);
        const session = this.#sessions.get(this.#view.getUint32(at + 4, true));
        try {
          session?.hear(this.#view.getUint32(at + 8, true), packet, this.#view.getFloat64(at + 16, true));
        } catch (error) {
          raise(error);
        }
        at += headerSize + ((length + 7) & ~7);
      }
    }
    this.#binding.wakeAgain();
  }

  #take(kind: number, session: number, number: number): void {
    if (kind === answer.ended) this.#forget(session);
    else if (kind === answer.settled) this.#settling.shift()?.();
    else if (kind === answer.realTimeRefused) {
      this.#log.warning(realTimeRefused, { errno: number });
    } else if (kind === answer.realTimeGivenBack) {
      this.#log.warning('the media relay is overloaded and has given its real-time priority back');
    } else if (kind === answer.realTimeTaken) {
      this.#log.info('the media relay has its real-time priority again');
    } else if (kind === answer.unwatchable) {
      this.#log.error('a media port cannot be watched: its packets are not relayed', { errno: number });
    }
  }

  #forget(number: number): void {
    const session = this.#sessions.get(number);
    if (!session) return;
    this.#sessions.delete(number);
    session.ended();
    this.#totals.add(session.counters());
    this.#freeSlots.push(session.place.slot);
  }
}

/**
 * What a user has thrown is nobody's here: it becomes an uncaught exception, as in the plain relay, while all others hear
 * what there is for them. Node passes over what is thrown into an addon with no more than a warning.
 */
function raise(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

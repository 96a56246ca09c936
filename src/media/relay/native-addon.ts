import { createRequire } from 'node:module';
import type { SrtpSuite } from '../../rtp/index.ts';

/** The `face` of the addon that is described here. */
const face = 3;

/** What a relay thread is told of a leg. */
export interface NativeLeg {
  /** Whether the far end is another than before. */
  readonly arm: boolean;
  readonly remote: string | null;
  readonly port: number;
  readonly rtcpPort: number;
  readonly signalling: string | null;
  readonly send: boolean;
  readonly copied: boolean;
  readonly rtcpMux: boolean;
  readonly rtcpTaken: boolean;
  /** For each payload type as received the type to send, or one of `action`. */
  readonly actions: Int16Array;
  /** For each payload type as received its ticks a second. */
  readonly rates: Uint32Array;
  /** Places in `srtpSuites` and keys, of what the phone encrypts with and of what we do; null: plain. */
  readonly suites: readonly [number, number] | null;
  readonly keys: readonly [Uint8Array, Uint8Array] | null;
  /** The RTP port of the pair that the leg moves to; 0: it stays where it is. */
  readonly movesTo: number;
  /** Whether what has arrived there so far is nobody's. */
  readonly afresh: boolean;
}

/** What becomes of a payload type that is not sent on. */
export const action = { unmapped: -1, taken: -2 } as const;

/** The order of `SrtpSuite` in native/src/srtp.h. */
export const srtpSuites: readonly SrtpSuite[] = [
  'AES_CM_128_HMAC_SHA1_80',
  'AES_CM_128_HMAC_SHA1_32',
  'AEAD_AES_128_GCM',
  'AEAD_AES_256_GCM',
];

/** What an answer of a relay thread means: the numbers of `Order::Kind` in native/src/order.h. */
export const answer = {
  ended: 3,
  settled: 4,
  realTimeRefused: 6,
  realTimeGivenBack: 7,
  realTimeTaken: 8,
  unwatchable: 9,
} as const;

export interface NativeOptions {
  /** What the clock says now, in ms; the relay's own goes on from there, or stands still where it is `frozen`. */
  readonly now: number;
  readonly frozen: boolean;
  readonly threads: number;
  readonly realTime: boolean;
  /** Bytes that wait for JavaScript, and for the network, at most, for each thread. */
  readonly tapBytes: number;
  readonly sendBytes: number;
  /** -1: as the system does. */
  readonly dscp: number;
  readonly ownAddresses: readonly string[];
}

/**
 * The relay in C++ (native/src/binding.cc). Threads are named by their index, sessions by numbers of the caller's, ports
 * by their RTP port. Orders return at once and are obeyed in turn, before any packet that is sent after them.
 */
export interface NativeBinding {
  openPair(address: string, port: number): boolean;
  /** Whether any port of the address can be bound. */
  canOpen(address: string): boolean;
  closePair(port: number): void;
  /** The memory of `counterChunk` sessions' counters, from slot `chunk * counterChunk` on. */
  counters(chunk: number): ArrayBuffer;
  start(thread: number, session: number, slot: number, order: number, ...rest: NativeLegs): void;
  update(thread: number, session: number, slot: number, order: number, ...rest: NativeLegs): void;
  /** The ports of a leg are closed. */
  detach(thread: number, session: number, leg: number): void;
  end(thread: number, session: number): void;
  /** Waits, for some microseconds, until the thread has obeyed all that it has been told. */
  catchUp(thread: number): void;
  /** Answered when nothing is left to be read. */
  settle(thread: number): void;
  /** `kind`: the leg, with bit 1 for RTCP. False where too much waits already. Sent by `flush`, or when an order comes. */
  send(thread: number, session: number, kind: number, packet: Uint8Array): boolean;
  /** Has the thread send what it has been given: waking it costs more than the packet does. */
  flush(thread: number): void;
  /** Copies waiting packets into `memory`, as many as fit: their bytes together with what stands before each. */
  drain(thread: number, memory: Uint8Array): number;
  /** Kind, session and number of each answer, one after another; from then on the next one wakes again. */
  answers(thread: number): readonly number[];
  /** Wakes once more. */
  wakeAgain(): void;
  ipText(family: number, scope: number, ip0: number, ip1: number, ip2: number, ip3: number): string;
  advance(ms: number): void;
  /** Ends the threads and closes every port; answers can still be read. */
  close(): void;
}

type NativeLegs = [legs: readonly [NativeLeg, NativeLeg | null], tapsRtp: boolean, tapsRtcp: boolean];

export interface NativeAddon {
  /** Counted up with every change of what is described here. */
  readonly face: number;
  readonly Relay: new (options: NativeOptions, wake: () => void) => NativeBinding;
  readonly counterChunk: number;
}

/** The addon as `npm run build:native` leaves it, or in one line why there is none. */
export function loadNativeAddon(): { readonly addon: NativeAddon } | { readonly addon: null; readonly reason: string } {
  try {
    const addon: NativeAddon = createRequire(import.meta.url)('../../../native/build/Release/relay.node');
    return addon.face === face ? { addon } : { addon: null, reason: 'it is built from other sources' };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { addon: null, reason: code === 'MODULE_NOT_FOUND' ? 'it is not built' : message.split('\n', 1)[0]! };
  }
}

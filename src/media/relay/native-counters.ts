import type { Address } from '../../base/index.ts';
import type { NativeBinding } from './native-addon.ts';
import type { LegCounters, LegIndex } from './relay.ts';

/** Bytes of one leg's counters: `LegBlock` in native/src/counters.h. */
const legSize = 256;
const sessionSize = 2 * legSize;

/** Positions of the numbers, in doubles. */
const at = {
  packetsReceived: 0,
  packetsSent: 1,
  packetsLost: 2,
  jitterMs: 3,
  bytesReceived: 4,
  bytesSent: 5,
  strangers: 6,
  malformed: 7,
  unmapped: 8,
  held: 9,
  undeliverable: 10,
  rtcpReceived: 11,
  rtcpSent: 12,
  lossEvents: 13,
  duplicates: 14,
  authenticationFailures: 15,
  replayed: 16,
  tapDropped: 17,
  heardAt: 18,
} as const;

/** Positions of the words of 32 bits. */
const version = 40;
const applied = 41;
const latched = 42;
const stranger = 49;

/** How often an address is read again that was being written; a write takes some nanoseconds. */
const patience = 1000;

/** One leg's counters in memory that a relay thread writes: read without waiting for it. */
export class NativeLegCounters {
  readonly #binding: NativeBinding;
  readonly #values: Float64Array;
  readonly #words: Int32Array;

  /** `slot`: which session of those that lie in `memory`. */
  constructor(binding: NativeBinding, memory: ArrayBuffer, slot: number, leg: LegIndex) {
    this.#binding = binding;
    const offset = slot * sessionSize + leg * legSize;
    this.#values = new Float64Array(memory, offset, legSize / 8);
    this.#words = new Int32Array(memory, offset, legSize / 4);
  }

  /** When the last packet of the leg's own source came, monotonic, in ms; 0: never. */
  get heardAt(): number {
    return this.#values[at.heardAt]!;
  }

  /** The last order that the leg has obeyed. */
  get applied(): number {
    return Atomics.load(this.#words, applied);
  }

  read(): LegCounters {
    const values = this.#values;
    const jitter = values[at.jitterMs]!;
    return {
      packetsReceived: values[at.packetsReceived]!,
      packetsSent: values[at.packetsSent]!,
      packetsLost: values[at.packetsLost]!,
      lossEvents: values[at.lossEvents]!,
      duplicates: values[at.duplicates]!,
      jitterMs: Number.isNaN(jitter) ? null : jitter,
      bytesReceived: values[at.bytesReceived]!,
      bytesSent: values[at.bytesSent]!,
      strangers: values[at.strangers]!,
      malformed: values[at.malformed]!,
      unmapped: values[at.unmapped]!,
      held: values[at.held]!,
      undeliverable: values[at.undeliverable]!,
      lastStranger: this.#address(stranger),
      latched: this.#address(latched),
      rtcpReceived: values[at.rtcpReceived]!,
      rtcpSent: values[at.rtcpSent]!,
      authenticationFailures: values[at.authenticationFailures]!,
      replayed: values[at.replayed]!,
      tapDropped: values[at.tapDropped]!,
    };
  }

  /** The address in the words from `from` on: family, port, zone, and the IP in four words. */
  #address(from: number): Address | null {
    const words = this.#words;
    for (let tries = 0; tries < patience; tries++) {
      const before = Atomics.load(words, version);
      const family = Atomics.load(words, from);
      const port = Atomics.load(words, from + 1);
      const scope = Atomics.load(words, from + 2);
      const [a, b] = [Atomics.load(words, from + 3), Atomics.load(words, from + 4)];
      const [c, d] = [Atomics.load(words, from + 5), Atomics.load(words, from + 6)];
      if (before % 2 !== 0 || before !== Atomics.load(words, version)) continue;
      return family === 0 ? null : { address: this.#binding.ipText(family, scope, a, b, c, d), port };
    }
    return null;
  }
}

import { sequenceNumber, ssrc, timestamp } from './packet.ts';

// The limits of RFC 3550 appendix A.1.
const maxDropout = 3000;
const maxMisorder = 100;
/** A step of the timestamp that neither the sequence nor the arrival explains is a new timeline from here on, in ms. */
const leap = 500;
/** The sender's clock stood still for longer than a network holds packets back, in ms: it has paused without telling. */
const pause = 1000;

/** Where a packet of the stream belongs: an index that never wraps nor restarts, and a time in ms on the same terms. */
export interface Place {
  readonly index: number;
  /** Media time in ms: it goes on as the sender's timestamps do, through wraps, restarts and changes of clock rate. */
  readonly time: number;
  /** Its time follows from nothing but its arrival: the timestamps have begun anew. */
  readonly anew: boolean;
}

/**
 * Puts the packets of one leg on one line, whatever becomes of sources, sequence numbers and timestamps. A restart, of
 * which two packets in sequence are the proof, goes on where the stream was.
 */
export class StreamTimeline {
  readonly #place = { index: 0, time: 0, anew: false };
  /** Index and sequence number of the newest packet, events among them. */
  #newest = 65_536;
  #sequence = 0;
  #source = -1;
  #formerSource = -1;
  /** Source and sequence number that would prove a restart. */
  #awaitedSource = -1;
  #awaitedSequence = -1;
  /** The newest packet of sound; its rate is 0 while timestamps have nothing to start from. */
  #rate = 0;
  #ticks = 0;
  #index = 0;
  #time = Number.NEGATIVE_INFINITY;
  #at = 0;

  /** Of the packet placed last; only its index where that is no sound. */
  get place(): Place {
    return this.#place;
  }

  /** The index of the newest packet. */
  get newest(): number {
    return this.#newest;
  }

  /** The media time of the newest packet of sound, in ms; -Infinity before it. */
  get newestTime(): number {
    return this.#time;
  }

  /**
   * Places a packet of sound that arrived at `at`, in ms; `place` then says where. `packetMs` is how long packets last,
   * `transit` the least arrival less media time of late. False: not of this stream, or the first sign of a restart.
   */
  placeSound(packet: Uint8Array, clockRate: number, at: number, packetMs: number, transit: number): boolean {
    const ticks = timestamp(packet);
    if (!this.#order(packet, ticks, clockRate, packetMs)) return false;
    const place = this.#place;
    const ahead = place.index - this.#index;
    place.anew = false;
    if (ahead <= 0) {
      place.time = this.#time + (clockRate === this.#rate ? this.#since(ticks) : ahead * packetMs);
      return true;
    }
    const step = clockRate === this.#rate ? this.#since(ticks) : 0;
    place.anew = !this.#explained(step, at - this.#at, ahead * packetMs);
    place.time = place.anew ? Math.max(this.#time + packetMs, at - transit) : this.#time + step;
    this.#rate = clockRate;
    this.#ticks = ticks;
    this.#index = place.index;
    this.#time = place.time;
    this.#at = at;
    return true;
  }

  /** Places a packet that takes a sequence number and no time: an event. Only the index of `place` is set. */
  placeAside(packet: Uint8Array): boolean {
    return this.#order(packet, 0, 0, 0);
  }

  /** Whether timestamps that went on by `step` ms fit `arrived` ms between arrivals and `counted` ms of packets. */
  #explained(step: number, arrived: number, counted: number): boolean {
    if (step <= 0 || arrived - step > pause) return false;
    return step - arrived <= leap || step - counted <= leap;
  }

  /** By how much these ticks are after the newest sound, in ms. */
  #since(ticks: number): number {
    return (((ticks - this.#ticks) | 0) * 1000) / this.#rate;
  }

  /** Finds the index of a packet; `clockRate` is 0 for what is no sound. */
  #order(packet: Uint8Array, ticks: number, clockRate: number, packetMs: number): boolean {
    const source = ssrc(packet);
    const sequence = sequenceNumber(packet);
    const ahead = (sequence - this.#sequence) & 0xffff;
    if (source === this.#source && ahead > 0 && ahead < maxDropout) {
      this.#newest += ahead;
      this.#sequence = sequence;
      this.#place.index = this.#newest;
    } else if (source === this.#source && (ahead === 0 || ahead > 0xffff - maxMisorder)) {
      this.#place.index = this.#newest - (-ahead & 0xffff);
      // Numbers that go back with timestamps that do not: a restart close by.
      const agrees = clockRate !== this.#rate || this.#isBefore(this.#since(ticks), packetMs);
      if (!agrees && !this.#restarts(source, sequence)) return false;
    } else if (!this.#restarts(source, sequence)) return false;
    this.#awaitedSource = -1;
    return true;
  }

  /** Whether a packet that by its number is not the newest sound may be by `step` ms after it. */
  #isBefore(step: number, packetMs: number): boolean {
    const ahead = this.#place.index - this.#index;
    return ahead > 0 || (ahead === 0 ? step === 0 : step < 0 && step >= ahead * 2 * packetMs - leap);
  }

  /** Whether this packet is the first of a new numbering: of a source never heard, or the second in sequence. */
  #restarts(source: number, sequence: number): boolean {
    // A straggler of the source before is no reason to go back to it.
    const isNew = source !== this.#source && source !== this.#formerSource;
    if (!isNew && !this.#proves(source, sequence)) return false;
    if (source !== this.#source) this.#formerSource = this.#source;
    this.#source = source;
    this.#newest++;
    this.#sequence = sequence;
    this.#rate = 0;
    this.#place.index = this.#newest;
    return true;
  }

  #proves(source: number, sequence: number): boolean {
    if (source === this.#awaitedSource && sequence === this.#awaitedSequence) return true;
    this.#awaitedSource = source;
    this.#awaitedSequence = (sequence + 1) & 0xffff;
    return false;
  }
}

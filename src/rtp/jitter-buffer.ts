import { ArrivalDelays } from './arrival-delays.ts';
import { payloadType } from './packet.ts';
import { StreamTimeline } from './stream-timeline.ts';

/** How often sound is taken, in ms. */
const tickMs = 20;
/** The shortest packets that the slots suffice for, in ms; and how many slots there are beside. */
const shortestPacket = 10;
const spareSlots = 16;
/** How long packets last until it is known, in ms. */
const usualPacket = 20;
/** Longer payloads are no sound that fits a datagram's usual size. */
const longestPayload = 4096;
/** Media times closer than this are one and the same, in ms. */
const tolerance = 5;
/** After so much made up at a stretch, with nothing in sight, there is silence, in ms. */
const longestStall = 100;
/** What is made up while nothing is there comes in whole numbers of this, in ms: Opus has no smaller frames of voice. */
const stallStep = 10;
/** What is measured of the delay counts for an eighth, as ticks may come unevenly. */
const smoothing = 8;
/** By how much the delay is corrected at a time, and how much time is between two corrections, in ms. */
const correctionStep = 10;
const betweenGrowth = 100;
const betweenSilentShrink = 100;
const betweenShrink = 1000;
const betweenUrgentShrink = 250;
const betweenTinyShrink = 5000;
/** More to be shrunk than `urgent` is; less than `tiny` is hardly worth a step in the middle of speech, in ms. */
const urgent = 60;
const tiny = 15;

/** The bounds of the delay in ms (`media.jitter_buffer`). */
export interface JitterBufferOptions {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * What is to be played next. `packet`: decode it. `lost`: something is missing that has to be made up. `nothing`: it is
 * silent, or nothing has come yet.
 */
export type Playout = 'packet' | 'lost' | 'nothing';

/** What has become of the packets: `received` = `played` + `asides` + `late` + `duplicates` + `discarded` + those held. */
export interface JitterBufferStatistics {
  /** How much later than at its earliest a packet is being played, and how much later it is meant to be, in ms. */
  readonly delayMs: number;
  readonly targetMs: number;
  readonly received: number;
  readonly played: number;
  /** Packets that take a sequence number and are not sound. */
  readonly asides: number;
  /** Came after their time had been filled. */
  readonly late: number;
  readonly duplicates: number;
  /** Thrown away: the buffer held too much, or the number was wild. */
  readonly discarded: number;
  /** Sequence numbers whose time has passed without them; those late are among them. */
  readonly missing: number;
}

const gone = 0;
const sound = 1;
const aside = 2;

interface Slot {
  index: number;
  state: typeof gone | typeof sound | typeof aside;
  time: number;
  payloadType: number;
  bytes: Uint8Array<ArrayBuffer>;
  /** The payload in `bytes`. */
  payload: Uint8Array<ArrayBuffer>;
}

const nothing = new Uint8Array(0);

/**
 * Puts the packets of one leg in order and holds them for as long as the network makes necessary. Every 20 ms sound is
 * taken: `next` until there is enough, and before it `correction`, by how much what is taken is to be shortened or
 * stretched. The delay grows at once when packets come late, by waiting for them, and shrinks in silence and by rare small
 * steps. A pause of the sender (timestamps go on, sequence numbers do not) is silence and no loss; the delay starts
 * afresh behind it. Payloads are copied into slots that are made once and grow to the size of the packets.
 */
export class JitterBuffer {
  readonly #maxMs: number;
  readonly #delays: ArrivalDelays;
  readonly #timeline = new StreamTimeline();
  readonly #slots: readonly Slot[];
  readonly #mask: number;
  #held = 0;
  /** No packet held has a lower index. */
  #lowest = 0;
  /** Index of what comes next, and whether anything has been taken, so that it means something. */
  #nextIndex = 0;
  #begun = false;
  /** Whether sound is being taken without a break. */
  #flowing = false;
  /** What was taken last says that a pause may follow. */
  #resting = false;
  /** Media time that comes next, in ms. */
  #position = 0;
  #packetMs = usualPacket;
  /** How much has been made up while nothing was there, in ms; media time stood still meanwhile. */
  #stalled = 0;
  /** How much later than at its earliest sound is being played, in ms; measured afresh behind a break. */
  #delay = 0;
  #measured = false;
  /** Sound that was left from the tick before, by which packets are asked for early, less whole `#grain`s; in ms. */
  #phase = 0;
  #correctedAt = Number.NEGATIVE_INFINITY;

  #payload = nothing;
  #payloadType = 0;
  /** Whether what comes next follows on what was taken before; whether what was taken did. */
  #joined = false;
  #follows = false;
  #ms = 0;

  #received = 0;
  #played = 0;
  #asides = 0;
  #late = 0;
  #duplicates = 0;
  #discarded = 0;
  #missing = 0;

  constructor({ minMs, maxMs }: JitterBufferOptions) {
    this.#maxMs = maxMs;
    this.#delays = new ArrivalDelays(minMs, maxMs);
    const count = 2 ** Math.ceil(Math.log2(maxMs / shortestPacket + spareSlots));
    this.#mask = count - 1;
    this.#slots = Array.from({ length: count }, () => ({
      index: -1,
      state: gone,
      time: 0,
      payloadType: 0,
      bytes: nothing,
      payload: nothing,
    }));
  }

  /** After `packet`: its payload. After `lost`: that of the packet behind it, where it is next; else null. Until the next call. */
  get payload(): Uint8Array | null {
    return this.#payload === nothing ? null : this.#payload;
  }

  /** How long packets last, in ms, as far as is known. */
  get packetMs(): number {
    return this.#packetMs;
  }

  /** The payload type that goes with `payload`. */
  get payloadType(): number {
    return this.#payloadType;
  }

  /** After `packet`: whether its sound follows on what was taken before, made up or not; else something was left out. */
  get follows(): boolean {
    return this.#follows;
  }

  /** After `lost`: how much is missing, in ms. */
  get ms(): number {
    return this.#ms;
  }

  get statistics(): JitterBufferStatistics {
    return {
      delayMs: Math.max(0, this.#delay),
      targetMs: this.#delays.target,
      received: this.#received,
      played: this.#played,
      asides: this.#asides,
      late: this.#late,
      duplicates: this.#duplicates,
      discarded: this.#discarded,
      missing: this.#missing,
    };
  }

  /**
   * Takes a packet of sound that arrived at `at` (ms, monotonic), with its payload between `from` and `to`; `clockRate`
   * in ticks a second is that of its payload type.
   */
  push(packet: Uint8Array, from: number, to: number, clockRate: number, at: number): void {
    if (from >= to) {
      this.pushAside(packet);
      return;
    }
    this.#received++;
    const timeline = this.#timeline;
    const fits = to - from <= longestPayload;
    if (!fits || !timeline.placeSound(packet, clockRate, at, this.#packetMs, this.#delays.floor)) {
      this.#discarded++;
      return;
    }
    const { index, time, anew } = timeline.place;
    const duplicates = this.#duplicates;
    const slot = this.#slotFor(index);
    // What comes again says nothing of the network, but what comes too late does.
    if (duplicates === this.#duplicates) this.#delays.push(at - time, at, anew);
    if (slot === null) return;
    slot.state = sound;
    slot.time = time;
    slot.payloadType = payloadType(packet);
    store(slot, packet, from, to);
    this.#shed();
  }

  /** Takes a packet that is part of the sequence and not to be played, such as an event, or one without payload. */
  pushAside(packet: Uint8Array): void {
    this.#received++;
    if (!this.#timeline.placeAside(packet)) {
      this.#discarded++;
      return;
    }
    const slot = this.#slotFor(this.#timeline.place.index);
    if (slot === null) return;
    slot.state = aside;
  }

  /**
   * What comes next, at `now` (ms, monotonic), when `wantedMs` of this tick's sound are still wanted. 0 or less: there is
   * enough, and by so much more; then it is a packet that follows, or `nothing`, which changes nothing.
   */
  next(now: number, wantedMs: number): Playout {
    this.#payload = nothing;
    const isEarly = wantedMs <= 0;
    if (isEarly && (!this.#flowing || this.#stalled > 0)) return 'nothing';
    for (;;) {
      const slot = this.#oldest();
      if (isEarly && slot?.index !== this.#nextIndex) return 'nothing';
      if (slot === null) return this.#starve(wantedMs);
      if (slot.state === aside) {
        // Sound that is missing before an event may yet come.
        if (this.#flowing && this.#stalled === 0 && slot.index > this.#nextIndex) return this.#starve(wantedMs);
        this.#skipAside(slot);
        continue;
      }
      if (!this.#flowing && !this.#begin(slot, now, wantedMs)) return 'nothing';
      if (this.#stalled > 0) this.#settle(slot, now);
      const missing = slot.index - this.#nextIndex;
      const gap = slot.time - this.#position;
      if (isEarly && gap > tolerance) return 'nothing';
      if (gap > missing * this.#packetMs + tolerance) this.#flowing = false;
      else if (missing === 0 || gap <= tolerance) return this.#deliver(slot, now, wantedMs);
      else return this.#miss(slot, gap / missing, now, wantedMs);
    }
  }

  /** Says how long the packet that was taken last has turned out to be, in ms; 0 for what takes no time. */
  lasted(ms: number): void {
    if (ms > 0) this.#packetMs = ms;
    this.#position += ms;
  }

  /** Says that behind the packet that was taken last a pause may come, without which silence is loss. */
  rest(): void {
    this.#resting = true;
  }

  /**
   * By how many ms the sound that is to be played now should be shortened; negative: stretched; 0: as it is. `silent`:
   * there is nothing in it to be spoilt. Who has done so, or about so, says it by `corrected`.
   */
  correction(silent: boolean, now: number): number {
    if (!this.#flowing || this.#stalled > 0) return 0;
    const waited = now - this.#correctedAt;
    const { target } = this.#delays;
    const grain = this.#grain;
    // How long before it is needed a packet could have come.
    const margin = this.#delay - (tickMs - grain) - this.#phase;
    if (target - margin > tolerance) {
      if (waited < betweenGrowth) return 0;
      return silent ? -tickMs : -correctionStep;
    }
    const spare = this.#holds(target) ? grain * Math.max(0, Math.floor((margin - target) / grain)) : 0;
    const removable = this.#phase + spare;
    if (removable < tolerance || waited < betweenShrinks(removable, silent)) return 0;
    return Math.min(removable, correctionStep);
  }

  /** What was to be played has been shortened by `ms`; negative: stretched. */
  corrected(ms: number, now: number): void {
    this.#correctedAt = now;
    this.#delay -= ms;
    this.#phase = modulo(this.#phase - ms, this.#grain);
  }

  /** Packets are asked for earlier or later by steps of this, as sound is taken a tick and arrives a packet at a time. */
  get #grain(): number {
    return this.#packetMs % 20 === 0 ? 20 : this.#packetMs % 10 === 0 ? 10 : 5;
  }

  /** Whether as much as `ms` waits to be played. */
  #holds(ms: number): boolean {
    return this.#timeline.newestTime + this.#packetMs - this.#position >= ms;
  }

  /** The slot for a packet that may still be played, or null, with the packet counted. */
  #slotFor(index: number): Slot | null {
    const slot = this.#slots[index & this.#mask]!;
    const oldest = this.#oldest();
    if (slot.index === index) this.#duplicates++;
    else if (this.#begun && index < this.#nextIndex) this.#late++;
    else if (index <= this.#timeline.newest - this.#slots.length) this.#late++;
    else {
      for (let first = oldest; first !== null && index - first.index > this.#mask; first = this.#oldest()) {
        this.#discard(first);
      }
      slot.index = index;
      if (this.#held === 0 || index < this.#lowest) this.#lowest = index;
      this.#held++;
      return slot;
    }
    return null;
  }

  /** Throws away the oldest packets while more is held than the greatest delay. */
  #shed(): void {
    for (;;) {
      const slot = this.#oldest();
      if (slot === null || this.#held === 1) return;
      if (slot.state === sound && this.#timeline.newestTime - slot.time <= this.#maxMs + tickMs) return;
      this.#discard(slot);
    }
  }

  #discard(slot: Slot): void {
    if (slot.state === aside) {
      this.#skipAside(slot);
      return;
    }
    this.#discarded++;
    this.#passTo(slot);
    this.#position = slot.time + this.#packetMs;
    this.#measured = false;
    this.#joined = false;
  }

  #skipAside(slot: Slot): void {
    this.#asides++;
    this.#passTo(slot);
    this.#resting = true;
  }

  /** Everything up to this slot's packet has had its time. */
  #passTo(slot: Slot): void {
    if (this.#begun) this.#missing += slot.index - this.#nextIndex;
    this.#begun = true;
    this.#nextIndex = slot.index + 1;
    slot.state = gone;
    this.#held--;
  }

  /** The held packet that comes first. */
  #oldest(): Slot | null {
    if (this.#held === 0) return null;
    for (let index = this.#lowest; ; index++) {
      const slot = this.#slots[index & this.#mask]!;
      if (slot.index !== index || slot.state === gone) continue;
      this.#lowest = index;
      return slot;
    }
  }

  /** Nothing is held. For a while that is made up for, and media time stands still to wait for what may yet come. */
  #starve(wantedMs: number): Playout {
    if (!this.#flowing) return 'nothing';
    if (this.#resting || this.#stalled >= longestStall) {
      this.#flowing = false;
      this.#resting = false;
      return 'nothing';
    }
    this.#ms = stallStep * Math.ceil(wantedMs / stallStep);
    this.#stalled += this.#ms;
    this.#measured = false;
    return 'lost';
  }

  /** Whether the first packet after silence is to be played already. */
  #begin(slot: Slot, now: number, wantedMs: number): boolean {
    const leftOver = tickMs - wantedMs;
    const margin = now - slot.time - this.#delays.floor + leftOver - (tickMs - this.#grain) - (leftOver % this.#grain);
    if (margin < this.#delays.target) return false;
    if (this.#begun) this.#missing += slot.index - this.#nextIndex;
    this.#begun = true;
    this.#nextIndex = slot.index;
    this.#position = slot.time;
    this.#stalled = 0;
    this.#measured = false;
    this.#joined = false;
    this.#flowing = true;
    return true;
  }

  /** What was made up while waiting has stood for packets that turn out to be lost, where the delay is long enough. */
  #settle(slot: Slot, now: number): void {
    const missing = slot.index - this.#nextIndex;
    const gap = slot.time - this.#position;
    const covered = Math.min(this.#stalled, gap);
    this.#stalled = 0;
    // Behind a pause it is not known yet what is lost.
    if (covered <= 0 || gap > missing * this.#packetMs + tolerance) return;
    if (now - this.#position - this.#delays.floor - covered < this.#delays.target - tolerance) return;
    const packets = Math.min(missing, Math.floor((covered + tolerance) / this.#packetMs));
    this.#position += covered;
    this.#missing += packets;
    this.#nextIndex += packets;
  }

  #deliver(slot: Slot, now: number, wantedMs: number): Playout {
    this.#position = slot.time;
    this.#measure(now, wantedMs);
    this.#passTo(slot);
    this.#played++;
    this.#follows = this.#joined;
    this.#joined = true;
    this.#resting = false;
    this.#payload = slot.payload;
    this.#payloadType = slot.payloadType;
    return 'packet';
  }

  #miss(slot: Slot, ms: number, now: number, wantedMs: number): Playout {
    this.#measure(now, wantedMs);
    this.#missing++;
    this.#nextIndex++;
    this.#position += ms;
    this.#ms = ms;
    if (slot.index === this.#nextIndex) {
      this.#payload = slot.payload;
      this.#payloadType = slot.payloadType;
    }
    return 'lost';
  }

  #measure(now: number, wantedMs: number): void {
    const leftOver = tickMs - wantedMs;
    const delay = now - this.#position - this.#delays.floor + leftOver;
    this.#delay = this.#measured ? this.#delay + (delay - this.#delay) / smoothing : delay;
    this.#measured = true;
    this.#phase = leftOver % this.#grain;
  }
}

function betweenShrinks(removable: number, silent: boolean): number {
  if (silent) return betweenSilentShrink;
  if (removable > urgent) return betweenUrgentShrink;
  return removable > tiny ? betweenShrink : betweenTinyShrink;
}

/** The remainder that is never negative. */
function modulo(a: number, n: number): number {
  return ((a % n) + n) % n;
}

function store(slot: Slot, packet: Uint8Array, from: number, to: number): void {
  const length = to - from;
  if (slot.bytes.length < length) slot.bytes = new Uint8Array(2 ** Math.ceil(Math.log2(length)));
  if (slot.payload.length !== length || slot.payload.buffer !== slot.bytes.buffer) {
    slot.payload = slot.bytes.subarray(0, length);
  }
  for (let i = 0; i < length; i++) slot.bytes[i] = packet[from + i]!;
}

/** What share of packets is to arrive in time. */
const inTime = 0.99;
/** After how long what was seen counts for 1/e of what is seen now, in ms. */
const memory = 10_000;
/** A pause ages what was seen by no more than this, in ms: no packets say nothing of the network. */
const longestAge = 100;
/** The least transit is that of the last so many stretches of so many ms. */
const stretches = 6;
const stretchMs = 500;
/** A floor that falls by this at once, in ms, is that of another way through the network, with lateness as before. */
const otherWay = 50;
/** Before anything is known: lateness that is expected, in ms, and for how many packets' worth. */
const expectedLateness = 40;
const expectedWeight = 0.5;
/** Weights grow instead of old ones shrinking, and are brought down again here. */
const largestWeight = 1e9;

/**
 * Learns from the transit times of packets (arrival less media time, in ms, of any origin) how long playing has to wait
 * for them: a histogram that forgets, and the least transit of late. Following the least transit follows the drift of the
 * two clocks. Nothing is allocated after the constructor.
 */
export class ArrivalDelays {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #binMs: number;
  /** Weight of the transits in [(first + i) · binMs, (first + i + 1) · binMs); the last has all later ones, too. */
  readonly #bins: Float64Array;
  #first = 0;
  #total = 0;
  #weight = 1;
  #lastAt = 0;
  readonly #least = new Float64Array(stretches).fill(Number.POSITIVE_INFINITY);
  #stretch = 0;
  #stretchEnd = 0;
  #floor = 0;
  #target: number;
  #begun = false;
  /** Until then the floor of a new line of times is being found. */
  #settlesAt = Number.NEGATIVE_INFINITY;

  /** The bounds of `target`, in ms. */
  constructor(minMs: number, maxMs: number) {
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#binMs = Math.max(2, maxMs / 100);
    this.#bins = new Float64Array(Math.ceil(maxMs / this.#binMs) + 2);
    this.#target = this.#bounded(expectedLateness);
  }

  /** The least transit of the last seconds, in ms; 0 before the first packet. */
  get floor(): number {
    return this.#floor;
  }

  /** How long after its earliest possible arrival a packet is to be played, in ms, within the bounds. */
  get target(): number {
    return this.#target;
  }

  /**
   * Takes the transit in ms of a packet that arrived at `at` (ms, monotonic). `anew`: transits have another origin from
   * here on; how they are spread is remembered.
   */
  push(transit: number, at: number, anew: boolean): void {
    if (!this.#begun) this.#begin(transit, at);
    else if (anew) this.#restart(at);
    else this.#weight *= Math.exp(Math.min(longestAge, Math.max(0, at - this.#lastAt)) / memory);
    this.#lastAt = at;
    this.#lower(transit, at);
    const first = Math.floor(this.#floor / this.#binMs);
    if (at < this.#settlesAt || (this.#first - first) * this.#binMs >= otherWay) this.#first = first;
    else this.#moveTo(first);
    const bin = Math.floor(transit / this.#binMs) - this.#first;
    this.#add(Math.min(bin, this.#bins.length - 1), this.#weight);
    if (this.#weight > largestWeight) this.#rescale();
    this.#target = this.#bounded(this.#quantile() - this.#floor);
  }

  #begin(transit: number, at: number): void {
    this.#begun = true;
    this.#first = Math.floor(transit / this.#binMs);
    this.#stretchEnd = at + stretchMs;
    this.#add(Math.min(Math.floor(expectedLateness / this.#binMs), this.#bins.length - 1), expectedWeight);
  }

  #restart(at: number): void {
    this.#least.fill(Number.POSITIVE_INFINITY);
    this.#stretchEnd = at + stretchMs;
    this.#settlesAt = at + stretchMs;
  }

  #lower(transit: number, at: number): void {
    if (at >= this.#stretchEnd) {
      // One stretch is left behind, however long nothing came: its packets are still the last ones.
      this.#stretch = (this.#stretch + 1) % stretches;
      this.#least[this.#stretch] = Number.POSITIVE_INFINITY;
      this.#stretchEnd = at + stretchMs;
    }
    if (transit < this.#least[this.#stretch]!) this.#least[this.#stretch] = transit;
    let floor = Number.POSITIVE_INFINITY;
    for (let i = 0; i < stretches; i++) floor = Math.min(floor, this.#least[i]!);
    this.#floor = floor;
  }

  /** Makes `first` the first bin; what falls off at either end counts for the outermost bin. */
  #moveTo(first: number): void {
    const bins = this.#bins;
    const up = first - this.#first;
    if (up === 0) return;
    this.#first = first;
    const kept = Math.max(0, bins.length - Math.abs(up));
    let fallen = 0;
    if (up > 0) {
      for (let i = 0; i < bins.length - kept; i++) fallen += bins[i]!;
      bins.copyWithin(0, bins.length - kept);
      bins.fill(0, kept);
      bins[0]! += fallen;
    } else {
      for (let i = kept; i < bins.length; i++) fallen += bins[i]!;
      bins.copyWithin(bins.length - kept, 0, kept);
      bins.fill(0, 0, bins.length - kept);
      bins[bins.length - 1]! += fallen;
    }
  }

  #add(bin: number, weight: number): void {
    this.#bins[bin]! += weight;
    this.#total += weight;
  }

  #rescale(): void {
    for (let i = 0; i < this.#bins.length; i++) this.#bins[i]! /= this.#weight;
    this.#total /= this.#weight;
    this.#weight = 1;
  }

  /** The transit that all but the latest packets keep to, in ms. */
  #quantile(): number {
    const bins = this.#bins;
    const allowed = this.#total * (1 - inTime);
    let later = 0;
    let bin = bins.length - 1;
    while (bin > 0 && later + bins[bin]! <= allowed) later += bins[bin--]!;
    return (this.#first + bin + 1) * this.#binMs;
  }

  #bounded(ms: number): number {
    return Math.min(this.#maxMs, Math.max(this.#minMs, ms));
  }
}

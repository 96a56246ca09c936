import type { Clock, Random } from '../../base/index.ts';
import type { OpenFailure } from './relay.ts';

/** How long a released port is left alone, so that late packets of its last call meet no other call, in ms. */
const quarantine = 2000;
/** How long a port that another program holds is not tried again, in ms. */
const rest = 30_000;

/** Which ports to hand out: even-aligned, `end` exclusive. */
export interface PortRange {
  readonly start: number;
  readonly end: number;
}

interface Waiting {
  readonly port: number;
  readonly until: number;
}

/**
 * Which pairs of ports (RTP even, RTCP the odd one above, RFC 3550 section 11) are free. It starts at a random place and
 * walks on, so a port is used again as late as possible. During quarantine the sockets are closed rather than kept and
 * drained: that costs no descriptor and no wakeups, and the ICMP answer tells a sender that has not heard of the end.
 */
export class PortPool {
  readonly #clock: Clock;
  readonly #pairs: number;
  readonly #free: number[] = [];
  readonly #inUse = new Set<number>();
  /** Both in the order of their time, since the wait is the same for all. */
  readonly #quarantined: Waiting[] = [];
  readonly #resting: Waiting[] = [];
  #skipped = 0;

  constructor(range: PortRange, clock: Clock, random: Random) {
    this.#clock = clock;
    const start = range.start + (range.start % 2);
    this.#pairs = Math.max(0, Math.floor((range.end - start) / 2));
    const offset = this.#pairs > 0 ? random.below(this.#pairs) : 0;
    for (let i = 0; i < this.#pairs; i++) this.#free.push(start + 2 * ((offset + i) % this.#pairs));
  }

  /** How often a port was found in the hands of another program. */
  get skipped(): number {
    return this.#skipped;
  }

  /**
   * Takes the port that has rested longest and that `open` can open; `open` gets the even port and answers for the pair,
   * `later` where it is ours and not shut yet: it keeps its place.
   * Before it refuses it cuts the quarantine short, oldest first. Null when nothing is left.
   */
  take<Opened extends object>(open: (port: number) => Opened | OpenFailure | 'later'): Opened | null {
    this.#awake();
    for (let skipped = 0; ; ) {
      const isFree = skipped < this.#free.length;
      const at = isFree ? skipped : skipped - this.#free.length;
      const port = isFree ? this.#free[at] : this.#quarantined[at]?.port;
      if (port === undefined) return null;
      const opened = open(port);
      if (opened === 'unusable') return null;
      if (opened === 'later') {
        skipped++;
        continue;
      }
      (isFree ? this.#free : this.#quarantined).splice(at, 1);
      if (opened !== 'taken') {
        this.#inUse.add(port);
        return opened;
      }
      this.#rest(port);
    }
  }

  /** How many pairs can be had without cutting a quarantine short. */
  get free(): number {
    this.#awake();
    return this.#free.length;
  }

  /** A port that has been taken is found in the hands of another program: it is left alone for a while. */
  reject(port: number): void {
    if (this.#inUse.delete(port)) this.#rest(port);
  }

  /** Gives a port back, into quarantine. Harmless when it is not in use. */
  release(port: number): void {
    if (this.#inUse.delete(port)) this.#quarantined.push({ port, until: this.#clock.now() + quarantine });
  }

  /** In ports, two to a pair; ports in quarantine are not in use. */
  usage(): { readonly total: number; readonly inUse: number } {
    return { total: 2 * this.#pairs, inUse: 2 * this.#inUse.size };
  }

  #rest(port: number): void {
    this.#skipped++;
    this.#resting.push({ port, until: this.#clock.now() + rest });
  }

  #awake(): void {
    const now = this.#clock.now();
    for (const waiting of [this.#quarantined, this.#resting]) {
      while (waiting[0] && waiting[0].until <= now) this.#free.push(waiting.shift()!.port);
    }
  }
}

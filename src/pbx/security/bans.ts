import { type Clock, isoTime, type Log, type Timer } from '../../base/index.ts';
import type { EventBus, PbxEvent } from '../events/index.ts';
import type { Ban, BanStore } from './ban-store.ts';
import { RecentMap } from './recent-map.ts';

export interface BansOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventBus;
  readonly store: BanStore;
  /** Length of a source's first ban, in ms. */
  readonly durationMs: number;
}

type LiftCause = Extract<PbxEvent, { type: 'ban.lifted' }>['cause'];

/** A ban with the monotonic time in ms at which it ends: setting the calendar neither prolongs nor ends it. */
interface Entry {
  readonly ban: Ban;
  readonly deadline: number;
}

const day = 86_400_000;
/** Bans at one time; one more displaces the oldest. */
const mostBans = 10_000;
/** Sources whose former bans are remembered. */
const mostRemembered = 10_000;
/** How long a ban makes the source's next one longer, in ms after its end. */
const memory = day;
/** Ended bans are over at once, and told of and cleared away at most this often (ms). */
const sweepPause = 1000;

/**
 * The sources that are not heard now. Each further ban of a source is twice as long as the one before, up to a day
 * (or the length of the first, where that is more).
 */
export class Bans implements Disposable {
  readonly #options: BansOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #earlier = new RecentMap<string, { readonly repetition: number; readonly deadline: number }>(mostRemembered);
  #timer: Timer | null = null;
  #sweepAt = Number.POSITIVE_INFINITY;
  #sweptAt = Number.NEGATIVE_INFINITY;
  #total = 0;

  constructor(options: BansOptions) {
    this.#options = options;
  }

  /** Takes up the bans of the last run. Those that ended meanwhile, or whose source is `allowed` now, are lifted. */
  async load(isAllowed: (source: string) => boolean): Promise<void> {
    const { clock, store, durationMs } = this.#options;
    for (const ban of await store.load()) {
      const left = Math.min(ban.until - clock.wall(), longest(durationMs));
      const deadline = clock.now() + left;
      this.#earlier.put(ban.source, { repetition: ban.repetition, deadline });
      if (left <= 0) this.#lifted(ban, 'expired');
      else if (isAllowed(ban.source)) this.#lifted(ban, 'allowed');
      else this.#put({ ban, deadline });
    }
  }

  /** Bans that have not ended. */
  get active(): number {
    return this.#entries.size;
  }

  /** Bans since the start. */
  get total(): number {
    return this.#total;
  }

  has(source: string): boolean {
    const entry = this.#entries.get(source);
    return entry !== undefined && entry.deadline > this.#options.clock.now();
  }

  /** Bans a source that is not banned. */
  add(source: string, aor: string, failures: number): void {
    const { clock, log, events, store, durationMs } = this.#options;
    const ended = this.#entries.get(source);
    if (ended) this.#lift(ended, 'expired');
    const earlier = this.#earlier.get(source);
    const repetition = earlier && clock.now() - earlier.deadline < memory ? earlier.repetition + 1 : 1;
    const length = Math.min(durationMs * 2 ** (repetition - 1), longest(durationMs));
    const bannedAt = clock.wall();
    const ban: Ban = { source, aor, failures, repetition, bannedAt, until: bannedAt + length };
    const deadline = clock.now() + length;
    this.#total++;
    this.#earlier.put(source, { repetition, deadline });
    this.#put({ ban, deadline });
    store.save(ban);
    log.warning('source banned', { source, aor, failures, repetition, until: isoTime(ban.until) });
    events.publish({ type: 'ban.added', at: bannedAt, ban });
  }

  /** Lets go of the timer. The store keeps the bans for the next run. */
  [Symbol.dispose](): void {
    this.#stopSweeping();
  }

  #put(entry: Entry): void {
    if (this.#entries.size >= mostBans) {
      for (const oldest of this.#entries.values()) {
        this.#lift(oldest, 'displaced');
        break;
      }
    }
    this.#entries.set(entry.ban.source, entry);
    this.#sweepBy(entry.deadline);
  }

  #lift({ ban }: Entry, cause: LiftCause): void {
    this.#entries.delete(ban.source);
    this.#lifted(ban, cause);
    if (this.#entries.size === 0) this.#stopSweeping();
  }

  #lifted(ban: Ban, cause: LiftCause): void {
    const { clock, log, events, store } = this.#options;
    store.remove(ban.source);
    log.info('ban lifted', { source: ban.source, cause });
    events.publish({ type: 'ban.lifted', at: clock.wall(), ban, cause });
  }

  #sweepBy(deadline: number): void {
    const at = Math.max(deadline, this.#sweptAt + sweepPause);
    if (at >= this.#sweepAt) return;
    this.#timer?.cancel();
    this.#sweepAt = at;
    this.#timer = this.#options.clock.after(at - this.#options.clock.now(), () => this.#sweep());
  }

  #sweep(): void {
    const now = this.#options.clock.now();
    this.#sweptAt = now;
    this.#stopSweeping();
    let earliest = Number.POSITIVE_INFINITY;
    for (const entry of [...this.#entries.values()]) {
      if (entry.deadline <= now) this.#lift(entry, 'expired');
      else earliest = Math.min(earliest, entry.deadline);
    }
    if (earliest < Number.POSITIVE_INFINITY) this.#sweepBy(earliest);
  }

  #stopSweeping(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#sweepAt = Number.POSITIVE_INFINITY;
  }
}

/** The length that no ban exceeds, in ms. */
function longest(durationMs: number): number {
  return Math.max(durationMs, day);
}

import type { Clock, Log, Timer } from '../base/index.ts';
import { backoff } from './backoff.ts';
import type { Spill } from './spill.ts';
import type { StoreEntry } from './store-entry.ts';

export interface OverflowOptions {
  readonly spill: Spill;
  readonly clock: Clock;
  readonly log: Log;
  readonly commit: (entries: readonly StoreEntry[]) => Promise<void>;
  /** Gets the entries that need no replay, at the moment when the overflow ends. */
  readonly takeBack: (entries: readonly StoreEntry[]) => void;
}

/**
 * The way round a full queue. Once one entry has gone this way, all that follow do, until everything has been
 * replayed: so an event's removal never overtakes the event.
 */
export class Overflow {
  readonly #options: OverflowOptions;
  #active: boolean;
  #replay: Promise<void> | null = null;
  #timer: Timer | null = null;
  #failures = 0;
  #failure: string | null = null;
  #closed = false;

  constructor(options: OverflowOptions) {
    this.#options = options;
    this.#active = !options.spill.empty;
  }

  /** Whether entries that must not be lost are to come here. */
  get active(): boolean {
    return this.#active;
  }

  /** Why entries can't be spilled or replayed at the moment, or null. */
  get failure(): string | null {
    return this.#options.spill.failure ?? this.#failure;
  }

  get dropped(): number {
    return this.#options.spill.dropped;
  }

  add(entries: readonly StoreEntry[]): void {
    if (!this.#active) this.#options.log.warning('the queue of the store is full: entries are spilled');
    this.#active = true;
    this.#options.spill.add(entries);
  }

  /** The store works and all that came before the overflow is in it: the time to replay. Resolves when it has been tried. */
  resume(): Promise<void> {
    if (!this.#active || this.#closed) return Promise.resolve();
    this.#replay ??= this.#run().finally(() => {
      this.#replay = null;
    });
    return this.#replay;
  }

  /** As `resume`, but not sooner after a failure than the back-off says. */
  resumeWhenDue(): void {
    if (this.#timer === null) void this.resume();
  }

  /** Resolves when everything is kept where it survives the process; rejects when it can't be. */
  settle(): Promise<void> {
    return this.#options.spill.settle();
  }

  /** Replays no more. */
  close(): void {
    this.#closed = true;
    if (this.#active) this.#failure = 'the store is closed';
    this.#timer?.cancel();
  }

  async #run(): Promise<void> {
    const { spill, clock, log, commit, takeBack } = this.#options;
    this.#timer?.cancel();
    this.#timer = null;
    try {
      await spill.replay(commit, (entries) => {
        this.#active = false;
        this.#failures = 0;
        this.#failure = null;
        takeBack(entries);
      });
      log.info('spilled entries are in the store');
    } catch (error) {
      if (this.#closed) return;
      const { message } = error as Error;
      this.#failures++;
      if (this.#failures === 1) log.warning('spilled entries cannot be replayed yet', { error: message });
      this.#failure = `spilled entries cannot be replayed: ${message}`;
      this.#timer = clock.after(backoff(this.#failures), () => {
        this.#timer = null;
        void this.resume();
      });
    }
  }
}

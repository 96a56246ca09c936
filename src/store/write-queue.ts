import type { Clock, Log, Timer } from '../base/index.ts';
import type { Backend } from './backend.ts';
import { backoff } from './backoff.ts';
import { Overflow } from './overflow.ts';
import type { Spill } from './spill.ts';
import { entryKey, isExpendable, type StoreEntry } from './store-entry.ts';

/** Entries are committed when the oldest has waited this long (ms) or when so many wait. */
const batchDelay = 50;
const batchRows = 500;
/** Commits are made to survive a loss of power this long (ms) after the first: with `batchDelay` within the second. */
const syncDelay = 900;
/** A commit that takes longer (ms) is a store that has stalled. */
const stallAfter = 5000;
/** How long closing waits for a store that does not answer (ms). */
const closePatience = 5000;

/** How many entries wait in memory unless said otherwise. */
export const defaultQueueLimit = 50_000;

export interface QueueState {
  readonly healthy: boolean;
  /** Why it is not healthy, in words for the operator. */
  readonly reason: string | null;
  /** Entries in memory. */
  readonly queued: number;
  /** Entries lost since the start. */
  readonly dropped: number;
  /** Wall time in ms; null before the first commit. */
  readonly lastCommitAt: number | null;
}

export interface WriteQueueOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly log: Log;
  /** Null: entries that don't fit are lost, the oldest first. */
  readonly spill: Spill | null;
  /** Entries that may wait in memory. */
  readonly limit: number;
}

/**
 * The one way into the store: entries wait in their order and are committed in batches. Pushing never blocks and never
 * throws. An entry takes the place of an earlier one with the same key that still waits.
 *
 * A store that fails keeps its batch, which is tried again. When the queue is full, what must not be lost goes to
 * the spill; then the oldest bindings go.
 *
 * What a `kill -9` costs is what is in memory: the entries of the last 50 ms and the batch under way while the store
 * works, more while it doesn't. What has been committed or spilled stays.
 */
export class WriteQueue {
  readonly #options: WriteQueueOptions;
  readonly #overflow: Overflow | null;
  readonly #waiting = new Map<string, StoreEntry>();
  /** How many of those waiting must not be lost. */
  #precious = 0;
  /** Taken from the queue, not committed yet. */
  #batch: readonly StoreEntry[] | null = null;
  #committing: Promise<void> | null = null;
  #committingSince = 0;
  #timer: Timer | null = null;
  #syncTimer: Timer | null = null;
  #failures = 0;
  #failure: string | null = null;
  #syncFailure: string | null = null;
  #dropped = 0;
  /** Said already, and the queue has not been empty since. */
  #dropping = false;
  #lastCommitAt: number | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: WriteQueueOptions) {
    this.#options = options;
    const { spill, clock, log } = options;
    const commit = (entries: readonly StoreEntry[]) => this.#commit(entries);
    const takeBack = (entries: readonly StoreEntry[]) => {
      for (const entry of entries) this.#add(entry);
    };
    this.#overflow = spill && new Overflow({ spill, clock, log, commit, takeBack });
  }

  /** Replays what an earlier process has spilled. Resolves when it has been tried; a failure is tried again later. */
  async start(): Promise<void> {
    await this.#overflow?.resume();
  }

  /** Takes an entry, to be written soon. After `close` it is lost. */
  push(entry: StoreEntry): void {
    if (this.#closing) this.#drop(1, 'the store is closed');
    else this.#add(entry);
  }

  state(): QueueState {
    const reason = this.#trouble();
    return {
      healthy: reason === null,
      reason,
      queued: this.#waiting.size + (this.#batch?.length ?? 0),
      dropped: this.#dropped + (this.#overflow?.dropped ?? 0),
      lastCommitAt: this.#lastCommitAt,
    };
  }

  /** Commits everything, the spill too, and makes it survive a loss of power. Rejects when the store fails at it. */
  async flush(): Promise<void> {
    do {
      while (this.#batch || this.#waiting.size > 0) {
        await (this.#committing ?? this.#turn());
        if (this.#failure !== null) throw new Error(this.#failure);
      }
      await this.#overflow?.resume();
      if (this.#overflow?.active && this.#overflow.failure !== null) throw new Error(this.#overflow.failure);
      // Entries that came back from the spill wait again.
    } while (this.#batch || this.#waiting.size > 0 || this.#overflow?.active);
    await this.#options.backend.sync?.();
  }

  /**
   * Flushes, for 5 s at most. What the store does not take in that time is spilled; bindings are lost. Entries pushed
   * from now on are lost too.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { clock, log } = this.#options;
    const late = Promise.withResolvers<never>();
    const patience = clock.after(closePatience, () => late.reject(new Error('the store does not answer')));
    try {
      await Promise.race([this.flush(), late.promise]);
    } catch (error) {
      log.error('not everything could be written to the store', { error: (error as Error).message });
      await this.#rescue();
    } finally {
      patience.cancel();
      this.#timer?.cancel();
      this.#syncTimer?.cancel();
      this.#overflow?.close();
    }
  }

  /** Brings what must not be lost to the spill, at the end. */
  async #rescue(): Promise<void> {
    const left = [...(this.#batch ?? []), ...this.#waiting.values()];
    const precious = left.filter((entry) => !isExpendable(entry));
    this.#batch = null;
    this.#waiting.clear();
    this.#drop(this.#overflow ? left.length - precious.length : left.length, 'the store was closed while it failed');
    if (!this.#overflow) return;
    if (precious.length > 0) this.#overflow.add(precious);
    await this.#overflow.settle().catch((error: Error) => {
      this.#options.log.error('entries of the store are lost', { error: error.message });
    });
  }

  #trouble(): string | null {
    if (this.#failure !== null) return `the store fails: ${this.#failure}`;
    if (this.#committing && this.#options.clock.now() - this.#committingSince >= stallAfter) {
      return 'the store does not answer';
    }
    if (this.#syncFailure !== null) return `the store can't reach its disk: ${this.#syncFailure}`;
    if (this.#waiting.size >= this.#options.limit) return 'the queue of the store is full';
    return this.#overflow?.failure ?? null;
  }

  #add(entry: StoreEntry): void {
    const precious = !isExpendable(entry);
    if (precious && this.#overflow?.active) {
      this.#overflow.add([entry]);
      return;
    }
    const key = entryKey(entry);
    const known = this.#waiting.delete(key);
    if (known && precious) this.#precious--;
    if (!known && this.#waiting.size >= this.#options.limit) {
      if (this.#overflow && (precious || this.#precious > 0)) {
        this.#overflow.add(this.#takePrecious());
        if (precious) {
          this.#overflow.add([entry]);
          return;
        }
      } else {
        this.#dropOldest();
      }
    }
    this.#waiting.set(key, entry);
    if (precious) this.#precious++;
    this.#schedule();
  }

  #takePrecious(): readonly StoreEntry[] {
    const precious: StoreEntry[] = [];
    for (const [key, entry] of this.#waiting) {
      if (isExpendable(entry)) continue;
      this.#waiting.delete(key);
      precious.push(entry);
    }
    this.#precious = 0;
    return precious;
  }

  #dropOldest(): void {
    for (const [key, entry] of this.#waiting) {
      this.#waiting.delete(key);
      if (!isExpendable(entry)) this.#precious--;
      this.#drop(1, 'the queue is full');
      return;
    }
  }

  #drop(count: number, reason: string): void {
    if (count === 0) return;
    if (!this.#dropping) this.#options.log.error('entries of the store are lost', { reason });
    this.#dropping = true;
    this.#dropped += count;
  }

  #schedule(): void {
    if (this.#committing || (this.#batch === null && this.#waiting.size === 0)) return;
    const retrying = this.#failures > 0;
    const full = this.#waiting.size >= batchRows;
    if (this.#timer) {
      if (retrying || !full) return;
      this.#timer.cancel();
    }
    const delay = retrying ? backoff(this.#failures) : full ? 0 : batchDelay;
    if (delay === 0) void this.#turn();
    else this.#timer = this.#options.clock.after(delay, () => void this.#turn());
  }

  /** Commits one batch, or tries to. Never rejects. */
  #turn(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    this.#batch ??= this.#take();
    this.#committingSince = this.#options.clock.now();
    this.#committing = this.#commit(this.#batch).then(
      () => this.#onCommitted(),
      (error: Error) => this.#onFailed(error),
    );
    return this.#committing;
  }

  #take(): readonly StoreEntry[] {
    const batch: StoreEntry[] = [];
    for (const [key, entry] of this.#waiting) {
      this.#waiting.delete(key);
      if (!isExpendable(entry)) this.#precious--;
      if (batch.push(entry) === batchRows) break;
    }
    return batch;
  }

  async #commit(entries: readonly StoreEntry[]): Promise<void> {
    const { backend, clock, log } = this.#options;
    for (const { kind, reason } of await backend.commit(entries)) {
      this.#dropped++;
      log.error('the store refuses an entry', { kind, error: reason });
    }
    this.#lastCommitAt = clock.wall();
    if (backend.sync && !this.#closing) this.#syncTimer ??= clock.after(syncDelay, () => void this.#sync());
  }

  #onCommitted(): void {
    this.#committing = null;
    this.#batch = null;
    if (this.#failures > 0) this.#options.log.info('the store works again');
    this.#failures = 0;
    this.#failure = null;
    if (this.#waiting.size === 0) this.#dropping = false;
    this.#overflow?.resumeWhenDue();
    this.#schedule();
  }

  #onFailed({ message }: Error): void {
    this.#committing = null;
    this.#failures++;
    if (this.#failures === 1) this.#options.log.error('the store fails; its entries are kept', { error: message });
    this.#failure = message;
    if (!this.#closing) this.#schedule();
  }

  async #sync(): Promise<void> {
    const { backend, clock, log } = this.#options;
    // What is committed while this goes on needs another.
    this.#syncTimer = null;
    try {
      await backend.sync?.();
      this.#syncFailure = null;
    } catch (error) {
      const { message } = error as Error;
      if (this.#syncFailure === null) log.error("the store can't reach its disk", { error: message });
      this.#syncFailure = message;
      if (!this.#closing) this.#syncTimer ??= clock.after(syncDelay, () => void this.#sync());
    }
  }
}

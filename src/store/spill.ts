import type { StoreEntry } from './store-entry.ts';

/** Where entries that must not be lost wait while the queue has no room for them. */
export interface Spill {
  /** Whether nothing waits here. */
  readonly empty: boolean;
  /** How many entries could not even be kept here. */
  readonly dropped: number;
  /** Why entries can't be kept safe at the moment, or null. */
  readonly failure: string | null;
  /** Takes the entries, after those it has. Never throws. */
  add(entries: readonly StoreEntry[]): void;
  /**
   * Hands everything to `commit`, oldest first, and forgets what it has taken. When all is done, `takeBack` gets what
   * is left to the caller, and at that moment the spill is empty. Rejects when `commit` does; to be called again then.
   */
  replay(
    commit: (entries: readonly StoreEntry[]) => Promise<void>,
    takeBack: (entries: readonly StoreEntry[]) => void,
  ): Promise<void>;
  /** Resolves when everything added is as safe as it gets; rejects when it can't be kept. */
  settle(): Promise<void>;
}

/** How many entries are replayed at once. */
export const replayRows = 500;

import type { Clock, Log } from '../base/index.ts';
import type { Extension } from '../pbx/directory/index.ts';
import type { WebhookDelivery } from '../pbx/records/index.ts';
import type { Binding } from '../pbx/registrar/index.ts';
import type { Ban } from '../pbx/security/index.ts';
import type { Backend, RejectedEntry } from './backend.ts';
import { replayRows, type Spill } from './spill.ts';
import { QueuedStore, type Store } from './store.ts';
import { entryKey, type StoreEntry } from './store-entry.ts';

/**
 * What a memory store keeps its things on; it outlives the store as a disk does, so that a restart can be played. Its
 * faults are switched by assignment.
 */
export class MemoryDisk {
  /** How long each commit takes (ms). */
  commitDelay = 0;
  /** What each commit fails with, or null. */
  failing: string | null = null;
  readonly bindings = new Map<string, Binding>();
  readonly webhooks = new Map<string, WebhookDelivery>();
  readonly extensions = new Map<string, Extension>();
  readonly bans = new Map<string, Ban>();
  readonly secrets = new Map<string, Uint8Array>();
  readonly spilled: StoreEntry[] = [];
}

export interface MemoryStoreOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** A new one unless given. */
  readonly disk?: MemoryDisk;
  /** Entries that may wait in memory (50,000). */
  readonly queueLimit?: number;
}

/** A store without database, file or thread: for tests and simulations. When nothing waits to be written, it holds no timer. */
export function memoryStore({ clock, log, disk = new MemoryDisk(), queueLimit }: MemoryStoreOptions): Store {
  return new QueuedStore({
    backend: new MemoryBackend(disk, clock),
    clock,
    log,
    spill: new MemorySpill(disk.spilled),
    queueLimit,
  });
}

class MemoryBackend implements Backend {
  readonly #disk: MemoryDisk;
  readonly #clock: Clock;

  constructor(disk: MemoryDisk, clock: Clock) {
    this.#disk = disk;
    this.#clock = clock;
  }

  async loadBindings(): Promise<readonly Binding[]> {
    return sorted(this.#disk.bindings.values(), ({ registeredAt, aor, key }) => [registeredAt, aor, key]);
  }

  async loadWebhooks(): Promise<readonly WebhookDelivery[]> {
    return sorted(this.#disk.webhooks.values(), ({ sequence }) => [sequence]);
  }

  async loadExtensions(): Promise<readonly Extension[]> {
    return sorted(this.#disk.extensions.values(), ({ number }) => [number]);
  }

  async loadBans(): Promise<readonly Ban[]> {
    return sorted(this.#disk.bans.values(), ({ bannedAt, source }) => [bannedAt, source]);
  }

  async secret(name: string, fresh: Uint8Array): Promise<Uint8Array> {
    const { secrets } = this.#disk;
    const secret = secrets.get(name) ?? Uint8Array.from(fresh);
    secrets.set(name, secret);
    return secret;
  }

  async commit(entries: readonly StoreEntry[]): Promise<readonly RejectedEntry[]> {
    const { commitDelay } = this.#disk;
    if (commitDelay > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#clock.after(commitDelay, resolve);
      await promise;
    }
    if (this.#disk.failing !== null) throw new Error(this.#disk.failing);
    for (const entry of entries) this.#write(entry);
    return [];
  }

  async close(): Promise<void> {}

  #write(entry: StoreEntry): void {
    const key = entryKey(entry);
    const { bindings, webhooks, extensions, bans } = this.#disk;
    switch (entry.kind) {
      case 'save binding':
        bindings.set(key, entry.row);
        return;
      case 'remove binding':
        bindings.delete(key);
        return;
      case 'add webhook':
        webhooks.set(key, entry.row);
        return;
      case 'remove webhook':
        webhooks.delete(key);
        return;
      case 'save extension':
        extensions.set(key, entry.row);
        return;
      case 'remove extension':
        extensions.delete(key);
        return;
      case 'save ban':
        bans.set(key, entry.row);
        return;
      case 'remove ban':
        bans.delete(key);
        return;
    }
  }
}

class MemorySpill implements Spill {
  readonly dropped = 0;
  readonly failure = null;
  readonly #entries: StoreEntry[];

  constructor(entries: StoreEntry[]) {
    this.#entries = entries;
  }

  get empty(): boolean {
    return this.#entries.length === 0;
  }

  add(entries: readonly StoreEntry[]): void {
    for (const entry of entries) this.#entries.push(entry);
  }

  async replay(
    commit: (entries: readonly StoreEntry[]) => Promise<void>,
    takeBack: (entries: readonly StoreEntry[]) => void,
  ): Promise<void> {
    while (this.#entries.length > 0) {
      const batch = this.#entries.slice(0, replayRows);
      await commit(batch);
      this.#entries.splice(0, batch.length);
    }
    takeBack([]);
  }

  async settle(): Promise<void> {}
}

/** The rows by the first of their `keys` that differs. */
function sorted<Row>(rows: Iterable<Row>, keys: (row: Row) => readonly (string | number)[]): readonly Row[] {
  return [...rows].sort((a, b) => {
    const theirs = keys(b);
    for (const [at, key] of keys(a).entries()) if (key !== theirs[at]) return key < theirs[at]! ? -1 : 1;
    return 0;
  });
}

import type { Extension } from '../pbx/directory/index.ts';
import type { WebhookDelivery } from '../pbx/records/index.ts';
import type { Binding } from '../pbx/registrar/index.ts';
import type { Ban } from '../pbx/security/index.ts';
import type { StoreEntry } from './store-entry.ts';

/** The name of the database that is nowhere but in memory. */
export const inMemory = ':memory:';

/** An entry that can never be written, and why. */
export interface RejectedEntry {
  readonly kind: StoreEntry['kind'];
  readonly reason: string;
}

/** What keeps things: a database, or a memory that plays one. Every method rejects when it can't do its work. */
export interface Backend {
  /** Oldest registration first. */
  loadBindings(): Promise<readonly Binding[]>;
  /** In the order of their sequence numbers. */
  loadWebhooks(): Promise<readonly WebhookDelivery[]>;
  /** In the order of their numbers. */
  loadExtensions(): Promise<readonly Extension[]>;
  /** Oldest first. */
  loadBans(): Promise<readonly Ban[]>;
  /** The secret of that name; `fresh` becomes it where there is none yet. */
  secret(name: string, fresh: Uint8Array): Promise<Uint8Array>;
  /**
   * Writes the entries in their order, all or none; after it the death of the process can't undo them. Entries at
   * fault themselves are left out and returned. Writing an entry again changes nothing.
   */
  commit(entries: readonly StoreEntry[]): Promise<readonly RejectedEntry[]>;
  /** Makes all commits so far survive a loss of power. Absent where there is nothing to do for that. */
  sync?(): Promise<void>;
  close(): Promise<void>;
}

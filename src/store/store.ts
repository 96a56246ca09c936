import type { Clock, Log, Random } from '../base/index.ts';
import type { ExtensionStore } from '../pbx/directory/index.ts';
import type { WebhookQueue } from '../pbx/records/index.ts';
import type { BindingStore } from '../pbx/registrar/index.ts';
import type { BanStore } from '../pbx/security/index.ts';
import type { Backend } from './backend.ts';
import type { Spill } from './spill.ts';
import { defaultQueueLimit, type QueueState, WriteQueue } from './write-queue.ts';

/** Secrets of our own that must survive a restart, such as the key of the nonces. */
export interface SecretStore {
  /** The secret of that name: made of `bytes` random bytes at its first use, the same ever after. Rejects when the store fails. */
  secret(name: string, bytes: number, random: Random): Promise<Uint8Array>;
}

/** Everything the exchange keeps beyond the life of its process, but for records that are files. */
export interface Store {
  readonly bindings: BindingStore;
  readonly webhooks: WebhookQueue;
  readonly extensions: ExtensionStore;
  readonly bans: BanStore;
  readonly secrets: SecretStore;
  /** How the writing goes; for readiness and metrics. */
  state(): QueueState;
  /** Resolves when everything written so far survives a loss of power; rejects when the store fails at it. */
  flush(): Promise<void>;
  /** Flushes and closes. Never rejects; what could not be written is logged. What is written afterwards is lost. */
  close(): Promise<void>;
}

export interface QueuedStoreOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly log: Log;
  readonly spill: Spill | null;
  /** Entries that may wait in memory (50,000). */
  readonly queueLimit?: number | undefined;
}

/** A store that writes behind: loads come from the backend, changes go through the queue. */
export class QueuedStore implements Store {
  readonly bindings: BindingStore;
  readonly webhooks: WebhookQueue;
  readonly extensions: ExtensionStore;
  readonly bans: BanStore;
  readonly secrets: SecretStore;
  readonly #backend: Backend;
  readonly #queue: WriteQueue;
  readonly #log: Log;
  /** Resolves when what an earlier process has spilled is in the backend, or could not be brought there now. */
  readonly started: Promise<void>;
  #closing: Promise<void> | null = null;

  constructor({ backend, clock, log, spill, queueLimit = defaultQueueLimit }: QueuedStoreOptions) {
    const queue = new WriteQueue({ backend, clock, log, spill, limit: queueLimit });
    this.#backend = backend;
    this.#queue = queue;
    this.#log = log;
    this.started = queue.start();
    const { started } = this;

    this.bindings = {
      load: () => started.then(() => backend.loadBindings()),
      save: (row) => queue.push({ kind: 'save binding', row }),
      remove: (aor, key) => queue.push({ kind: 'remove binding', row: { aor, key } }),
    };
    this.webhooks = {
      load: () => started.then(() => backend.loadWebhooks()),
      add: (row) => queue.push({ kind: 'add webhook', row }),
      remove: (id, url) => queue.push({ kind: 'remove webhook', row: { id, url } }),
    };
    this.extensions = {
      load: () => started.then(() => backend.loadExtensions()),
      save: (row) => queue.push({ kind: 'save extension', row }),
      remove: (number) => queue.push({ kind: 'remove extension', row: { number } }),
    };
    this.bans = {
      load: () => started.then(() => backend.loadBans()),
      save: (row) => queue.push({ kind: 'save ban', row }),
      remove: (source) => queue.push({ kind: 'remove ban', row: { source } }),
    };
    this.secrets = { secret: (name, bytes, random) => backend.secret(name, random.bytes(bytes)) };
  }

  state(): QueueState {
    return this.#queue.state();
  }

  async flush(): Promise<void> {
    await this.started;
    await this.#queue.flush();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#queue.close();
    try {
      await this.#backend.close();
    } catch (error) {
      this.#log.error('the store could not be closed', { error: (error as Error).message });
    }
  }
}

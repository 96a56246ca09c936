import { Worker } from 'node:worker_threads';
import type { Clock } from '../base/index.ts';
import type { Extension } from '../pbx/directory/index.ts';
import type { WebhookDelivery } from '../pbx/records/index.ts';
import type { Binding } from '../pbx/registrar/index.ts';
import type { Ban } from '../pbx/security/index.ts';
import type { Backend, RejectedEntry } from './backend.ts';
import type { StoreEntry } from './store-entry.ts';
import type { StoreReply, StoreRequest, StoreThreadData } from './store-thread.ts';

/** The thread's program: TypeScript in the source tree, JavaScript where it is built. */
const program = new URL(import.meta.url.endsWith('.ts') ? './store-thread.ts' : './store-thread.js', import.meta.url);

/** How long closing waits for a thread that does not answer (ms). */
const closePatience = 2000;

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A SQLite backend in a thread of its own. A thread that has died is started again by the next call. */
export class ThreadBackend implements Backend {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | null = null;
  #lastId = 0;
  #closed = false;

  private constructor(file: string, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  /** Starts the thread and opens `file` in it. Rejects as `SqliteBackend.open` does. */
  static async open(file: string, clock: Clock): Promise<ThreadBackend> {
    const backend = new ThreadBackend(file, clock);
    try {
      await backend.sync();
      return backend;
    } catch (error) {
      await backend.#end();
      throw error;
    }
  }

  loadBindings(): Promise<readonly Binding[]> {
    return this.#call('loadBindings');
  }

  loadWebhooks(): Promise<readonly WebhookDelivery[]> {
    return this.#call('loadWebhooks');
  }

  loadExtensions(): Promise<readonly Extension[]> {
    return this.#call('loadExtensions');
  }

  loadBans(): Promise<readonly Ban[]> {
    return this.#call('loadBans');
  }

  secret(name: string, fresh: Uint8Array): Promise<Uint8Array> {
    return this.#call('secret', name, fresh);
  }

  commit(entries: readonly StoreEntry[]): Promise<readonly RejectedEntry[]> {
    return this.#call('commit', entries);
  }

  sync(): Promise<void> {
    return this.#call('sync');
  }

  /** Rejects when the database could not be closed well, or the thread does not answer. */
  async close(): Promise<void> {
    if (this.#closed) return;
    const late = Promise.withResolvers<never>();
    const timer = this.#clock.after(closePatience, () => late.reject(new Error('the store does not answer')));
    try {
      await Promise.race([this.#call('close'), late.promise]);
    } finally {
      timer.cancel();
      await this.#end();
    }
  }

  async #end(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    if (!worker) return;
    const ended = worker.terminate();
    if (this.#pending.size === 0) {
      await ended;
      return;
    }
    // A thread that is stuck in the file system only ends when it comes back: nobody waits for it.
    worker.unref();
    this.#onEnd(worker, 'it has been closed');
  }

  #call<M extends keyof Backend>(
    method: M,
    ...args: Parameters<NonNullable<Backend[M]>>
  ): Promise<Awaited<ReturnType<NonNullable<Backend[M]>>>> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    if (this.#closed) {
      reject(new Error('the store is closed'));
    } else {
      const request: StoreRequest = { id: ++this.#lastId, method, args };
      this.#worker ??= this.#start();
      this.#worker.postMessage(request);
      this.#pending.set(request.id, { resolve, reject });
    }
    return promise as Promise<Awaited<ReturnType<NonNullable<Backend[M]>>>>;
  }

  #start(): Worker {
    const data: StoreThreadData = { file: this.#file };
    // Flags of the process (a loader, an inspector, `--eval`) are not meant for it.
    const worker = new Worker(program, { name: 'store', workerData: data, execArgv: [] });
    worker.on('message', (reply: StoreReply) => {
      const pending = this.#pending.get(reply.id);
      this.#pending.delete(reply.id);
      if ('error' in reply) pending?.reject(new Error(reply.error));
      else pending?.resolve(reply.value);
    });
    worker.on('error', (error) => this.#onEnd(worker, error instanceof Error ? error.message : String(error)));
    worker.on('exit', () => this.#onEnd(worker, 'its thread has ended'));
    return worker;
  }

  #onEnd(worker: Worker, reason: string): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(new Error(`the store failed: ${reason}`));
  }
}

import { parentPort, workerData } from 'node:worker_threads';
import type { Backend } from './backend.ts';
import { SqliteBackend } from './sqlite-backend.ts';

/** What the thread is started with. */
export interface StoreThreadData {
  readonly file: string;
}

/** A call of a backend's method; answered by one reply with the same id. */
export interface StoreRequest {
  readonly id: number;
  readonly method: keyof Backend;
  readonly args: readonly unknown[];
}

export type StoreReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string };

/** The thread that owns the database, because SQLite blocks whoever calls it. One request at a time, in their order. */
function serve(): void {
  if (!parentPort) return;
  const port = parentPort;
  const { file } = workerData as StoreThreadData;
  let backend: SqliteBackend | null = null;
  let last = Promise.resolve();

  async function answer({ id, method, args }: StoreRequest): Promise<StoreReply> {
    try {
      backend ??= await SqliteBackend.open(file);
      const call = backend[method] as (...args: readonly unknown[]) => Promise<unknown>;
      return { id, value: await call.apply(backend, [...args]) };
    } catch (error) {
      return { id, error: (error as Error).message };
    }
  }

  port.on('message', (request: StoreRequest) => {
    last = last.then(async () => port.postMessage(await answer(request)));
  });
}

serve();

import { dirname, join, resolve } from 'node:path';
import type { Clock, Log } from '../base/index.ts';
import { inMemory } from './backend.ts';
import { FileSpill } from './file-spill.ts';
import { QueuedStore, type Store } from './store.ts';
import { ThreadBackend } from './thread-backend.ts';
import { defaultQueueLimit } from './write-queue.ts';

export interface OpenStoreOptions {
  /** `sqlite:FILE` or `sqlite::memory:` */
  readonly url: string;
  /** What a relative FILE is relative to. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Entries that may wait in memory (50,000). */
  readonly queueLimit?: number;
}

/**
 * Opens the store, makes it where there is none, and replays what an earlier process could not write. A database in a
 * file has its overflow beside it, in the folder `spill`; one in memory has none. Rejects with one clear line when the
 * URL names nothing we know, or the database is damaged, newer than this version, used by another exchange, or can't be
 * written.
 */
export async function openStore({ url, directory, clock, log, queueLimit }: OpenStoreOptions): Promise<Store> {
  const file = databaseFile(url, directory);
  // The database first: its lock says that nobody else is at work in this folder.
  const backend = await ThreadBackend.open(file, clock);
  try {
    const spill =
      file === inMemory
        ? null
        : await FileSpill.open({ folder: join(dirname(file), 'spill'), clock, log, limit: defaultQueueLimit });
    const store = new QueuedStore({ backend, clock, log, spill, queueLimit });
    await store.started;
    return store;
  } catch (error) {
    await backend.close().catch(() => {});
    throw error;
  }
}

/** The database that `url` names. Throws Error with one clear line when it names none that we have. */
function databaseFile(url: string, directory: string): string {
  // The URL may hold a password: errors name its scheme only.
  if (/^postgres(ql)?:/.test(url)) {
    throw new Error('storage.url: PostgreSQL is not in this release; use sqlite:FILE');
  }
  const [, path] = /^sqlite:(?:\/\/(?=\/))?(.+)$/.exec(url) ?? [];
  if (path === undefined) throw new Error('storage.url: must be sqlite:FILE or sqlite::memory:');
  return path === inMemory ? inMemory : resolve(directory, path);
}

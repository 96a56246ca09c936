import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { type CompiledQuery, Kysely, SqliteDialect } from 'kysely';
import type { Extension } from '../pbx/directory/index.ts';
import type { WebhookDelivery } from '../pbx/records/index.ts';
import type { Binding } from '../pbx/registrar/index.ts';
import type { Ban } from '../pbx/security/index.ts';
import { type Backend, inMemory, type RejectedEntry } from './backend.ts';
import { type FolderLock, lockFolder } from './folder-lock.ts';
import { migrate, schemaVersion } from './migrations.ts';
import type { StoreEntry } from './store-entry.ts';
import {
  banOf,
  banRow,
  bindingOf,
  bindingRow,
  extensionOf,
  extensionRow,
  type Tables,
  webhookOf,
  webhookRow,
} from './tables.ts';

/**
 * A SQLite database as a backend. It blocks the thread it runs in. Its users must not call a method before the last
 * has resolved: there is one connection, and a transaction is all that happens on it.
 *
 * Journal in WAL mode, `synchronous=NORMAL`: a commit is a write to the operating system, which the death of the
 * process doesn't undo, but not to the disk. `sync` is a small commit with `synchronous=FULL`, which flushes the whole
 * journal: called once a second, a loss of power costs the last second.
 */
export class SqliteBackend implements Backend {
  readonly #database: Database.Database;
  readonly #db: Kysely<Tables>;
  readonly #lock: FolderLock | null;
  readonly #statements = new Map<StoreEntry['kind'], Database.Statement>();

  private constructor(database: Database.Database, db: Kysely<Tables>, lock: FolderLock | null) {
    this.#database = database;
    this.#db = db;
    this.#lock = lock;
  }

  /**
   * Opens `file`, made where it is missing (0600, its folder 0700), and brings its schema up to date. Rejects with one
   * line that names the file when it is damaged, in use, written by a newer version, or can't be written.
   */
  static async open(file: string): Promise<SqliteBackend> {
    let database: Database.Database | null = null;
    let lock: FolderLock | null = null;
    try {
      if (file !== inMemory) {
        reserve(`${file}.lock`);
        lock = lockFolder(`${file}.lock`);
        reserve(file);
      }
      database = new Database(file);
      database.pragma('journal_mode = WAL');
      database.pragma('synchronous = NORMAL');
      const known = database.pragma('user_version', { simple: true }) as number;
      if (known > schemaVersion) {
        throw new Error(`a newer version wrote it (schema ${known}, this version knows up to ${schemaVersion})`);
      }
      const check = database.pragma('quick_check(1)', { simple: true }) as string;
      if (check !== 'ok') throw new Error(`it is damaged (${check}); move it away, or put back a copy`);
      const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database }) });
      await migrate(db);
      database.pragma(`user_version = ${schemaVersion}`);
      const backend = new SqliteBackend(database, db, lock);
      await backend.sync();
      return backend;
    } catch (error) {
      database?.close();
      lock?.close();
      throw new Error(`cannot open the store ${file}: ${openingFault(error)}`, { cause: error });
    }
  }

  async loadBindings(): Promise<readonly Binding[]> {
    const rows = await this.#db
      .selectFrom('binding')
      .selectAll()
      .orderBy('registered_at')
      .orderBy('aor')
      .orderBy('key')
      .execute();
    return rows.map(bindingOf);
  }

  async loadWebhooks(): Promise<readonly WebhookDelivery[]> {
    const rows = await this.#db.selectFrom('webhook_delivery').selectAll().orderBy('sequence').execute();
    return rows.map(webhookOf);
  }

  async loadExtensions(): Promise<readonly Extension[]> {
    const rows = await this.#db.selectFrom('extension').selectAll().orderBy('number').execute();
    return rows.map(extensionOf);
  }

  async loadBans(): Promise<readonly Ban[]> {
    const rows = await this.#db.selectFrom('ban').selectAll().orderBy('banned_at').orderBy('source').execute();
    return rows.map(banOf);
  }

  async secret(name: string, fresh: Uint8Array): Promise<Uint8Array> {
    await this.#db
      .insertInto('secret')
      .values({ name, value: Buffer.from(fresh) })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .execute();
    await this.sync();
    const row = await this.#db.selectFrom('secret').select('value').where('name', '=', name).executeTakeFirstOrThrow();
    return Uint8Array.from(row.value);
  }

  async commit(entries: readonly StoreEntry[]): Promise<readonly RejectedEntry[]> {
    const rejected: RejectedEntry[] = [];
    const write = this.#database.transaction(() => {
      for (const entry of entries) {
        try {
          this.#write(entry);
        } catch (error) {
          if (!isEntryFault(error)) throw error;
          rejected.push({ kind: entry.kind, reason: (error as Error).message });
        }
      }
    });
    write.immediate();
    return rejected;
  }

  async sync(): Promise<void> {
    this.#database.pragma('synchronous = FULL');
    try {
      await this.#db
        .insertInto('sync_mark')
        .values({ id: 1, count: 1 })
        .onConflict((conflict) => conflict.column('id').doUpdateSet((eb) => ({ count: eb('sync_mark.count', '+', 1) })))
        .execute();
    } finally {
      this.#database.pragma('synchronous = NORMAL');
    }
  }

  async close(): Promise<void> {
    try {
      await this.sync();
    } finally {
      this.#database.close();
      this.#lock?.close();
    }
  }

  #write(entry: StoreEntry): void {
    const db = this.#db;
    switch (entry.kind) {
      case 'save binding': {
        const row = bindingRow(entry.row);
        return this.#run(entry.kind, Object.values(row), () => db.replaceInto('binding').values(row).compile());
      }
      case 'remove binding': {
        const { aor, key } = entry.row;
        return this.#run(entry.kind, [aor, key], () =>
          db.deleteFrom('binding').where('aor', '=', aor).where('key', '=', key).compile(),
        );
      }
      case 'add webhook': {
        const row = webhookRow(entry.row);
        return this.#run(entry.kind, Object.values(row), () =>
          db.replaceInto('webhook_delivery').values(row).compile(),
        );
      }
      case 'remove webhook': {
        const { id, url } = entry.row;
        return this.#run(entry.kind, [id, url], () =>
          db.deleteFrom('webhook_delivery').where('id', '=', id).where('url', '=', url).compile(),
        );
      }
      case 'save extension': {
        const row = extensionRow(entry.row);
        return this.#run(entry.kind, Object.values(row), () => db.replaceInto('extension').values(row).compile());
      }
      case 'remove extension': {
        const { number } = entry.row;
        return this.#run(entry.kind, [number], () => db.deleteFrom('extension').where('number', '=', number).compile());
      }
      case 'save ban': {
        const row = banRow(entry.row);
        return this.#run(entry.kind, Object.values(row), () => db.replaceInto('ban').values(row).compile());
      }
      case 'remove ban': {
        const { source } = entry.row;
        return this.#run(entry.kind, [source], () => db.deleteFrom('ban').where('source', '=', source).compile());
      }
      default:
        throw new TypeError(`unknown entry ${JSON.stringify((entry satisfies never as StoreEntry).kind)}`);
    }
  }

  /** Kysely writes each statement once; building it anew for every row costs twenty times what the row does. */
  #run(kind: StoreEntry['kind'], values: readonly unknown[], compile: () => CompiledQuery): void {
    let statement = this.#statements.get(kind);
    if (!statement) {
      statement = this.#database.prepare(compile().sql);
      this.#statements.set(kind, statement);
    }
    statement.run(values);
  }
}

/** Makes the file for its owner alone; SQLite gives its journal the same mode. */
function reserve(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
}

/** Whether an entry, not the database, is the cause: the others of its batch can be written. */
function isEntryFault(error: unknown): boolean {
  return !(error instanceof Database.SqliteError) || /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG)/.test(error.code);
}

function openingFault(error: unknown): string {
  if (error instanceof Database.SqliteError && /^SQLITE_(NOTADB|CORRUPT)/.test(error.code)) {
    return `it is damaged (${error.message}); move it away, or put back a copy`;
  }
  return (error as Error).message;
}

import type { Kysely } from 'kysely';
import { type Migration, type MigrationProvider, Migrator } from 'kysely/migration';
import type { Tables } from './tables.ts';

/** Every step from an empty database to today's, in order. A step that has been released is never changed. */
const steps: Readonly<Record<string, Migration>> = {
  '0001-first-tables': {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .createTable('binding')
        .ifNotExists()
        .addColumn('aor', 'text', (column) => column.notNull())
        .addColumn('key', 'text', (column) => column.notNull())
        .addColumn('user', 'text', (column) => column.notNull())
        .addColumn('contact', 'text', (column) => column.notNull())
        .addColumn('instance', 'text')
        .addColumn('q', 'integer', (column) => column.notNull())
        .addColumn('call_id', 'text', (column) => column.notNull())
        .addColumn('cseq', 'integer', (column) => column.notNull())
        .addColumn('expires_at', 'integer', (column) => column.notNull())
        .addColumn('registered_at', 'integer', (column) => column.notNull())
        .addColumn('path', 'text', (column) => column.notNull())
        .addColumn('user_agent', 'text')
        .addColumn('transport', 'text', (column) => column.notNull())
        .addColumn('source_address', 'text', (column) => column.notNull())
        .addColumn('source_port', 'integer', (column) => column.notNull())
        .addColumn('local_address', 'text', (column) => column.notNull())
        .addColumn('local_port', 'integer', (column) => column.notNull())
        .addColumn('nat', 'integer', (column) => column.notNull())
        .addPrimaryKeyConstraint('binding_key', ['aor', 'key'])
        .execute();
      await db.schema
        .createTable('webhook_delivery')
        .ifNotExists()
        .addColumn('id', 'text', (column) => column.notNull())
        .addColumn('url', 'text', (column) => column.notNull())
        .addColumn('order_key', 'text', (column) => column.notNull())
        .addColumn('body', 'text', (column) => column.notNull())
        .addColumn('sequence', 'integer', (column) => column.notNull())
        .addColumn('created_at', 'integer', (column) => column.notNull())
        .addPrimaryKeyConstraint('webhook_delivery_key', ['id', 'url'])
        .execute();
      await db.schema
        .createTable('extension')
        .ifNotExists()
        .addColumn('number', 'text', (column) => column.notNull().primaryKey())
        .addColumn('display_name', 'text')
        .addColumn('md5', 'text', (column) => column.notNull())
        .addColumn('sha256', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('secret')
        .ifNotExists()
        .addColumn('name', 'text', (column) => column.notNull().primaryKey())
        .addColumn('value', 'blob', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('sync_mark')
        .ifNotExists()
        .addColumn('id', 'integer', (column) => column.notNull().primaryKey())
        .addColumn('count', 'integer', (column) => column.notNull())
        .execute();
    },
  },
  '0002-bans': {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .createTable('ban')
        .ifNotExists()
        .addColumn('source', 'text', (column) => column.notNull().primaryKey())
        .addColumn('aor', 'text', (column) => column.notNull())
        .addColumn('failures', 'integer', (column) => column.notNull())
        .addColumn('repetition', 'integer', (column) => column.notNull())
        .addColumn('banned_at', 'integer', (column) => column.notNull())
        .addColumn('until', 'integer', (column) => column.notNull())
        .execute();
    },
  },
};

/** The version of the schema that this program knows: the number of steps. */
export const schemaVersion = Object.keys(steps).length;

const provider: MigrationProvider = { getMigrations: async () => ({ ...steps }) };

/** Brings the database to today's schema. Rejects with the database's error, or kysely's where the steps don't fit it. */
export async function migrate(db: Kysely<Tables>): Promise<void> {
  const { error } = await new Migrator({ db, provider }).migrateToLatest();
  if (error !== undefined) throw error;
}

import Database from 'better-sqlite3';

/** How long a start waits for an exchange that is just ending (ms). */
const patience = 2000;

/** Keeps a second exchange away from a store, its overflow and its records, until it is closed or the process dies. */
export interface FolderLock {
  close(): void;
}

/**
 * Locks the store in `file` with a file beside it, which must exist. Node has no locks of files, SQLite has them on every
 * system; the database itself stays open to those who read or copy it. Throws Error when another process has the lock.
 */
export function lockFolder(file: string): FolderLock {
  const lock = new Database(file, { timeout: patience });
  try {
    lock.pragma('journal_mode = MEMORY'); // nothing is ever written: no second file beside it
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) {
      throw new Error('another sip-pbx is running on it');
    }
    throw error;
  }
}

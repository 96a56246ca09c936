// npm run lock:mend, after each npm install that changes package-lock.json.
import { readFileSync, writeFileSync } from 'node:fs';

interface LockFile {
  readonly packages: Readonly<Record<string, Record<string, unknown>>>;
}

/** Packages with a binding.gyp for those who compile it, and with binaries for those who don't. */
const shipsBinaries = ['node_modules/better-sqlite3'];

/**
 * The lock file with what npm up to 10 needs to be told: such a package says `"gypfile": false` in its own package.json,
 * which these versions do not read, so that `npm ci` would compile it and fail where there is no compiler.
 */
export function mendedLockFile(text: string): string {
  const lock = JSON.parse(text) as LockFile;
  for (const path of shipsBinaries) {
    const entry = lock.packages[path];
    if (entry) entry['gypfile'] = false;
  }
  return `${JSON.stringify(lock, null, 2)}\n`;
}

if (import.meta.main) {
  const file = new URL('../package-lock.json', import.meta.url);
  writeFileSync(file, mendedLockFile(readFileSync(file, 'utf8')));
}

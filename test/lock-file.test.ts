import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { mendedLockFile } from '../scripts/mend-lock-file.ts';

const text = readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8');

test('npm ci compiles nothing, whichever npm it is (if this fails: npm run lock:mend)', () => {
  expect(text).toBe(mendedLockFile(text));
});

test('the lock file names no host to fetch packages from', () => {
  expect(text).not.toContain('"resolved"');
});

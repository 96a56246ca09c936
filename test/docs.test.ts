import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const docs = new URL('../docs/', import.meta.url).pathname;

test('every line of the table in docs/NAT.md names a test that is there', () => {
  const rows = readFileSync(join(docs, 'NAT.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(1);
  expect(rows.length).toBeGreaterThan(5);
  for (const row of rows) {
    const [, name, path] = /\| \[([^\]]+)\]\(([^)]+)\) \|$/.exec(row) ?? [];
    if (name === undefined || path === undefined) throw new Error(`no test is named: ${row}`);
    expect(readFileSync(join(docs, path), 'utf8')).toContain(name);
  }
});

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { stateMachinesPage } from '../scripts/state-diagrams.ts';

const docs = new URL('../docs/', import.meta.url);
const page = (name: string) => readFileSync(new URL(name, docs), 'utf8');

test('docs/state-machines.md shows the tables as they are (if not: npm run docs:state-machines)', () => {
  expect(page('state-machines.md')).toBe(stateMachinesPage());
});

test('every line of the table in docs/NAT.md names a test that is there', () => {
  const rows = page('NAT.md')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(1);
  expect(rows.length).toBeGreaterThan(5);
  for (const row of rows) {
    const [, name, path] = /\| \[([^\]]+)\]\(([^)]+)\) \|$/.exec(row) ?? [];
    if (name === undefined || path === undefined) throw new Error(`no test is named: ${row}`);
    expect(page(path)).toContain(name);
  }
});

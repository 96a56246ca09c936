import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { stateMachinesPage } from '../scripts/state-diagrams.ts';
import { configKeys, formatPath } from '../src/app/config-keys.ts';
import { sourceFiles } from './support/source-files.ts';

const docs = new URL('../docs/', import.meta.url);
const page = (name: string) => readFileSync(new URL(name, docs), 'utf8');

/** The cells of each line of the tables of a page, but for their heads. */
function tableRows(name: string): readonly (readonly string[])[] {
  const lines = page(name).split('\n');
  const rows = lines.filter((line, i) => line.startsWith('| ') && !lines[i + 1]?.startsWith('|--'));
  return rows.map((row) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}

/** Finds each test that a cell names; throws when it names none. */
function checkTests(cell: string): void {
  const links = [...cell.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)];
  if (links.length === 0) throw new Error(`no test is named: ${cell}`);
  for (const [, name = '', path = ''] of links) expect(page(path)).toContain(name.replaceAll('\\', ''));
}

test('docs/state-machines.md shows the tables as they are (if not: npm run docs:state-machines)', () => {
  expect(page('state-machines.md')).toBe(stateMachinesPage());
});

test('every line of the table in docs/NAT.md names a test that is there', () => {
  const rows = tableRows('NAT.md');
  expect(rows.length).toBeGreaterThan(5);
  for (const row of rows) checkTests(row.at(-1) ?? '');
});

describe('docs/MEDIA.md', () => {
  const text = page('MEDIA.md');

  test('names every key of the configuration that concerns media', () => {
    const keys = configKeys.map(({ path }) => formatPath(path)).filter((key) => /^(media|recording)\./.test(key));
    expect(keys.length).toBeGreaterThan(15);
    const isNamed = (key: string) => text.includes(key) || text.includes(`\`${key.split('.').at(-1)}\``);
    expect(keys.filter((key) => !isNamed(key))).toEqual([]);
  });

  test('names every metric of media, and no other', () => {
    const metrics = /`((?:rtp|media|recordings)_\w+)`/g;
    const named = new Set([...text.matchAll(metrics)].map(([, name]) => name));
    const code = page('../src/observe/metrics.ts');
    const real = new Set([...code.matchAll(/'((?:rtp|media|recordings)_\w+)'/g)].map(([, name]) => name));
    real.add('media_workers'); // of /api/status
    expect(named).toEqual(real);
  });

  test('quotes lines of the log as they are', () => {
    const sources = sourceFiles('src').map(({ path }) => page(`../${path}`));
    const heads = tableRows('MEDIA.md').map(([first = '']) => first);
    const lines = heads.flatMap((cell) => [...cell.matchAll(/`([^`]+ [^`…]+)`/g)].map(([, line = '']) => line));
    expect(lines.length).toBeGreaterThan(10);
    expect(lines.filter((line) => !sources.some((source) => source.includes(line)))).toEqual([]);
  });
});

describe('docs/B2BUA_STATUS.md', () => {
  const rows = tableRows('B2BUA_STATUS.md');
  const sources = sourceFiles('src').map(({ path }) => page(`../${path}`));
  const notYet = (row: readonly string[]) => row[1] === 'not yet';

  test('every line names tests that are there, unless nothing is done yet', () => {
    expect(rows.length).toBeGreaterThan(100);
    for (const row of rows) if (!notYet(row) || row.at(-1) !== '') checkTests(row.at(-1) ?? '');
  });

  test('where it says that something is done, there it is', () => {
    const places = rows
      .filter(({ length }) => length === 5)
      .flatMap(([, , , where = '']) => [...where.matchAll(/`([^`]+)`/g)]);
    expect(places.length).toBeGreaterThan(50);
    const source = new URL('../src/', import.meta.url);
    const missing = places.filter(
      ([, path = '']) => !['', '.ts'].some((end) => existsSync(new URL(path + end, source))),
    );
    expect(missing).toEqual([]);
  });

  test('every RFC that the source cites has a line', () => {
    const named = new Set(
      rows.filter(({ length }) => length === 5).flatMap(([rfcs = '']) => rfcs.match(/\d{4}/g) ?? []),
    );
    const cited = new Set(
      sources.flatMap((text) => [...text.matchAll(/RFC (\d{4})/g)].map(([, number = '']) => number)),
    );
    expect([...cited].filter((number) => !named.has(number))).toEqual([]);
  });
});

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { stateMachinesPage } from '../scripts/state-diagrams.ts';

const page = (name: string) => readFileSync(new URL(`../docs/${name}`, import.meta.url), 'utf8');

test('docs/state-machines.md shows the tables as they are (if not: npm run docs:state-machines)', () => {
  expect(page('state-machines.md')).toBe(stateMachinesPage());
});

import { expect, test } from 'vitest';
import { canonicalName, headerName } from './names.ts';

test.each([
  ['Via', 'via'],
  ['V', 'via'],
  ['cALL-iD', 'call-id'],
  ['i', 'call-id'],
  ['m', 'contact'],
  ['x', 'session-expires'],
  ['X-Unknown', 'x-unknown'],
  ['Q', 'q'],
])('%s is %s (RFC 3261 section 7.3.3)', (name, canonical) => {
  expect(canonicalName(name)).toBe(canonical);
});

test('fields that must not contradict themselves have bits of their own', () => {
  const names = ['Call-ID', 'Content-Length', 'Content-Type', 'CSeq', 'From', 'Max-Forwards', 'To'];
  const bits = names.map((name) => headerName(name)?.once ?? 0);
  expect(new Set(bits).size).toBe(names.length);
  expect(bits).not.toContain(0);
  expect(headerName('Via')?.once).toBe(0);
});

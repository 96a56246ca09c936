import { lstatSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SeededRandom, systemRandom } from '../base/index.ts';
import { configSchema } from './config-schema.ts';
import { firstExtensions, firstStartText, writeFirstStart } from './first-start.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'first-start-test-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

test('two extensions are made, with passwords nobody can guess', () => {
  const made = firstExtensions(systemRandom);
  expect(made.map(({ number }) => number)).toEqual(['1001', '1002']);
  const passwords = [...made, ...firstExtensions(systemRandom)].map(({ password }) => password);
  expect(new Set(passwords).size).toBe(4);
  for (const password of passwords) expect(password).toMatch(/^[a-z2-7]{16}$/);
});

test('the extensions are such as a configuration may hold', () => {
  expect(configSchema.safeParse({ extensions: firstExtensions(new SeededRandom(1)) }).success).toBe(true);
});

test('the text says all that a phone asks for', () => {
  const extensions = [
    { number: '1001', password: 'aaaa', display_name: null },
    { number: '1002', password: 'bbbb', display_name: null },
  ];
  const servers = [
    { transport: 'udp', address: { address: '192.168.1.5', port: 5060 } },
    { transport: 'tcp', address: { address: '192.168.1.5', port: 5060 } },
    { transport: 'tls', address: { address: '2001:db8::5', port: 5061 } },
  ];
  expect(
    firstStartText(extensions, servers),
  ).toBe(`First start: these extensions were made. Type into a phone (or a softphone):

  user 1001   password aaaa
  user 1002   password bbbb

  server 192.168.1.5:5060   transport udp or tcp
  server [2001:db8::5]:5061   transport tls

Then dial 1002 from 1001.
`);
});

test('the file is written where no folder is yet, for the owner alone', () => {
  const file = writeFirstStart(join(folder, 'data'), 'text\n');
  expect(file).toBe(join(folder, 'data', 'first-start.txt'));
  expect(readFileSync(file, 'utf8')).toBe('text\n');
  if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('a file that is there is replaced, whoever may read it, and a link is not followed', () => {
  const file = join(folder, 'first-start.txt');
  writeFileSync(file, 'old', { mode: 0o644 });
  writeFirstStart(folder, 'new');
  expect(readFileSync(file, 'utf8')).toBe('new');
  if (process.platform === 'win32') return;
  expect(statSync(file).mode & 0o777).toBe(0o600);
  rmSync(file);
  writeFileSync(join(folder, 'elsewhere'), 'untouched');
  symlinkSync(join(folder, 'elsewhere'), file);
  writeFirstStart(folder, 'new');
  expect(lstatSync(file).isSymbolicLink()).toBe(false);
  expect(readFileSync(join(folder, 'elsewhere'), 'utf8')).toBe('untouched');
});

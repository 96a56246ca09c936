import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { VirtualClock } from '../base/index.ts';
import type { Config } from './config.ts';
import { openLog } from './logging.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sip-pbx-log-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function open(options: Partial<Config['logging']> = {}) {
  const file = join(folder, 'logs', 'app.log');
  const settings = {
    level: 'INFO',
    format: 'json',
    output: 'file',
    file_path: file,
    sip_traffic: false,
    ...options,
  } as const;
  const opened = openLog(settings, new VirtualClock(Date.UTC(2025, 0, 5, 10)));
  return { ...opened, lines: () => readFileSync(file, 'utf8').split('\n').filter(Boolean) };
}

test('a JSON line has timestamp, level, logger, message and the fields of the call', () => {
  const { log, flush, lines } = open();
  log.child({ logger: 'call' }).child({ call_id: 'c1' }).info('callee rings', { leg: 'callee' });
  flush();
  expect(lines().map((line) => JSON.parse(line))).toEqual([
    {
      timestamp: '2025-01-05T10:00:00.000Z',
      level: 'INFO',
      logger: 'call',
      message: 'callee rings',
      call_id: 'c1',
      leg: 'callee',
    },
  ]);
});

test('levels have the names of the configuration, and what is below the level is left out', () => {
  const { log, flush, lines } = open({ level: 'WARNING' });
  log.debug('d');
  log.info('i');
  log.warning('w');
  log.error('e', { error: new Error('broken') });
  flush();
  const [warning, error] = lines().map((line) => JSON.parse(line));
  expect(warning).toMatchObject({ level: 'WARNING', message: 'w' });
  expect(error).toMatchObject({ level: 'ERROR', error: { message: 'broken' } });
});

test('text is one line a fact, with the stack of an error below it', () => {
  const { log, flush, lines } = open({ format: 'text' });
  log.info('call started', { logger: 'call', caller: '1001', name: 'A B' });
  log.error('broken', { error: new Error('why') });
  flush();
  const [first, second, third] = lines();
  expect(first).toBe('2025-01-05 10:00:00.000Z INFO    call       call started caller=1001 name="A B"');
  expect(second).toContain('ERROR');
  expect(third).toContain('Error: why');
});

test('nothing is written before the start, so that a banner comes first', () => {
  const { log, start, lines } = open();
  log.info('early');
  expect(lines()).toEqual([]);
  start();
  log.info('late');
  expect(lines().map((line) => JSON.parse(line).message)).toEqual(['early', 'late']);
});

test('the file and its folder are closed to other users', () => {
  const { log, flush } = open();
  log.info('call started');
  flush();
  expect(statSync(join(folder, 'logs')).mode & 0o777).toBe(0o750);
  expect(statSync(join(folder, 'logs', 'app.log')).mode & 0o777).toBe(0o640);
});

test('a file that cannot be is an error that names the key', () => {
  const inTheWay = join(folder, 'in-the-way');
  writeFileSync(inTheWay, '');
  const file_path = join(inTheWay, 'app.log');
  expect(() => open({ file_path })).toThrow(`logging.file_path: can't write ${file_path}: `);
});

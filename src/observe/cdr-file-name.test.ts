import { expect, test } from 'vitest';
import { CdrFileName } from './cdr-file-name.ts';

const evening = Date.UTC(2025, 0, 5, 23, 45);

test.each([
  ['cdr-%Y-%m-%d.jsonl', 'daily', 'utc', 'cdr-2025-01-05.jsonl'],
  ['cdr-%Y-%m-%d.jsonl', 'hourly', 'utc', 'cdr-2025-01-05-23.jsonl'],
  ['cdr-%Y%m%d-%H%M.jsonl', 'hourly', 'UTC', 'cdr-20250105-2300.jsonl'],
  ['cdr-%Y%m%d-%H%M.jsonl', 'daily', 'utc', 'cdr-20250105-0000.jsonl'],
  ['cdr-%Y-%m-%d.jsonl', 'daily', 'Europe/Berlin', 'cdr-2025-01-06.jsonl'],
  ['%H', 'hourly', 'Asia/Kolkata', '05'],
  ['calls', 'hourly', 'utc', 'calls-23'],
] as const)('%s, %s, %s names %s', (pattern, rotation, timezone, name) => {
  const names = new CdrFileName(pattern, rotation, timezone);
  expect(names.at(evening)).toBe(name);
  expect(names.owns(name)).toBe(true);
});

test('the name changes at midnight of the time zone, to the millisecond', () => {
  const names = new CdrFileName('%Y-%m-%d', 'daily', 'America/New_York');
  const midnight = Date.UTC(2025, 6, 1, 4);
  expect([names.at(midnight - 1), names.at(midnight)]).toEqual(['2025-06-30', '2025-07-01']);
});

test('files of other names are not ours, be they as like as they may', () => {
  const names = new CdrFileName('cdr-%Y-%m-%d.jsonl', 'daily', 'utc');
  for (const name of [
    'cdr-2025-01-05.jsonl.torn',
    'xcdr-2025-01-05.jsonl',
    'cdr-2025-1-5.jsonl',
    'cdr-2025-01-05xjsonl',
  ]) {
    expect(names.owns(name)).toBe(false);
  }
});

test('the day is read from the name wherever the pattern puts its parts', () => {
  expect(new CdrFileName('%d.%m.%Y-%H.log', 'hourly', 'utc').dayOf('05.01.2025-23.log')).toBe('2025-01-05');
  expect(new CdrFileName('%m-%d.log', 'daily', 'utc').dayOf('01-05.log')).toBeNull();
});

test('a pattern with a folder and an unknown time zone are refused', () => {
  expect(() => new CdrFileName('../%Y', 'daily', 'utc')).toThrow(RangeError);
  expect(() => new CdrFileName('%Y', 'daily', 'Mars/Olympus')).toThrow(RangeError);
});

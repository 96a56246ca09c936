import { expect, test } from 'vitest';
import { type LogFields, silentLog, VirtualClock } from '../../base/index.ts';
import { FailureLog } from './failure-log.ts';

function setUp() {
  const clock = new VirtualClock();
  const told: (LogFields | undefined)[] = [];
  const credentials = new FailureLog(clock, { ...silentLog, warning: (_, fields) => void told.push(fields) });
  return { clock, told, credentials };
}

test('a phone that tries again and again is told of once a minute, with how often it tried', () => {
  const { clock, told, credentials } = setUp();
  for (let tries = 0; tries < 15; tries++) credentials.failed('1001', '192.0.2.1', 'REGISTER');
  clock.advance(60_000);
  credentials.failed('1001', '192.0.2.1', 'REGISTER');
  expect(told).toEqual([
    { user: '1001', source_ip: '192.0.2.1', method: 'REGISTER' },
    { user: '1001', source_ip: '192.0.2.1', method: 'REGISTER', failures_since_last_told: 14 },
  ]);
});

test('another phone, and the same user elsewhere, is told of at once', () => {
  const { told, credentials } = setUp();
  credentials.failed('1001', '192.0.2.1', 'REGISTER');
  credentials.failed('1002', '192.0.2.1', 'REGISTER');
  credentials.failed('1001', '192.0.2.2', 'INVITE');
  expect(told).toHaveLength(3);
});

test('a stranger who tries names does not fill the log, and is told of again later', () => {
  const { clock, told, credentials } = setUp();
  for (let name = 0; name < 5000; name++) credentials.failed(`user${name}`, '192.0.2.66', 'REGISTER');
  expect(told).toHaveLength(100);
  clock.advance(60_000);
  credentials.failed('one more', '192.0.2.66', 'REGISTER');
  expect(told).toHaveLength(101);
});

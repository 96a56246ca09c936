import { expect, test } from 'vitest';
import { type LogFields, silentLog } from './log.ts';
import { SeldomLog } from './seldom.ts';
import { VirtualClock } from './virtual-clock.ts';

test('each kind is told at once, and then once a minute with how many there were', () => {
  const clock = new VirtualClock();
  const lines: (readonly [string, LogFields | undefined])[] = [];
  const seldom = new SeldomLog(clock, {
    ...silentLog,
    warning: (message: string, fields?: LogFields) => lines.push([message, fields]),
  });
  for (let i = 0; i < 1000; i++) seldom.warning('flood', { port: 1 });
  seldom.warning('fire');
  clock.advance(59_999);
  seldom.warning('flood', { port: 2 });
  expect(lines).toEqual([
    ['flood', { port: 1 }],
    ['fire', {}],
  ]);
  clock.advance(1);
  seldom.warning('flood', { port: 3 });
  seldom.warning('fire');
  expect(lines.slice(2)).toEqual([
    ['flood', { port: 3, since_last_told: 1000 }],
    ['fire', {}],
  ]);
});

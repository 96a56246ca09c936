import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Log, silentLog, VirtualClock } from '../base/index.ts';
import { SipTrace } from './sip-trace.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trace-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const flow = {
  transport: 'udp',
  local: { address: '192.0.2.9', port: 5060 },
  remote: { address: '2001:db8::1', port: 5062 },
};
const bytes = (text: string) => new TextEncoder().encode(text);
const traffic = (day = '2025-01-05') => readFile(join(folder, 'logs', `sip_traffic_${day}.log`), 'utf8');

function setUp(epoch?: number) {
  const clock = new VirtualClock(epoch);
  const logged: string[] = [];
  const log: Log = { ...silentLog, info: (line) => logged.push(line), warning: (line) => logged.push(line) };
  return { clock, logged, trace: new SipTrace(join(folder, 'logs'), { clock, log }) };
}

test('a message is written with time, direction, transport and both ends, its secrets masked and its UTF-8 whole', async () => {
  const { clock, trace } = setUp();
  trace.record('in', flow, bytes('OPTIONS sip:a:pw@b SIP/2.0\r\nSubject: grüße\r\n\r\n'));
  clock.advance(20);
  trace.record('out', flow, bytes('SIP/2.0 200 OK\r\n\r\n'));
  await trace.flush();
  expect(await traffic()).toBe(
    '2025-01-05T10:00:00.000Z in udp 192.0.2.9:5060 <- [2001:db8::1]:5062 48 bytes\n' +
      'OPTIONS sip:a:***@b SIP/2.0\nSubject: grüße\n\n\n\n' +
      '2025-01-05T10:00:00.020Z out udp 192.0.2.9:5060 -> [2001:db8::1]:5062 18 bytes\n' +
      'SIP/2.0 200 OK\n\n\n\n',
  );
  expect(clock.pending).toBe(0);
  await trace.close();
});

test('each day has its file', async () => {
  const { clock, trace } = setUp(Date.UTC(2025, 0, 5, 23, 59, 59, 990));
  trace.record('in', flow, bytes('ONE'));
  clock.advance(10);
  trace.record('in', flow, bytes('TWO'));
  await trace.close();
  expect([await traffic('2025-01-05'), await traffic('2025-01-06')]).toEqual([
    expect.stringContaining('ONE'),
    expect.stringContaining('TWO'),
  ]);
});

test('what memory does not hold is left out, and a line says how much that was', async () => {
  const { trace } = setUp();
  for (let i = 0; i < 10_003; i++) trace.record('in', flow, bytes(`M${i}`));
  await trace.flush();
  trace.record('in', flow, bytes('NEXT'));
  await trace.close();
  const text = await traffic();
  expect(text).toContain('M9999\n');
  expect(text).not.toContain('M10000\n');
  expect(text).toMatch(/3 messages left out\n\n.*\nNEXT\n/);
});

test('a folder that can not be had is warned of once and tried again', async () => {
  const { clock, logged, trace } = setUp();
  await writeFile(join(folder, 'logs'), 'a file');
  for (let i = 0; i < 3; i++) {
    trace.record('in', flow, bytes(`LOST${i}`));
    await trace.flush();
    clock.advance(10_000);
  }
  expect(logged).toEqual(['the SIP trace can not be written']);
  await rm(join(folder, 'logs'));
  trace.record('in', flow, bytes('KEPT'));
  await trace.close();
  expect(await readdir(join(folder, 'logs'))).toHaveLength(1);
  expect(await traffic()).toMatch(/3 messages left out\n\n.*\nKEPT\n/);
  expect(logged).toHaveLength(2);
});

import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Baresip } from './baresip.ts';
import { ExchangeProcess, Folder, runExchange, writeConfig } from './exchange-process.ts';
import { eventually, pause } from './program.ts';
import { needs } from './tools.ts';

const password = 'baresip-password';

describe.runIf(needs('baresip', 'sox'))('a media worker that is killed', () => {
  test('ends its call on both phones, with a record that says why, and the next call has sound', async () => {
    await using exchange = await ExchangeProcess.start({
      config: { extensions: ['1001', '1002'].map((number) => ({ number, password })), media: { workers: 1 } },
    });
    const { text } = exchange.sip('udp');
    const common = { folder: exchange.folder, password, exchange: text, protocol: 'udp' as const };
    await using caller = await Baresip.start({ ...common, number: '1001', tone: 440 });
    await using callee = await Baresip.start({ ...common, number: '1002', tone: 1000, answers: true });
    await eventually('both are registered', async () => (await exchange.status()).registrations >= 2);

    caller.dial('1002');
    await Promise.all([caller.event('CALL_RTPESTAB'), callee.event('CALL_RTPESTAB')]);
    const [worker] = exchange.children();
    process.kill(worker!, 'SIGKILL');
    await Promise.all([caller.event('CALL_CLOSED'), callee.event('CALL_CLOSED')]);
    const [cdr] = await exchange.cdrsOfCaller('1001');
    expect(cdr).toMatchObject({ status: 'failed', termination_reason: 'error', terminated_by: 'system' });
    const lines = exchange.log().filter(({ message }) => message.startsWith('a media worker'));
    expect(lines.map(({ message }) => message)).toContain('a media worker was lost');
    expect(lines).toContainEqual(expect.objectContaining({ pid: worker, signal: 'SIGKILL', level: 'WARNING' }));

    await eventually('it is started again', async () => {
      const { media_workers } = await exchange.status();
      return media_workers[0]?.state === 'running' && media_workers[0].restarts === 1;
    });
    caller.dial('1002');
    await Promise.all([caller.event('CALL_RTPESTAB', 2), callee.event('CALL_RTPESTAB', 2)]);
    await pause(500);
    caller.hangUp();
    await callee.event('CALL_CLOSED', 2);
    const [, next] = await exchange.cdrsOfCaller('1001', 2);
    expect(next).toMatchObject({ status: 'completed', termination_reason: 'normal' });
    expect(next!.rtp.callee.packets_received).toBeGreaterThan(5);
    await eventually('its ports are back', async () => (await exchange.status()).port_pool.in_use === 0);
  });
});

test('media workers end with an exchange that is killed', async () => {
  await using exchange = await ExchangeProcess.start({ config: { media: { workers: 2 } } });
  const workers = exchange.children();
  expect(workers).toHaveLength(2);
  process.kill(exchange.program.pid, 'SIGKILL');
  expect(await exchange.program.exited).toEqual({ code: null, signal: 'SIGKILL' });
  await eventually('they have ended', () => !workers.some(isRunning));
});

test('an exchange whose media workers do not start ends with exit code 1, and says so', async () => {
  using folder = new Folder();
  const broken = folder.file('broken.cjs');
  writeFileSync(broken, "if (process.argv[1]?.endsWith('media-worker.ts')) process.exit(3);");
  const file = await writeConfig(folder, {});
  await using program = runExchange(folder, ['--config', file], { NODE_OPTIONS: `--require ${broken}` });
  expect(await program.exited).toEqual({ code: 1, signal: null });
  expect(program.output).toContain('sip-pbx: media worker 1 does not start: the connection was closed\n');
});

/** One that has ended, and for whose end nobody asks, is still in the list. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

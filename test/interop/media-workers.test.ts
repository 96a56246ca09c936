import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Baresip } from './baresip.ts';
import { ExchangeProcess } from './exchange-process.ts';
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
    const [worker] = childrenOf(exchange.program.pid);
    process.kill(worker!, 'SIGKILL');
    await Promise.all([caller.event('CALL_CLOSED'), callee.event('CALL_CLOSED')]);
    const [cdr] = await exchange.cdrsOfCaller('1001');
    expect(cdr).toMatchObject({ status: 'failed', termination_reason: 'error', terminated_by: 'system' });
    expect(exchange.log().some(({ message }) => message === 'a media worker was lost')).toBe(true);

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

/** The processes that this one has started. */
function childrenOf(pid: number): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
}

import { describe, expect, test } from 'vitest';
import { ExchangeProcess } from './exchange-process.ts';
import { eventually } from './program.ts';
import { Sipp } from './sipp.ts';
import { callerSipp, registerSipp } from './sipp-call.ts';
import { needs } from './tools.ts';

const accounts = ['3001', '3002'].map((number) => ({ number, password: 'drain-password' }));
const [caller, callee] = [accounts[0]!, accounts[1]!];

function start(drainTimeout: number): Promise<ExchangeProcess> {
  return ExchangeProcess.start({
    config: {
      sip: { drain_timeout: drainTimeout },
      extensions: accounts,
    },
  });
}

/** Two phones in a call that only the exchange will end. */
async function talk(exchange: ExchangeProcess) {
  const phone = await registerSipp(exchange, callee);
  const called = await Sipp.run('callee-answers', phone);
  const calling = await Sipp.run('caller-is-hung-up-on', callerSipp(exchange, caller, callee.number));
  await eventually('the call is answered', async () => (await exchange.status()).calls.ACTIVE === 1);
  return { bothHungUpOn: () => Promise.all([calling.succeeded(), called.succeeded()]) };
}

describe.runIf(needs('sipp')).concurrent('SIGTERM during a call', () => {
  test('new calls are refused, the live one goes on until drain_timeout and is then ended', async () => {
    await using exchange = await start(3);
    const { bothHungUpOn } = await talk(exchange);
    const asked = performance.now();
    exchange.program.kill('SIGTERM');

    await eventually('it drains', async () => (await exchange.get('/ready')).status === 503);
    expect(await (await exchange.get('/ready')).json()).toMatchObject({ status: 'draining', active_calls: 1 });
    await using late = await Sipp.run('caller-is-refused', callerSipp(exchange, caller, callee.number));
    await late.succeeded();
    expect((await exchange.status()).calls.ACTIVE).toBe(1);

    await bothHungUpOn();
    expect(await exchange.program.exited).toEqual({ code: 0, signal: null });
    expect(performance.now() - asked).toBeGreaterThan(2900);
    expect(await exchange.cdrsOfCaller(caller.number)).toMatchObject([
      { status: 'completed', termination_reason: 'shutdown', terminated_by: 'system' },
    ]);
  });

  test('Ctrl-C reaches its media workers too: they carry the live call to its end, and tell how it was', async () => {
    await using exchange = await start(3);
    const { bothHungUpOn } = await talk(exchange);
    for (const worker of exchange.children()) process.kill(worker, 'SIGINT');
    exchange.program.kill('SIGINT');
    await eventually('it drains', async () => (await exchange.get('/ready')).status === 503);
    expect((await exchange.status()).media_workers.map(({ state }) => state)).not.toContain('down');
    await bothHungUpOn();
    expect(await exchange.program.exited).toEqual({ code: 0, signal: null });
    const [cdr] = await exchange.cdrsOfCaller(caller.number);
    expect(cdr).toMatchObject({ status: 'completed', termination_reason: 'shutdown' });
    expect(cdr!.rtp.caller.packets_received).not.toBeNull();
  });

  test('a second signal ends it at once', async () => {
    await using exchange = await start(600);
    const { bothHungUpOn } = await talk(exchange);
    exchange.program.kill('SIGTERM');
    await eventually('it drains', async () => (await exchange.get('/ready')).status === 503);
    exchange.program.kill('SIGTERM');
    await bothHungUpOn();
    expect(await exchange.program.exited).toEqual({ code: 0, signal: null });
    expect(await exchange.cdrsOfCaller(caller.number)).toMatchObject([{ termination_reason: 'shutdown' }]);
  });
});

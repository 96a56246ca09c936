import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { channelsOf } from '../support/memory-disk.ts';
import { Baresip } from './baresip.ts';
import { ExchangeProcess, Folder } from './exchange-process.ts';
import { eventually, pause } from './program.ts';
import { measure } from './sound.ts';
import { needs } from './tools.ts';

const run = promisify(execFile);
const password = 'baresip-password';
const low = 440;
const high = 1000;

const config = {
  extensions: ['2001', '2002'].map((number) => ({ number, password })),
  recording: { enabled: true },
};

/** Two phones that have talked for so many ms, each with a tone of its own. */
async function talking(exchange: ExchangeProcess, ms: number) {
  const common = { folder: exchange.folder, password, exchange: exchange.sip('udp').text, protocol: 'udp' } as const;
  const caller = await Baresip.start({ ...common, number: '2001', tone: low });
  const callee = await Baresip.start({ ...common, number: '2002', tone: high, answers: true });
  await exchange.registered(2);
  caller.dial('2002');
  await Promise.all([caller.event('CALL_RTPESTAB'), callee.event('CALL_RTPESTAB')]);
  await pause(ms);
  return {
    caller,
    callee,
    [Symbol.asyncDispose]: async () => {
      await caller[Symbol.asyncDispose]();
      await callee[Symbol.asyncDispose]();
    },
  };
}

/** Expects the caller's tone on the left and the callee's on the right, for so many seconds at least. */
async function expectBothTones(file: string, seconds: number): Promise<void> {
  const { sampleRate, left } = channelsOf(readFileSync(file));
  expect(left.length / sampleRate).toBeGreaterThan(seconds);
  for (const [channel, frequency] of [low, high].entries()) {
    const alone = file.replace('.wav', `-${channel}.wav`);
    await run('sox', [file, alone, 'remix', String(channel + 1)]);
    const heard = await measure(alone);
    expect(heard.seconds).toBeGreaterThan(seconds - 0.5);
    expect(Math.abs(heard.frequency - frequency) / frequency).toBeLessThan(0.1);
  }
}

test.runIf(needs('baresip', 'sox'))('a call of two baresip is recorded, each in its channel', async () => {
  await using exchange = await ExchangeProcess.start({ config });
  await using phones = await talking(exchange, 3000);
  phones.caller.hangUp();
  await phones.callee.event('CALL_CLOSED');
  const [cdr] = await exchange.cdrsOfCaller('2001');
  expect(cdr?.recording).toMatchObject({ status: 'complete' });
  await expectBothTones(cdr?.recording?.path ?? '', 2.5);
});

test.runIf(needs('baresip', 'sox'))(
  'a recorded call that a second SIGTERM ends has its record, and is whole',
  async () => {
    await using exchange = await ExchangeProcess.start({ config });
    await using _phones = await talking(exchange, 3000);
    exchange.program.kill('SIGTERM');
    await eventually('it drains', async () => (await exchange.get('/ready')).status === 503);
    expect(await exchange.stop('SIGTERM')).toEqual({ code: 0, signal: null });
    const [cdr] = exchange.cdrs();
    expect(cdr).toMatchObject({ termination_reason: 'shutdown', recording: { status: 'complete' } });
    await expectBothTones(cdr?.recording?.path ?? '', 2.5);
  },
);

test.runIf(needs('baresip', 'sox'))(
  'the recording of an exchange that is killed is whole after the next start',
  async () => {
    using folder = new Folder();
    {
      await using exchange = await ExchangeProcess.start({ config, folder });
      await using _phones = await talking(exchange, 4000);
      await exchange.stop('SIGKILL');
    }
    await using again = await ExchangeProcess.start({ config, folder });
    const repaired = await eventually('the repair is told', () =>
      again.log().find(({ message }) => message === 'a recording was repaired'),
    );
    const file = String(repaired['file']);
    expect(readdirSync(dirname(file)).filter((name) => name.endsWith('.part'))).toEqual([]);
    await expectBothTones(file, 2.5);
  },
);

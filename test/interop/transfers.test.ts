import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Baresip } from './baresip.ts';
import { expectTone } from './baresip-call.ts';
import { ExchangeProcess } from './exchange-process.ts';
import { Linphone } from './linphone.ts';
import { expectNothingLeft } from './nothing-left.ts';
import { pause } from './program.ts';
import { Sipp } from './sipp.ts';
import { callerSipp, registerSipp } from './sipp-call.ts';
import { needs } from './tools.ts';

const password = 'transfer-password';
const talking = /Media streams established/;

/** One calls another, who picks up. */
async function connect(first: Linphone, second: Linphone): Promise<void> {
  first.dial(second.number);
  await second.says(/Receiving new incoming call/);
  second.answer();
  await Promise.all([first.says(talking), second.says(talking)]);
}

describe('transfers', () => {
  let exchange: ExchangeProcess;
  let nextNumber = 7101;

  beforeAll(async () => {
    const numbers = Array.from({ length: 60 }, (_, index) => String(7101 + index));
    exchange = await ExchangeProcess.start({
      config: {
        sip: { timers: { t1: 100 } },
        extensions: numbers.map((number) => ({ number, password })),
      },
    });
  });

  afterAll(async () => {
    await exchange?.[Symbol.asyncDispose]();
  });

  const account = () => ({ number: String(nextNumber++), password });
  const statusesOf = async (caller: string, count: number) =>
    (await exchange.cdrsOfCaller(caller, count)).map(({ callee, status }) => [callee, status]);

  describe.runIf(needs('sipp')).concurrent.each(['udp', 'tcp'] as const)('by SIPp over %s', (transport) => {
    test('blind: told by NOTIFY until it is done, then hung up on (RFC 5589 section 6.1)', async () => {
      const [caller, callee, third] = [account(), account(), account()];
      const values = { target: third.number };
      await using called = await Sipp.run('callee-is-transferred', {
        ...(await registerSipp(exchange, callee)),
        values,
      });
      await using target = await Sipp.run('callee-hangs-up', await registerSipp(exchange, third));
      const phone = callerSipp(exchange, caller, callee.number, { transport });
      await using calling = await Sipp.run('caller-transfers', { ...phone, values });
      await Promise.all([calling.succeeded(), called.succeeded(), target.succeeded()]);
      expect(await statusesOf(caller.number, 1)).toEqual([[callee.number, 'completed']]);
      expect(await statusesOf(callee.number, 1)).toEqual([[third.number, 'completed']]);
    });

    test('blind, to one that is busy: told so, and the call goes on (RFC 5589 section 6.3)', async () => {
      const [caller, callee, third] = [account(), account(), account()];
      await using called = await Sipp.run('callee-answers', await registerSipp(exchange, callee));
      await using target = await Sipp.run('callee-is-busy', await registerSipp(exchange, third));
      const phone = callerSipp(exchange, caller, callee.number, { transport });
      await using calling = await Sipp.run('caller-transfers-in-vain', { ...phone, values: { target: third.number } });
      await Promise.all([calling.succeeded(), called.succeeded(), target.succeeded()]);
      expect(await statusesOf(caller.number, 1)).toEqual([[callee.number, 'completed']]);
    });

    test('a call that rings elsewhere is picked up by INVITE with Replaces (RFC 3891)', async () => {
      const [caller, callee, third] = [account(), account(), account()];
      await using ringing = await Sipp.run('callee-rings-on', await registerSipp(exchange, callee));
      await using picking = await Sipp.run('picks-up', callerSipp(exchange, third, callee.number, { transport }));
      await picking.hears(/^NOTIFY /m);
      await using calling = await Sipp.run('caller-talks', callerSipp(exchange, caller, callee.number, { transport }));
      await Promise.all([calling.succeeded(), ringing.succeeded(), picking.succeeded()]);
      expect(await statusesOf(caller.number, 1)).toEqual([[callee.number, 'completed']]);
    });
  });

  describe.runIf(needs('linphonec', 'sox')).concurrent('by Linphone', () => {
    const phone = (tone: number) => ({
      ...{ folder: exchange.folder, exchange: exchange.sip('udp').text, protocol: 'udp' as const, tone, ...account() },
    });

    test('blind: the other two hear each other', async () => {
      await using first = await Linphone.start(phone(440));
      await using second = await Linphone.start(phone(700));
      await using third = await Linphone.start(phone(1000));
      await connect(first, second);
      second.transfer(third.number);
      await third.says(/Receiving new incoming call/);
      third.answer();
      await Promise.all([third.says(talking), second.says(/ ended/)]);
      await pause(1500);
      third.hangUp();
      await first.says(/ ended/);
      await expectTone(third, 440);
      expect(await statusesOf(first.number, 2)).toEqual([
        [second.number, 'completed'],
        [third.number, 'completed'],
      ]);
    });

    test('attended: the other two hear each other', async () => {
      await using first = await Linphone.start(phone(440));
      await using second = await Linphone.start(phone(700));
      await using third = await Linphone.start(phone(1000));
      await connect(first, second);
      second.hold();
      await second.says(/is now paused/);
      second.dial(third.number);
      await third.says(/Receiving new incoming call/);
      third.answer();
      await Promise.all([third.says(talking), second.says(talking, 2)]);
      second.transferTo(1, 2);
      await Promise.all([second.says(/ ended/, 2), third.says(talking, 2)]);
      await pause(1500);
      first.hangUp();
      await third.says(/ ended/);
      const [, joined] = await exchange.cdrsOfCaller(first.number, 2);
      for (const leg of [joined!.rtp.caller, joined!.rtp.callee]) expect(leg.packets_received).toBeGreaterThan(40);
      expect(await statusesOf(first.number, 2)).toEqual([
        [second.number, 'completed'],
        [third.number, 'completed'],
      ]);
    });
  });

  describe.runIf(needs('baresip', 'sox')).concurrent('by baresip', () => {
    const phone = (tone: number) => ({
      ...{ folder: exchange.folder, exchange: exchange.sip('udp').text, protocol: 'udp' as const, tone, ...account() },
    });

    test('blind: the other two hear each other', async () => {
      await using first = await Baresip.start(phone(440));
      await using second = await Baresip.start({ ...phone(700), answers: true });
      await using third = await Baresip.start({ ...phone(1000), answers: true });
      first.dial(second.number);
      await Promise.all([first.event('CALL_RTPESTAB'), second.event('CALL_RTPESTAB')]);
      second.transfer(third.number);
      await Promise.all([third.event('CALL_RTPESTAB'), second.event('CALL_CLOSED')]);
      await pause(1500);
      first.hangUp();
      await third.event('CALL_CLOSED');
      await expectTone(third, 440);
    });

    test('**number picks up what rings at another phone', async () => {
      await using first = await Baresip.start(phone(440));
      await using second = await Baresip.start(phone(700));
      await using third = await Baresip.start(phone(1000));
      first.dial(second.number);
      await second.event('CALL_INCOMING');
      third.dial(`**${second.number}`);
      await Promise.all([first.event('CALL_RTPESTAB'), third.event('CALL_RTPESTAB'), second.event('CALL_CLOSED')]);
      await pause(1000);
      third.hangUp();
      await first.event('CALL_CLOSED');
      await expectTone(first, 1000);
      await expectTone(third, 440);
    });
  });

  test('nothing is left: no call, no port, no error in the log', async () => {
    await expectNothingLeft(exchange);
  });
});

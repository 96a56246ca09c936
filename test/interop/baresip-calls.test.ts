import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tlsFile } from '../support/tls-files.ts';
import { Baresip } from './baresip.ts';
import { expectTone, talkHoldAndTalk } from './baresip-call.ts';
import { ExchangeProcess, type Protocol } from './exchange-process.ts';
import { expectNothingLeft } from './nothing-left.ts';
import { eventually, pause } from './program.ts';
import { needs } from './tools.ts';

const password = 'baresip-password';
const low = 440;
const high = 1000;

describe.runIf(needs('baresip', 'sox'))('calls between two baresip', () => {
  let exchange: ExchangeProcess;

  beforeAll(async () => {
    exchange = await ExchangeProcess.start({
      config: {
        sip: {
          transport: ['udp', 'tcp', 'tls'],
          tls: { listen_port: 0, certificate: tlsFile('server.pem'), private_key: tlsFile('server.key') },
        },
        extensions: ['2001', '2002', '2003', '2004', '2005', '2006', '2007', '2008', '2009', '2010'].map((number) => ({
          number,
          password,
        })),
      },
    });
  });

  afterAll(async () => {
    await exchange?.[Symbol.asyncDispose]();
  });

  describe.concurrent.each([
    ['udp', '2001', '2002'],
    ['tcp', '2003', '2004'],
    ['tls', '2005', '2006'],
  ] as const)('over %s', (protocol: Protocol, callerNumber: string, calleeNumber: string) => {
    test('each hears the tone of the other, before and after a hold, and the caller hangs up', async () => {
      const common = { folder: exchange.folder, password, exchange: exchange.sip(protocol).text, protocol };
      await using caller = await Baresip.start({ ...common, number: callerNumber, tone: low });
      await using callee = await Baresip.start({ ...common, number: calleeNumber, tone: high, answers: true });
      await eventually('both are registered', () => {
        const added = exchange
          .log()
          .filter(({ message, transport }) => message === 'binding added' && transport === protocol);
        return [callerNumber, calleeNumber].every((number) => added.some(({ user }) => user === number));
      });

      caller.dial(calleeNumber);
      await Promise.all([caller.event('CALL_ESTABLISHED'), callee.event('CALL_ESTABLISHED')]);
      await talkHoldAndTalk(caller, callee);
      caller.hangUp();
      await callee.event('CALL_CLOSED');

      const [cdr] = await exchange.cdrsOfCaller(callerNumber);
      expect(cdr).toMatchObject({
        callee: calleeNumber,
        status: 'completed',
        termination_reason: 'normal',
        terminated_by: 'caller',
        codec: 'PCMU',
      });
      for (const leg of [cdr!.rtp.caller, cdr!.rtp.callee]) {
        // Two seconds of packets of 20 ms, with room for a busy machine; hold sends none.
        expect(leg.packets_received).toBeGreaterThan(60);
        expect(leg.packets_sent).toBeGreaterThan(60);
        expect(leg.packets_lost).toBe(0);
      }
      for (const [phone, frequency] of [
        [callee, low],
        [caller, high],
      ] as const) {
        await expectTone(phone, frequency);
      }
    });
  });

  test('one rings in vain, one is refused, then keys are heard (RFC 4733) and the callee hangs up', async () => {
    const common = {
      ...{ folder: exchange.folder, password, exchange: exchange.sip('udp').text, protocol: 'udp' as const },
    };
    await using caller = await Baresip.start({ ...common, number: '2007', tone: low });
    await using callee = await Baresip.start({ ...common, number: '2008', tone: high });
    await eventually('both are registered', async () => (await exchange.status()).registrations >= 2);

    caller.dial('2008');
    await callee.event('CALL_INCOMING', 1);
    await caller.event('CALL_RINGING', 1);
    caller.hangUp();
    await callee.event('CALL_CLOSED', 1);

    caller.dial('2008');
    await callee.event('CALL_INCOMING', 2);
    callee.hangUp();
    await caller.event('CALL_CLOSED', 2);

    caller.dial('2008');
    await callee.event('CALL_INCOMING', 3);
    callee.accept();
    await Promise.all([caller.event('CALL_RTPESTAB'), callee.event('CALL_RTPESTAB')]);
    caller.press('5');
    expect(await callee.event('CALL_DTMF_START')).toMatchObject({ param: '5' });
    callee.hangUp();
    await caller.event('CALL_CLOSED', 3);

    const cdrs = await exchange.cdrsOfCaller('2007', 3);
    expect(cdrs.map(({ status, terminated_by }) => [status, terminated_by])).toEqual([
      ['cancelled', 'caller'],
      ['busy', 'callee'],
      ['completed', 'callee'],
    ]);
  });

  test('by their RTCP the record has the round trip to each, and how each has heard', async () => {
    const common = {
      ...{ folder: exchange.folder, password, exchange: exchange.sip('udp').text, protocol: 'udp' as const },
    };
    await using caller = await Baresip.start({ ...common, number: '2009', tone: low });
    await using callee = await Baresip.start({ ...common, number: '2010', tone: high, answers: true });
    await eventually('both are registered', async () => (await exchange.status()).registrations >= 2);
    caller.dial('2010');
    await Promise.all([caller.event('CALL_RTPESTAB'), callee.event('CALL_RTPESTAB')]);
    // baresip reports every 5 s: what a phone has heard is the difference between two reports.
    await pause(17_000);
    caller.hangUp();
    await callee.event('CALL_CLOSED');
    const [cdr] = await exchange.cdrsOfCaller('2009');
    for (const leg of [cdr!.rtp.caller, cdr!.rtp.callee]) {
      expect(leg).toMatchObject({ codec: 'PCMU', packets_lost: 0 });
      for (const score of [leg.mos, leg.mos_worst, leg.sent_mos]) expect(score).toBeGreaterThan(4);
      // On one machine; a round trip of more says that a clock was misread.
      expect(leg.rtt_ms).toBeGreaterThanOrEqual(0);
      expect(leg.rtt_ms).toBeLessThan(500);
    }
  });

  test('nothing is left: no call, no port, no registration, no error in the log', async () => {
    // baresip takes its registrations back when it ends.
    await eventually('no registrations', async () => (await exchange.status()).registrations === 0);
    await expectNothingLeft(exchange);
  });
});

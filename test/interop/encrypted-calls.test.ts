import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tlsFile } from '../support/tls-files.ts';
import { Baresip } from './baresip.ts';
import { expectTone, talkHoldAndTalk } from './baresip-call.ts';
import { ExchangeProcess } from './exchange-process.ts';
import { expectNothingLeft } from './nothing-left.ts';
import { eventually } from './program.ts';
import { needs } from './tools.ts';

const password = 'baresip-password';
const low = 440;
const high = 1000;
const numbers = ['2101', '2102', '2103', '2104', '2105', '2106', '2107', '2108'];

describe.runIf(needs('baresip', 'sox'))('calls of baresip with encrypted media (SDES)', () => {
  let exchange: ExchangeProcess;

  beforeAll(async () => {
    exchange = await ExchangeProcess.start({
      config: {
        sip: {
          transport: ['udp', 'tls'],
          tls: { listen_port: 0, certificate: tlsFile('server.pem'), private_key: tlsFile('server.key') },
        },
        // What is demanded of one number is offered to no other.
        extensions: numbers.map((number) => ({ number, password, ...(number === '2108' ? { srtp: 'required' } : {}) })),
      },
    });
  });

  afterAll(async () => {
    await exchange?.[Symbol.asyncDispose]();
  });

  describe.concurrent.each([
    ['demands it, and calls one that knows nothing of it', '2101', 'srtp-mand', '2102', null],
    ['knows nothing of it, and calls one that takes what it is offered', '2103', null, '2104', 'srtp'],
    ['offers it beside plain media, and calls its like', '2105', 'srtp', '2106', 'srtp'],
    ['demands it, and so does the other, of whom the exchange demands it', '2107', 'srtp-mand', '2108', 'srtp-mand'],
  ] as const)('one that %s', (_, callerNumber, ofCaller, calleeNumber, ofCallee) => {
    test('each hears the tone of the other, before and after a hold', async () => {
      const common = {
        folder: exchange.folder,
        password,
        exchange: exchange.sip('tls').text,
        protocol: 'tls' as const,
      };
      const encrypting = (encryption: 'srtp' | 'srtp-mand' | null) => (encryption === null ? {} : { encryption });
      await using caller = await Baresip.start({
        ...common,
        ...encrypting(ofCaller),
        number: callerNumber,
        tone: low,
      });
      await using callee = await Baresip.start({
        ...common,
        ...encrypting(ofCallee),
        number: calleeNumber,
        tone: high,
        answers: true,
      });
      caller.dial(calleeNumber);
      await talkHoldAndTalk(caller, callee);
      caller.hangUp();
      await callee.event('CALL_CLOSED');

      const [cdr] = await exchange.cdrsOfCaller(callerNumber);
      expect(cdr).toMatchObject({ callee: calleeNumber, status: 'completed', codec: 'PCMU' });
      for (const leg of [cdr!.rtp.caller, cdr!.rtp.callee]) {
        expect(leg.packets_received).toBeGreaterThan(60);
        expect(leg.packets_lost).toBe(0);
      }
      await expectTone(callee, low);
      await expectTone(caller, high);
      for (const [phone, encryption] of [
        [caller, ofCaller],
        [callee, ofCallee],
      ] as const) {
        expect(phone.output.includes('SRTP is Enabled')).toBe(encryption !== null);
      }
    });
  });

  test('nothing is left: no call, no port, no registration, no error in the log', async () => {
    await eventually('no registrations', async () => (await exchange.status()).registrations === 0);
    await expectNothingLeft(exchange);
  });
});

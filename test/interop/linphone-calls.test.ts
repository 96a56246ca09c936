import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tlsFile } from '../support/tls-files.ts';
import { Baresip } from './baresip.ts';
import { expectTone } from './baresip-call.ts';
import { ExchangeProcess, type Protocol } from './exchange-process.ts';
import { Linphone } from './linphone.ts';
import { expectNothingLeft } from './nothing-left.ts';
import { eventually, pause } from './program.ts';
import { Sipp } from './sipp.ts';
import { registerSipp } from './sipp-call.ts';
import { needs } from './tools.ts';

const password = 'linphone-password';
const low = 440;
const high = 1000;
const talking = /Media streams established/;
const ringing = / ringing\./;
const incoming = /Receiving new incoming call/;
const ended = /Call \d+ with \S+ ended/;

describe.runIf(needs('linphonec', 'baresip', 'sox'))('calls of Linphone', () => {
  let exchange: ExchangeProcess;

  beforeAll(async () => {
    exchange = await ExchangeProcess.start({
      config: {
        sip: {
          transport: ['udp', 'tcp', 'tls'],
          tls: { listen_port: 0, certificate: tlsFile('server.pem'), private_key: tlsFile('server.key') },
        },
        extensions: Array.from({ length: 30 }, (_, index) => ({ number: String(7001 + index), password })),
      },
    });
  });

  afterAll(async () => {
    await exchange?.[Symbol.asyncDispose]();
  });

  const common = (protocol: Protocol) => ({
    ...{ folder: exchange.folder, password, exchange: exchange.sip(protocol).text, protocol },
  });

  describe.concurrent.each([
    ['udp', '7001', '7002'],
    ['tcp', '7003', '7004'],
    ['tls', '7005', '7006'],
  ] as const)('over %s', (protocol: Protocol, callerNumber: string, calleeNumber: string) => {
    test('two of them hear each other, also after a hold by either, and keys (RFC 4733); the caller hangs up', async () => {
      await using caller = await Linphone.start({ ...common(protocol), number: callerNumber, tone: low });
      await using callee = await Linphone.start({ ...common(protocol), number: calleeNumber, tone: high });

      caller.dial(calleeNumber);
      await callee.says(incoming);
      await caller.says(ringing);
      callee.answer();
      await Promise.all([caller.says(talking), callee.says(talking)]);
      await pause(1000);
      caller.press('5');
      await callee.says(/Receiving tone 5 from/);
      callee.press('#');
      await caller.says(/Receiving tone # from/);

      caller.hold();
      await caller.says(/is now paused\./);
      await callee.says(/has been paused by/);
      caller.resume();
      await Promise.all([caller.says(talking, 2), callee.says(talking, 2)]);
      callee.hold();
      await callee.says(/is now paused\./);
      await caller.says(/has been paused by/);
      callee.resume();
      await Promise.all([caller.says(talking, 3), callee.says(talking, 3)]);
      await pause(1000);
      caller.hangUp();
      await Promise.all([caller.says(ended), callee.says(ended)]);

      const [cdr] = await exchange.cdrsOfCaller(callerNumber);
      expect(cdr).toMatchObject({
        ...{ callee: calleeNumber, status: 'completed', termination_reason: 'normal', terminated_by: 'caller' },
        codec: 'opus',
      });
      for (const leg of [cdr!.rtp.caller, cdr!.rtp.callee]) {
        // Two seconds of packets of 20 ms, with room for a busy machine.
        expect(leg.packets_received).toBeGreaterThan(60);
        expect(leg.packets_sent).toBeGreaterThan(60);
        expect(leg.packets_lost).toBe(0);
      }
      await expectTone(callee, low);
      await expectTone(caller, high);
    });
  });

  describe.concurrent.each([
    ['udp', ['7007', '7008', '7009', '7010']],
    ['tcp', ['7011', '7012', '7013', '7014']],
    ['tls', ['7015', '7016', '7017', '7018']],
  ] as const)('over %s with baresip', (protocol: Protocol, numbers) => {
    test('each calls the other, both hear, hold and press keys, and the callee hangs up', async () => {
      const [first, second] = numbers;
      await using linphone = await Linphone.start({ ...common(protocol), number: first, tone: low });
      await using baresip = await Baresip.start({ ...common(protocol), number: second, tone: high });

      linphone.dial(second);
      await baresip.event('CALL_INCOMING');
      await linphone.says(ringing);
      baresip.accept();
      await Promise.all([linphone.says(talking), baresip.event('CALL_RTPESTAB')]);
      linphone.press('1');
      expect(await baresip.event('CALL_DTMF_START')).toMatchObject({ param: '1' });
      linphone.hold();
      await linphone.says(/is now paused\./);
      linphone.resume();
      await linphone.says(talking, 2);
      await pause(1000);
      baresip.hangUp();
      await linphone.says(ended);
      await expectTone(baresip, low);
      await expectTone(linphone, high);

      baresip.dial(first);
      await linphone.says(incoming);
      await baresip.event('CALL_RINGING');
      linphone.answer();
      await Promise.all([linphone.says(talking, 3), baresip.event('CALL_RTPESTAB', 2)]);
      baresip.press('2');
      await linphone.says(/Receiving tone 2 from/);
      baresip.hold();
      await linphone.says(/has been paused by/);
      baresip.resume();
      await linphone.says(talking, 4);
      linphone.hangUp();
      await baresip.event('CALL_CLOSED', 2);

      for (const caller of [first, second]) {
        expect(await exchange.cdrsOfCaller(caller)).toMatchObject([
          { status: 'completed', termination_reason: 'normal', terminated_by: 'callee', codec: 'PCMU' },
        ]);
      }
    });

    test('each gives up while the other rings, and each refuses the other', async () => {
      const [, , first, second] = numbers;
      await using linphone = await Linphone.start({ ...common(protocol), number: first, tone: low });
      await using baresip = await Baresip.start({ ...common(protocol), number: second, tone: high });

      linphone.dial(second);
      await Promise.all([linphone.says(ringing), baresip.event('CALL_INCOMING')]);
      linphone.hangUp();
      await Promise.all([linphone.says(ended), baresip.event('CALL_CLOSED')]);

      baresip.dial(first);
      await Promise.all([baresip.event('CALL_RINGING'), linphone.says(incoming)]);
      baresip.hangUp();
      await Promise.all([linphone.says(ended, 2), baresip.event('CALL_CLOSED', 2)]);

      linphone.dial(second);
      await Promise.all([linphone.says(ringing, 2), baresip.event('CALL_INCOMING', 2)]);
      baresip.hangUp();
      await linphone.says(/ error\./);

      baresip.dial(first);
      await Promise.all([baresip.event('CALL_RINGING', 2), linphone.says(incoming, 2)]);
      linphone.hangUp();
      await baresip.event('CALL_CLOSED', 4);

      const statuses = async (caller: string) => (await exchange.cdrsOfCaller(caller, 2)).map(({ status }) => status);
      expect(await statuses(first)).toEqual(['cancelled', 'busy']);
      expect(await statuses(second)).toEqual(['cancelled', 'rejected']);
    });
  });

  test('two write to each other (RFC 3428)', async () => {
    await using first = await Linphone.start({ ...common('udp'), number: '7019', tone: low });
    await using second = await Linphone.start({ ...common('tcp'), number: '7020', tone: high });
    first.write('7020', 'Lunch at one?');
    await second.says(/7019@\S+.*Lunch at one\?/);
    second.write('7019', 'Yes!');
    await first.says(/7020@\S+.*Yes!/);
  });

  test.runIf(needs('sipp'))('early media is acknowledged where it knows how (RFC 3262)', async () => {
    await using caller = await Linphone.start({ ...common('udp'), number: '7021', tone: low, reliable: true });
    const phone = await registerSipp(exchange, { number: '7022', password });
    await using callee = await Sipp.run('callee-answers-late', phone);
    caller.dial('7022');
    await caller.says(talking);
    await eventually('PRACK', async () => (await exchange.metrics()).get('sip_requests_total{method="PRACK"}') === 1);
    caller.hangUp();
    await callee.succeeded();
    expect(await exchange.cdrsOfCaller('7021')).toMatchObject([{ status: 'completed', codec: 'PCMU' }]);
  });

  test('nothing is left: no call, no port, no registration, no error in the log', async () => {
    // SIPp never takes its own back.
    await eventually('no registrations', async () => (await exchange.status()).registrations <= 1);
    await expectNothingLeft(exchange);
  });
});

import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEncoder } from '../../src/codec/index.ts';
import { Baresip, type BaresipCodec } from './baresip.ts';
import { expectToHearEachOther, expectTone } from './baresip-call.ts';
import { ExchangeProcess } from './exchange-process.ts';
import { Linphone } from './linphone.ts';
import { expectNothingLeft } from './nothing-left.ts';
import { eventually, pause } from './program.ts';
import { Sipp } from './sipp.ts';
import { callerSipp, registerSipp } from './sipp-call.ts';
import { tone } from './tone.ts';
import { needs } from './tools.ts';

const password = 'codec-password';
const alaw = { name: 'PCMA', clockRate: 8000, channels: 1, fmtp: null };

describe.runIf(needs('baresip', 'sox'))('calls between phones that share no codec', () => {
  let exchange: ExchangeProcess;
  let next = 2000;

  beforeAll(async () => {
    const numbers = Array.from({ length: 40 }, (_, index) => String(2000 + index));
    exchange = await ExchangeProcess.start({ config: { extensions: numbers.map((number) => ({ number, password })) } });
  });

  afterAll(async () => {
    await exchange?.[Symbol.asyncDispose]();
  });

  const account = () => ({ number: String(next++), password });
  const common = () => ({ folder: exchange.folder, exchange: exchange.sip('udp').text, protocol: 'udp' as const });

  test.each<[BaresipCodec, BaresipCodec]>([
    ['PCMU', 'opus'],
    ['opus', 'PCMU'],
    ['PCMU', 'G722'],
    ['G722', 'PCMA'],
    ['PCMA', 'PCMU'],
    ['opus', 'G722'],
    // Relayed as it is.
    ['opus', 'opus'],
  ])('baresip with %s calls one with %s: each hears the tone of the other', async (codec, other) => {
    const caller = { ...account(), codec };
    await expectToHearEachOther(exchange, caller, { ...account(), codec: other });
    expect(await exchange.cdrsOfCaller(caller.number)).toMatchObject([{ status: 'completed', codec }]);
  });

  test.each<[BaresipCodec, BaresipCodec]>([
    ['opus', 'PCMU'],
    ['PCMU', 'G722'],
  ])('keys of %s and %s are heard (RFC 4733), also after a hold', async (codec, other) => {
    await using caller = await Baresip.start({ ...common(), ...account(), codec, tone: 440 });
    await using callee = await Baresip.start({ ...common(), ...account(), codec: other, tone: 1000, answers: true });
    caller.dial(callee.number);
    await Promise.all([caller.event('CALL_RTPESTAB'), callee.event('CALL_RTPESTAB')]);
    caller.press('5');
    expect(await callee.event('CALL_DTMF_START')).toMatchObject({ param: '5' });
    caller.hold();
    await caller.event('CALL_REMOTE_SDP', 2);
    caller.resume();
    await caller.event('CALL_REMOTE_SDP', 3);
    callee.press('#');
    expect(await caller.event('CALL_DTMF_START')).toMatchObject({ param: '#' });
    caller.hangUp();
    await callee.event('CALL_CLOSED');
  });

  test.runIf(needs('linphonec'))('keys cross from events of 48 kHz to those of 8 kHz and back', async () => {
    const [one, other] = [account(), account()];
    await using linphone = await Linphone.start({ ...common(), ...one, tone: 440 });
    // G.722 is nothing that Linphone offers: it is answered Opus.
    await using baresip = await Baresip.start({ ...common(), ...other, codec: 'G722', tone: 1000, answers: true });
    linphone.dial(other.number);
    await Promise.all([linphone.says(/Media streams established/), baresip.event('CALL_RTPESTAB')]);
    linphone.press('7');
    expect(await baresip.event('CALL_DTMF_START')).toMatchObject({ param: '7' });
    baresip.press('2');
    await linphone.says(/Receiving tone 2 from/);
    await pause(2000);
    baresip.hangUp();
    await linphone.says(/ended/);
    await expectTone(baresip, 440);
    await expectTone(linphone, 1000);
    expect(await exchange.cdrsOfCaller(one.number)).toMatchObject([{ status: 'completed', codec: 'opus' }]);
  });

  describe.runIf(needs('sipp'))('with SIPp', () => {
    test('its stream in A-law is heard in Opus, and it is told of as much', async () => {
      const [caller, callee] = [account(), account()];
      await using phone = await Baresip.start({ ...common(), ...callee, codec: 'opus', tone: 1000, answers: true });
      writeFileSync(exchange.folder.file('tone.al'), createEncoder(alaw).encode(tone(440, 1)));
      await using calling = await Sipp.run('caller-talks', {
        ...callerSipp(exchange, caller, callee.number),
        values: { codec: 'PCMA', type: '8', sound: 'tone.al', ms: '2000' },
      });
      await calling.succeeded();
      await phone.event('CALL_CLOSED');
      await expectTone(phone, 440);
      const [cdr] = await exchange.cdrsOfCaller(caller.number);
      expect(cdr).toMatchObject({ status: 'completed', codec: 'PCMA' });
      expect(cdr!.rtp.caller.packets_sent).toBeGreaterThan(50);
    });

    const withoutEvents = { event: '', map: '' };

    test('a key that it sends by INFO is an event for a phone that knows events', async () => {
      const [caller, callee] = [account(), account()];
      await using phone = await Baresip.start({ ...common(), ...callee, tone: 1000, answers: true });
      const sipp = callerSipp(exchange, caller, callee.number);
      await using calling = await Sipp.run('caller-sends-info', { ...sipp, values: { ...withoutEvents, ms: '1000' } });
      expect(await phone.event('CALL_DTMF_START')).toMatchObject({ param: '5' });
      await calling.succeeded();
    });

    test('a key that is an event is an INFO for it, where it knows no events', async () => {
      const [caller, callee] = [account(), account()];
      await using phone = await Baresip.start({ ...common(), ...caller, tone: 440 });
      const sipp = await registerSipp(exchange, callee);
      await using called = await Sipp.run('callee-hears-info', { ...sipp, values: withoutEvents });
      phone.dial(callee.number);
      await phone.event('CALL_ESTABLISHED');
      phone.press('5');
      await called.hears(/^Signal=5/m);
      phone.hangUp();
      await called.succeeded();
    });
  });

  test('nothing is left: no call, no port, no registration, no error in the log', async () => {
    // SIPp takes its registration not back.
    await eventually('no registrations', async () => (await exchange.status()).registrations <= 1);
    await expectNothingLeft(exchange);
  });
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ExchangeProcess } from './exchange-process.ts';
import { Sipp } from './sipp.ts';
import { callerSipp, play, registerSipp, type Story } from './sipp-call.ts';
import { needs } from './tools.ts';

const password = 'flow-password';

// SIPp of Debian 12 is built without TLS: for that see the phones behind Kamailio.
describe.runIf(needs('sipp')).concurrent.each(['udp', 'tcp'] as const)('flows that SIPp plays over %s', (transport) => {
  let exchange: ExchangeProcess;
  let nextNumber = 1001;

  beforeAll(async () => {
    const numbers = Array.from({ length: 100 }, (_, index) => String(1001 + index));
    exchange = await ExchangeProcess.start({
      config: {
        // Short timers: who does not answer is given up after 64·T1, who rings after 3 s.
        sip: { timers: { t1: 40, invite_timeout: 3 } },
        extensions: numbers.map((number) => ({ number, password })),
      },
    });
  });

  afterAll(async () => {
    await exchange?.[Symbol.asyncDispose]();
  });

  const account = () => ({ number: String(nextNumber++), password });

  async function story(calling: string, called: string, values: Story['values'] = {}) {
    const [cdr] = await play(exchange, { caller: account(), callee: account(), calling, called, transport, values });
    return cdr;
  }

  describe.concurrent('registration (RFC 3665)', () => {
    test('with a challenge, of two contacts, asked for, and taken back (section 2.1 to 2.4)', async () => {
      const phone = account();
      await using registering = await Sipp.run(
        'registers-and-leaves',
        callerSipp(exchange, phone, phone.number, { transport }),
      );
      await registering.succeeded();
    });

    test.each([
      ['a wrong password (section 2.5)', 'wrong', { status: '401', header: 'WWW-Authenticate: Digest' }],
      ['too brief a time (RFC 3261 section 10.3)', password, { status: '423', header: 'Min-Expires: 60' }],
    ])('%s', async (_, tried, values) => {
      const { number } = account();
      const phone = callerSipp(exchange, { number, password: tried }, number, { transport });
      await using registering = await Sipp.run('registers-badly', { ...phone, values });
      await registering.succeeded();
    });
  });

  describe.concurrent('session establishment (RFC 3665)', () => {
    test('by way of early media', async () => {
      expect(await story('caller-sees-progress', 'callee-answers-late')).toMatchObject({ status: 'completed' });
    });

    test('with the session description in the ACK (section 3.6)', async () => {
      const cdr = await story('caller-offers-late', 'callee-offers');
      expect(cdr).toMatchObject({ status: 'completed', codec: 'PCMU' });
      for (const leg of [cdr!.rtp.caller, cdr!.rtp.callee]) expect(leg.packets_received).toBeGreaterThan(15);
    });

    test.each([
      ['404', '404', { status: 'failed', termination_reason: 'unreachable' }],
      ['480', '480', { status: 'failed', termination_reason: 'unreachable' }],
      ['486', '486', { status: 'busy' }],
      ['488', '488', { status: 'failed', termination_reason: 'error' }],
      ['503', '500', { status: 'failed' }],
      ['600', '600', { status: 'busy' }],
      ['603', '603', { status: 'rejected' }],
    ])('the callee answers with %s, the caller hears %s (section 3.9, 3.11)', async (status, heard, outcome) => {
      const [caller, callee] = [account(), account()];
      const phone = await registerSipp(exchange, callee);
      // At a 488 it is asked once more, for what every telephone has.
      const calls = status === '488' ? 2 : 1;
      await using called = await Sipp.run('callee-refuses', { ...phone, calls, values: { status } });
      await using calling = await Sipp.run('caller-is-answered', {
        ...callerSipp(exchange, caller, callee.number, { transport }),
        values: { status: heard },
      });
      await Promise.all([calling.succeeded(), called.succeeded()]);
      expect(await exchange.cdrsOfCaller(caller.number)).toMatchObject([outcome]);
    });

    test('nobody picks up (section 3.8)', async () => {
      const cdr = await story('caller-is-answered', 'callee-rings-on', { status: '408' });
      expect(cdr).toMatchObject({ status: 'no_answer', termination_reason: 'no_answer' });
    });

    test('the phone says nothing at all (section 3.10)', async () => {
      const [caller, callee] = [account(), account()];
      await registerSipp(exchange, callee);
      await using calling = await Sipp.run('caller-is-answered', {
        ...callerSipp(exchange, caller, callee.number, { transport }),
        values: { status: '408' },
      });
      await calling.succeeded();
      expect(await exchange.cdrsOfCaller(caller.number)).toMatchObject([{ status: 'no_answer', setup_time_ms: null }]);
    });

    test('the callee sends the caller on to another extension (section 3.6)', async () => {
      const [caller, first, second] = [account(), account(), account()];
      const redirecting = await registerSipp(exchange, first);
      const answering = await registerSipp(exchange, second);
      const headers = `Contact: <sip:${second.number}@${exchange.sip('udp').text}>`;
      await using redirected = await Sipp.run('callee-refuses', { ...redirecting, values: { status: '302', headers } });
      await using called = await Sipp.run('callee-answers', answering);
      await using calling = await Sipp.run('caller-talks', callerSipp(exchange, caller, first.number, { transport }));
      await Promise.all([calling.succeeded(), called.succeeded(), redirected.succeeded()]);
      expect(await exchange.cdrsOfCaller(caller.number)).toMatchObject([{ status: 'completed' }]);
    });
  });

  describe.concurrent('reliable provisional responses (RFC 3262)', () => {
    test.each([
      ['asked for by neither', 'caller-sees-progress', 'callee-answers-late', {}],
      ['known to the caller', 'caller-acknowledges-progress', 'callee-answers-late', { asks: 'Supported: 100rel' }],
      ['required by the caller', 'caller-acknowledges-progress', 'callee-answers-late', { asks: 'Require: 100rel' }],
      ['required by the callee', 'caller-sees-progress', 'callee-progresses-reliably', {}],
      ['required by both', 'caller-acknowledges-progress', 'callee-progresses-reliably', { asks: 'Require: 100rel' }],
    ])('%s', async (_, calling, called, values) => {
      const cdr = await story(calling, called, values);
      expect(cdr).toMatchObject({ status: 'completed', codec: 'PCMU', terminated_by: 'caller' });
      for (const leg of [cdr!.rtp.caller, cdr!.rtp.callee]) expect(leg.packets_received).toBeGreaterThan(15);
    });

    test('with an offer, the answer to it in the PRACK', async () => {
      const cdr = await story('caller-answers-in-prack', 'callee-offers-reliably');
      expect(cdr).toMatchObject({ status: 'completed', codec: 'PCMU' });
    });

    test('with the answer, and a new offer in the PRACK', async () => {
      const cdr = await story('caller-offers-in-prack', 'callee-progresses-reliably');
      expect(cdr).toMatchObject({ status: 'completed', codec: 'PCMU' });
    });
  });

  describe.concurrent('changes of the session', () => {
    test.each([
      ['by UPDATE (RFC 3311)', 'caller-updates', 'callee-is-updated'],
      ['by UPDATE, to a callee that knows re-INVITE only', 'caller-updates', 'callee-is-held'],
      ['by UPDATE before the answer', 'caller-updates-early', 'callee-is-updated-early'],
      [
        'that cross those of the callee: 491, and asked again (RFC 3261 section 14.1)',
        'caller-holds-once',
        'callee-is-changing-too',
      ],
    ])('%s', async (_, calling, called) => {
      expect(await story(calling, called)).toMatchObject({ status: 'completed', terminated_by: 'caller' });
    });
  });

  describe.concurrent('session timers (RFC 4028)', () => {
    test.each([
      ['refreshed by the caller, whose first wish is too short', 'caller-refreshes', 'callee-answers'],
      ['refreshed by the callee, whose wish is longer than ours', 'caller-talks', 'callee-refreshes'],
    ])('%s', async (_, calling, called) => {
      expect(await story(calling, called)).toMatchObject({ status: 'completed', terminated_by: 'caller' });
    });
  });

  describe.concurrent('subscriptions (RFC 6665)', () => {
    test.each([
      ['to the calls of a colleague', 'dialog', 'dialog-info.*state=.full'],
      ['to messages', 'message-summary', 'Messages-Waiting: no'],
      ['to the presence of a colleague', 'presence', 'urn:ietf:params:xml:ns:pidf'],
    ])('%s', async (_, event, body) => {
      const [watcher, watched] = [account(), account()];
      const target = event === 'message-summary' ? watcher.number : watched.number;
      const phone = callerSipp(exchange, watcher, target, { transport });
      await using watching = await Sipp.run('watches', { ...phone, values: { event, body } });
      await watching.succeeded();
    });

    test('to the calls of a colleague, who is called', async () => {
      const [watcher, caller, callee] = [account(), account(), account()];
      const phone = callerSipp(exchange, watcher, callee.number, { transport });
      await using watching = await Sipp.run('watches-a-call', phone);
      await watching.hears(/^NOTIFY /m);
      const called = { caller, callee, calling: 'caller-sees-progress', called: 'callee-answers-late', transport };
      await play(exchange, called);
      await watching.succeeded();
    });

    test('to what nobody has here', async () => {
      const phone = account();
      await using watching = await Sipp.run(
        'subscribes-in-vain',
        callerSipp(exchange, phone, phone.number, { transport }),
      );
      await watching.succeeded();
    });
  });

  test('an extension writes to another (RFC 3428)', async () => {
    const [writer, reader] = [account(), account()];
    await using reading = await Sipp.run('is-written-to', await registerSipp(exchange, reader));
    await using writing = await Sipp.run('writes', callerSipp(exchange, writer, reader.number, { transport }));
    await Promise.all([writing.succeeded(), reading.succeeded()]);
  });

  test('an extension publishes its presence (RFC 3903)', async () => {
    const phone = account();
    await using publishing = await Sipp.run('publishes', callerSipp(exchange, phone, phone.number, { transport }));
    await publishing.succeeded();
  });
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tlsFile } from '../support/tls-files.ts';
import { Baresip } from './baresip.ts';
import { expectTone, talkHoldAndTalk } from './baresip-call.ts';
import { ExchangeProcess } from './exchange-process.ts';
import { freePorts } from './free-ports.ts';
import { Kamailio } from './kamailio.ts';
import { Linphone } from './linphone.ts';
import { expectNothingLeft } from './nothing-left.ts';
import { pause } from './program.ts';
import { Sipp } from './sipp.ts';
import { play } from './sipp-call.ts';
import { needs } from './tools.ts';

const password = 'kamailio-password';

describe.runIf(needs('kamailio', 'sipp', 'baresip', 'sox'))('phones behind Kamailio', () => {
  let exchange: ExchangeProcess;
  let nextNumber = 8001;
  /** Those that speak UDP with the exchange. */
  const proxies: string[] = [];

  beforeAll(async () => {
    const numbers = Array.from({ length: 110 }, (_, index) => String(8001 + index));
    exchange = await ExchangeProcess.start({
      config: {
        sip: {
          ...{ transport: ['udp', 'tcp', 'tls'], timers: { t1: 100 } },
          tls: { listen_port: 0, certificate: tlsFile('server.pem'), private_key: tlsFile('server.key') },
        },
        extensions: numbers.map((number) => ({ number, password })),
      },
    });
  });

  afterAll(async () => {
    await exchange?.[Symbol.asyncDispose]();
  });

  const account = () => ({ number: String(nextNumber++), password });

  describe.concurrent.each([
    ['udp', 'udp'],
    ['udp', 'tcp'],
    ['tcp', 'udp'],
    // Debian's SIPp is built without TLS; so it speaks it with the exchange after all.
    ['udp', 'tls'],
  ] as const)('over %s, and from there to the exchange over %s', (transport, towards) => {
    let proxy: Kamailio;
    beforeAll(async () => {
      proxy = await Kamailio.start({ folder: exchange.folder, exchange, towards });
      if (towards === 'udp') proxies.push(proxy.text);
    });
    afterAll(async () => {
      await proxy?.[Symbol.asyncDispose]();
    });

    test.each([
      ['the caller hangs up', 'caller-talks', 'callee-answers', { status: 'completed', terminated_by: 'caller' }],
      ['the callee hangs up', 'caller-is-hung-up-on', 'callee-hangs-up', { terminated_by: 'callee' }],
      ['a hold and back by re-INVITE', 'caller-holds', 'callee-is-held', { status: 'completed' }],
      ['an INFO', 'caller-sends-info', 'callee-hears-info', { status: 'completed' }],
      ['the callee is busy', 'caller-hears-busy', 'callee-is-busy', { status: 'busy', sip_status: 486 }],
      ['the caller gives up', 'caller-cancels', 'callee-rings', { status: 'cancelled' }],
      ['the callee repeats its answer', 'caller-talks', 'callee-repeats-its-answer', { status: 'completed' }],
      ['no ACK comes', 'caller-never-acknowledges', 'callee-answers', { status: 'failed', terminated_by: 'system' }],
    ])('%s', async (_, calling, called, outcome) => {
      const [cdr] = await play(exchange, {
        ...{ caller: account(), callee: account(), calling, called, transport, proxy: proxy.text },
      });
      expect(cdr).toMatchObject(outcome);
    });

    test('two baresip hear each other before and after a hold', async () => {
      const [first, second] = [account(), account()];
      const phone = {
        ...{ folder: exchange.folder, exchange: exchange.sip(towards).text, protocol: towards },
        proxy: `sip:${proxy.text};transport=${transport}`,
      };
      await using caller = await Baresip.start({ ...phone, ...first, tone: 440 });
      await using callee = await Baresip.start({ ...phone, ...second, tone: 1000, answers: true });
      caller.dial(second.number);
      await talkHoldAndTalk(caller, callee);
      callee.hangUp();
      await caller.event('CALL_CLOSED');
      const [cdr] = await exchange.cdrsOfCaller(first.number);
      expect(cdr).toMatchObject({ status: 'completed', terminated_by: 'callee' });
      await expectTone(callee, 440);
      await expectTone(caller, 1000);
    });

    test.runIf(needs('linphonec'))('two Linphone hear each other before and after a hold', async () => {
      const [first, second] = [account(), account()];
      const phone = {
        ...{ folder: exchange.folder, exchange: exchange.sip(transport).text, protocol: transport },
        proxy: `sip:${proxy.text};transport=${transport}`,
      };
      await using caller = await Linphone.start({ ...phone, ...first, tone: 440 });
      await using callee = await Linphone.start({ ...phone, ...second, tone: 1000 });
      caller.dial(second.number);
      await callee.says(/Receiving new incoming call/);
      callee.answer();
      const talking = /Media streams established/;
      await Promise.all([caller.says(talking), callee.says(talking)]);
      await pause(500);
      callee.hold();
      await Promise.all([caller.says(/has been paused by/), callee.says(/is now paused/)]);
      callee.resume();
      await Promise.all([caller.says(talking, 2), callee.says(talking, 2)]);
      await pause(500);
      callee.hangUp();
      await caller.says(/ ended/);
      expect(await exchange.cdrsOfCaller(first.number)).toMatchObject([{ terminated_by: 'callee', codec: 'opus' }]);
      await expectTone(callee, 440);
      await expectTone(caller, 1000);
    });
  });

  describe.concurrent('with requests before the answer', () => {
    test.each([
      ['PRACK', 'caller-acknowledges-progress', 'callee-progresses-reliably', { asks: 'Require: 100rel' }],
      ['PRACK with an answer', 'caller-answers-in-prack', 'callee-offers-reliably', {}],
      ['UPDATE', 'caller-updates-early', 'callee-is-updated-early', {}],
    ])('%s', async (_, calling, called, asks) => {
      await using proxy = await Kamailio.start({ folder: exchange.folder, exchange, towards: 'udp' });
      proxies.push(proxy.text);
      const values = { ...asks, proxied: 'Via:[$second]\\nRecord-Route:[$route]' };
      const story = { caller: account(), callee: account(), calling, called, values };
      const [cdr] = await play(exchange, { ...story, proxy: proxy.text });
      expect(cdr).toMatchObject({ status: 'completed', terminated_by: 'caller' });
    });
  });

  describe.concurrent('that has a call ring at two of them', () => {
    test.each([
      ['one answers, the other is given up', 'callee-is-given-up'],
      ['both answer: the second is acknowledged and hung up on (RFC 3261 section 13.2.2.4)', 'callee-answers-too'],
    ])('%s', async (_, other) => {
      const [caller, callee] = [account(), account()];
      const port = await freePorts(2);
      const forks = { number: callee.number, ports: [port] };
      await using proxy = await Kamailio.start({ folder: exchange.folder, exchange, towards: 'udp', forks });
      proxies.push(proxy.text);
      const server = exchange.sip('udp').text;
      const second = { folder: exchange.folder, exchange: server, service: callee.number, port, proxy: proxy.text };
      await using forked = await Sipp.run(other, second);
      const [calling, called] = ['caller-sees-progress', 'callee-answers-late'];
      const [cdr] = await play(exchange, { caller, callee, calling, called, proxy: proxy.text });
      await forked.succeeded();
      expect(cdr).toMatchObject({ status: 'completed', terminated_by: 'caller' });
    });
  });

  test('nothing went past the proxies', () => {
    const folder = exchange.folder.file('logs');
    const traffic = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
    const peers = traffic.join('\n').matchAll(/^\S+ (?:in|out) udp \S+ (?:<-|->) (\S+) \d+ bytes$/gm);
    expect([...new Set([...peers].map(([, peer]) => peer))].toSorted()).toEqual(proxies.toSorted());
  });

  test('nothing is left: no call, no port, no error in the log', async () => {
    await expectNothingLeft(exchange);
  });
});

import { readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Baresip } from './baresip.ts';
import { ExchangeProcess, Folder } from './exchange-process.ts';
import { freePorts } from './free-ports.ts';
import { Sipp } from './sipp.ts';
import { type Account, callerSipp, registerSipp } from './sipp-call.ts';
import { needs } from './tools.ts';

/** What a user has in the environment who starts the exchange without a configuration, on ports that are free here. */
async function environment(): Promise<Record<string, string>> {
  const [sip, media] = [await freePorts(2), await freePorts(400)];
  return {
    SIP_PBX_SIP_LISTEN_IP: '127.0.0.1',
    SIP_PBX_SIP_LISTEN_PORT: String(sip),
    SIP_PBX_MEDIA_PORT_POOL_START: String(media),
    SIP_PBX_MEDIA_PORT_POOL_END: String(media + 400),
    SIP_PBX_MONITORING_PROMETHEUS_PORT: '0',
    SIP_PBX_MONITORING_HEALTH_CHECK_PORT: '0',
  };
}

function printedAccounts(text: string): readonly Account[] {
  return [...text.matchAll(/user (\S+)\s+password (\S+)/g)].map(([, number = '', password = '']) => ({
    number,
    password,
  }));
}

describe.runIf(needs('sipp'))('the first start, in an empty folder', () => {
  test.concurrent('two extensions are made, printed and kept; phones register with them before and after a restart', async () => {
    using folder = new Folder();
    const env = await environment();
    let phone: Awaited<ReturnType<typeof registerSipp>>;
    let accounts: readonly Account[];
    {
      await using exchange = await ExchangeProcess.start({ folder, config: null, env });
      const printed = exchange.program.output.slice(0, exchange.program.output.indexOf('{'));
      accounts = printedAccounts(printed);
      expect(accounts.map(({ number }) => number)).toEqual(['1001', '1002']);
      expect(printed).toContain(`server 127.0.0.1:${env['SIP_PBX_SIP_LISTEN_PORT']}   transport udp or tcp`);
      const file = folder.file('data', 'first-start.txt');
      expect(printedAccounts(readFileSync(file, 'utf8'))).toEqual(accounts);
      expect(statSync(file).mode & 0o777).toBe(0o600);

      phone = await registerSipp(exchange, accounts[1]!);
      expect(await exchange.stop()).toEqual({ code: 0, signal: null });
    }
    {
      await using exchange = await ExchangeProcess.start({ folder, config: null, env });
      expect(exchange.program.output).not.toContain('password');
      expect((await exchange.status()).registrations).toBe(1);
      // Nobody has registered since: the call goes where the phone was before.
      await using called = await Sipp.run('callee-answers', phone);
      await using calling = await Sipp.run('caller-talks', callerSipp(exchange, accounts[0]!, '1002'));
      await Promise.all([calling.succeeded(), called.succeeded()]);
      expect(await exchange.cdrsOfCaller('1001')).toMatchObject([{ callee: '1002', status: 'completed' }]);
      expect(await exchange.stop('SIGINT')).toEqual({ code: 0, signal: null });
    }
  });

  test.concurrent('after a kill it goes on with its extensions, bindings and records', async () => {
    using folder = new Folder();
    const env = await environment();
    const play = async (
      exchange: ExchangeProcess,
      accounts: readonly Account[],
      phone: Parameters<typeof Sipp.run>[1],
    ) => {
      await using called = await Sipp.run('callee-hangs-up', phone);
      await using calling = await Sipp.run('caller-is-hung-up-on', callerSipp(exchange, accounts[0]!, '1002'));
      await Promise.all([calling.succeeded(), called.succeeded()]);
    };
    let phone: Awaited<ReturnType<typeof registerSipp>>;
    let accounts: readonly Account[];
    {
      await using exchange = await ExchangeProcess.start({ folder, config: null, env });
      accounts = printedAccounts(exchange.program.output);
      phone = await registerSipp(exchange, accounts[1]!);
      await play(exchange, accounts, phone);
      await exchange.cdrsOfCaller('1001');
      expect(await exchange.stop('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
    }
    {
      await using exchange = await ExchangeProcess.start({ folder, config: null, env });
      await play(exchange, accounts, phone);
      const cdrs = await exchange.cdrsOfCaller('1001', 2);
      expect(new Set(cdrs.map(({ call_id }) => call_id)).size).toBe(2);
      expect(exchange.log().filter(({ level }) => level === 'ERROR')).toEqual([]);
      expect(await exchange.stop()).toEqual({ code: 0, signal: null });
    }
  });
});

describe.runIf(needs('baresip'))('the first call, with nothing configured', () => {
  test('two phones register as printed, one dials the other', async () => {
    await using exchange = await ExchangeProcess.start({ config: null, env: await environment() });
    const [first, second] = printedAccounts(exchange.program.output);
    const common = { folder: exchange.folder, exchange: exchange.sip('udp').text, protocol: 'udp' as const };
    await using caller = await Baresip.start({ ...common, ...first!, tone: 440 });
    await using callee = await Baresip.start({ ...common, ...second!, tone: 1000, answers: true });
    await exchange.registered(2);
    caller.dial('1002');
    await Promise.all([caller.event('CALL_RTPESTAB'), callee.event('CALL_RTPESTAB')]);
    caller.hangUp();
    await callee.event('CALL_CLOSED');
    expect(await exchange.cdrsOfCaller('1001')).toMatchObject([{ callee: '1002', status: 'completed' }]);
  });
});

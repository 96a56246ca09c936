import { describe, expect, test } from 'vitest';
import { ExchangeProcess, loopback } from './exchange-process.ts';
import { Sipp } from './sipp.ts';
import { type Account, callerSipp, registerSipp } from './sipp-call.ts';
import { attack } from './sipvicious.ts';
import { needs } from './tools.ts';

/** Where good phones are that don't share the attacker's address. */
const elsewhere = '127.0.0.2';
const password = 'sipp-password';
/** In the range that svcrack tries, but beyond the tries that it gets. */
const weak = '140';
const cracking = ['-u', '1009', '-r', '100-199', '--maximumtime', '2'];
const cracked = `The password for 1009 is ${weak}`;
/** Without a User-Agent; the tools offer no other. */
const nameless = '-c';

function start(ban: object = {}): Promise<ExchangeProcess> {
  return ExchangeProcess.start({
    config: {
      sip: { listen_ip: [loopback, elsewhere] },
      // SIPVicious knows MD5 only.
      registrar: { digest_algorithms: ['md5'] },
      extensions: [...['1001', '1002'].map((number) => ({ number, password })), { number: '1009', password: weak }],
      security: { ban },
    },
  });
}

/** `attacks` while two good phones at `address` register and call each other, twice a second. */
async function besieged(
  exchange: ExchangeProcess,
  { address, calls }: { readonly address: string; readonly calls: number },
  attacks: () => Promise<void>,
): Promise<void> {
  const [caller, callee] = ['1001', '1002'].map((number) => ({ number, password })) as [Account, Account];
  // The caller registers too: who is registered is left out of a ban of its address.
  await registerSipp(exchange, caller, { address });
  const phone = await registerSipp(exchange, callee, { address });
  const load = { calls, rate: 2, patience: 45 };
  await using answering = await Sipp.run('callee-answers', { ...phone, ...load });
  await using talking = await Sipp.run('caller-talks', {
    ...callerSipp(exchange, caller, callee.number, { address }),
    ...load,
  });
  await attacks();
  await registerSipp(exchange, caller, { address });
  await Promise.all([talking.succeeded(), answering.succeeded()]);
  const cdrs = await exchange.cdrsOfCaller(caller.number, calls);
  expect(cdrs.map(({ status }) => status)).toEqual(Array(calls).fill('completed'));
  expect(exchange.log().filter(({ level }) => level === 'ERROR')).toEqual([]);
}

const bansOf = (exchange: ExchangeProcess) => exchange.log().filter(({ message }) => message === 'source banned');

describe.runIf(needs('svmap', 'svwar', 'svcrack', 'sipp'))('SIPVicious against an exchange in use', () => {
  test('scans find nothing, guesses end in a ban after ten, and no call of the good phones suffers', async () => {
    await using exchange = await start();
    await besieged(exchange, { address: elsewhere, calls: 50 }, async () => {
      const scans = await Promise.all([
        ...[[], ['--fromname', 'Alice'], [nameless]].map((args) => attack(exchange, 'svmap', args)),
        attack(exchange, 'svwar', ['-e', '1000-1010']),
        attack(exchange, 'svcrack', cracking),
      ]);
      for (const scan of scans.slice(0, 4)) expect(scan).toContain('found nothing');
      expect(scans[4]).not.toContain(cracked);
      const metrics = await exchange.metrics();
      expect(metrics.get('sip_scanners_dropped_total')).toBe(5);
      expect(metrics.get('sip_bans_total')).toBe(0);

      const answered = await attack(exchange, 'svwar', [nameless, '--force', '-e', '1000-1010']);
      expect(answered).not.toContain('exists');
      expect(await attack(exchange, 'svcrack', [nameless, ...cracking])).not.toContain(cracked);
    });
    expect(bansOf(exchange)).toMatchObject([{ source: loopback, aor: '1009@sip-pbx', failures: 10 }]);
    const metrics = await exchange.metrics();
    expect(metrics.get('sip_auth_failures_total')).toBe(10);
    expect(metrics.get('sip_bans_active')).toBe(1);
    expect(metrics.get('sip_banned_messages_dropped_total')).toBeGreaterThan(0);
    expect((await exchange.status()).bans).toBe(1);
  }, 120_000);

  test('from the address of the good phones the attacker is banned, and they go on', async () => {
    await using exchange = await start();
    await besieged(exchange, { address: loopback, calls: 30 }, async () => {
      expect(await attack(exchange, 'svcrack', [nameless, ...cracking])).not.toContain(cracked);
    });
    expect(bansOf(exchange)).toMatchObject([{ source: loopback, aor: '1009@sip-pbx' }]);
  });

  test('a ban outlives the exchange', async () => {
    await using exchange = await start();
    await attack(exchange, 'svcrack', [nameless, ...cracking]);
    expect((await exchange.status()).bans).toBe(1);
    await exchange.stop();
    await using again = await ExchangeProcess.start({
      folder: exchange.folder,
      config: { extensions: [{ number: '1009', password: weak }] },
    });
    expect((await again.status()).bans).toBe(1);
    await attack(again, 'svwar', [nameless, '--force', '-e', '1009']);
    expect((await again.metrics()).get('sip_banned_messages_dropped_total')).toBeGreaterThan(0);
  });

  test('without a ban, as for an address of security.ban.allow, the same attack finds the password', async () => {
    await using exchange = await start({ allow: ['127.0.0.0/8'] });
    expect(await attack(exchange, 'svcrack', [nameless, ...cracking])).toContain(cracked);
    expect(bansOf(exchange)).toEqual([]);
  });
});

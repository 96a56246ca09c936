import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectToHearEachOther } from './baresip-call.ts';
import { ExchangeProcess, loopback } from './exchange-process.ts';
import { play } from './sipp-call.ts';
import { needs } from './tools.ts';

const loopback6 = '::1';
const hasIpv6 = Object.values(networkInterfaces()).some((own) => own?.some(({ address }) => address === loopback6));
const password = 'ipv6-password';
const accounts = Array.from({ length: 10 }, (_, index) => ({ number: String(5001 + index), password }));

describe.runIf(hasIpv6)('calls over IPv6', () => {
  let exchange: ExchangeProcess;

  beforeAll(async () => {
    exchange = await ExchangeProcess.start({
      config: {
        sip: { listen_ip: [loopback, loopback6] },
        extensions: accounts,
      },
    });
  });

  afterAll(async () => {
    await exchange?.[Symbol.asyncDispose]();
  });

  test.runIf(needs('sipp')).concurrent.each([
    [loopback6, loopback6, accounts[0]!, accounts[1]!],
    [loopback, loopback6, accounts[2]!, accounts[3]!],
    [loopback6, loopback, accounts[4]!, accounts[5]!],
  ])('from %s to %s', async (from, to, caller, callee) => {
    const story = { caller, callee, calling: 'caller-talks', called: 'callee-answers' };
    const [cdr] = await play(exchange, { ...story, addresses: { caller: from, callee: to } });
    expect(cdr).toMatchObject({ status: 'completed', caller_ip: from, callee_ip: to });
    expect(cdr!.rtp.caller.packets_received).toBeGreaterThan(25);
    expect(cdr!.rtp.callee.packets_received).toBeGreaterThan(25);
  });

  test.runIf(needs('baresip', 'sox')).concurrent.each([
    ['udp', accounts[6]!, accounts[7]!],
    ['tcp', accounts[8]!, accounts[9]!],
  ] as const)('each hears the tone of the other, by %s', async (protocol, caller, callee) => {
    const address = loopback6;
    await expectToHearEachOther(exchange, { ...caller, address }, { ...callee, address }, protocol);
  });
});

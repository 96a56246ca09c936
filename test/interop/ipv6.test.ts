import { networkInterfaces } from 'node:os';
import { describe, expect, test } from 'vitest';
import { expectToHearEachOther } from './baresip-call.ts';
import { ExchangeProcess } from './exchange-process.ts';
import { play } from './sipp-call.ts';
import { needs } from './tools.ts';

const hasIpv6 = Object.values(networkInterfaces()).some((own) => own?.some(({ address }) => address === '::1'));
const password = 'ipv6-password';
const extensions = ['5001', '5002', '5003', '5004', '5005', '5006'].map((number) => ({ number, password }));

function start(): Promise<ExchangeProcess> {
  return ExchangeProcess.start({
    config: { sip: { listen_ip: ['127.0.0.1', '::1'] }, registrar: { digest_algorithms: ['md5'] }, extensions },
  });
}

describe.runIf(hasIpv6 && needs('sipp')).concurrent('calls over IPv6', () => {
  test.each([
    ['::1', '::1', '5001', '5002'],
    ['127.0.0.1', '::1', '5003', '5004'],
    ['::1', '127.0.0.1', '5005', '5006'],
  ])('from %s to %s', async (from, to, callerNumber, calleeNumber) => {
    await using exchange = await start();
    const [cdr] = await play(exchange, {
      caller: { number: callerNumber, password },
      callee: { number: calleeNumber, password },
      calling: 'caller-talks',
      called: 'callee-answers',
      addresses: { caller: from, callee: to },
    });
    expect(cdr).toMatchObject({ status: 'completed', caller_ip: from, callee_ip: to });
    expect(cdr!.rtp.caller.packets_received).toBeGreaterThan(25);
    expect(cdr!.rtp.callee.packets_received).toBeGreaterThan(25);
  });
});

describe.runIf(hasIpv6 && needs('baresip', 'sox')).concurrent('baresip over IPv6', () => {
  test.each(['udp', 'tcp'] as const)('each hears the tone of the other, by %s', async (protocol) => {
    await using exchange = await start();
    const [caller, callee] = [extensions[0]!, extensions[1]!];
    await expectToHearEachOther(exchange, { ...caller, address: '::1' }, { ...callee, address: '::1' }, protocol);
  });
});

import { networkInterfaces } from 'node:os';
import { describe, expect, test } from 'vitest';
import { expectToHearEachOther } from './baresip-call.ts';
import { ExchangeProcess, loopback } from './exchange-process.ts';
import { needs } from './tools.ts';

/** The address of this machine in a network, where it is in one. */
const outward = Object.values(networkInterfaces())
  .flatMap((own) => own ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

const password = 'wildcard-password';
const extensions = ['6001', '6002', '6003', '6004'].map((number) => ({ number, password }));
const [first, second, third, fourth] = extensions;

describe.runIf(outward !== undefined && needs('baresip', 'sox'))(
  'an exchange that listens everywhere (0.0.0.0)',
  () => {
    test('phones of different networks are told the address that each can reach, and hear each other', async () => {
      await using exchange = await ExchangeProcess.start({ config: { sip: { listen_ip: '0.0.0.0' }, extensions } });
      const [here, there] = [loopback, outward!];
      await Promise.all([
        expectToHearEachOther(exchange, { ...first!, address: there }, { ...second!, address: here }),
        expectToHearEachOther(exchange, { ...third!, address: here }, { ...fourth!, address: there }),
      ]);
      expect(await exchange.cdrsOfCaller('6001')).toMatchObject([{ caller_ip: there, callee_ip: here }]);
      expect(await exchange.cdrsOfCaller('6003')).toMatchObject([{ caller_ip: here, callee_ip: there }]);
    });
  },
);

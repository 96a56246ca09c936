import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Baresip } from '../baresip.ts';
import type { ExchangeProcess } from '../exchange-process.ts';
import { Network, type Segment } from './network.ts';
import {
  addressesToldTo,
  canHaveNetworks,
  expectTones,
  type Machine,
  phoneAt,
  startExchange,
  talking,
} from './street.ts';

const own = '10.0.0.10';
const publicAddress = '198.51.100.5';
const homeAddress = '198.51.100.101';

/** What a phone that has called and been called was sent. */
const kinds = ['401 INVITE', '180 INVITE', '200 INVITE', 'INVITE', 'ACK', 'BYE'];

describe.runIf(canHaveNetworks())('an exchange in an office behind a NAT, with its ports forwarded', () => {
  const stack = new AsyncDisposableStack();
  let network: Network;
  let office: Segment;
  let exchange: ExchangeProcess;
  let home: Segment;
  let desks = 20;

  beforeAll(async () => {
    network = stack.use(await Network.create());
    const internet = await network.segment();
    office = await network.segment();
    home = await network.segment();
    await network.nat({
      outside: { on: internet, addresses: [`${publicAddress}/24`] },
      inside: { on: office, addresses: ['10.0.0.1/24'] },
      keepsPorts: true,
      forward: { to: own, udp: '5060, 10000-10199', tcp: '5060' },
    });
    await network.nat({
      outside: { on: internet, addresses: [`${homeAddress}/24`] },
      inside: { on: home, addresses: ['192.168.1.1/24'] },
    });
    const place = await network.host([{ on: office, addresses: [`${own}/24`] }], '10.0.0.1');
    exchange = stack.use(await startExchange(place, { sip: { advertised_ip: publicAddress } }));
  });

  afterAll(() => stack.disposeAsync());

  const machineIn = async (segment: Segment, net: string): Promise<Machine> => {
    const address = `${net}.${desks++}`;
    return { address, place: await network.host([{ on: segment, addresses: [`${address}/24`] }], `${net}.1`) };
  };

  /** A call with a hold; the callee hangs up. */
  async function callWithHold(caller: Baresip, callee: Baresip): Promise<void> {
    caller.dial(callee.number);
    await talking(caller, callee);
    caller.hold();
    await caller.event('CALL_REMOTE_SDP', 2);
    caller.resume();
    await caller.event('CALL_REMOTE_SDP', 3);
    callee.hangUp();
    await caller.event('CALL_CLOSED');
    await expectTones(caller, callee);
  }

  test.concurrent.each(['udp', 'tcp'] as const)(
    'a phone at home and one in the office call each other by %s, and each is told the address that it can reach',
    async (protocol) => {
      const [remote, local] = [await machineIn(home, '192.168.1'), await machineIn(office, '10.0.0')];
      const away = { protocol, server: `${publicAddress}:5060` };
      const here = { protocol, server: `${own}:5060` };
      {
        await using caller = await phoneAt(exchange, remote, { ...away, tone: 440 });
        await using callee = await phoneAt(exchange, local, { ...here, tone: 1000, answers: true });
        await callWithHold(caller, callee);
      }
      {
        await using caller = await phoneAt(exchange, local, { ...here, tone: 440 });
        await using callee = await phoneAt(exchange, remote, { ...away, tone: 1000, answers: true });
        await callWithHold(caller, callee);
      }
      expect(await addressesToldTo(exchange, local.address, kinds)).toEqual([own]);
    },
  );

  test('what the phones at home were told, all of it', async () => {
    expect(await addressesToldTo(exchange, homeAddress, kinds)).toEqual([publicAddress]);
  });

  test.each([
    ['free ports', undefined],
    // The router keeps them: to us, the phones' packets come from the public address and from ports of our own.
    ['the ports of the exchange', { sip: 5060, rtp: 10_000 }],
  ])(
    'phones in the office that know only the public address are led back inside by the router, with %s',
    async (_ports, ports) => {
      const server = `${publicAddress}:5060`;
      const [one, other] = [await machineIn(office, '10.0.0'), await machineIn(office, '10.0.0')];
      const options = ports ? { server, ports } : { server };
      await using caller = await phoneAt(exchange, one, { ...options, tone: 440 });
      await using callee = await phoneAt(exchange, other, { ...options, tone: 1000, answers: true });
      await callWithHold(caller, callee);
      expect(await addressesToldTo(exchange, publicAddress, kinds)).toEqual([publicAddress]);
    },
  );
});

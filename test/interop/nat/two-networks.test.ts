import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ExchangeProcess } from '../exchange-process.ts';
import { type Host, Network, type Segment } from './network.ts';
import { addressesToldTo, canHaveNetworks, expectCall, type Machine, phoneAt, startExchange } from './street.ts';

/** An end of the exchange, and the phones beside it. */
interface Side {
  readonly segment: Segment;
  readonly own: string;
  readonly prefix: number;
  readonly phones: string[];
}

describe.runIf(canHaveNetworks())('an exchange that is in two networks and listens in both', () => {
  const stack = new AsyncDisposableStack();
  let network: Network;
  let place: Host;
  let exchange: ExchangeProcess;
  const sides: Record<'left' | 'right' | 'six', Side> = Object.create(null);

  beforeAll(async () => {
    network = stack.use(await Network.create());
    const [left, right] = [await network.segment(), await network.segment()];
    const numbered = (net: string) => Array.from({ length: 8 }, (_, index) => `${net}${20 + index}`);
    sides.left = { segment: left, own: '10.1.0.10', prefix: 24, phones: numbered('10.1.0.') };
    sides.right = { segment: right, own: '10.2.0.10', prefix: 24, phones: numbered('10.2.0.') };
    sides.six = { segment: left, own: '2001:db8:1::10', prefix: 64, phones: numbered('2001:db8:1::') };
    place = await network.host([
      { on: left, addresses: ['10.1.0.10/24', '2001:db8:1::10/64'] },
      { on: right, addresses: ['10.2.0.10/24'] },
    ]);
    exchange = stack.use(await startExchange(place, { sip: { listen_ip: ['0.0.0.0', '::'] } }));
  });

  afterAll(() => stack.disposeAsync());

  async function machineOn({ segment, phones, prefix }: Side): Promise<Machine> {
    const address = phones.shift()!;
    return { address, place: await network.host([{ on: segment, addresses: [`${address}/${prefix}`] }]) };
  }

  test.concurrent.each([
    ['left', 'right', 'udp'],
    ['right', 'left', 'tcp'],
    ['six', 'six', 'udp'],
    ['six', 'six', 'tcp'],
    ['six', 'right', 'udp'],
    ['left', 'six', 'tcp'],
  ] as const)(
    'from %s to %s by %s: both hear each other, and each is told our address in its network',
    async (from, to, protocol) => {
      const [calling, called] = [sides[from], sides[to]];
      const [one, other] = [await machineOn(calling), await machineOn(called)];
      const serverOf = ({ own }: Side) => exchange.sip(protocol, own).text;
      await using caller = await phoneAt(exchange, one, { server: serverOf(calling), protocol, tone: 440 });
      await using callee = await phoneAt(exchange, other, {
        ...{ server: serverOf(called), protocol, tone: 1000, answers: true },
      });
      await expectCall(exchange, caller, callee);
      expect(await addressesToldTo(exchange, one.address, ['200 INVITE', '200 BYE'])).toEqual([calling.own]);
      expect(await addressesToldTo(exchange, other.address, ['INVITE', 'ACK', 'BYE'])).toEqual([called.own]);
      expect(await exchange.cdrsOfCaller(caller.number)).toMatchObject([
        { caller_ip: one.address, callee_ip: other.address },
      ]);
    },
  );
});

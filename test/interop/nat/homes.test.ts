import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, pause } from '../program.ts';
import { measure } from '../sound.ts';
import { canHaveNetworks, expectCall, expectTones, phoneAt, Street, talking } from './street.ts';

describe.runIf(canHaveNetworks())('phones behind the NATs of homes', () => {
  let street: Street;

  beforeAll(async () => {
    street = await Street.open({
      sip: { keepalive_interval: 1 },
      registrar: { min_expires: 5 },
    });
  });

  afterAll(async () => {
    await street?.[Symbol.asyncDispose]();
  });

  test.concurrent.each([
    ['udp', { udpTimeout: 3 }],
    ['tcp', { tcpTimeout: 5 }],
  ] as const)(
    'two at different NATs that forget soon, by %s: still reachable after a long silence',
    async (protocol, timeouts) => {
      const [one, other] = [await street.home(timeouts), await street.home(timeouts)];
      await using alice = await phoneAt(street.exchange, await one.machine(), { tone: 440, protocol });
      await using bob = await phoneAt(street.exchange, await other.machine(), { tone: 1000, protocol, answers: true });
      await pause(10_000);
      await expectCall(street.exchange, alice, bob);
    },
  );

  test.concurrent('two behind the same NAT', async () => {
    const home = await street.home();
    await using alice = await phoneAt(street.exchange, await home.machine(), { tone: 440 });
    await using bob = await phoneAt(street.exchange, await home.machine(), { tone: 1000, answers: true });
    await expectCall(street.exchange, alice, bob);
  });

  test.concurrent('the NAT of a talking phone forgets it: sound comes back, and so does every request', async () => {
    const [one, other] = [await street.home(), await street.home()];
    await using alice = await phoneAt(street.exchange, await one.machine(), { tone: 440 });
    await using bob = await phoneAt(street.exchange, await other.machine(), { tone: 1000, answers: true });
    alice.dial(bob.number);
    await talking(alice, bob);
    await one.nat.forget();
    // Three seconds until another port of the same address is believed.
    await pause(6000);
    alice.hold();
    await alice.event('CALL_REMOTE_SDP', 2);
    alice.resume();
    await alice.event('CALL_REMOTE_SDP', 3);
    bob.hangUp();
    await alice.event('CALL_CLOSED');
    expect(await street.exchange.cdrsOfCaller(alice.number)).toMatchObject([{ terminated_by: 'callee' }]);
    await expectTones(alice, bob);
    for (const phone of [alice, bob]) expect((await measure(phone.heard())).seconds).toBeGreaterThan(3);
  });

  test.concurrent('a home gets another address in the middle of a call: heard and hung up on there, once it has registered anew', async () => {
    const [one, other] = [await street.home(), await street.home()];
    await using alice = await phoneAt(street.exchange, await one.machine(), { tone: 440, interval: 5 });
    await using bob = await phoneAt(street.exchange, await other.machine(), { tone: 1000, answers: true });
    alice.dial(bob.number);
    await talking(alice, bob);
    await one.nat.forget('198.51.100.200/24');
    await pause(9000);
    bob.hangUp();
    await alice.event('CALL_CLOSED');
    await expectTones(alice, bob);
    for (const phone of [alice, bob]) expect((await measure(phone.heard())).seconds).toBeGreaterThan(3);
  });

  test.concurrent('the NAT of a talking phone forgets its TCP connection: the binding ends, and the next one takes the call over', async () => {
    const [one, other] = [await street.home(), await street.home()];
    const { exchange } = street;
    await using alice = await phoneAt(exchange, await one.machine(), { tone: 440, protocol: 'tcp', interval: 5 });
    await using bob = await phoneAt(exchange, await other.machine(), { tone: 1000, answers: true });
    const told = (message: string) =>
      exchange.log().filter((line) => line.message === message && line['user'] === alice.number);
    alice.dial(bob.number);
    await talking(alice, bob);
    await one.nat.forget();
    await eventually('the lost connection ends its binding', () =>
      told('binding removed').some(({ cause }) => cause === 'flow_lost'),
    );
    // It learns of the loss when it wants something; else it would try to register in vain first, and then wait.
    alice.hold();
    await eventually('the phone is registered anew', () => told('binding added').length === 2);
    expect(exchange.cdrs()).not.toContainEqual(expect.objectContaining({ caller: alice.number }));
    bob.hangUp();
    await alice.event('CALL_CLOSED');
    expect(await exchange.cdrsOfCaller(alice.number)).toMatchObject([{ terminated_by: 'callee' }]);
  });
});

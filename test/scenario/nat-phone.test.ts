import { expect, test } from 'vitest';
import type { Phone } from '../world/phone.ts';
import { called, talk } from '../world/talk.ts';
import { World } from '../world/world.ts';

/** A phone that knows only its private address. */
const behindNat = { contact: '192.168.1.20:5060' };

/** When, in s from now, OPTIONS reach the phone. */
function optionsTo(world: World, phone: Phone): readonly number[] {
  const start = world.clock.now();
  const times: number[] = [];
  world.network.onDeliver((_from, to, bytes) => {
    const isOptions = new TextDecoder().decode(bytes.subarray(0, 8)) === 'OPTIONS ';
    if (to.address === phone.address && isOptions) times.push(Math.round((world.clock.now() - start) / 1000));
  });
  return times;
}

test('a UDP phone behind NAT registers for at most 120 s and hears OPTIONS every 25 s', async () => {
  await using world = await World.start();
  const bob = await world.registered('1002', behindNat);
  expect(bob.registrationResponse?.headers.get('Contact')).toContain('expires=120');
  const times = optionsTo(world, bob);
  world.run(110_000);
  expect(times.length).toBeGreaterThanOrEqual(4);
  const [first = 0] = times;
  expect(first).toBeLessThanOrEqual(26);
  expect(times).toEqual(times.map((_time, index) => first + 25 * index));
  world.settles();
});

test('a phone without NAT is left alone, over UDP and TCP', async () => {
  await using world = await World.start();
  const bob = await world.registered('1002');
  const desk = await world.registered('1002', { ...behindNat, transport: 'tcp' });
  expect(desk.registrationResponse?.headers.getAll('Contact').join()).toContain('expires=3600');
  const [toBob, toDesk] = [optionsTo(world, bob), optionsTo(world, desk)];
  world.run(200_000);
  expect([...toBob, ...toDesk]).toEqual([]);
  world.settles();
});

test('it is called at the address that its REGISTER came from, with its own Contact as Request-URI', async () => {
  await using world = await World.start();
  const { bob, call } = await called(world, { bob: behindNat });
  expect(bob.lastCall.invite.headers.get('To')).toContain('1002');
  expect(world.network.toNobody).toEqual([]);
  bob.lastCall.answer(200);
  world.run(100);
  // The ACK and all that follows go to where the phone is heard, not to what its Contact says.
  expect(bob.log.at(-1)).toBe('ACK');
  call.reinvite({ direction: 'sendonly' });
  world.run(100);
  expect(call.last.status).toBe(200);
  call.hangUp();
  world.run(100);
  expect(bob.log.at(-1)).toBe('BYE');
  expect(world.network.toNobody).toEqual([]);
  expect(world.cdrs).toMatchObject([{ status: 'completed', callee_ip: bob.address }]);
  world.settles();
});

test('a caller behind NAT is answered, and hung up on, where it is', async () => {
  await using world = await World.start();
  const { alice, answered } = await talk(world, { alice: behindNat });
  answered.hangUp();
  world.run(100);
  expect(alice.log.at(-1)).toBe('BYE');
  expect(world.network.toNobody).toEqual([]);
  world.settles();
});

test('it falls silent and is given up before its registration ends: event unreachable, then 480', async () => {
  await using world = await World.start({ config: { registrar: { nat_max_expires: 3600 } } });
  const alice = await world.registered('1001');
  const bob = await world.registered('1002', behindNat);
  world.run(60_000);
  world.network.partition(bob.address);
  world.run(3 * 25_000 + 32_000 + 1000);
  expect(world.events.at(-1)).toMatchObject({
    type: 'registration.removed',
    cause: 'unreachable',
    registration: { user: '1002' },
  });
  const call = alice.call('1002');
  world.run(100);
  expect(call.statuses).toEqual([480]);
  world.settles();
});

test('as long as it answers, whatever it answers, it stays', async () => {
  await using world = await World.start({ config: { registrar: { nat_max_expires: 3600 } } });
  const bob = await world.registered('1002', behindNat);
  world.run(600_000);
  expect(world.exchange.registrar.count).toBe(1);
  expect(bob.count('OPTIONS')).toBeGreaterThanOrEqual(23);
  bob.register({ expires: 0 });
  world.settles();
});

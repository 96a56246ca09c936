import { expect, test } from 'vitest';
import { MemoryBindings, World } from '../world/world.ts';

test('the exchange restarts: UDP phones are called without registering again, TCP phones when they are back', async () => {
  const bindings = new MemoryBindings();
  await using before = await World.start({ bindings, users: ['1001', '1002', '1003', '1004'] });
  for (const [number, options] of [
    ['1001', {}],
    ['1002', {}],
    ['1003', { transport: 'tcp' }],
    ['1004', { contact: '192.168.1.20:5060' }],
  ] as const) {
    await before.registered(number, options);
  }
  before.run(10_000);
  before.settles();

  // The same phones in the same places; none has noticed anything.
  await using world = await World.start({ bindings, users: ['1001', '1002', '1003', '1004'] });
  const alice = await world.phone('1001');
  const bob = await world.phone('1002');
  const carol = await world.phone('1003', { transport: 'tcp' });
  const dave = await world.phone('1004', { contact: '192.168.1.20:5060' });
  expect(world.exchange.registrar.count).toBe(4);
  expect(world.events).toEqual([]);

  for (const phone of [bob, dave]) {
    const call = alice.call(phone.number);
    world.run(100);
    phone.lastCall.answer(200);
    world.run(100);
    expect(call.statuses).toEqual([200]);
    call.hangUp();
    world.run(100);
    expect(phone.log.at(-1)).toBe('BYE');
  }

  const tooEarly = alice.call('1003');
  world.run(100);
  expect(tooEarly.statuses).toEqual([480]);
  carol.register();
  world.run(100);
  const call = alice.call('1003');
  world.run(100);
  carol.lastCall.answer(200);
  world.run(100);
  expect(call.statuses).toEqual([200]);
  call.hangUp();
  world.run(100);
  expect(world.cdrs.map(({ status }) => status)).toEqual(['completed', 'completed', 'failed', 'completed']);

  // The keepalive goes on as well.
  world.run(60_000);
  expect(dave.log).toContain('OPTIONS');
  world.settles();
});

test('what expired while the exchange was down is gone, with an event', async () => {
  const bindings = new MemoryBindings();
  await using before = await World.start({ bindings });
  await before.registered('1002');
  const [binding] = await bindings.load();
  if (!binding) throw new Error('nothing was kept');
  bindings.save({ ...binding, expiresAt: before.clock.wall() - 1000 });

  await using world = await World.start({ bindings });
  expect(world.events).toMatchObject([{ type: 'registration.removed', cause: 'expired' }]);
  const alice = await world.registered('1001');
  const call = alice.call('1002');
  world.run(100);
  expect(call.statuses).toEqual([480]);
  world.settles();
});

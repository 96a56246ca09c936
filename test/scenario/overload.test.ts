import { expect, test } from 'vitest';
import { ringing, talk } from '../world/talk.ts';
import { exchangeIp, World } from '../world/world.ts';

const users = ['1001', '1002', '1003', '1004'];

test('one call more than max_concurrent_calls is 503 with Retry-After, before any work: no challenge, no record', async () => {
  await using world = await World.start({ users, config: { sip: { max_concurrent_calls: 1 } } });
  const carol = await world.registered('1003');
  const { bob, call: first } = await ringing(world);

  const before = carol.heard.length;
  const second = carol.call('1004');
  world.run(50);
  expect(carol.heard.slice(before).map((message) => message.kind === 'response' && message.status)).toEqual([503]);
  expect(second.last.headers.get('Retry-After')).toMatch(/^\d+$/);
  expect(first.statuses).toEqual([180]);

  bob.lastCall.answer(486);
  world.run(50);
  const third = carol.call('1002');
  world.run(50);
  expect(third.statuses).toEqual([]);
  bob.lastCall.answer(486);
  world.settles();
  expect(world.cdrs.map(({ caller }) => caller)).toEqual(['1001', '1003']);
});

test('without a media port for the caller the call is 503 with Retry-After, and recorded', async () => {
  await using world = await World.start({ users, config: { media: { port_pool: { start: 20_000, end: 20_004 } } } });
  const carol = await world.registered('1003');
  const { bob, call: first } = await talk(world);
  expect(world.media.usage()).toEqual({ total: 4, inUse: 4 });

  const second = carol.call('1002');
  world.run(50);
  expect(second.statuses).toEqual([503]);
  expect(second.last.headers.get('Retry-After')).toMatch(/^\d+$/);
  expect(bob.calls).toHaveLength(1);
  expect(world.cdrs).toMatchObject([
    { caller: '1003', status: 'failed', termination_reason: 'error', terminated_by: 'system', sip_status: 503 },
  ]);
  first.hangUp();
  world.run(50);
  const third = carol.call('1002');
  world.run(50);
  bob.lastCall.answer(200);
  world.run(50);
  expect(third.state).toBe('talking');
  third.hangUp();
  world.settles();
  expect(world.media.usage()).toEqual({ total: 4, inUse: 0 });
});

test('without a media port for any phone the call is 503 with Retry-After, and recorded', async () => {
  await using world = await World.start({ users, config: { media: { port_pool: { start: 20_000, end: 20_004 } } } });
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  const taken = world.media.lease(exchangeIp);
  const call = alice.call('1002');
  world.run(50);
  expect(call.statuses).toEqual([503]);
  expect(call.last.headers.get('Retry-After')).toMatch(/^\d+$/);
  expect(bob.calls).toEqual([]);
  if (taken) world.media.release(taken);
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'failed', sip_status: 503, q850_cause: 34 }]);
});

test('with a media port for only one of two phones that one rings', async () => {
  await using world = await World.start({ users, config: { media: { port_pool: { start: 20_000, end: 20_004 } } } });
  const alice = await world.registered('1001');
  const phones = [await world.registered('1002'), await world.registered('1002')];
  const call = alice.call('1002');
  world.run(50);
  const ringing = phones.filter(({ calls }) => calls.length > 0);
  expect(ringing).toHaveLength(1);
  ringing[0]?.lastCall.answer(200);
  world.run(50);
  expect(call.statuses).toEqual([200]);
  call.hangUp();
  world.settles();
});

test('a draining exchange refuses new calls with 503 and lets live ones go on', async () => {
  await using world = await World.start({ users });
  const carol = await world.registered('1003');
  const { alice, bob, call: live } = await talk(world);
  let drained = false;
  const drain = world.exchange.calls.drain().then(() => {
    drained = true;
  });
  const refused = carol.call('1002');
  world.run(50);
  expect(refused.statuses).toEqual([503]);
  expect(refused.last.headers.has('Retry-After')).toBe(true);
  await Promise.resolve();
  expect(drained).toBe(false);

  alice.media.say('still here', live.remoteSdp ?? '');
  world.run(1000);
  expect(bob.media.heardText).toEqual(['still here']);
  live.hangUp();
  world.run(50);
  await drain;
  world.settles();
  expect(world.cdrs).toMatchObject([{ caller: '1001', status: 'completed' }]);
});

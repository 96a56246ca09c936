import { expect, test } from 'vitest';
import { talk, unacknowledged } from '../world/talk.ts';
import { World } from '../world/world.ts';

test('a caller that hangs up while its ACK is still waited for is told no more of the call (RFC 3261 §15)', async () => {
  await using world = await World.start();
  const { alice, bob, call } = await unacknowledged(world);
  bob.lastCall.hangUp();
  world.run(100);
  expect(alice.log).not.toContain('BYE');
  call.hangUp();
  world.run(100);
  const heard = alice.heard.length;
  expect(alice.statuses('BYE')).toEqual([200]);

  call.ack();
  world.run(40_000);
  expect(alice.heard.length).toBe(heard);
  expect(world.cdrs).toMatchObject([{ terminated_by: 'callee' }]);
  world.settles();
});

test('a phone whose answer came second hangs up while our BYE is on its way: the others talk on', async () => {
  await using world = await World.start({ network: { delay: { min: 20, max: 20 } } });
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  const other = await world.registered('1002');
  const call = alice.call('1002');
  world.run(100);
  bob.lastCall.answer(200);
  other.lastCall.answer(200);
  world.run(30);
  other.lastCall.hangUp();
  world.run(100);
  expect(call.state).toBe('talking');
  expect(bob.log).not.toContain('BYE');
  expect(other.count('BYE')).toBe(1);
  expect(other.statuses('BYE')).toEqual([200]);

  call.hangUp();
  world.run(100);
  expect(bob.log).toContain('BYE');
  expect(world.cdrs).toMatchObject([{ terminated_by: 'caller' }]);
  world.settles();
});

test('other requests get 481 once we have said BYE', async () => {
  await using world = await World.start({ network: { delay: { min: 20, max: 20 } } });
  const { alice, call, answered } = await talk(world);
  answered.hangUp();
  world.run(25);
  call.request('INFO');
  world.run(100);
  expect(alice.statuses('INFO')).toEqual([481]);
  world.settles();
});

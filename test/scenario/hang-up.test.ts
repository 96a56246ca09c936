import { expect, test } from 'vitest';
import { talk } from '../world/talk.ts';
import { World } from '../world/world.ts';

test('the callee hangs up: the caller hears BYE with the cause, the record says who it was', async () => {
  await using world = await World.start();
  const { alice, bob, call, answered } = await talk(world);
  world.run(3000);
  answered.hangUp();
  world.run(100);

  expect(answered.last.status).toBe(200);
  expect(alice.log.at(-1)).toBe('BYE');
  expect(call.requests.at(-1)?.headers.get('Reason')).toBe('Q.850;cause=16;text="Normal call clearing"');
  expect(bob.log).not.toContain('BYE');
  expect(world.cdrs).toMatchObject([
    { status: 'completed', termination_reason: 'normal', terminated_by: 'callee', q850_cause: 16, billsec: 3 },
  ]);
  expect(world.events.map(({ type }) => type).filter((type) => type !== 'leg.changed')).toEqual([
    'registration.added',
    'registration.added',
    'call.started',
    'call.answered',
    'call.ended',
  ]);
  world.settles();
});

test('both hang up at once: each BYE is answered with 200, one record is written', async () => {
  await using world = await World.start();
  const { alice, bob, call, answered } = await talk(world);
  call.hangUp();
  answered.hangUp();
  world.run(100);

  expect(alice.statuses('BYE')).toEqual([200]);
  expect(bob.statuses('BYE')).toEqual([200]);
  expect(world.cdrs).toHaveLength(1);
  world.settles();
});

test('a request in a call that is over gets 481', async () => {
  await using world = await World.start();
  const { alice, bob, call, answered } = await talk(world);
  call.hangUp();
  world.run(1000);
  call.request('INFO');
  answered.request('BYE');
  world.run(100);

  expect(alice.statuses('INFO')).toEqual([481]);
  expect(bob.statuses('BYE')).toEqual([481]);
  expect(world.cdrs).toHaveLength(1);
  world.settles();
});

test('a callee that vanished and answers no BYE leaves nothing behind', async () => {
  await using world = await World.start();
  const { bob, call } = await talk(world);
  world.network.partition(bob.address);
  call.hangUp();
  world.run(100);
  expect(call.last.status).toBe(200);
  expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'caller' }]);
  world.settles();
});

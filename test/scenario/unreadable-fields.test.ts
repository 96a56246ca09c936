import { expect, test } from 'vitest';
import { called, heardWhenBothSpeak, pendingHold, talk, unacknowledged } from '../world/talk.ts';
import { World } from '../world/world.ts';

const unreadable = '<sip:1001@[10.0.0.11';

test('a re-INVITE whose Contact makes no sense gets 400, and the next one is taken', async () => {
  await using world = await World.start();
  const talking = await talk(world);
  const { alice, call } = talking;
  call.request('INVITE', {
    body: alice.media.describe({ direction: 'sendonly' }),
    contentType: 'application/sdp',
    headers: { Contact: unreadable },
  });
  world.run(100);
  expect(call.last.status).toBe(400);
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
  call.reinvite({ direction: 'sendonly' });
  world.run(100);
  expect(call.last.status).toBe(200);
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice']);
  call.hangUp();
  world.settles();
});

test('a 200 to a re-INVITE whose Contact makes no sense is taken, the known target stays', async () => {
  await using world = await World.start();
  const talking = await pendingHold(world);
  const { bob, call, answered } = talking;
  answered.agree(answered.waiting.pop()!, { headers: { Contact: unreadable } });
  bob.habits.agrees = true;
  world.run(100);
  expect(call.last.status).toBe(200);
  expect(bob.log.at(-1)).toBe('ACK');
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice']);
  call.hangUp();
  world.run(100);
  expect(bob.log.at(-1)).toBe('BYE');
  world.settles();
});

test('a callee that answers with a Contact that makes no sense is talked to where it was called', async () => {
  await using world = await World.start();
  const { bob, call } = await called(world);
  bob.lastCall.answer(200, { headers: { Contact: unreadable } });
  world.run(100);
  expect(call.statuses).toEqual([200]);
  expect(bob.log.at(-1)).toBe('ACK');
  call.hangUp();
  world.run(100);
  expect(bob.log.at(-1)).toBe('BYE');
  world.settles();
});

test('a callee whose answer makes no dialog is a callee that can not be reached', async () => {
  await using world = await World.start();
  const { bob, call } = await called(world);
  bob.lastCall.answer(200, { headers: { 'Record-Route': unreadable } });
  world.run(1000);
  expect(call.statuses).toEqual([480]);
  expect(world.cdrs).toMatchObject([{ status: 'failed', termination_reason: 'unreachable' }]);
  world.settles();
});

test('an ACK whose body makes no sense ends nothing where no answer is expected in it', async () => {
  await using world = await World.start();
  const { alice, call } = await unacknowledged(world);
  call.ack('nonsense');
  alice.habits.acks = true;
  world.run(50_000);
  expect(world.cdrs).toEqual([]);
  call.hangUp();
  world.run(100);
  expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
  world.settles();
});

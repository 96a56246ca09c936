import { describe, expect, test } from 'vitest';
import { called, forked, ringing } from '../world/talk.ts';
import { World } from '../world/world.ts';

const names = ['udp', 'tcp', 'tls', 'ws', 'wss'] as const;

const contacts = {
  udp: '<sip:1001@10.0.0.1:5060>',
  tcp: '<sip:1001@10.0.0.1:5060;transport=tcp>',
  tls: '<sip:1001@10.0.0.1:5061;transport=tls>',
  ws: '<sip:1001@10.0.0.1:5066;transport=ws>',
  wss: '<sip:1001@10.0.0.1:5067;transport=ws>',
};

describe('a call from one transport to another', () => {
  test.each(names.flatMap((from) => names.map((to) => [from, to] as const)))('%s to %s', async (from, to) => {
    await using world = await World.start();
    const { alice, bob, call } = await called(world, { alice: { transport: from }, bob: { transport: to } });
    const ringing = bob.lastCall;
    const { invite } = ringing;
    expect(invite.topVia.transport).toBe(to.toUpperCase());
    expect(invite.headers.get('Contact')).toBe(contacts[to]);
    ringing.answer(180);
    world.run(50);
    ringing.answer(200);
    world.run(50);
    expect(call.statuses).toEqual([180, 200]);
    alice.media.say('hello', call.remoteSdp ?? '');
    bob.media.say('hi', ringing.remoteSdp ?? '');
    world.run(50);
    expect(bob.media.heardText).toEqual(['hello']);
    expect(alice.media.heardText).toEqual(['hi']);
    ringing.hangUp();
    world.run(50);
    expect(alice.log.at(-1)).toBe('BYE');
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'callee' }]);
    expect(world.network.toNobody).toEqual([]);
  });
});

test('a phone whose connection is gone is 480 at once', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002', { transport: 'tcp' });
  world.network.disconnect(bob.address);
  world.run(50);
  const call = alice.call('1002');
  world.run(50);
  expect(call.statuses).toEqual([480]);
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'failed', termination_reason: 'unreachable', sip_status: 480 }]);
});

test("the callee's connection is lost while it rings: 480 at once", async () => {
  await using world = await World.start();
  const { bob, call } = await ringing(world, { bob: { transport: 'tls' } });
  world.network.disconnect(bob.address);
  world.run(50);
  expect(call.statuses).toEqual([180, 480]);
  world.settles();
  expect(world.cdrs).toMatchObject([
    { status: 'failed', termination_reason: 'unreachable', terminated_by: 'system', sip_status: 480 },
  ]);
});

test('one of two phones loses its connection; the other goes on ringing', async () => {
  await using world = await World.start();
  const { desk, mobile, call } = await forked(world, { desk: { transport: 'tcp' } });
  mobile.lastCall.answer(180);
  world.network.disconnect(desk.address);
  world.run(50);
  mobile.lastCall.answer(200);
  world.run(50);
  expect(call.statuses).toEqual([180, 200]);
  call.hangUp();
  world.settles();
});

test("the caller's connection is lost while the phone rings: the phone stops, and the caller has ended it", async () => {
  await using world = await World.start();
  const { alice, bob } = await called(world, { alice: { transport: 'tcp' } });
  bob.lastCall.answer(180);
  world.run(2000);
  world.network.disconnect(alice.address);
  world.run(50);
  expect(bob.log.at(-1)).toBe('CANCEL');
  expect(bob.lastCall.state).toBe('over');
  world.settles();
  expect(world.cdrs).toMatchObject([
    { status: 'cancelled', termination_reason: 'cancelled', terminated_by: 'caller', sip_status: 487, duration: 2 },
  ]);
});

test('the connection of the caller is lost before any phone has said a word', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001', { transport: 'tls' });
  const bob = await world.registered('1002');
  world.network.partition(bob.address);
  alice.call('1002');
  world.run(1000);
  world.network.disconnect(alice.address);
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'cancelled', terminated_by: 'caller' }]);
});

test('over TCP an INVITE is sent once, and a silent phone is still given up after 64·T1', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002', { transport: 'tcp' });
  world.network.partition(bob.address);
  const call = alice.call('1002');
  world.run(33_000);
  expect(call.statuses).toEqual([408]);
  world.network.heal(bob.address);
  world.run(100);
  expect(bob.count('INVITE')).toBe(1);
  world.settles();
});

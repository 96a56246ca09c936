import { expect, test } from 'vitest';
import { directionIn, heardWhenBothSpeak, talk } from '../world/talk.ts';
import { World } from '../world/world.ts';

test('a phone that reconnects over TCP is answered and called on its new connection', async () => {
  await using world = await World.start();
  const talking = await talk(world, { alice: { transport: 'tcp' } });
  const { alice, bob, call, answered } = talking;
  const before = alice.flow;
  world.network.disconnect(alice.address);
  world.run(1000);
  expect(alice.flow.id).not.toBe(before.id);
  expect(world.cdrs).toEqual([]);

  call.reinvite({ direction: 'sendonly' });
  world.run(100);
  expect(call.last.status).toBe(200);
  answered.reinvite({ direction: 'inactive' });
  world.run(100);
  expect(answered.last.status).toBe(200);
  answered.hangUp();
  world.run(100);
  expect(alice.log.at(-1)).toBe('BYE');
  expect(bob.statuses('BYE')).toEqual([200]);
  expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'callee' }]);
  world.settles();
});

test('the connection of a talking phone is lost and it never returns: the other hangs up, nothing is left', async () => {
  await using world = await World.start();
  const { alice, call, answered } = await talk(world, { alice: { transport: 'tcp' } });
  world.network.disconnect(alice.address);
  world.network.partition(alice.address);
  world.run(1000);
  expect(world.cdrs).toEqual([]);
  answered.hangUp();
  world.run(100);
  expect(answered.last.status).toBe(200);
  expect(call.state).toBe('talking');
  expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'callee' }]);
  world.settles();
});

test('a phone that comes back from another network is reached and heard there', async () => {
  await using world = await World.start();
  const talking = await talk(world);
  const { alice, bob, call, answered } = talking;
  const elsewhere = await world.phone('1001', { address: '172.20.0.9' });
  elsewhere.calls.push(call);
  call.moveTo(elsewhere);
  // Behind a NAT: its media comes from where its signalling comes from, not from where it says.
  call.reinvite({ sdp: elsewhere.media.describe({ address: '192.168.7.7' }) });
  world.run(100);
  expect(call.last.status).toBe(200);
  expect(heardWhenBothSpeak(world, { alice: elsewhere, bob, call, answered })).toContain('alice');
  expect(heardWhenBothSpeak(world, { alice: elsewhere, bob, call, answered })).toEqual(['alice', 'bob']);

  answered.hangUp();
  world.run(100);
  expect(elsewhere.log.at(-1)).toBe('BYE');
  expect(alice.log).not.toContain('BYE');
  world.settles();
});

test('while the connection of a phone is lost others can not change the session, but the call goes on', async () => {
  await using world = await World.start();
  const talking = await talk(world, { bob: { transport: 'tcp' } });
  const { alice, bob, call, answered } = talking;
  world.network.disconnect(bob.address);
  world.run(1000);
  call.request('INFO', { body: 'x' });
  world.run(100);
  expect(call.last.status).toBe(500);
  call.reinvite({ direction: 'sendonly' });
  world.run(100);
  expect(call.last.status).toBe(500);
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);

  answered.reinvite({ direction: 'sendonly' });
  world.run(100);
  expect(answered.last.status).toBe(200);
  call.request('INFO', { body: 'x' });
  world.run(100);
  expect(alice.statuses('INFO')).toEqual([500, 200]);
  call.hangUp();
  world.run(100);
  expect(bob.log.at(-1)).toBe('BYE');
  expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
  world.settles();
});

test.each(['10.0.0.12:5060', '10.0.0.12:40001'])(
  'a phone that has only registered anew, as %s, hears of the hold and of the end of its call on the new connection',
  async (contact) => {
    await using world = await World.start();
    const { bob, call, answered } = await talk(world, { bob: { transport: 'tcp', address: '10.0.0.12' } });
    world.network.disconnect(bob.address);
    world.run(1000);
    bob.register({ contact: `<sip:1002@${contact};transport=tcp>` });
    world.run(100);
    expect(bob.registration).toBe(200);

    call.request('INFO', { body: 'x' });
    world.run(100);
    expect(call.last.status).toBe(200);
    call.reinvite({ direction: 'sendonly' });
    world.run(100);
    expect(call.last.status).toBe(200);
    expect(directionIn(answered.remoteSdp)).toBe('sendonly');

    world.network.disconnect(bob.address);
    world.run(1000);
    bob.register({ contact: `<sip:1002@${contact};transport=tcp>` });
    world.run(100);
    call.hangUp();
    world.run(100);
    expect(bob.log.at(-1)).toBe('BYE');
    expect(world.network.toNobody).toEqual([]);
    world.settles();
  },
);

test('another phone of the same extension is not asked in the place of one whose connection was lost', async () => {
  await using world = await World.start();
  const { alice, bob, call } = await talk(world, { bob: { transport: 'tcp' } });
  const desk = await world.registered('1002');
  world.network.disconnect(bob.address);
  world.run(1000);
  call.request('INFO', { body: 'x' });
  world.run(100);
  expect(alice.statuses('INFO')).toEqual([500]);
  call.hangUp();
  world.run(100);
  expect(desk.log).toEqual([401, 200]);
  world.settles();
});

test('a phone whose NAT gave it a new port, and that has only registered anew, is asked and hung up on there', async () => {
  await using world = await World.start();
  const contact = '192.168.1.20:5060';
  const { alice, bob, call } = await talk(world, { bob: { address: '198.51.100.1', contact } });
  const moved = await world.phone('1002', { address: '198.51.100.2', contact });
  moved.calls.push(...bob.calls);
  bob.lastCall.moveTo(moved);
  world.network.partition(bob.address);
  moved.register();
  world.run(100);
  call.request('INFO', { body: 'x' });
  world.run(100);
  expect(call.last.status).toBe(200);
  call.hangUp();
  world.run(100);
  expect(moved.log.slice(-2)).toEqual(['INFO', 'BYE']);
  expect(alice.statuses('BYE')).toEqual([200]);
  world.settles();
});

test('a phone whose NAT gave it a new address is heard from there once it has registered anew', async () => {
  await using world = await World.start();
  const contact = '192.168.1.20:5060';
  const talking = await talk(world, { bob: { address: '198.51.100.1', contact } });
  const { bob, answered } = talking;
  expect(heardWhenBothSpeak(world, talking)).toContain('bob');
  const moved = await world.phone('1002', { address: '198.51.100.2', contact });
  moved.calls.push(...bob.calls);
  answered.moveTo(moved);
  const now = { ...talking, bob: moved };
  expect(heardWhenBothSpeak(world, now)).toEqual([]);
  moved.register();
  // What was learned of it is forgotten after three seconds of silence.
  world.run(3000);
  expect(heardWhenBothSpeak(world, now)).toContain('bob');
  expect(heardWhenBothSpeak(world, now)).toEqual(['alice', 'bob']);
  answered.hangUp();
  world.settles();
});

test('its neighbour behind the same NAT stays where it is when it gets the port that the first one had', async () => {
  await using world = await World.start({ users: ['1001', '1002', '1003'] });
  const { bob, call } = await talk(world, { bob: { address: '198.51.100.1', contact: '192.168.1.20:5060' } });
  call.hangUp();
  world.run(100);
  const [first] = world.phones;
  // The NAT has given the first one's port to the second, and then the first one shows up elsewhere.
  const moved = await world.phone('1002', { address: '198.51.100.2', contact: '192.168.1.20:5060' });
  const second = first!.call('1002');
  world.run(50);
  bob.lastCall.answer(200, { headers: { Contact: '<sip:1003@192.168.1.21:5060>' } });
  world.run(100);
  moved.register();
  world.run(100);
  second.hangUp();
  world.run(100);
  expect(bob.log.at(-1)).toBe('BYE');
  world.settles();
});

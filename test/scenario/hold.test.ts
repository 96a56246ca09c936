import { expect, test } from 'vitest';
import { chat, directionIn, heardWhenBothSpeak, originOf, talk } from '../world/talk.ts';
import { World } from '../world/world.ts';

test.each(['caller', 'callee'] as const)('the %s holds with sendonly and resumes', async (side) => {
  await using world = await World.start();
  const talking = await talk(world);
  const { alice, bob, call, answered } = talking;
  const [holder, held] = side === 'caller' ? [call, answered] : [answered, call];
  const [holding, waiting] = side === 'caller' ? (['alice', 'bob'] as const) : (['bob', 'alice'] as const);
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
  const before = originOf(held.remoteSdp);

  holder.reinvite({ direction: 'sendonly' });
  world.run(100);
  expect(holder.last.status).toBe(200);
  expect(directionIn(held.remoteSdp)).toBe('sendonly');
  expect(directionIn(holder.remoteSdp)).toBe('recvonly');
  expect(originOf(held.remoteSdp)).toEqual({ id: before.id, version: before.version + 1 });
  expect(heardWhenBothSpeak(world, talking)).toEqual([holding]);
  expect(heardWhenBothSpeak(world, talking)).not.toContain(waiting);

  holder.reinvite({ direction: 'sendrecv' });
  world.run(100);
  expect(directionIn(held.remoteSdp)).toBe('sendrecv');
  expect(directionIn(holder.remoteSdp)).toBe('sendrecv');
  expect(originOf(held.remoteSdp)).toEqual({ id: before.id, version: before.version + 2 });
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);

  for (const phone of [alice, bob]) expect(phone.log.filter((entry) => entry === 481 || entry === 500)).toEqual([]);
  call.hangUp();
  world.run(100);
  expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
  world.settles();
});

test('inactive holds both ways', async () => {
  await using world = await World.start();
  const talking = await talk(world);
  const { call, answered } = talking;
  call.reinvite({ direction: 'inactive' });
  world.run(100);
  expect(directionIn(answered.remoteSdp)).toBe('inactive');
  expect(directionIn(call.remoteSdp)).toBe('inactive');
  expect(heardWhenBothSpeak(world, talking)).toEqual([]);
  call.reinvite();
  world.run(100);
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
  call.hangUp();
  world.settles();
});

test('c=0.0.0.0 holds as in RFC 2543; the other phone is told a=sendonly and our address (RFC 3264 section 8.4)', async () => {
  await using world = await World.start();
  const talking = await talk(world);
  const { alice, call, answered } = talking;
  call.reinvite({ sdp: alice.media.describe({ address: '0.0.0.0' }) });
  world.run(100);
  expect(call.last.status).toBe(200);
  expect(directionIn(answered.remoteSdp)).toBe('sendonly');
  expect(answered.remoteSdp).toContain('c=IN IP4 10.0.0.1');
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice']);
  call.reinvite();
  world.run(100);
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
  call.hangUp();
  world.settles();
});

test('both hold each other; the call is two-way again only when both have resumed', async () => {
  await using world = await World.start();
  const talking = await talk(world);
  const { bob, call, answered } = talking;
  call.reinvite({ direction: 'sendonly' });
  world.run(100);
  answered.reinvite({ direction: 'inactive' });
  world.run(100);
  expect(heardWhenBothSpeak(world, talking)).toEqual([]);

  // Alice resumes, bob keeps holding.
  bob.habits.agrees = false;
  call.reinvite();
  world.run(100);
  answered.agree(answered.waiting.pop()!, { direction: 'inactive' });
  world.run(100);
  expect(directionIn(call.remoteSdp)).toBe('inactive');
  expect(heardWhenBothSpeak(world, talking)).not.toContain('alice');

  answered.reinvite();
  world.run(100);
  expect(directionIn(call.remoteSdp)).toBe('sendrecv');
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
  bob.habits.agrees = true;
  call.hangUp();
  world.settles();
});

test('the same offer again is passed on with the same version (RFC 3264 section 8)', async () => {
  await using world = await World.start();
  const { call, answered } = await talk(world);
  // What would have to be transcoded is no longer offered to a phone that has shown that it need not be.
  call.reinvite();
  world.run(100);
  const [toBob, toAlice] = [originOf(answered.remoteSdp), originOf(call.remoteSdp)];
  call.reinvite();
  world.run(100);
  expect(answered.requests.at(-1)?.method).toBe('ACK');
  expect(originOf(answered.remoteSdp)).toEqual(toBob);
  expect(originOf(call.remoteSdp)).toEqual(toAlice);
  call.hangUp();
  world.settles();
});

test('silence on hold does not end the call; silence after it does', async () => {
  await using world = await World.start({ config: { media: { rtp_timeout: 30 } } });
  const talking = await talk(world);
  const { call } = talking;
  chat(world, talking, 5000);
  call.reinvite({ direction: 'inactive' });
  world.run(600_000);
  expect(world.cdrs).toEqual([]);
  call.reinvite();
  world.run(29_000);
  expect(world.cdrs).toEqual([]);
  world.run(2000);
  expect(world.cdrs).toMatchObject([{ status: 'completed', termination_reason: 'rtp_timeout' }]);
  world.settles();
});

import { describe, expect, test } from 'vitest';
import type { Phone } from '../world/phone.ts';
import { forked } from '../world/talk.ts';
import { World } from '../world/world.ts';

const elsewhere = 'SIP;cause=200;text="Call completed elsewhere"';

const cancelOf = (phone: Phone) =>
  phone.heard.find((message) => message.kind === 'request' && message.method === 'CANCEL');

test('all phones of an extension ring; one answers, the others are told that it was answered elsewhere (RFC 3326)', async () => {
  await using world = await World.start();
  const tablet = await world.registered('1002');
  const { alice, desk, mobile, call } = await forked(world);
  const bobs = [desk, mobile, tablet];
  for (const bob of bobs) bob.lastCall.answer(180);
  world.run(1000);
  expect(world.media.usage().inUse).toBe(8);
  mobile.lastCall.answer(200);
  world.run(50);
  expect(world.media.usage().inUse).toBe(4);

  expect(call.statuses).toEqual([180, 200]);
  for (const other of [desk, tablet]) {
    expect(other.log.at(-1)).toBe('CANCEL');
    expect(cancelOf(other)?.headers.get('Reason')).toBe(elsewhere);
    expect(other.lastCall.state).toBe('over');
  }
  expect(mobile.log).not.toContain('CANCEL');
  // Each branch has its own Call-ID, its own From tag and its own media port.
  const invites = bobs.map((bob) => bob.lastCall.invite);
  expect(new Set(invites.map(({ callId }) => callId)).size).toBe(3);
  expect(new Set(invites.map(({ fromTag }) => fromTag)).size).toBe(3);
  expect(new Set(invites.map(({ body }) => /m=audio (\d+)/.exec(new TextDecoder().decode(body))?.[1])).size).toBe(3);

  alice.media.say('hello', call.remoteSdp ?? '');
  mobile.media.say('hi', mobile.lastCall.remoteSdp ?? '');
  world.run(20);
  expect(mobile.media.heardText).toEqual(['hello']);
  expect(alice.media.heardText).toEqual(['hi']);
  call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([{ callee_ip: mobile.address, callee_sip_call_id: mobile.lastCall.callId }]);
});

test('two answer at once: the later one gets ACK and BYE', async () => {
  await using world = await World.start({ network: { delay: { min: 10, max: 10 } } });
  const { desk, mobile, call } = await forked(world);
  desk.lastCall.answer(180);
  mobile.lastCall.answer(180);
  world.run(100);
  desk.lastCall.answer(200);
  mobile.lastCall.answer(200);
  world.run(100);

  expect(call.statuses).toEqual([180, 200]);
  expect(desk.lastCall.state).toBe('talking');
  expect(mobile.log.slice(-3)).toEqual(['CANCEL', 'ACK', 'BYE']);
  expect(mobile.heard.at(-1)?.headers.get('Reason')).toBe(elsewhere);
  call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'completed', callee_ip: desk.address }]);
});

test('a phone that has not said a word when another answers is cancelled as soon as it does', async () => {
  await using world = await World.start();
  const { desk, mobile, call } = await forked(world);
  desk.lastCall.answer(200);
  world.run(100);
  expect(mobile.log).not.toContain('CANCEL');
  mobile.lastCall.answer(180);
  world.run(10);
  expect(cancelOf(mobile)?.headers.get('Reason')).toBe(elsewhere);
  expect(call.statuses).toEqual([200]);
  call.hangUp();
  world.settles();
});

describe('the best response (RFC 3261 §16.7)', () => {
  test.each([
    [[404, 486], 486],
    [[486, 404], 486],
    [[480, 503], 480],
    [[503, 500], 500],
    [[408, 480], 480],
    [[408, 500], 408],
    [[408, 485], 485],
    [[302, 486], 486],
    [[401, 404], 404],
    [[401, 407], 500],
    [[488, 480], 488],
    [[603, 486], 603],
  ])('of %j the caller hears %i', async (said, heard) => {
    // Less can not be offered, so that a phone that refuses it is not asked again.
    await using world = await World.start({ config: { media: { codec_priority: ['pcmu', 'pcma'] } } });
    const { desk, mobile, call } = await forked(world);
    desk.lastCall.answer(said[0]!);
    world.run(50);
    if (said[0]! < 600) {
      expect(call.statuses).toEqual([]);
      mobile.lastCall.answer(said[1]!);
      world.run(50);
    } else {
      mobile.lastCall.answer(180);
    }
    expect(call.statuses).toEqual([heard]);
    world.settles();
    expect(world.cdrs).toMatchObject([{ sip_status: heard, terminated_by: 'callee' }]);
  });

  test('a silent phone counts least', async () => {
    await using world = await World.start();
    const { mobile, call } = await forked(world, { deskIsDead: true });
    mobile.lastCall.answer(480);
    world.run(33_000);
    expect(call.statuses).toEqual([480]);
    world.settles();
  });
});

test('a 6xx ends the ringing everywhere', async () => {
  await using world = await World.start();
  const { desk, mobile, call } = await forked(world);
  desk.lastCall.answer(180);
  mobile.lastCall.answer(180);
  world.run(50);
  desk.lastCall.answer(603);
  world.run(50);
  expect(call.statuses).toEqual([180, 603]);
  expect(mobile.log.at(-1)).toBe('CANCEL');
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'rejected', terminated_by: 'callee' }]);
});

test('a 200 that crosses the CANCEL of a 6xx is acknowledged and hung up', async () => {
  await using world = await World.start({ network: { delay: { min: 10, max: 10 } } });
  const { desk, mobile, call } = await forked(world);
  mobile.lastCall.answer(180);
  world.run(100);
  desk.lastCall.answer(600);
  world.run(1);
  mobile.lastCall.answer(200);
  world.run(100);
  expect(call.statuses).toEqual([180, 600]);
  expect(mobile.log.slice(-3)).toEqual(['CANCEL', 'ACK', 'BYE']);
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'busy' }]);
});

test('one phone refuses, the other goes on ringing and answers', async () => {
  await using world = await World.start();
  const { desk, mobile, call } = await forked(world);
  desk.lastCall.answer(486);
  mobile.lastCall.answer(180);
  world.run(5000);
  mobile.lastCall.answer(200);
  world.run(50);
  expect(call.statuses).toEqual([180, 200]);
  call.hangUp();
  world.settles();
});

test('180, 183 and 180 again reach the caller in that order, what is said twice once', async () => {
  await using world = await World.start();
  const { desk, mobile, call } = await forked(world);
  for (const [bob, status] of [
    [desk, 180],
    [mobile, 180],
    [desk, 183],
    [mobile, 180],
  ] as const) {
    bob.lastCall.answer(status);
    world.run(50);
  }
  expect(call.statuses).toEqual([180, 183, 180]);
  expect(call.responses.every(({ body }) => body.length === 0)).toBe(true);
  expect(world.events.filter(({ type }) => type === 'call.ringing')).toHaveLength(1);
  desk.lastCall.answer(600);
  world.settles();
});

test('that one of several phones has gone (199) is nothing that the caller hears (RFC 6228)', async () => {
  await using world = await World.start();
  const { desk, mobile, call } = await forked(world);
  desk.lastCall.answer(199);
  world.run(50);
  expect(call.statuses).toEqual([]);
  expect(world.events.some(({ type }) => type === 'call.ringing')).toBe(false);
  mobile.lastCall.answer(180);
  world.run(50);
  expect(call.statuses).toEqual([180]);
  call.cancel();
  world.settles();
});

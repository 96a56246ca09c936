import { expect, test } from 'vitest';
import { speex } from '../world/phone-media.ts';
import { forked } from '../world/talk.ts';
import { Wiretap } from '../world/wiretap.ts';
import { exchangeIp, World } from '../world/world.ts';

/** Alice calls without an offer and waits with her ACK. */
async function worldOfDelay() {
  const world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  alice.habits.acks = false;
  const call = alice.call('1002', { sdp: null });
  world.run(50);
  return { world, alice, bob, call, ringing: bob.lastCall };
}

test("an INVITE without an offer: the callee's offer goes to the caller, the caller's answer to the callee's ACK", async () => {
  const { world, alice, bob, call, ringing } = await worldOfDelay();
  await using _ = world;
  const wire = new Wiretap(world.network);
  expect(ringing.invite.body).toHaveLength(0);
  ringing.answer(180);
  world.run(50);
  ringing.answer(200);
  world.run(3000);
  // The callee repeats its 200; its ACK is held until there is an answer to put in.
  expect(bob.log).not.toContain('ACK');
  expect(call.remoteSdp).toMatch(new RegExp(`^c=IN IP4 ${exchangeIp}\r$`, 'm'));

  call.ack(alice.media.describe());
  world.run(50);
  const acks = bob.heard.filter((message) => message.kind === 'request' && message.method === 'ACK');
  expect(acks).toHaveLength(1);
  expect(ringing.remoteSdp).toMatch(new RegExp(`^c=IN IP4 ${exchangeIp}\r$`, 'm'));
  expect(wire.to(bob.address).filter((text) => text.includes(alice.address))).toEqual([]);
  expect(wire.to(alice.address).filter((text) => text.includes(bob.address))).toEqual([]);

  alice.media.say('hello', call.remoteSdp ?? '');
  bob.media.say('hi', ringing.remoteSdp ?? '');
  world.run(50);
  expect(bob.media.heardText).toEqual(['hello']);
  expect(alice.media.heardText).toEqual(['hi']);
  call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'completed', codec: 'PCMU', terminated_by: 'caller' }]);
});

test("the callee's 200 that comes again after the answer gets the same ACK with the same answer", async () => {
  const { world, alice, bob, call, ringing } = await worldOfDelay();
  await using _ = world;
  ringing.answer(200);
  world.run(50);
  call.ack(alice.media.describe());
  world.run(50);
  ringing.answer(200, { sdp: ringing.phone.media.describe() });
  world.run(50);
  const acks = bob.heard.filter((message) => message.kind === 'request' && message.method === 'ACK');
  expect(acks).toHaveLength(2);
  expect(acks[1]?.body).toEqual(acks[0]?.body);
  expect(acks[1]?.topVia).toEqual(acks[0]?.topVia);
  call.hangUp();
  world.settles();
});

test('a phone that repeats its 200 at each ACK is not acknowledged for ever', async () => {
  const { world, alice, bob, call, ringing } = await worldOfDelay();
  await using _ = world;
  ringing.answer(200);
  world.run(50);
  call.ack(alice.media.describe());
  for (let repetition = 0; repetition < 100; repetition++) {
    ringing.answer(200, { sdp: ringing.phone.media.describe() });
    world.run(5);
  }
  const acks = bob.heard.filter((message) => message.kind === 'request' && message.method === 'ACK');
  expect(acks).toHaveLength(65);
  call.hangUp();
  world.settles();
});

test('an ACK without an answer ends the call on both sides', async () => {
  const { world, alice, bob, call, ringing } = await worldOfDelay();
  await using _ = world;
  ringing.answer(200);
  world.run(50);
  call.ack();
  world.run(50);
  expect(alice.log.at(-1)).toBe('BYE');
  expect(bob.log.slice(-2)).toEqual(['ACK', 'BYE']);
  world.settles();
  expect(world.cdrs).toMatchObject([
    { status: 'failed', termination_reason: 'error', terminated_by: 'system', sip_status: 200, q850_cause: 88 },
  ]);
});

test('an answer that has nothing of the offer ends the call on both sides', async () => {
  const { world, alice, bob, call, ringing } = await worldOfDelay();
  await using _ = world;
  ringing.answer(200);
  world.run(50);
  call.ack(alice.media.describe({ codecs: speex }));
  world.run(50);
  expect(alice.log.at(-1)).toBe('BYE');
  expect(bob.log.slice(-2)).toEqual(['ACK', 'BYE']);
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'failed', q850_cause: 88 }]);
});

test('a caller that never acknowledges: 64·T1 later the callee gets ACK and BYE', async () => {
  const { world, bob, ringing } = await worldOfDelay();
  await using _ = world;
  ringing.answer(200);
  world.run(31_000);
  expect(bob.log).not.toContain('ACK');
  world.run(1500);
  expect(bob.log.slice(-2)).toEqual(['ACK', 'BYE']);
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'failed', termination_reason: 'error', q850_cause: 102 }]);
});

test('a caller that hangs up instead of acknowledging: the callee gets ACK and BYE', async () => {
  const { world, bob, call, ringing } = await worldOfDelay();
  await using _ = world;
  ringing.answer(200);
  world.run(50);
  call.hangUp();
  world.run(50);
  expect(bob.log.slice(-2)).toEqual(['ACK', 'BYE']);
  world.settles();
  expect(world.cdrs).toMatchObject([{ terminated_by: 'caller' }]);
});

test('a 200 without an offer is no answer: the callee is hung up, the caller hears 488', async () => {
  const { world, bob, call, ringing } = await worldOfDelay();
  await using _ = world;
  ringing.answer(200, { sdp: null });
  world.run(50);
  expect(bob.log.slice(-2)).toEqual(['ACK', 'BYE']);
  expect(call.statuses).toEqual([488]);
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'failed', termination_reason: 'error', sip_status: 488 }]);
});

test('what a 183 describes is no offer, for it may be lost (RFC 3262 §5)', async () => {
  const { world, alice, call, ringing, bob } = await worldOfDelay();
  await using _ = world;
  ringing.answer(183, { sdp: bob.media.describe() });
  world.run(50);
  expect(call.statuses).toEqual([183]);
  expect(call.last.body).toHaveLength(0);
  ringing.answer(200);
  world.run(50);
  call.ack(alice.media.describe());
  world.run(50);
  alice.media.say('hello', call.remoteSdp ?? '');
  world.run(50);
  expect(bob.media.heardText).toEqual(['hello']);
  call.hangUp();
  world.settles();
});

test('the caller gives up before the answer: nothing is left of either side', async () => {
  const { world, call, ringing, bob } = await worldOfDelay();
  await using _ = world;
  ringing.answer(180);
  world.run(50);
  call.cancel();
  world.run(50);
  expect(bob.log.at(-1)).toBe('CANCEL');
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'cancelled' }]);
});

test('of two phones the first offers nothing that we carry, the second is the call', async () => {
  await using world = await World.start();
  const { alice, desk: odd, mobile: good, call } = await forked(world, { offer: null });
  odd.lastCall.answer(200, { sdp: odd.media.describe({ codecs: speex }) });
  world.run(50);
  expect(odd.log.slice(-2)).toEqual(['ACK', 'BYE']);
  expect(call.statuses).toEqual([]);
  good.lastCall.answer(200);
  world.run(50);
  expect(call.statuses).toEqual([200]);
  good.media.say('hi', good.lastCall.remoteSdp ?? '');
  world.run(50);
  expect(alice.media.heardText).toEqual(['hi']);
  call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'completed', callee_ip: good.address }]);
});

test('two phones offer at once: one is the call, the other gets ACK and BYE', async () => {
  await using world = await World.start({ network: { delay: { min: 10, max: 10 } } });
  const { desk, mobile, call } = await forked(world, { offer: null });
  desk.lastCall.answer(200);
  mobile.lastCall.answer(200);
  world.run(100);
  expect(call.statuses).toEqual([200]);
  expect(desk.lastCall.state).toBe('talking');
  expect(mobile.log.slice(-2)).toEqual(['ACK', 'BYE']);
  call.hangUp();
  world.settles();
  expect(world.cdrs).toHaveLength(1);
});

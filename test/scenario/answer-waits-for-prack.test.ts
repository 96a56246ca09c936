import { describe, expect, test } from 'vitest';
import { alaw, payloadTypesOf, speex } from '../world/phone-media.ts';
import { finals, provisional, reliably, unpracked } from '../world/reliable-talk.ts';
import { directionIn, forked, greetings, heardWhenBothSpeak, originOf } from '../world/talk.ts';
import { World } from '../world/world.ts';

// The callee has picked up before the caller has acknowledged what it heard reliably before.

/** Alice has heard early media reliably and has not acknowledged it; bob has picked up, which waits for her PRACK. */
async function waitingForPrack(world: World) {
  const talking = await provisional(world, 183, unpracked);
  talking.answered.answer(200);
  world.run(50);
  expect(talking.call.statuses).toEqual([183]);
  return talking;
}

describe('while the 200 waits for the PRACK of the answer (RFC 3262 §3)', () => {
  test('the caller gives up: 487, and BYE to the callee', async () => {
    await using world = await World.start();
    const { alice, bob, call } = await waitingForPrack(world);
    call.cancel();
    world.run(50);
    expect(finals(alice)).toEqual([487]);
    expect(bob.log.slice(-2)).toEqual(['ACK', 'BYE']);
    world.settles();
    expect(world.cdrs).toMatchObject([{ terminated_by: 'caller', sip_status: 487 }]);
  });

  test('the caller leaves with BYE: 200 to it, the INVITE is refused, and BYE to the callee', async () => {
    await using world = await World.start();
    const { alice, bob, call } = await waitingForPrack(world);
    call.request('BYE');
    world.run(50);
    expect(alice.statuses('BYE')).toEqual([200]);
    expect(finals(alice)).toEqual([487]);
    expect(bob.log.slice(-2)).toEqual(['ACK', 'BYE']);
    world.settles();
    expect(world.cdrs).toMatchObject([{ terminated_by: 'caller', sip_status: 487 }]);
  });

  test('which is in another dialog: what the caller asks in the first one changes nothing of the session', async () => {
    await using world = await World.start();
    const { alice, call, desk, mobile } = await forked(world, { ...reliably, mobile: { codecs: alaw } });
    alice.habits.pracks = false;
    desk.lastCall.answer(183, { sdp: desk.media.describe() });
    world.run(50);
    const early = call.last;
    mobile.lastCall.answer(200);
    world.run(50);
    call.update({ direction: 'sendonly' });
    call.request('INFO');
    world.run(50);
    expect(alice.statuses('UPDATE')).toEqual([488]);
    expect(alice.statuses('INFO')).toEqual([500]);
    expect(mobile.log).not.toContain('INFO');
    call.prack(early);
    world.run(50);
    const answer = call.last;
    expect(answer.status).toBe(200);
    expect(answer.toTag).not.toBe(early.toTag);
    expect(originOf(new TextDecoder().decode(answer.body)).version).toBe(1);
    expect(directionIn(new TextDecoder().decode(answer.body))).toBe('sendrecv');
    call.hangUp();
    world.settles();
  });

  test('the callee hangs up: no 200 any more, the INVITE is refused', async () => {
    await using world = await World.start();
    const { alice, bob, answered } = await waitingForPrack(world);
    answered.hangUp();
    world.run(50);
    expect(bob.statuses('BYE')).toEqual([200]);
    expect(finals(alice)).toHaveLength(1);
    expect(finals(alice)[0]).toBeGreaterThanOrEqual(400);
    expect(alice.log).not.toContain('BYE');
    world.settles();
    expect(world.cdrs).toMatchObject([{ terminated_by: 'callee' }]);
    expect(world.cdrs[0]?.sip_status).toBe(finals(alice)[0]);
  });

  test('the exchange stops: no 200 any more', async () => {
    await using world = await World.start();
    const { alice, bob } = await waitingForPrack(world);
    world.exchange.calls.shutDown();
    world.run(50);
    expect(finals(alice)).toEqual([503]);
    expect(bob.log.slice(-2)).toEqual(['ACK', 'BYE']);
    world.settles();
  });

  test('it never comes: 504 after 64·T1, and BYE to the callee', async () => {
    await using world = await World.start();
    const { alice, bob } = await waitingForPrack(world);
    world.run(33_000);
    expect(finals(alice)).toEqual([504]);
    expect(bob.log.slice(-2)).toEqual(['ACK', 'BYE']);
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'failed', sip_status: 504 }]);
  });

  test('the callee asks for a change: it waits, and is made when the caller has acknowledged both', async () => {
    await using world = await World.start();
    const talking = await waitingForPrack(world);
    const { alice, call, early, answered } = talking;
    answered.reinvite({ direction: 'sendonly' });
    world.run(1000);
    expect(alice.log).not.toContain('INVITE');
    call.prack(early);
    world.run(1000);
    expect(answered.statuses.at(-1)).toBe(200);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['bob']);
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
  });

  test('the callee asks by UPDATE: the caller is asked in its early dialog, or the callee is put off, and the call goes on', async () => {
    await using world = await World.start();
    const talking = await waitingForPrack(world);
    const { call, early, answered } = talking;
    answered.update({ direction: 'sendonly' });
    world.run(100);
    call.prack(early);
    world.run(5000);
    expect(call.state).toBe('talking');
    answered.update({ direction: 'sendonly' });
    world.run(100);
    expect(answered.last.status).toBe(200);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['bob']);
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
  });
});

describe('the callee has picked up when the PRACK comes, which brings', () => {
  test('an offer: it is answered with what the callee can do, and the 200 follows', async () => {
    await using world = await World.start();
    const talking = await waitingForPrack(world);
    const { alice, call, early, answered } = talking;
    call.prack(early, alice.media.describe({ codecs: [...alaw, ...speex] }));
    world.run(50);
    expect(alice.statuses('PRACK')).toEqual([200]);
    expect(finals(alice)).toEqual([200]);
    expect(payloadTypesOf(call.remoteSdp ?? '')).toEqual([8]);
    world.run(500);
    expect(payloadTypesOf(answered.remoteSdp ?? '')[0]).toBe(8);
    expect(greetings(world, talking, 8)).toEqual([['hello'], ['hi']]);
    call.hangUp();
    world.settles();
  });

  test('the answer: both are heard', async () => {
    await using world = await World.start();
    const talking = await provisional(world, 183, { ...unpracked, offer: null }, { reliable: true });
    const { alice, call, early, answered } = talking;
    answered.answer(200, { sdp: null });
    world.run(50);
    expect(finals(alice)).toEqual([]);
    call.prack(early);
    world.run(50);
    expect(alice.statuses('PRACK')).toEqual([200]);
    expect(finals(alice)).toEqual([200]);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed', codec: 'PCMU' }]);
  });
});

test.each(['before', 'after'])(
  'the answer in the PRACK, %s the callee has picked up, has less than the callee was answered: that is told',
  async (when) => {
    await using world = await World.start();
    const wishes = { ...unpracked, offer: null, alice: { codecs: alaw } };
    const talking = await provisional(world, 183, wishes, { reliable: true });
    const { alice, call, answered: ringing, early } = talking;
    expect(payloadTypesOf(ringing.remoteSdp ?? '')).toEqual([0, 8, 101]);
    if (when === 'before') call.prack(early);
    world.run(50);
    ringing.answer(200, { sdp: null });
    world.run(50);
    if (when === 'after') call.prack(early);
    world.run(500);
    expect(finals(alice)).toEqual([200]);
    expect(payloadTypesOf(ringing.remoteSdp ?? '')[0]).toBe(8);
    expect(greetings(world, talking, 8)).toEqual([['hello'], ['hi']]);
    call.hangUp();
    world.settles();
  },
);

import { describe, expect, test } from 'vitest';
import type { PhoneCall } from '../world/phone-call.ts';
import { alaw, payloadTypesOf, speex } from '../world/phone-media.ts';
import { type EarlyTalk, provisional } from '../world/reliable-talk.ts';
import { answerTo, directionIn, endsOf, greetings, heardWhenBothSpeak, originOf } from '../world/talk.ts';
import { World } from '../world/world.ts';

// UPDATE (RFC 3311) while the callee's phone rings.

const Allow = 'INVITE, ACK, CANCEL, BYE, PRACK, UPDATE';

/** Alice and bob have agreed reliably on early media. What phones know of 100rel and UPDATE is told unless said otherwise. */
async function earlyMedia(
  world: World,
  {
    caller = { Supported: '100rel', Allow },
    callee = { Allow },
    reliable = true,
    offer = undefined as null | undefined,
  } = {},
) {
  const wishes = { headers: { ...caller }, ...(offer === null ? { offer } : {}) };
  return provisional(world, 183, wishes, { reliable, headers: { ...callee } });
}

/** As `earlyMedia`, and the caller or the callee has asked by UPDATE to be held: that waits for `decide`. */
async function pendingUpdate(world: World, side: 'caller' | 'callee' = 'caller') {
  const early = await earlyMedia(world);
  const [asker, other] = endsOf(early, side);
  other.phone.habits.agrees = false;
  asker.call.update({ direction: 'sendonly' });
  world.run(20);
  const decide = (options: Parameters<PhoneCall['agree']>[1] = {}) => {
    other.phone.habits.agrees = true;
    other.call.agree(other.call.waiting.pop()!, options);
  };
  return { ...early, asker, decide };
}

/** Bob picks up: all has been said of the session, both phones are in it as `heard` says. */
function picksUp(world: World, early: EarlyTalk, heard: readonly string[]): void {
  const { call, answered } = early;
  answered.answer(200, { sdp: null });
  world.run(50);
  expect(answerTo(call)).toBeDefined();
  expect(call.state).toBe('talking');
  expect(heardWhenBothSpeak(world, early)).toEqual(heard);
  call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
}

describe('the caller changes what has been agreed', () => {
  test('the callee takes UPDATE: it is asked, and the answer goes back', async () => {
    await using world = await World.start();
    const early = await earlyMedia(world);
    const { alice, bob, call, answered } = early;
    const before = originOf(answered.remoteSdp);
    call.update({ direction: 'sendonly' });
    world.run(50);
    expect(alice.statuses('UPDATE')).toEqual([200]);
    expect(bob.count('UPDATE')).toBe(1);
    expect(directionIn(answered.remoteSdp)).toBe('sendonly');
    expect(originOf(answered.remoteSdp)).toEqual({ id: before.id, version: before.version + 1 });
    expect(heardWhenBothSpeak(world, early)).toEqual(['alice']);
    picksUp(world, early, ['alice']);
  });

  test('the callee does not: we answer, and it hears of the change when it has picked up', async () => {
    await using world = await World.start();
    const early = await earlyMedia(world, { callee: { Allow: 'INVITE, ACK, CANCEL, BYE, PRACK' } });
    const { alice, bob, call, answered } = early;
    call.update({ sdp: alice.media.describe({ codecs: [...alaw, ...speex] }) });
    world.run(50);
    expect(alice.statuses('UPDATE')).toEqual([200]);
    expect(payloadTypesOf(call.remoteSdp ?? '')).toEqual([8]);
    expect(bob.log).not.toContain('UPDATE');
    answered.answer(200, { sdp: null });
    world.run(500);
    expect(payloadTypesOf(answered.remoteSdp ?? '')[0]).toBe(8);
    expect(greetings(world, early, 8)).toEqual([['hello'], ['hi']]);
    call.hangUp();
    world.settles();
  });

  test('the callee refuses: the refusal goes back, and all stays as it was', async () => {
    await using world = await World.start();
    const early = await pendingUpdate(world);
    early.decide({ status: 488 });
    world.run(50);
    expect(early.alice.statuses('UPDATE')).toEqual([488]);
    picksUp(world, early, ['alice', 'bob']);
  });

  test('before it has been answered at all: 500 with Retry-After, for its own offer waits (RFC 3311 §5.2)', async () => {
    await using world = await World.start();
    const early = await provisional(world, 180, { headers: { Supported: '100rel', Allow } });
    const { alice, call, answered } = early;
    call.update({ direction: 'sendonly' });
    world.run(50);
    expect(alice.statuses('UPDATE')).toEqual([500]);
    expect(Number(call.last.headers.get('Retry-After'))).toBeLessThanOrEqual(10);
    answered.answer(200);
    world.run(50);
    expect(heardWhenBothSpeak(world, early)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });

  test('without a session description it is a refresh of its Contact', async () => {
    await using world = await World.start();
    const early = await earlyMedia(world);
    const { alice, bob, call, answered } = early;
    call.update({ sdp: null, headers: { Contact: '<sip:moved@10.0.0.11:5070>' } });
    world.run(50);
    expect(alice.statuses('UPDATE')).toEqual([200]);
    expect(bob.log).not.toContain('UPDATE');
    answered.answer(200, { sdp: null });
    world.run(50);
    answered.hangUp();
    world.run(50);
    expect(call.requests.at(-1)).toMatchObject({ method: 'BYE', uriText: 'sip:moved@10.0.0.11:5070' });
    world.settles();
  });

  test('twice at once: the second is put off with 500, the first is done', async () => {
    await using world = await World.start();
    const early = await pendingUpdate(world);
    const { alice, call } = early;
    call.update({ direction: 'inactive' });
    world.run(20);
    expect(alice.statuses('UPDATE')).toEqual([500]);
    early.decide();
    world.run(50);
    expect(alice.statuses('UPDATE')).toEqual([500, 200]);
    picksUp(world, early, ['alice']);
  });
});

describe('the callee changes what has been agreed', () => {
  test('the caller takes UPDATE: it is asked, and the answer goes back', async () => {
    await using world = await World.start();
    const early = await earlyMedia(world);
    const { alice, bob, call, answered } = early;
    const before = originOf(call.remoteSdp);
    answered.update({ direction: 'sendonly' });
    world.run(50);
    expect(bob.statuses('UPDATE')).toEqual([200]);
    expect(alice.count('UPDATE')).toBe(1);
    expect(originOf(call.remoteSdp)).toEqual({ id: before.id, version: before.version + 1 });
    expect(heardWhenBothSpeak(world, early)).toEqual(['bob']);
    picksUp(world, early, ['bob']);
  });

  test.each([
    ['takes no UPDATE', { Supported: '100rel', Allow: 'INVITE, ACK, CANCEL, BYE, PRACK' }],
    ['has not said what it takes', { Supported: '100rel' }],
    ['knows nothing of 100rel', { Allow }],
  ])('the caller %s: we answer, and the caller is not troubled', async (_, caller) => {
    await using world = await World.start();
    const early = await earlyMedia(world, { caller: caller as { Supported: string; Allow: string } });
    const { alice, bob, answered } = early;
    answered.update();
    world.run(50);
    expect(bob.statuses('UPDATE')).toEqual([200]);
    expect(alice.log).not.toContain('UPDATE');
    picksUp(world, early, ['alice', 'bob']);
  });

  test('of which it has not answered the first offer reliably: 491, since that waits (RFC 3311 §5.2)', async () => {
    await using world = await World.start();
    const early = await earlyMedia(world, { reliable: false });
    const { bob, answered, call } = early;
    answered.update();
    world.run(50);
    expect(bob.statuses('UPDATE')).toEqual([491]);
    answered.answer(200, { sdp: early.played });
    world.run(50);
    expect(heardWhenBothSpeak(world, early)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });
});

describe('the answer comes while an early UPDATE is on its way', () => {
  test.each(['caller', 'callee'] as const)(
    'of the %s, which the other has not answered: it is answered, and the call goes on with both in one session',
    async (side) => {
      await using world = await World.start();
      const early = await pendingUpdate(world, side);
      const { call, answered, asker } = early;
      answered.answer(200, { sdp: null });
      world.run(20);
      early.decide();
      world.run(100);
      expect(call.state).toBe('talking');
      expect(asker.phone.statuses('UPDATE')).toHaveLength(1);
      const held = asker.phone.statuses('UPDATE')[0] === 200;
      expect(heardWhenBothSpeak(world, early)).toEqual(held ? [asker.name] : ['alice', 'bob']);
      asker.call.update({ direction: 'inactive' });
      world.run(100);
      expect(asker.phone.statuses('UPDATE').at(-1)).toBe(200);
      expect(heardWhenBothSpeak(world, early)).toEqual([]);
      call.hangUp();
      world.settles();
      expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
    },
  );

  test('which is refused later: the call goes on as it was', async () => {
    await using world = await World.start();
    const early = await pendingUpdate(world);
    const { alice, call, answered } = early;
    answered.answer(200, { sdp: null });
    world.run(20);
    early.decide({ status: 488 });
    world.run(100);
    expect(alice.statuses('UPDATE')).toHaveLength(1);
    expect(heardWhenBothSpeak(world, early)).toEqual(['alice', 'bob']);
    call.update({ direction: 'sendonly' });
    world.run(100);
    expect(alice.statuses('UPDATE').at(-1)).toBe(200);
    call.hangUp();
    world.settles();
  });
});

test('the callee refuses the call while an early UPDATE of the caller waits for it: each is answered once', async () => {
  await using world = await World.start();
  const { alice, answered } = await pendingUpdate(world);
  answered.answer(486);
  world.run(50);
  expect(alice.statuses('UPDATE')).toHaveLength(1);
  expect(alice.statuses('INVITE').at(-1)).toBe(486);
  answered.waiting.splice(0);
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'busy' }]);
});

test('without an offer in the INVITE: what was agreed by 183 and PRACK is changed by UPDATE of either side', async () => {
  await using world = await World.start();
  const early = await earlyMedia(world, { offer: null });
  const { alice, bob, call, answered } = early;
  call.update({ direction: 'sendonly' });
  world.run(50);
  expect(alice.statuses('UPDATE')).toEqual([200]);
  expect(heardWhenBothSpeak(world, early)).toEqual(['alice']);
  call.update();
  world.run(50);
  answered.update({ direction: 'sendonly' });
  world.run(50);
  expect(bob.statuses('UPDATE')).toEqual([200]);
  picksUp(world, early, ['bob']);
});

import { describe, expect, test } from 'vitest';
import type { PhoneCall } from '../world/phone-call.ts';
import { alaw, payloadTypesOf } from '../world/phone-media.ts';
import { provisional } from '../world/reliable-talk.ts';
import { called, endsOf, greetings, heardWhenBothSpeak, talk } from '../world/talk.ts';
import { World } from '../world/world.ts';

// Where an offer may stand and where its answer: the patterns of RFC 6337 §2.1, table 1, and what is made of all others.

const Allow = 'INVITE, ACK, CANCEL, BYE, PRACK, UPDATE';
const all = { headers: { Supported: '100rel', Allow }, answerHeaders: { Allow } };

/** The message in which the phone has first heard a session description in this call, since `from` messages. */
function describedIn(call: PhoneCall, from = 0): string | undefined {
  const heard = [...call.requests, ...call.responses.slice(from)].filter(({ body }) => body.length > 0);
  return heard.map((one) => (one.kind === 'request' ? one.method : `${one.status} ${one.cseq.method}`)).at(-1);
}

describe('the first exchange', () => {
  test.each([
    ['1: offer in INVITE, answer in 2xx', { offer: undefined, early: null }, '200 INVITE', 'INVITE'],
    ['2: offer in 2xx, answer in ACK', { offer: null, early: null }, '200 INVITE', 'ACK'],
    ['3: offer in INVITE, answer in a reliable 1xx', { offer: undefined, early: true }, '183 INVITE', 'INVITE'],
    ['4: offer in a reliable 1xx, answer in PRACK', { offer: null, early: true }, '183 INVITE', 'PRACK'],
  ] as const)('%s', async (_, { offer, early }, toCaller, toCallee) => {
    await using world = await World.start();
    const { alice, bob, call } = await called(world, { ...all, ...(offer === null ? { offer } : {}) });
    const ringing = bob.lastCall;
    if (early) ringing.answer(183, { reliable: true, sdp: bob.media.describe() });
    else ringing.answer(180);
    world.run(50);
    ringing.answer(200, early ? { sdp: null } : {});
    world.run(50);
    expect([describedIn(call), describedIn(ringing)]).toEqual([toCaller, toCallee]);
    expect(heardWhenBothSpeak(world, { alice, bob, call, answered: ringing })).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });
});

describe('a further exchange before the answer', () => {
  test.each(['PRACK', 'UPDATE of the caller', 'UPDATE of the callee'])(
    '5, 6: offer in %s, answer in its 200',
    async (path) => {
      await using world = await World.start();
      const said = { reliable: true, headers: { Allow } };
      const talking = await provisional(world, 183, { ...all, pracks: false }, said);
      const { alice, bob, call, answered: ringing, early } = talking;
      const [asker, phone] = path === 'UPDATE of the callee' ? [ringing, bob] : [call, alice];
      if (path !== 'PRACK') call.prack(early);
      world.run(50);
      const sdp = phone.media.describe({ codecs: alaw });
      if (path === 'PRACK') call.prack(early, sdp);
      else asker.update({ sdp });
      world.run(50);
      expect(asker.last).toMatchObject({ status: 200, cseq: { method: path.split(' ')[0] } });
      expect(payloadTypesOf(asker.remoteSdp ?? '')).toEqual([8]);
      ringing.answer(200, { sdp: null });
      world.run(500);
      expect(greetings(world, talking, 8)).toEqual([['hello'], ['hi']]);
      call.hangUp();
      world.settles();
    },
  );
});

describe('in an answered call', () => {
  const sides = ['caller', 'callee'] as const;
  test.each(
    (
      [
        ['1: offer in INVITE, answer in 2xx', 'INVITE', '200 INVITE'],
        ['2: offer in 2xx, answer in ACK', 'ACK', '200 INVITE'],
        ['6: offer in UPDATE, answer in 2xx', 'UPDATE', '200 UPDATE'],
      ] as const
    ).flatMap((path) => sides.map((side) => [...path, side] as const)),
  )('%s; the other hears it in %s, the asker in %s; it is the %s', async (_, toOther, toAsker, side) => {
    await using world = await World.start();
    const talking = await talk(world, all);
    const { call, answered } = talking;
    const [asker, other] = side === 'caller' ? [call, answered] : [answered, call];
    const before = asker.responses.length;
    if (toOther === 'UPDATE') asker.update();
    else asker.reinvite(toOther === 'ACK' ? { sdp: null } : {});
    world.run(100);
    expect(describedIn(asker, before)).toBe(toAsker);
    expect(other.requests.findLast(({ body }) => body.length > 0)?.method).toBe(toOther);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });

  test('3 to 5 do not occur: a re-INVITE of ours asks for no reliable response, and to one that demands it none is needed', async () => {
    await using world = await World.start();
    const { call, answered } = await talk(world, all);
    call.request('INVITE', {
      body: call.phone.media.describe({ direction: 'sendonly' }),
      contentType: 'application/sdp',
      headers: { Require: '100rel' },
    });
    world.run(100);
    expect(call.statuses.slice(-1)).toEqual([200]);
    const reinvite = answered.requests.findLast(({ method }) => method === 'INVITE');
    expect(reinvite?.headers.get('Supported') ?? '').not.toContain('100rel');
    expect(reinvite?.headers.get('Require')).toBeUndefined();
    call.hangUp();
    world.settles();
  });
});

describe('a session description where none belongs is not looked at', () => {
  test('in the ACK of an answer', async () => {
    await using world = await World.start();
    const { alice, bob, call } = await called(world);
    alice.habits.acks = false;
    bob.lastCall.answer(200);
    world.run(50);
    call.ack(alice.media.describe({ direction: 'inactive' }));
    world.run(50);
    expect(heardWhenBothSpeak(world, { alice, bob, call, answered: bob.lastCall })).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });

  test('in a 200 after a reliable answer, in a second reliable response, in a 180 to a call without offer', async () => {
    for (const offer of [undefined, null]) {
      await using world = await World.start();
      const { alice, bob, call } = await called(world, offer === null ? { offer } : {});
      const held = () => bob.media.describe({ direction: 'inactive' });
      if (offer === null) bob.lastCall.answer(180, { sdp: held() });
      world.run(20);
      bob.lastCall.answer(183, { reliable: true, sdp: bob.media.describe() });
      world.run(20);
      bob.lastCall.answer(183, { reliable: true, sdp: held() });
      world.run(20);
      bob.lastCall.answer(200, { sdp: held() });
      world.run(50);
      expect(heardWhenBothSpeak(world, { alice, bob, call, answered: bob.lastCall })).toEqual(['alice', 'bob']);
      call.hangUp();
      world.settles();
    }
  });

  test('in INFO, OPTIONS, MESSAGE and BYE', async () => {
    await using world = await World.start();
    const talking = await talk(world);
    const { alice, call } = talking;
    const sdp = { body: alice.media.describe({ direction: 'inactive' }), contentType: 'application/sdp' };
    for (const method of ['INFO', 'OPTIONS', 'MESSAGE']) {
      call.request(method, sdp);
      world.run(50);
      expect(call.last.status).toBe(200);
      expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    }
    call.request('BYE', sdp);
    world.run(50);
    expect(alice.statuses('BYE')).toEqual([200]);
    world.settles();
  });
});

describe('an offer at the wrong time is refused, and what was agreed stays', () => {
  test('of the caller before its first is answered: 500 with Retry-After by UPDATE and INVITE', async () => {
    await using world = await World.start();
    const { alice, bob, call } = await called(world, all);
    bob.lastCall.answer(180);
    world.run(50);
    call.update();
    call.reinvite();
    world.run(50);
    expect([alice.statuses('UPDATE'), alice.statuses('INVITE').slice(2)]).toEqual([[500], [500]]);
    call.cancel();
    world.settles();
  });

  test('of the caller by UPDATE in a call without an offer, before there has been one (RFC 3311 §5.1): the call comes about all the same', async () => {
    await using world = await World.start();
    const { alice, bob, call } = await called(world, { ...all, offer: null });
    bob.lastCall.answer(180);
    world.run(50);
    call.update();
    world.run(50);
    expect(alice.statuses('UPDATE')).toHaveLength(1);
    bob.lastCall.answer(200);
    world.run(500);
    expect(call.state).toBe('talking');
    expect(heardWhenBothSpeak(world, { alice, bob, call, answered: bob.lastCall })).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });

  test('of the callee before it has answered: 491 by UPDATE and INVITE', async () => {
    await using world = await World.start();
    const { bob, call } = await called(world, all);
    bob.lastCall.answer(180);
    world.run(50);
    bob.lastCall.update();
    bob.lastCall.reinvite();
    world.run(50);
    expect([bob.statuses('UPDATE'), bob.statuses('INVITE')]).toEqual([[491], [491]]);
    call.cancel();
    world.settles();
  });

  test.each(['caller', 'callee'] as const)('of the %s before the ACK answers its own in the 200: 491', async (side) => {
    await using world = await World.start();
    const talking = await talk(world, all);
    const [{ call: asker, phone }] = endsOf(talking, side);
    phone.habits.acks = false;
    asker.reinvite({ sdp: null });
    world.run(50);
    const offer = asker.last;
    for (const ask of [() => asker.update(), () => asker.reinvite()]) {
      ask();
      world.run(20);
      expect(asker.last.status).toBe(491);
    }
    asker.responses.push(offer);
    asker.ack(phone.media.describe());
    world.run(50);
    phone.habits.acks = true;
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    talking.call.hangUp();
    world.settles();
  });
});

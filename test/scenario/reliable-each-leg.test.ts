import { describe, expect, test } from 'vitest';
import type { PhoneCall } from '../world/phone-call.ts';
import { PhoneMedia, payloadTypesOf, speex } from '../world/phone-media.ts';
import { demanded, provisional, racksOf, reliably, unpracked } from '../world/reliable-talk.ts';
import { answerTo, called, forked, greetings, heardWhenBothSpeak } from '../world/talk.ts';
import { World } from '../world/world.ts';

// Reliable provisional responses (RFC 3262) on each leg by itself: what one phone asks for is not asked of the other.

const alaw = [
  [8, 'PCMA/8000'],
  [101, 'telephone-event/8000'],
] as const;

const reliableIn = (call: PhoneCall) => call.responses.filter(({ headers }) => headers.has('RSeq'));

describe('a call is the same, whatever of 100rel its two phones know', () => {
  const callers = ['requires', 'supports', 'lacks'] as const;
  const callees = ['requires', 'supports', 'lacks'] as const;
  test.each(callers.flatMap((caller) => callees.map((callee) => [caller, callee] as const)))(
    'the caller %s it, the callee %s it',
    async (caller, callee) => {
      await using world = await World.start();
      const headers = caller === 'lacks' ? {} : { [caller === 'requires' ? 'Require' : 'Supported']: '100rel' };
      const { alice, bob, call } = await called(world, { headers });
      const ringing = bob.lastCall;
      // What the caller demands is not demanded of the callee, who is told that we can.
      expect(ringing.invite.headers.get('Require')).toBeUndefined();
      expect(ringing.invite.headers.get('Supported')).toContain('100rel');
      const played = bob.media.describe();
      ringing.answer(180, { reliable: callee === 'requires' });
      world.run(50);
      ringing.answer(183, { sdp: played, reliable: callee !== 'lacks' });
      world.run(50);

      const early = reliableIn(call);
      expect(early.map(({ status }) => status)).toEqual(
        { requires: [180, 183], supports: [183], lacks: [] as number[] }[caller],
      );
      expect(early.every((response) => response.headers.get('Require') === '100rel')).toBe(true);
      const numbers = early.map((response) => Number(response.headers.get('RSeq')));
      expect(numbers.map((number) => number - numbers[0]!)).toEqual(numbers.map((_, index) => index));
      expect(alice.statuses('PRACK')).toEqual(early.map(() => 200));
      const { number } = ringing.invite.cseq;
      expect(racksOf(ringing)).toEqual(
        { requires: [`701 ${number} INVITE`, `702 ${number} INVITE`], supports: [`701 ${number} INVITE`], lacks: [] }[
          callee
        ],
      );
      expect(heardWhenBothSpeak(world, { alice, bob, call, answered: ringing })).toEqual(['alice', 'bob']);

      ringing.answer(200, { sdp: callee === 'lacks' ? played : null });
      world.run(50);
      // What has been answered reliably is not answered again (RFC 6337 §2.2).
      expect(answerTo(call)?.body.length === 0).toBe(caller !== 'lacks');
      expect(heardWhenBothSpeak(world, { alice, bob, call, answered: ringing })).toEqual(['alice', 'bob']);
      call.hangUp();
      world.settles();
      expect(world.cdrs).toMatchObject([{ status: 'completed', codec: 'PCMU' }]);
    },
  );
});

describe('to the caller', () => {
  test('one reliable response at a time, the next when that is acknowledged (RFC 3262 §3)', async () => {
    await using world = await World.start();
    const { bob, call } = await provisional(world, 180, demanded);
    bob.lastCall.answer(183, { sdp: bob.media.describe() });
    world.run(10);
    bob.lastCall.answer(180);
    world.run(400);
    expect(call.statuses).toEqual([180]);
    const heard: number[] = [];
    for (let round = 0; round < 3; round++) {
      const last = reliableIn(call).at(-1)!;
      heard.push(Number(last.headers.get('RSeq')) - Number(reliableIn(call)[0]!.headers.get('RSeq')));
      call.prack(last);
      world.run(50);
    }
    expect(heard).toEqual([0, 1, 2]);
    expect(reliableIn(call).map(({ status }) => status)).toEqual([180, 183, 180]);
    call.cancel();
    world.settles();
  });

  test('a PRACK that acknowledges nothing is 481, one that comes twice is answered once more (RFC 3262 §3)', async () => {
    await using world = await World.start();
    const { alice, call, early: ringing } = await provisional(world, 180, demanded);
    const rseq = Number(ringing.headers.get('RSeq'));
    const { number } = ringing.cseq;
    for (const rack of [`${rseq + 1} ${number} INVITE`, `${rseq} ${number + 1} INVITE`, `${rseq} ${number} UPDATE`]) {
      call.request('PRACK', { headers: { RAck: rack } });
      world.run(10);
    }
    expect(alice.statuses('PRACK')).toEqual([481, 481, 481]);
    call.request('PRACK', { headers: { RAck: 'nonsense' } });
    call.request('PRACK');
    world.run(10);
    expect(alice.statuses('PRACK').slice(3)).toEqual([400, 481]);
    call.prack(ringing);
    world.run(10);
    expect(alice.statuses('PRACK').at(-1)).toBe(200);
    call.prack(ringing);
    world.run(10);
    expect(alice.statuses('PRACK').at(-1)).toBe(481);
    call.cancel();
    world.settles();
  });

  test('the 200 does not wait for the PRACK of a ringing without description, and that PRACK is still taken (RFC 3262 §3)', async () => {
    await using world = await World.start();
    const { alice, call, answered, early: ringing } = await provisional(world, 180, demanded);
    const heard = () => alice.count(180);
    answered.answer(200);
    world.run(10);
    expect(call.statuses).toEqual([180, 200]);
    const before = heard();
    world.run(5000);
    expect(heard()).toBe(before);
    call.prack(ringing);
    world.run(10);
    expect(alice.statuses('PRACK')).toEqual([200]);
    call.hangUp();
    world.settles();
  });

  test('an offer in the PRACK is answered in its 200, and is what both use from then on (RFC 3262 §5)', async () => {
    await using world = await World.start();
    const talking = await provisional(world, 183, unpracked);
    const { alice, bob, call, answered, played, early } = talking;
    call.prack(early, alice.media.describe({ codecs: alaw }));
    world.run(10);
    expect(call.last).toMatchObject({ status: 200, cseq: { method: 'PRACK' } });
    expect(payloadTypesOf(call.remoteSdp ?? '')).toEqual([8, 101]);
    answered.answer(200, { sdp: played });
    world.run(50);
    expect(answerTo(call)?.body).toHaveLength(0);
    // The callee is told after its answer that the caller has changed to A-law.
    expect(payloadTypesOf(answered.remoteSdp ?? '')[0]).toBe(8);
    expect(greetings(world, talking, 8)).toEqual([['hello'], ['hi']]);
    expect(bob.media.received[0]?.bytes[1]).toBe(8);
    call.hangUp();
    world.settles();
  });

  test('an offer in the PRACK of which nothing can be used is 488, and the first answer stays', async () => {
    await using world = await World.start();
    const talking = await provisional(world, 183, unpracked);
    const { alice, call, answered, early } = talking;
    const answer = call.remoteSdp;
    call.prack(early, alice.media.describe({ codecs: speex }));
    world.run(10);
    expect(alice.statuses('PRACK')).toEqual([488]);
    answered.answer(200, { sdp: null });
    world.run(50);
    expect(call.statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(call.remoteSdp).toBe(answer);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });
});

describe('a call without an offer', () => {
  test.each([
    ['100rel on both sides: offer in the 183, answer in the PRACK, nothing in the 200', true, true],
    ['the caller alone: what an unreliable 183 says is no offer, it comes in the 200', true, false],
    ['the callee alone: we answer it at once, the caller is offered the same in the 200', false, true],
  ])('%s (RFC 3262 §5)', async (_, caller, callee) => {
    await using world = await World.start();
    const wishes = { offer: null, ...(caller ? reliably : {}) };
    const talking = await provisional(world, 183, wishes, { reliable: callee });
    const { call, answered: ringing, played: offer } = talking;
    const [prack] = ringing.requests.filter(({ method }) => method === 'PRACK');
    expect(prack === undefined).toBe(!callee);
    if (prack) expect(prack.body.length).toBeGreaterThan(0);
    expect(call.statuses[0]).toBe(183);
    expect(call.responses.find(({ status }) => status === 183)?.body.length === 0).toBe(!(caller && callee));
    if (caller && callee) expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    ringing.answer(200, { sdp: callee ? null : offer });
    world.run(50);
    expect(answerTo(call)?.body.length === 0).toBe(caller && callee);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed', codec: 'PCMU' }]);
  });

  test('the callee has offered reliably more than the caller can do: it is told after the answer', async () => {
    await using world = await World.start();
    const talking = await provisional(world, 183, { offer: null, alice: { codecs: alaw } }, { reliable: true });
    const { bob, call, answered: ringing } = talking;
    expect(payloadTypesOf(ringing.remoteSdp ?? '')).toEqual([0, 8, 101]);
    ringing.answer(200, { sdp: null });
    world.run(100);
    expect(bob.count('INVITE')).toBe(2);
    expect(payloadTypesOf(ringing.remoteSdp ?? '')[0]).toBe(8);
    expect(greetings(world, talking, 8)).toEqual([['hello'], ['hi']]);
    call.hangUp();
    world.settles();
  });

  test('an answer in the PRACK that can not be used: 488, and the call ends with the ACK that brings none', async () => {
    await using world = await World.start();
    const wishes = { ...unpracked, offer: null };
    const { alice, bob, call, early } = await provisional(world, 183, wishes, { reliable: true });
    call.prack(early, alice.media.describe({ codecs: speex }));
    world.run(50);
    expect(alice.statuses('PRACK')).toEqual([488]);
    alice.habits.acks = false;
    bob.lastCall.answer(200, { sdp: null });
    world.run(50);
    call.ack();
    world.run(50);
    expect([alice.log.at(-1), bob.log.at(-1)]).toEqual(['BYE', 'BYE']);
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'failed', q850_cause: 88 }]);
  });
});

describe('what the callee says reliably can not be used', () => {
  test('an offer: nobody can answer it, so that the call is given up with 488 to the caller', async () => {
    await using world = await World.start();
    const { bob, call } = await called(world, { ...reliably, offer: null });
    bob.lastCall.answer(183, { sdp: bob.media.describe({ codecs: speex }), reliable: true });
    world.run(50);
    expect(bob.log).not.toContain('PRACK');
    expect(bob.log.at(-1)).toBe('CANCEL');
    expect(call.statuses).toEqual([488]);
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'failed', sip_status: 488 }]);
  });

  test('an answer: it rings without sound, and a 200 that says no more is hung up', async () => {
    await using world = await World.start();
    const { bob, call } = await called(world, reliably);
    bob.lastCall.answer(183, { sdp: bob.media.describe({ codecs: speex }), reliable: true });
    world.run(50);
    expect(bob.count('PRACK')).toBe(1);
    expect(call.statuses).toEqual([183]);
    expect(call.last.body).toHaveLength(0);
    bob.lastCall.answer(200, { sdp: null });
    world.run(50);
    expect(call.statuses).toEqual([183, 488]);
    expect(bob.log.slice(-2)).toEqual(['ACK', 'BYE']);
    world.settles();
  });
});

describe('several phones', () => {
  test('early dialogs behind a forking proxy are each acknowledged by themselves, in the order of each (RFC 3262 §4)', async () => {
    await using world = await World.start();
    const { alice, bob, call } = await called(world, reliably);
    const second = new PhoneMedia(world.sockets, '10.0.0.77', alaw);
    const branch = bob.lastCall;
    branch.answer(180, { tag: 'one', headers: { Require: '100rel', RSeq: '10' } });
    branch.answer(180, { tag: 'two', headers: { Require: '100rel', RSeq: '500' } });
    branch.answer(183, { tag: 'one', headers: { Require: '100rel', RSeq: '11' }, sdp: bob.media.describe() });
    // Repeated, and one too far.
    branch.answer(180, { tag: 'two', headers: { Require: '100rel', RSeq: '500' } });
    branch.answer(183, { tag: 'two', headers: { Require: '100rel', RSeq: '502' }, sdp: second.describe() });
    world.run(50);
    const pracks = () =>
      branch.requests
        .filter(({ method }) => method === 'PRACK')
        .map(({ toTag, headers }) => `${toTag} ${headers.get('RAck')?.split(' ')[0]}`);
    expect(pracks()).toEqual(['one 10', 'two 500', 'one 11']);
    const first = reliableIn(call).at(-1)!;
    branch.answer(183, { tag: 'two', headers: { Require: '100rel', RSeq: '501' }, sdp: second.describe() });
    world.run(50);
    expect(pracks().at(-1)).toBe('two 501');
    // The latest is heard, in a dialog of its own with the caller; both have been acknowledged.
    const latest = reliableIn(call).at(-1)!;
    expect(latest.toTag).not.toBe(first.toTag);
    expect(alice.statuses('PRACK')).toEqual([200, 200]);
    second.say('the second', branch.remoteSdp ?? '', 8);
    world.run(20);
    expect(alice.media.heardText).toEqual(['the second']);
    branch.answer(200, { tag: 'two', sdp: null });
    world.run(50);
    expect(answerTo(call)?.toTag).toBe(latest.toTag);
    expect(answerTo(call)?.body).toHaveLength(0);
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed', codec: 'PCMA' }]);
  });

  test('a winner with another answer than the reliable one before: a new To tag, the answer in its 200', async () => {
    await using world = await World.start();
    const { alice, desk, mobile, call } = await forked(world, { ...reliably, mobile: { codecs: alaw } });
    alice.habits.pracks = false;
    desk.lastCall.answer(183, { sdp: desk.media.describe(), reliable: true });
    world.run(50);
    const early = call.last;
    mobile.lastCall.answer(200);
    world.run(200);
    // The description in the other dialog waits for its PRACK; so does the 200.
    expect(answerTo(call)).toBeUndefined();
    call.prack(early);
    world.run(50);
    expect(answerTo(call)?.toTag).not.toBe(early.toTag);
    expect(payloadTypesOf(call.remoteSdp ?? '')).toEqual([8, 101]);
    expect(desk.count('PRACK')).toBe(1);
    alice.media.say('hello', call.remoteSdp ?? '', 8);
    world.run(20);
    expect(mobile.media.heardText).toEqual(['hello']);
    call.hangUp();
    world.settles();
  });

  test.each(['before', 'after'])(
    'the caller leaves the first early dialog with BYE, %s the winner of the other has picked up: that one goes on (RFC 3261 §15)',
    async (when) => {
      await using world = await World.start();
      const { alice, desk, mobile, call } = await forked(world, { ...reliably, mobile: { codecs: alaw } });
      alice.habits.pracks = false;
      desk.lastCall.answer(183, { sdp: desk.media.describe() });
      world.run(50);
      const first = call.last.toTag;
      desk.lastCall.answer(486);
      world.run(20);
      mobile.lastCall.answer(183, { sdp: mobile.media.describe() });
      world.run(20);
      const second = call.last;
      expect(second.toTag).not.toBe(first);
      if (when === 'after') mobile.lastCall.answer(200, { sdp: null });
      world.run(20);
      call.remoteTag = first;
      call.request('BYE');
      world.run(20);
      expect(alice.statuses('BYE')).toEqual([200]);
      if (when === 'before') mobile.lastCall.answer(200, { sdp: null });
      call.remoteTag = second.toTag;
      call.prack(second);
      world.run(50);
      expect(answerTo(call)?.toTag).toBe(second.toTag);
      expect(mobile.log).not.toContain('CANCEL');
      alice.media.say('hello', call.remoteSdp ?? '', 8);
      world.run(20);
      expect(mobile.media.heardText).toEqual(['hello']);
      call.hangUp();
      world.settles();
      expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
    },
  );
});

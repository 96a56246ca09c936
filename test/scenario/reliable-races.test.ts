import { describe, expect, test } from 'vitest';
import { complainingLog } from '../support/complaining-log.ts';
import { finals, provisional, reliably, unpracked } from '../world/reliable-talk.ts';
import { called, forked, heardWhenBothSpeak, registeredAtLast } from '../world/talk.ts';
import { World } from '../world/world.ts';

// What crosses a PRACK, and what is lost of it.

const slow = { delay: { min: 10, max: 10 } };

describe('the PRACK crosses', () => {
  test('a refusal: the refusal counts, the PRACK is answered', async () => {
    await using world = await World.start({ network: slow });
    const { alice, bob, call } = await called(world, reliably);
    world.run(50);
    bob.lastCall.answer(183, { sdp: bob.media.describe() });
    world.run(19);
    bob.lastCall.answer(486);
    world.run(100);
    expect(finals(alice)).toEqual([486]);
    expect(alice.statuses('PRACK')).toEqual([200]);
    expect(call.state).toBe('over');
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'busy' }]);
  });

  test('a refusal, and comes late: it is answered for 64·T1 if it is that of the last response, all else is 481', async () => {
    await using world = await World.start();
    const { alice, call, answered, early } = await provisional(world, 183, unpracked);
    answered.answer(486);
    world.run(20);
    const heard = alice.count(183);
    world.run(20_000);
    expect(alice.count(183)).toBe(heard);
    for (const method of ['UPDATE', 'INFO', 'OPTIONS']) {
      call.request(method);
      world.run(20);
      expect(alice.statuses(method)).toEqual([481]);
    }
    call.request('PRACK', { headers: { RAck: `1 ${early.cseq.number} INVITE` } });
    world.run(20);
    call.prack(early);
    world.run(20);
    call.prack(early);
    world.run(20);
    expect(alice.statuses('PRACK')).toEqual([481, 200, 481]);
    expect(world.exchange.userAgent.dialogs).toBe(0);
    world.settles();
  });

  test('a refusal, and never comes: the dialog is forgotten after 64·T1', async () => {
    await using world = await World.start();
    const { answered } = await provisional(world, 183, unpracked);
    answered.answer(486);
    world.run(31_000);
    expect(world.exchange.userAgent.dialogs).toBe(1);
    world.run(1500);
    expect(world.exchange.userAgent.dialogs).toBe(0);
    world.settles();
  });

  test('a CANCEL of the caller, in either order', async () => {
    for (const first of ['PRACK', 'CANCEL']) {
      await using world = await World.start({ network: slow });
      const { alice, bob, call } = await called(world, reliably);
      world.run(50);
      alice.habits.pracks = false;
      bob.lastCall.answer(183, { sdp: bob.media.describe() });
      world.run(50);
      const early = call.last;
      if (first === 'CANCEL') call.cancel();
      call.prack(early);
      if (first === 'PRACK') call.cancel();
      world.run(100);
      expect(finals(alice)).toEqual([487]);
      expect(alice.statuses('PRACK')).toEqual([200]);
      expect(bob.log.at(-1)).toBe('CANCEL');
      world.settles();
      expect(world.cdrs).toMatchObject([{ status: 'cancelled' }]);
    }
  });

  test('our PRACK crosses the 200 of the callee: the call is answered, once', async () => {
    await using world = await World.start({ network: slow });
    const { bob, call } = await called(world);
    world.run(50);
    bob.lastCall.answer(180, { reliable: true });
    world.run(5);
    bob.lastCall.answer(200);
    world.run(100);
    expect(call.statuses).toEqual([180, 200]);
    expect(bob.count('PRACK')).toBe(1);
    expect(bob.count('ACK')).toBe(1);
    call.hangUp();
    world.settles();
  });

  test.each(['a CANCEL', 'the answer of another phone'] as const)(
    'our PRACK is numbered, too, where %s crosses the 200: its BYE has a number of its own (RFC 3261 §12.2.1.1)',
    async (what) => {
      await using world = await World.start({ network: slow });
      const { call, desk, mobile } = await forked(world);
      world.run(50);
      const [late, winner] = [desk.lastCall, mobile.lastCall];
      late.answer(180, { reliable: true });
      world.run(50);
      if (what === 'a CANCEL') call.cancel();
      else winner.answer(200);
      desk.habits.obeysCancel = false;
      world.run(15);
      late.answer(200);
      world.run(100);
      const numbers = late.requests.map(({ method, cseq }) => `${method} ${cseq.number - late.invite.cseq.number}`);
      expect(numbers).toEqual(['INVITE 0', 'PRACK 1', 'ACK 0', 'BYE 2']);
      if (what !== 'a CANCEL') call.hangUp();
      world.settles();
    },
  );

  test("the caller's PRACK brings the answer when the phone whose offer it was has gone: the next one is heard", async () => {
    const errors: string[] = [];
    await using world = await World.start({ log: complainingLog((text) => errors.push(text)) });
    const { alice, call, desk, mobile } = await forked(world, { ...reliably, offer: null });
    alice.habits.pracks = false;
    desk.lastCall.answer(183, { sdp: desk.media.describe(), reliable: true });
    world.run(50);
    const offered = call.last;
    desk.lastCall.answer(408);
    world.run(50);
    call.prack(offered, alice.media.describe());
    world.run(50);
    expect(alice.statuses('PRACK')).toEqual([200]);
    expect(errors).toEqual([]);
    mobile.lastCall.answer(200);
    world.run(200);
    expect(heardWhenBothSpeak(world, { alice, bob: mobile, call, answered: mobile.lastCall })).toEqual([
      'alice',
      'bob',
    ]);
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
  });

  test('a reliable response that a 199 has overtaken is not acknowledged again (RFC 6228 §4)', async () => {
    await using world = await World.start();
    const { bob, call } = await called(world);
    const ringing = { headers: { Require: '100rel', RSeq: '7' } };
    bob.lastCall.answer(180, ringing);
    world.run(50);
    bob.lastCall.answer(199);
    bob.lastCall.answer(180, ringing);
    world.run(50);
    expect(bob.count('PRACK')).toBe(1);
    bob.lastCall.answer(200);
    world.run(50);
    expect(call.statuses.at(-1)).toBe(200);
    call.hangUp();
    world.run(50);
    const bye = bob.lastCall.requests.at(-1);
    expect(bye).toMatchObject({ method: 'BYE' });
    expect(bye!.cseq.number - bob.lastCall.invite.cseq.number).toBe(2);
    world.settles();
  });

  test('a reliable response that comes after the 200 is not acknowledged, nor told', async () => {
    await using world = await World.start();
    const { bob, call } = await called(world);
    const played = bob.media.describe();
    bob.lastCall.answer(183, { headers: { Require: '100rel', RSeq: '7' }, sdp: played });
    world.run(50);
    bob.lastCall.answer(200, { sdp: null });
    world.run(50);
    const heard = [...bob.log];
    bob.lastCall.answer(183, { headers: { Require: '100rel', RSeq: '8' }, sdp: played });
    world.run(50);
    expect(bob.log).toEqual(heard);
    expect(call.statuses).toEqual([183, 200]);
    call.hangUp();
    world.settles();
  });
});

test('a reliable response whose Require or RSeq can not be read is a plain one', async () => {
  await using world = await World.start();
  const { bob, call } = await called(world);
  bob.lastCall.answer(180, { headers: { Require: '100rel', RSeq: 'seven' } });
  world.run(50);
  bob.lastCall.answer(183, { headers: { Require: '100rel' } });
  world.run(50);
  expect(call.statuses).toEqual([180, 183]);
  expect(bob.log).not.toContain('PRACK');
  bob.lastCall.answer(200);
  world.run(50);
  expect(call.statuses).toEqual([180, 183, 200]);
  call.hangUp();
  world.settles();
});

describe('a fifth of all datagrams is lost, others come twice or too late', () => {
  const seeds = Array.from({ length: 10 }, (_, index) => index + 1);
  const bad = { loss: 0.2, duplicate: 0.05, delay: { min: 5, max: 80 } };
  test.each(seeds)('early media on both legs, acknowledged in order, then the answer (seed %i)', async (seed) => {
    await using world = await World.start({ seed: 300 + seed, network: bad });
    const alice = await registeredAtLast(world, '1001');
    const bob = await registeredAtLast(world, '1002');
    const call = alice.call('1002', { headers: { Require: '100rel' } });
    world.run(10_000);
    const ringing = bob.lastCall;
    ringing.answer(180, { reliable: true });
    world.run(16_000);
    ringing.answer(183, { reliable: true, sdp: bob.media.describe() });
    world.run(16_000);
    ringing.answer(200, { sdp: null });
    world.run(20_000);
    expect(call.state).toBe('talking');
    const acknowledged = ringing.requests.flatMap(({ method, headers }) =>
      method === 'PRACK' ? [headers.get('RAck')?.split(' ')[0]] : [],
    );
    expect(acknowledged).toEqual(['701', '702']);
    const numbers = call.responses.flatMap(({ headers }) => headers.get('RSeq') ?? []).map(Number);
    expect(numbers.map((number) => number - numbers[0]!)).toEqual([0, 1]);
    expect(new Set(alice.statuses('PRACK'))).toEqual(new Set([200]));
    expect(heardWhenBothSpeak(world, { alice, bob, call, answered: ringing })).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'caller' }]);
  });
});

import { expect, test } from 'vitest';
import { demanded, provisional, racksOf, unpracked } from '../world/reliable-talk.ts';
import { answerTo, called, heardWhenBothSpeak } from '../world/talk.ts';
import { World } from '../world/world.ts';

test('a caller that can acknowledge it hears early media reliably: repeated until its PRACK, and not said again in the 200 (RFC 3262)', async () => {
  await using world = await World.start();
  const talking = await provisional(world, 183, unpracked);
  const { alice, call, answered, early } = talking;
  expect(early.status).toBe(183);
  expect(early.headers.get('Require')).toBe('100rel');
  const before = alice.count(183);
  world.run(3600);
  // T1, 2·T1, 4·T1: no ceiling of T2 in between.
  expect(alice.count(183)).toBe(before + 3);

  // The callee answers: the 200 waits for the PRACK of what has been said of the session.
  answered.answer(200);
  world.run(200);
  expect(call.statuses).toEqual([183]);
  call.prack(early);
  world.run(50);
  expect(alice.statuses('PRACK')).toEqual([200]);
  expect(call.statuses).toContain(200);
  const answer = answerTo(call);
  expect(answer?.body).toHaveLength(0);
  expect(answer?.toTag).toBe(early.toTag);
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
  call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
});

test('a reliable response that is never acknowledged: 504 after 64 T1 (RFC 3262 section 3)', async () => {
  await using world = await World.start();
  const { bob, call } = await provisional(world, 180, demanded);
  world.run(31_850);
  expect(call.statuses).toEqual([180]);
  world.run(300);
  expect(call.statuses).toEqual([180, 504]);
  expect(bob.log.at(-1)).toBe('CANCEL');
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'failed', sip_status: 504 }]);
});

test('the callee alone does it: its responses are acknowledged once and in order, the caller hears plain ones', async () => {
  await using world = await World.start();
  const { bob, call } = await called(world);
  expect(bob.lastCall.invite.headers.get('Supported')).toContain('100rel');
  const ringing = bob.lastCall;
  ringing.answer(180, { reliable: 41 });
  world.run(50);
  // One that has overtaken another says nothing yet.
  ringing.answer(183, { reliable: 43, sdp: bob.media.describe() });
  world.run(50);
  ringing.answer(183, { reliable: 42, sdp: bob.media.describe() });
  world.run(50);
  const { number } = ringing.invite.cseq;
  expect(racksOf(ringing)).toEqual([`41 ${number} INVITE`, `42 ${number} INVITE`]);
  expect(call.statuses).toEqual([180, 183]);
  expect(call.last.headers.has('RSeq')).toBe(false);
  ringing.answer(200, { sdp: null });
  world.run(50);
  expect(call.statuses).toEqual([180, 183, 200]);
  call.hangUp();
  world.settles();
});

test('a caller that insists on reliable responses and offers nothing is offered in the first (RFC 3261 section 13.2.1)', async () => {
  await using world = await World.start();
  const { alice, bob, call } = await called(world, { offer: null, headers: { Require: '100rel' } });
  bob.lastCall.answer(180);
  world.run(100);
  const ringing = call.responses.find(({ status }) => status === 180);
  expect(new TextDecoder().decode(ringing?.body)).toContain('m=audio');
  expect(alice.statuses('PRACK')).toEqual([200]);

  bob.lastCall.answer(200);
  world.run(200);
  const answer = call.responses.find(({ status, cseq }) => status === 200 && cseq.method === 'INVITE');
  // What bob's phone offers is told in a dialog of its own, and answered in the ACK.
  expect(answer?.toTag).not.toBe(ringing?.toTag);
  expect(new TextDecoder().decode(answer?.body)).toContain('m=audio');
  expect(heardWhenBothSpeak(world, { alice, bob, call, answered: bob.lastCall })).toEqual(['alice', 'bob']);
  call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
});

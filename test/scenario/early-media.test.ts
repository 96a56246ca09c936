import { expect, test } from 'vitest';
import type { SipResponse } from '../../src/sip/message/index.ts';
import type { Phone } from '../world/phone.ts';
import { PhoneMedia, payloadTypesOf } from '../world/phone-media.ts';
import { called, forked } from '../world/talk.ts';
import { World } from '../world/world.ts';

const alaw = [
  [8, 'PCMA/8000'],
  [101, 'telephone-event/8000'],
] as const;

const sdpIn = ({ body }: SipResponse) => new TextDecoder().decode(body);
const ring = (phone: Phone, status: number, sdp: string | null = null) => phone.lastCall.answer(status, { sdp });

/** Alice has called two phones: the desk speaks all codecs and plays something, the mobile speaks only A-law. */
async function deskPlays(world: World, mobile: { readonly codecs?: typeof alaw } = { codecs: alaw }) {
  const calling = await forked(world, { mobile });
  ring(calling.desk, 183, calling.desk.media.describe());
  world.run(50);
  return { ...calling, early: calling.call.last };
}

test('what the callee plays before it picks up is heard, and so is the caller (RFC 3960)', async () => {
  await using world = await World.start();
  const { alice, bob, call } = await called(world);
  const ringing = bob.lastCall;
  ring(bob, 180);
  world.run(50);
  const played = bob.media.describe();
  ring(bob, 183, played);
  world.run(50);
  expect(call.statuses).toEqual([180, 183]);
  const early = call.last;
  bob.media.say('the number you have dialled', ringing.remoteSdp ?? '');
  world.run(20);
  alice.media.say('hello?', call.remoteSdp ?? '');
  world.run(20);
  expect(alice.media.heardText).toEqual(['the number you have dialled']);
  expect(bob.media.heardText).toEqual(['hello?']);
  expect(world.events.some(({ type }) => type === 'call.answered')).toBe(false);

  ringing.answer(200, { sdp: played });
  world.run(50);
  expect(call.last.status).toBe(200);
  // One dialog has one answer, word for word.
  expect(call.last.toTag).toBe(early.toTag);
  expect(sdpIn(call.last)).toBe(sdpIn(early));
  alice.media.say('at last', call.remoteSdp ?? '');
  world.run(20);
  expect(bob.media.heardText).toEqual(['hello?', 'at last']);
  call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([
    { status: 'completed', codec: 'PCMU', rtp: { caller: { packets_received: 2, packets_sent: 1 } } },
  ]);
});

test('a 180 with a description is early media like a 183, and a 180 after a 183 is passed on (RFC 3960)', async () => {
  await using world = await World.start();
  const { alice, bob, call } = await called(world);
  ring(bob, 180, bob.media.describe());
  world.run(50);
  expect(call.statuses).toEqual([180]);
  expect(call.last.body.length).toBeGreaterThan(0);
  bob.media.say('ringback', bob.lastCall.remoteSdp ?? '');
  world.run(20);
  expect(alice.media.heardText).toEqual(['ringback']);
  ring(bob, 183);
  world.run(20);
  ring(bob, 180);
  world.run(20);
  expect(call.statuses).toEqual([180, 183, 180]);
  bob.lastCall.answer(200);
  world.run(50);
  expect(call.state).toBe('talking');
  call.hangUp();
  world.settles();
});

test('a 200 without a description keeps that of the 183', async () => {
  await using world = await World.start();
  const { bob, call } = await called(world);
  ring(bob, 183, bob.media.describe());
  world.run(50);
  const early = call.last;
  bob.lastCall.answer(200, { sdp: null });
  world.run(50);
  expect(call.statuses).toEqual([183, 200]);
  expect(sdpIn(call.last)).toBe(sdpIn(early));
  expect(call.state).toBe('talking');
  call.hangUp();
  world.settles();
});

test('early media that leads to a refusal is heard until then', async () => {
  await using world = await World.start();
  const { alice, bob, call } = await called(world);
  ring(bob, 183, bob.media.describe());
  world.run(50);
  bob.media.say('no such number', bob.lastCall.remoteSdp ?? '');
  world.run(50);
  expect(alice.media.heardText).toEqual(['no such number']);
  bob.lastCall.answer(404);
  world.run(50);
  expect(call.statuses).toEqual([183, 404]);
  world.settles();
  expect(world.cdrs).toMatchObject([
    { codec: null, billsec: 0, rtp: { callee: { packets_received: 1 }, caller: { packets_sent: 1 } } },
  ]);
});

test('of several phones that play only the first is heard; the others ring without sound', async () => {
  await using world = await World.start();
  const { alice, desk, mobile, call } = await forked(world, { mobile: { codecs: alaw } });
  ring(mobile, 180);
  world.run(50);
  ring(desk, 183, desk.media.describe());
  world.run(50);
  ring(mobile, 183, mobile.media.describe());
  world.run(50);
  ring(mobile, 180);
  world.run(50);
  expect(call.statuses).toEqual([180, 183, 180]);
  expect(call.responses.filter(({ body }) => body.length > 0)).toHaveLength(1);
  mobile.media.say('not me', mobile.lastCall.remoteSdp ?? '', 8);
  desk.media.say('me', desk.lastCall.remoteSdp ?? '');
  world.run(50);
  expect(alice.media.heardText).toEqual(['me']);
  call.cancel();
  world.settles();
});

test('a winner with the same answer stays in the dialog that the caller has heard', async () => {
  await using world = await World.start();
  const { alice, desk, mobile, call, early } = await deskPlays(world, {});
  mobile.lastCall.answer(200);
  world.run(50);
  expect(call.last.toTag).toBe(early.toTag);
  expect(sdpIn(call.last)).toBe(sdpIn(early));
  alice.media.say('hello', call.remoteSdp ?? '');
  world.run(50);
  expect(mobile.media.heardText).toEqual(['hello']);
  expect(desk.media.heardText).toEqual([]);
  call.hangUp();
  world.settles();
});

test('a winner with another answer comes with a new To tag; the first answer never changes', async () => {
  await using world = await World.start();
  const { alice, mobile, call, early } = await deskPlays(world);
  expect(payloadTypesOf(sdpIn(early))).toEqual([0, 8, 101]);
  mobile.lastCall.answer(200);
  world.run(50);
  const final = call.last;
  expect(call.statuses).toEqual([183, 200]);
  expect(final.toTag).not.toBe(early.toTag);
  expect(payloadTypesOf(sdpIn(final))).toEqual([8, 101]);
  const sessionId = /^o=- (\d+)/m;
  expect(sessionId.exec(sdpIn(final))?.[1]).not.toBe(sessionId.exec(sdpIn(early))?.[1]);
  const perTag = Map.groupBy(
    call.responses.filter(({ body }) => body.length > 0),
    ({ toTag }) => toTag,
  );
  for (const responses of perTag.values()) expect(new Set(responses.map(sdpIn)).size).toBe(1);

  alice.media.say('hello', call.remoteSdp ?? '', 8);
  mobile.media.say('hi', mobile.lastCall.remoteSdp ?? '', 8);
  world.run(50);
  expect(mobile.media.heardText).toEqual(['hello']);
  expect(alice.media.heardText).toEqual(['hi']);
  call.hangUp();
  world.run(50);
  expect(alice.statuses('BYE')).toEqual([200]);
  world.settles();
  expect(world.cdrs).toMatchObject([{ codec: 'PCMA', callee_ip: mobile.address }]);
});

test('the one that played refuses, and another begins to play: a new dialog for the caller', async () => {
  await using world = await World.start();
  const { alice, desk, mobile, call, early: first } = await deskPlays(world);
  ring(desk, 486);
  world.run(50);
  ring(mobile, 183, mobile.media.describe());
  world.run(50);
  expect(call.statuses).toEqual([183, 183]);
  expect(call.last.toTag).not.toBe(first.toTag);
  mobile.media.say('me now', mobile.lastCall.remoteSdp ?? '', 8);
  world.run(50);
  expect(alice.media.heardText).toEqual(['me now']);
  mobile.lastCall.answer(200, { sdp: null });
  world.run(50);
  expect(call.statuses).toEqual([183, 183, 200]);
  call.hangUp();
  world.settles();
});

test('a phone that was not heard may still win with a 200 that carries no description', async () => {
  await using world = await World.start();
  const { alice, mobile, call } = await deskPlays(world);
  ring(mobile, 183, mobile.media.describe());
  world.run(50);
  mobile.lastCall.answer(200, { sdp: null });
  world.run(50);
  expect(call.statuses).toEqual([183, 200]);
  expect(payloadTypesOf(sdpIn(call.last))).toEqual([8, 101]);
  alice.media.say('hello', call.remoteSdp ?? '', 8);
  world.run(50);
  expect(mobile.media.heardText).toEqual(['hello']);
  call.hangUp();
  world.settles();
});

test('early media that can not be used is a ring without sound', async () => {
  await using world = await World.start();
  const { bob, call } = await called(world);
  bob.lastCall.answer(183, { sdp: 'v=0\r\nnonsense\r\n' });
  world.run(50);
  bob.lastCall.answer(180, { sdp: bob.media.describe(), headers: { 'Content-Type': ';;;' } });
  world.run(50);
  expect(call.statuses).toEqual([183, 180]);
  expect(call.responses.every(({ body }) => body.length === 0)).toBe(true);
  bob.lastCall.answer(200);
  world.run(50);
  expect(call.state).toBe('talking');
  call.hangUp();
  world.settles();
});

test('what is described again before the answer is not looked at; the 200 has the last word', async () => {
  await using world = await World.start();
  const { bob, call } = await called(world);
  ring(bob, 183, bob.media.describe());
  world.run(50);
  const first = call.last;
  ring(bob, 183, bob.media.describe({ codecs: alaw }));
  world.run(50);
  expect(call.statuses).toEqual([183, 183]);
  expect(call.last.toTag).toBe(first.toTag);
  expect(sdpIn(call.last)).toBe(sdpIn(first));
  bob.lastCall.answer(200, { sdp: bob.media.describe({ codecs: alaw }) });
  world.run(50);
  expect(call.last.toTag).not.toBe(first.toTag);
  expect(payloadTypesOf(sdpIn(call.last))).toEqual([8, 101]);
  call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([{ codec: 'PCMA' }]);
});

test('after the answer either side may be heard from another address than before it (RFC 7362)', async () => {
  await using world = await World.start();
  const { alice, bob, call } = await called(world);
  const ringing = bob.lastCall;
  const played = bob.media.describe();
  ring(bob, 183, played);
  world.run(50);
  alice.media.say('early', call.remoteSdp ?? '');
  bob.media.say('early', ringing.remoteSdp ?? '');
  world.run(1000);
  ringing.answer(200, { sdp: played });
  world.run(50);

  const [ofAlice, ofBob] = [new PhoneMedia(world.sockets, '10.0.0.71'), new PhoneMedia(world.sockets, '10.0.0.72')];
  for (let packet = 1; packet <= 8; packet++) {
    ofAlice.say(`alice ${packet}`, call.remoteSdp ?? '');
    ofBob.say(`bob ${packet}`, ringing.remoteSdp ?? '');
    world.run(20);
  }
  expect(ofAlice.heardText.at(-1)).toBe('bob 8');
  expect(ofBob.heardText.at(-1)).toBe('alice 8');
  call.hangUp();
  world.settles();
});

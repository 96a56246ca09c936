import { expect, test } from 'vitest';
import { alaw, payloadTypesOf } from '../world/phone-media.ts';
import { directionIn, heardWhenBothSpeak, originOf, pendingHold, talk } from '../world/talk.ts';
import { World } from '../world/world.ts';

const opusOnly = [[111, 'opus/48000/2']] as const;

test('a new codec is agreed through us: both sides use it afterwards', async () => {
  await using world = await World.start();
  const talking = await talk(world);
  const { alice, bob, call, answered } = talking;
  call.reinvite({ sdp: alice.media.describe({ codecs: alaw }) });
  world.run(100);
  expect(payloadTypesOf(answered.remoteSdp ?? '')[0]).toBe(8);

  // Bob's phone says again what it can do; only what was offered counts.
  expect(payloadTypesOf(call.remoteSdp ?? '')).toEqual([8]);
  alice.media.say('in PCMA', call.remoteSdp ?? '', 8);
  world.run(20);
  expect(bob.media.heardText).toEqual(['in PCMA']);
  expect(bob.media.received[0]?.bytes[1]).toBe(8);
  call.hangUp();
  world.settles();
});

test('refused with 488, the change does not happen and the call goes on; a later hold works', async () => {
  await using world = await World.start();
  const talking = await talk(world);
  const { alice, bob, call, answered } = talking;
  const before = originOf(answered.remoteSdp);
  bob.habits.agrees = false;
  call.reinvite({ sdp: alice.media.describe({ codecs: [[9, 'G722/8000']] }) });
  world.run(100);
  expect(payloadTypesOf(answered.remoteSdp ?? '')[0]).toBe(9);
  answered.agree(answered.waiting.pop()!, { status: 488 });
  world.run(100);
  expect(call.last.status).toBe(488);
  bob.habits.agrees = true;
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);

  call.reinvite({ direction: 'sendonly' });
  world.run(100);
  expect(call.last.status).toBe(200);
  expect(directionIn(answered.remoteSdp)).toBe('sendonly');
  expect(originOf(answered.remoteSdp).id).toBe(before.id);
  expect(originOf(answered.remoteSdp).version).toBeGreaterThan(before.version + 1);
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice']);
  call.hangUp();
  world.run(100);
  expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
  world.settles();
});

test('an offer without any codec of ours is refused with 488 and the other side is not asked', async () => {
  await using world = await World.start({ config: { media: { codec_priority: ['pcmu', 'pcma'] } } });
  const talking = await talk(world);
  const { alice, call, answered } = talking;
  const heardBefore = answered.requests.length;
  call.reinvite({ sdp: alice.media.describe({ codecs: opusOnly }) });
  world.run(100);
  expect(call.last.status).toBe(488);
  expect(answered.requests).toHaveLength(heardBefore);
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
  call.reinvite({ direction: 'sendonly' });
  world.run(100);
  expect(call.last.status).toBe(200);
  call.hangUp();
  world.settles();
});

test('a session description that makes no sense is refused with 400 and the call goes on', async () => {
  await using world = await World.start();
  const talking = await talk(world);
  const { call, answered } = talking;
  const heardBefore = answered.requests.length;
  for (const sdp of ['v=0', 'hello', 'v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nt=0 0\r\nm=audio 99999 RTP/AVP 0\r\n']) {
    call.reinvite({ sdp });
    world.run(100);
    expect(call.last.status).toBe(400);
  }
  call.request('INVITE', { body: '<xml/>', contentType: 'application/xml' });
  world.run(100);
  expect(call.last.status).toBe(415);
  expect(call.last.headers.get('Accept')).toBe('application/sdp');
  expect(answered.requests).toHaveLength(heardBefore);

  call.reinvite({ direction: 'sendonly' });
  world.run(100);
  expect(call.last.status).toBe(200);
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice']);
  call.hangUp();
  world.settles();
});

test('without an offer the other side is asked for one, and its answer comes with the ACK (RFC 3261 section 14.1)', async () => {
  await using world = await World.start();
  const talking = await talk(world);
  const { bob, call, answered } = talking;
  const before = originOf(call.remoteSdp);
  call.reinvite({ sdp: null });
  world.run(100);
  const invite = answered.requests.at(-2);
  expect(invite?.method).toBe('INVITE');
  expect(invite?.body).toHaveLength(0);
  expect(call.last.status).toBe(200);
  expect(call.last.body.length).toBeGreaterThan(0);
  const ack = bob.heard.at(-1);
  expect(ack).toMatchObject({ kind: 'request', method: 'ACK' });
  expect(ack?.body.length).toBeGreaterThan(0);
  expect(originOf(call.remoteSdp).id).toBe(before.id);
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);

  answered.reinvite({ direction: 'sendonly' });
  world.run(100);
  expect(heardWhenBothSpeak(world, talking)).toEqual(['bob']);
  call.hangUp();
  world.settles();
});

test('without an offer, and never acknowledged: the call ends with Q.850 cause 102', async () => {
  await using world = await World.start();
  const { alice, bob, call } = await talk(world);
  alice.habits.acks = false;
  call.reinvite({ sdp: null });
  world.run(33_000);
  expect(bob.count('BYE')).toBe(1);
  expect(alice.count('BYE')).toBe(1);
  expect(world.cdrs).toMatchObject([{ status: 'failed', termination_reason: 'error', q850_cause: 102 }]);
  world.settles();
});

test('an answer in the ACK that can not be used ends the call on both sides', async () => {
  await using world = await World.start();
  const { alice, bob, call } = await talk(world);
  alice.habits.acks = false;
  call.reinvite({ sdp: null });
  world.run(100);
  call.ack('v=0');
  world.run(100);
  expect(bob.log.slice(-2)).toEqual(['ACK', 'BYE']);
  expect(alice.log.at(-1)).toBe('BYE');
  expect(world.cdrs).toMatchObject([{ status: 'failed', termination_reason: 'error', q850_cause: 88 }]);
  world.settles();
});

test('cancelled before the other side answers: 487 to both, the call goes on as before', async () => {
  await using world = await World.start();
  const talking = await pendingHold(world);
  const { alice, bob, call, answered, hold } = talking;
  world.run(200);
  alice.transactions.cancel(hold);
  world.run(100);
  expect(bob.log).toContain('CANCEL');
  answered.waiting.pop();
  expect(call.last).toMatchObject({ status: 487 });
  expect(alice.statuses('CANCEL')).toEqual([200]);
  bob.habits.agrees = true;
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
  call.reinvite({ direction: 'sendonly' });
  world.run(100);
  expect(call.last.status).toBe(200);
  call.hangUp();
  world.settles();
});

test('a CANCEL that comes too late changes nothing: the 200 is passed on', async () => {
  await using world = await World.start();
  const talking = await pendingHold(world);
  const { alice, bob, call, answered, hold } = talking;
  world.run(200);
  answered.agree(answered.waiting.pop()!);
  alice.transactions.cancel(hold);
  world.run(100);
  expect(call.responses.at(-1)?.status).toBe(200);
  bob.habits.agrees = true;
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice']);
  call.hangUp();
  world.settles();
});

test('an answer that is missing in the 200 ends the call, for there is no way back', async () => {
  await using world = await World.start();
  const { alice, bob, call, answered } = await talk(world);
  bob.habits.agrees = false;
  call.reinvite();
  world.run(100);
  answered.agree(answered.waiting.pop()!, { sdp: null });
  bob.habits.agrees = true;
  world.run(100);
  expect(bob.log.slice(-2)).toEqual(['ACK', 'BYE']);
  expect(alice.log.at(-1)).toBe('BYE');
  expect(world.cdrs).toMatchObject([{ status: 'failed', q850_cause: 88 }]);
  world.settles();
});

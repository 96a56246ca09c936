import { describe, expect, test } from 'vitest';
import { called, forked, ringing } from '../world/talk.ts';
import { World } from '../world/world.ts';

const lines = (...text: string[]) => `${text.join('\r\n')}\r\n`;
const head = ['v=0', 'o=- 1 1 IN IP4 10.0.0.11', 's=-', 'c=IN IP4 10.0.0.11', 't=0 0'];
const callEvents = (world: World) => world.events.filter(({ type }) => type.startsWith('call.'));

describe('a body that can not be read is refused before there is a call', () => {
  test.each([
    ['garbage', 'hello'],
    ['no media line', lines(...head)],
    ['no version', lines(...head.slice(1), 'm=audio 4000 RTP/AVP 0')],
    ['a port that is none', lines(...head, 'm=audio 99999 RTP/AVP 0')],
    ['no address', lines(...head.slice(0, 3), 't=0 0', 'm=audio 4000 RTP/AVP 0')],
  ])('%s: 400', async (_, sdp) => {
    await using world = await World.start();
    const { bob, call } = await called(world, { offer: sdp });
    expect(call.statuses).toEqual([400]);
    expect(bob.calls).toEqual([]);
    world.settles();
    expect(callEvents(world)).toEqual([]);
  });

  test('another type of content: 415 with Accept (RFC 3261 §8.2.3)', async () => {
    await using world = await World.start();
    const { bob, call } = await called(world, { offer: '<xml/>', headers: { 'Content-Type': 'application/xml' } });
    expect(call.statuses).toEqual([415]);
    expect(call.last.headers.get('Accept')).toBe('application/sdp');
    expect(bob.calls).toEqual([]);
    world.settles();
    expect(callEvents(world)).toEqual([]);
  });

  test('a type of content in small letters and with a parameter is the same type', async () => {
    await using world = await World.start();
    const alice = await world.registered('1001');
    const bob = await world.registered('1002');
    bob.habits.onInvite = 'answer';
    const call = alice.call('1002', { headers: { 'Content-Type': 'Application/SDP;charset=utf-8' } });
    world.run(50);
    expect(call.statuses).toEqual([180, 200]);
    call.hangUp();
    world.settles();
  });
});

describe('an offer with nothing that we carry is 488, and the callee is not troubled', () => {
  test.each([
    ['only video', lines(...head, 'm=video 4000 RTP/AVP 96', 'a=rtpmap:96 VP8/90000')],
    ['only a codec that nobody named', lines(...head, 'm=audio 4000 RTP/AVP 97', 'a=rtpmap:97 speex/8000')],
    ['audio refused', lines(...head, 'm=audio 0 RTP/AVP 0')],
    ['only telephone events', lines(...head, 'm=audio 4000 RTP/AVP 101', 'a=rtpmap:101 telephone-event/8000')],
  ])('%s', async (_, sdp) => {
    await using world = await World.start();
    const { bob, call } = await called(world, { offer: sdp });
    expect(call.statuses).toEqual([488]);
    expect(bob.calls).toEqual([]);
    world.settles();
    expect(world.cdrs).toMatchObject([
      { status: 'failed', termination_reason: 'error', terminated_by: 'system', sip_status: 488, q850_cause: 88 },
    ]);
  });
});

describe('a callee that picks up with a session that can not be used is hung up; the caller hears 488', () => {
  test.each([
    ['garbage', 'hello', {}],
    ['another codec than offered', lines(...head, 'm=audio 4000 RTP/AVP 18'), {}],
    ['audio refused', lines(...head, 'm=audio 0 RTP/AVP 0'), {}],
    ['more streams than offered', lines(...head, 'm=audio 4000 RTP/AVP 0', 'm=audio 4002 RTP/AVP 0'), {}],
    ['another type of content', '<xml/>', { 'Content-Type': 'text/xml' }],
    ['a type of content that can not be read', 'v=0', { 'Content-Type': ';' }],
    ['nothing', null, {}],
  ])('%s', async (_, sdp, headers) => {
    await using world = await World.start();
    const { bob, call } = await ringing(world);
    bob.lastCall.answer(200, { sdp, headers });
    world.run(50);
    expect(bob.log.slice(-2)).toEqual(['ACK', 'BYE']);
    expect(bob.heard.at(-1)?.headers.get('Reason')).toContain('cause=488');
    expect(call.statuses).toEqual([180, 488]);
    world.settles();
    expect(world.cdrs).toMatchObject([
      { status: 'failed', termination_reason: 'error', terminated_by: 'callee', sip_status: 488, answer_time: null },
    ]);
    expect(callEvents(world).map(({ type }) => type)).toEqual(['call.started', 'call.ringing', 'call.ended']);
  });

  test('another phone may still answer', async () => {
    await using world = await World.start();
    const { desk: odd, mobile: good, call } = await forked(world);
    good.lastCall.answer(180);
    odd.lastCall.answer(200, { sdp: 'hello' });
    world.run(50);
    expect(odd.log.slice(-2)).toEqual(['ACK', 'BYE']);
    expect(call.statuses).toEqual([180]);
    good.lastCall.answer(200);
    world.run(50);
    expect(call.statuses).toEqual([180, 200]);
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed', callee_ip: good.address }]);
  });
});

test('a 200 whose Contact can not be read is an answer all the same: requests go where the INVITE went', async () => {
  await using world = await World.start();
  const { bob, call } = await called(world);
  bob.lastCall.answer(200, { headers: { Contact: '<sip:@@@>' } });
  world.run(50);
  expect(call.statuses).toEqual([200]);
  call.hangUp();
  world.run(50);
  expect(bob.log.slice(-2)).toEqual(['ACK', 'BYE']);
  world.settles();
});

test('an INVITE that makes no dialog, for its Record-Route can not be read, is 400 and no call', async () => {
  await using world = await World.start();
  const { bob, call } = await called(world, { headers: { 'Record-Route': '<<' } });
  expect(call.statuses).toEqual([400]);
  expect(bob.calls).toEqual([]);
  world.settles();
  expect(world.cdrs).toEqual([]);
});

test('what we do not do may not be required: 420 with Unsupported, before any challenge (RFC 3261 §8.2.2.3)', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const before = alice.heard.length;
  const call = alice.call('1002', { headers: { Require: '100rel, gruu, path, sec-agree' } });
  world.run(50);
  expect(call.statuses).toEqual([420]);
  expect(call.last.headers.get('Unsupported')).toBe('gruu, sec-agree');
  expect(alice.heard.slice(before).map((message) => message.kind === 'response' && message.status)).toEqual([420]);
  world.settles();
  expect(world.cdrs).toEqual([]);
});

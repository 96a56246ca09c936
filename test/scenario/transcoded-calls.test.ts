import { describe, expect, test } from 'vitest';
import { payloadTypesOf } from '../world/phone-media.ts';
import { called, directionIn, forked, originOf, talk } from '../world/talk.ts';
import { talkBesideCarol, threeUsers } from '../world/transfer-talk.ts';
import { World } from '../world/world.ts';

// What phones that share no codec are told: each is answered in one that it has offered, and what lies between is ours.

const opus = [
  [96, 'opus/48000/2'],
  [97, 'telephone-event/48000'],
] as const;
const pcmu = [
  [0, 'PCMU/8000'],
  [101, 'telephone-event/8000'],
] as const;
const g722 = [[9, 'G722/8000']] as const;
const pcma = [[8, 'PCMA/8000']] as const;
const g729 = [[18, 'G729/8000']] as const;

const typesIn = (sdp: string | null) => payloadTypesOf(sdp ?? '');

describe('phones that share no codec can call each other', () => {
  test.each([
    ['Opus', opus, 'PCMU', pcmu, [96, 9, 0, 8, 97, 101], [96, 97]],
    ['PCMU', pcmu, 'Opus', opus, [0, 111, 9, 8, 101, 110], [0, 101]],
    ['G.722', g722, 'PCMA', pcma, [9, 111, 0, 8, 110, 101], [9]],
    ['PCMA', pcma, 'G.722', g722, [8, 111, 9, 0, 110, 101], [8]],
  ] as const)('%s calls %s', async (_caller, codecs, _callee, others, offered, answered) => {
    await using world = await World.start();
    const { call, answered: callee } = await talk(world, { alice: { codecs }, bob: { codecs: others } });
    expect(call.statuses).toEqual([200]);
    // What may be shared comes before what has to be transcoded.
    expect(typesIn(callee.remoteSdp)).toEqual(offered);
    expect(typesIn(call.remoteSdp)).toEqual(answered);
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed', codec: codecs[0][1].split('/')[0] }]);
  });

  test('parameters are ours where we end the stream, and those of the other phone where we do not', async () => {
    await using world = await World.start();
    const more = 'a=fmtp:96 maxplaybackrate=16000\r\n';
    const alice = await world.registered('1001', { codecs: opus });
    const bob = await world.registered('1002', { codecs: [...pcmu, [111, 'opus/48000/2']] });
    const ownParameters = (sdp: string | null) => /^a=fmtp:96 (.*)\r$/m.exec(sdp ?? '')?.[1];
    const answers = [
      bob.media.describe({ codecs: pcmu }),
      bob.media.describe({ codecs: opus, more: 'a=fmtp:96 cbr=1\r\n' }),
    ];
    const parameters = answers.map((sdp) => {
      const call = alice.call('1002', { sdp: alice.media.describe({ more }) });
      world.run(50);
      expect(ownParameters(bob.lastCall.remoteSdp)).toBe('maxplaybackrate=16000');
      bob.lastCall.answer(200, { sdp });
      world.run(50);
      call.hangUp();
      world.run(50);
      return ownParameters(call.remoteSdp);
    });
    expect(parameters).toEqual(['minptime=10;useinbandfec=1', 'cbr=1']);
    world.settles();
  });

  test('of a codec that both have nothing else is answered, and packets pass as they are', async () => {
    await using world = await World.start();
    const { alice, bob, call } = await talk(world, {
      alice: { codecs: [...opus, ...pcmu] },
      bob: { codecs: pcmu },
    });
    expect(typesIn(call.remoteSdp)).toEqual([0, 101]);
    alice.media.say('untouched', call.remoteSdp ?? '');
    world.run(20);
    expect(bob.media.heardText).toEqual(['untouched']);
    call.hangUp();
    world.settles();
  });

  test('only what codec_priority lets pass is transcoded', async () => {
    await using world = await World.start({ config: { media: { codec_priority: ['pcma', 'g722'] } } });
    const { call, answered } = await talk(world, { alice: { codecs: g722 }, bob: { codecs: pcma } });
    expect(typesIn(answered.remoteSdp)).toEqual([9, 8, 101]);
    expect(typesIn(call.remoteSdp)).toEqual([9]);
    call.hangUp();
    world.settles();
    const refused = await called(world, { alice: { codecs: opus } });
    expect(refused.call.statuses).toEqual([488]);
    world.settles();
  });

  test('of several codecs the caller is answered the first of codec_priority', async () => {
    await using world = await World.start();
    const { call } = await talk(world, { alice: { codecs: [...pcma, ...g722] }, bob: { codecs: pcmu } });
    expect(typesIn(call.remoteSdp)).toEqual([9]);
    call.hangUp();
    world.settles();
  });
});

describe('a codec that we can not transcode is of use only where both have it', () => {
  const all = { config: { media: { codec_priority: ['*'] } } };

  test('against one that has it, it is relayed', async () => {
    await using world = await World.start(all);
    const { call, answered } = await talk(world, { alice: { codecs: g729 }, bob: { codecs: g729 } });
    expect([typesIn(answered.remoteSdp), typesIn(call.remoteSdp)]).toEqual([[18], [18]]);
    call.hangUp();
    world.settles();
  });

  test.each([
    ['caller', g729, pcmu],
    ['callee', pcmu, g729],
  ] as const)('the %s has no other: 488', async (_who, codecs, others) => {
    await using world = await World.start(all);
    const { call, answered } = await talk(world, { alice: { codecs }, bob: { codecs: others } });
    expect(call.statuses).toEqual([488]);
    expect(answered.state).toBe('over');
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'failed', sip_status: 488 }]);
  });
});

// Bob's phone could do G.722 as well, which comes before PCMU in codec_priority, but it does not want to.
test.each([
  ['caller', [96, 97], [96, 0, 9, 8, 97, 101]],
  ['callee', [0, 101], [9, 0, 96, 8, 101, 97]],
] as const)('the %s holds and resumes: no leg changes its codec', async (side, answer, offer) => {
  await using world = await World.start();
  const { bob, call } = await called(world, {
    alice: { codecs: opus },
    bob: { codecs: [...pcmu, ...g722] },
  });
  const answered = bob.lastCall;
  answered.answer(200, { sdp: bob.media.describe() });
  world.run(100);
  const [holder, held] = side === 'caller' ? [call, answered] : [answered, call];
  const ids = [originOf(holder.remoteSdp).id, originOf(held.remoteSdp).id];
  for (const direction of ['sendonly', 'sendrecv'] as const) {
    holder.reinvite({ direction });
    world.run(100);
    expect(holder.last.status).toBe(200);
    expect(directionIn(held.remoteSdp)).toBe(direction);
    expect([originOf(holder.remoteSdp).id, originOf(held.remoteSdp).id]).toEqual(ids);
    expect([typesIn(holder.remoteSdp), typesIn(held.remoteSdp)]).toEqual([answer, offer]);
  }
  call.hangUp();
  world.settles();
});

test('a call without an offer: the callee is answered in its ACK in a codec of its own', async () => {
  await using world = await World.start();
  const { call, answered } = await talk(world, {
    alice: { codecs: pcmu },
    bob: { codecs: opus },
    offer: null,
  });
  expect(call.statuses).toEqual([200]);
  expect(typesIn(call.remoteSdp)).toEqual([96, 9, 0, 8, 97, 101]);
  expect(typesIn(answered.remoteSdp)).toEqual([96, 97]);
  call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'completed', codec: 'PCMU' }]);
});

test('of two phones that ring one shares nothing with the caller: each is offered the same, and it may win', async () => {
  await using world = await World.start();
  const { desk, mobile, call } = await forked(world, {
    alice: { codecs: opus },
    desk: { codecs: opus },
    mobile: { codecs: pcma },
  });
  expect(typesIn(desk.lastCall.remoteSdp)).toEqual(typesIn(mobile.lastCall.remoteSdp));
  desk.lastCall.answer(183, { sdp: desk.media.describe() });
  world.run(50);
  const early = call.last;
  expect(typesIn(new TextDecoder().decode(early.body))).toEqual([96, 97]);
  mobile.lastCall.answer(200);
  world.run(50);
  expect(call.statuses).toEqual([183, 200]);
  // What the caller has heard in a dialog never changes: other parameters are another dialog.
  expect(call.last.toTag).not.toBe(early.toTag);
  expect(typesIn(call.remoteSdp)).toEqual([96, 97]);
  call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'completed', callee_ip: mobile.address }]);
});

test('an attended transfer joins two that share nothing: each stays in its codec', async () => {
  await using world = await World.start(threeUsers);
  const bob = { codecs: [...pcmu, ...opus] };
  const talking = await talkBesideCarol(world, { alice: { codecs: pcmu }, bob, carol: { codecs: opus } });
  const { carol, call, answered } = talking;
  carol.habits.onInvite = 'answer';
  const asking = talking.bob.call('1003');
  world.run(200);
  answered.refer('1003', { replacing: asking });
  world.run(500);
  expect(answered.reports.at(-1)).toBe('200 OK terminated');
  expect([call.state, carol.lastCall.state]).toEqual(['talking', 'talking']);
  expect([typesIn(call.remoteSdp), typesIn(carol.lastCall.remoteSdp)]).toEqual([
    [96, 0, 9, 8, 97, 101],
    [0, 96, 9, 8, 101, 97],
  ]);
  call.hangUp();
  world.settles();
});

test('a phone that picks up what rings, and shares nothing with the caller, is answered in a codec of its own', async () => {
  await using world = await World.start(threeUsers);
  const { bob, call } = await called(world, { alice: { codecs: opus }, bob: { codecs: opus } });
  bob.lastCall.answer(180);
  world.run(50);
  const carol = await world.registered('1003', { codecs: pcma });
  const pickUp = carol.call('**1002');
  world.run(500);
  expect([typesIn(pickUp.remoteSdp), typesIn(call.remoteSdp)]).toEqual([[8], [96, 97]]);
  call.hangUp();
  world.settles();
});

test('the caller comes to a codec that the callee does not have: both are told, and the callee stays in its own', async () => {
  await using world = await World.start();
  const { alice, call, answered } = await talk(world, { alice: { codecs: [...pcmu, ...g722] }, bob: { codecs: pcmu } });
  expect(typesIn(call.remoteSdp)).toEqual([0, 101]);
  call.reinvite({ sdp: alice.media.describe({ codecs: g722 }) });
  world.run(100);
  expect(call.last.status).toBe(200);
  expect(typesIn(call.remoteSdp)).toEqual([9]);
  // That which it speaks already before what else it may know.
  expect(typesIn(answered.remoteSdp)).toEqual([9, 0, 111, 8, 110, 101]);
  call.hangUp();
  world.settles();
});

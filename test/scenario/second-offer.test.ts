import { expect, test } from 'vitest';
import { type Log, silentLog } from '../../src/base/index.ts';
import { heardWhenBothSpeak } from '../world/talk.ts';
import { World } from '../world/world.ts';

const rich = [
  [96, 'opus/48000/2'],
  [9, 'G722/8000'],
  [0, 'PCMU/8000'],
  [8, 'PCMA/8000'],
  [101, 'telephone-event/8000'],
] as const;
const wide = rich.slice(0, 2);

/** Alice, whose phone has many codecs, calls bob. */
async function stage(codecs: readonly (readonly [number, string])[] = rich, codec_priority?: readonly string[]) {
  const logged: unknown[] = [];
  const log: Log = {
    ...silentLog,
    warning: (message, fields) => message === 'a phone has refused what it was offered' && logged.push(fields),
    child: () => log,
  };
  const world = await World.start({ log, ...(codec_priority && { config: { media: { codec_priority } } }) });
  const alice = await world.registered('1001', { codecs });
  const bob = await world.registered('1002');
  const call = alice.call('1002');
  world.run(50);
  return { world, alice, bob, call, logged };
}

const formats = (sdp: string | null) => /^m=audio \d+ (.*)$/m.exec(sdp ?? '')?.[1]?.trim();

test('a phone that refuses an offer with 488 is asked once more, for what every telephone has', async () => {
  const { world, alice, bob, call } = await stage();
  await using _world = world;
  const first = bob.lastCall;
  expect(formats(first.remoteSdp)).toBe('RTP/AVP 96 9 0 8 101 110');
  first.answer(180);
  world.run(50);
  first.answer(488, { headers: { Warning: '304 bob "Media type not available"' } });
  world.run(50);
  const answered = bob.lastCall;
  expect(answered.callId).not.toBe(first.callId);
  expect(formats(answered.remoteSdp)).toBe('RTP/AVP 0 8 101');
  answered.answer(200);
  world.run(50);
  expect(call.statuses).toEqual([180, 200]);
  expect(heardWhenBothSpeak(world, { alice, bob, call, answered })).toEqual(['alice', 'bob']);
  call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'completed', callee_sip_call_id: answered.callId, codec: 'PCMU' }]);
});

test('the log tells which line was refused, why, and whether the phone is asked again', async () => {
  const { world, bob, logged } = await stage();
  await using _world = world;
  bob.lastCall.answer(488, { headers: { Warning: '304 bob "Media type not available"' } });
  world.run(50);
  bob.lastCall.answer(488);
  world.settles();
  expect(logged).toMatchObject([
    {
      refused: expect.stringMatching(/^m=audio \d+ RTP\/AVP 96 9 0 8 101 110$/),
      warning: '304 bob "Media type not available"',
      asked_again: true,
    },
    { refused: expect.stringMatching(/^m=audio \d+ RTP\/AVP 0 8 101$/), warning: null, asked_again: false },
  ]);
});

test('one that refuses that, too, is not asked again: the caller hears 488', async () => {
  const { world, bob, call } = await stage();
  await using _world = world;
  bob.lastCall.answer(488);
  world.run(50);
  bob.lastCall.answer(488);
  world.run(50);
  expect(bob.calls).toHaveLength(2);
  expect(call.statuses).toEqual([488]);
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'failed', sip_status: 488, terminated_by: 'callee' }]);
});

test('where there is nothing plainer to offer nobody is asked again', async () => {
  const { world, bob, call } = await stage(wide, ['opus', 'g722']);
  await using _world = world;
  bob.lastCall.answer(488);
  world.run(50);
  expect(bob.calls).toHaveLength(1);
  expect(call.statuses).toEqual([488]);
  world.settles();
});

test('what every telephone has is offered to it although the caller has none of that: it is transcoded', async () => {
  const { world, bob, call } = await stage(wide);
  await using _world = world;
  bob.lastCall.answer(488);
  world.run(50);
  expect(formats(bob.lastCall.remoteSdp)).toBe('RTP/AVP 0 8 101');
  bob.lastCall.answer(200);
  world.run(50);
  expect(call.statuses).toEqual([200]);
  expect(formats(call.remoteSdp)).toBe('RTP/AVP 96');
  call.hangUp();
  world.settles();
});

test('the caller gives up while the phone is asked again: the second INVITE is cancelled', async () => {
  const { world, bob, call } = await stage();
  await using _world = world;
  bob.lastCall.answer(488);
  world.run(50);
  bob.lastCall.answer(180);
  world.run(50);
  call.cancel();
  world.run(50);
  expect(bob.log.slice(-2)).toEqual(['INVITE', 'CANCEL']);
  expect(call.statuses).toEqual([180, 487]);
  world.settles();
});

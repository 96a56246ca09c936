import { expect, test } from 'vitest';
import { called, chat, talk } from '../world/talk.ts';
import { World } from '../world/world.ts';

test('the longest call has been reached: BYE to both, the record says so', async () => {
  await using world = await World.start({ config: { sip: { max_call_duration: 120 } } });
  const talking = await talk(world);
  const { alice, bob, call, answered } = talking;
  chat(world, talking, 119_000);
  expect(world.cdrs).toEqual([]);
  world.run(1000);
  for (const side of [call, answered]) {
    expect(side.requests.at(-1)?.method).toBe('BYE');
    expect(side.requests.at(-1)?.headers.get('Reason')).toMatch(/^Q\.850;cause=102;/);
  }
  expect(alice.count('BYE')).toBe(1);
  expect(bob.count('BYE')).toBe(1);
  expect(world.cdrs).toMatchObject([
    { status: 'completed', termination_reason: 'max_duration', terminated_by: 'system', billsec: 120, sip_status: 200 },
  ]);
  world.settles();
});

test('with 0 a call may last for ever', async () => {
  await using world = await World.start({ config: { sip: { max_call_duration: 0 }, media: { rtp_timeout: 86_400 } } });
  const { call } = await talk(world);
  world.run(80_000_000);
  expect(world.cdrs).toEqual([]);
  call.hangUp();
  world.run(100);
  expect(world.cdrs).toMatchObject([{ status: 'completed', billsec: 80_000 }]);
  world.settles();
});

test('both sides have fallen silent: BYE to both, the record says rtp_timeout', async () => {
  await using world = await World.start({ config: { media: { rtp_timeout: 20 } } });
  const talking = await talk(world);
  const { alice, bob } = talking;
  chat(world, talking, 30_000);
  world.run(18_000);
  expect(world.cdrs).toEqual([]);
  world.run(2000);
  expect(alice.log.at(-1)).toBe('BYE');
  expect(bob.log.at(-1)).toBe('BYE');
  expect(world.cdrs).toMatchObject([
    { status: 'completed', termination_reason: 'rtp_timeout', terminated_by: 'system', q850_cause: 102 },
  ]);
  world.settles();
});

test('a call in which nobody was ever heard ends by rtp_timeout, counted from the answer', async () => {
  await using world = await World.start({ config: { media: { rtp_timeout: 20 } } });
  const { bob } = await called(world);
  bob.lastCall.answer(180);
  world.run(30_000);
  bob.lastCall.answer(200);
  world.run(19_900);
  expect(world.cdrs).toEqual([]);
  world.run(200);
  expect(world.cdrs).toMatchObject([{ termination_reason: 'rtp_timeout', billsec: 20 }]);
  world.settles();
});

test.each(['alice', 'bob'] as const)('as long as %s is heard the call goes on', async (speaker) => {
  await using world = await World.start({ config: { media: { rtp_timeout: 20 } } });
  const { alice, bob, call, answered } = await talk(world);
  for (let i = 0; i < 30; i++) {
    if (speaker === 'alice') alice.media.say('still here', call.remoteSdp ?? '');
    else bob.media.say('still here', answered.remoteSdp ?? '');
    world.run(10_000);
  }
  expect(world.cdrs).toEqual([]);
  call.hangUp();
  world.run(100);
  expect(world.cdrs).toMatchObject([{ status: 'completed', termination_reason: 'normal', billsec: 300 }]);
  world.settles();
});

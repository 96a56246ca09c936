import { describe, expect, test } from 'vitest';
import type { TimerHabits } from '../world/phone-timer.ts';
import { heardWhenBothSpeak, originOf } from '../world/talk.ts';
import { news, refreshes, start, timedTalk, timers } from '../world/timed-talk.ts';

const users = { users: ['1001', '1002', '1003'] };
const short = { sip: { timers: { session_expires: 90, invite_timeout: 300 } } };

describe('a phone that is transferred', () => {
  test.each([
    ['exchange', 'UPDATE'],
    ['exchange', 'INVITE'],
    ['phone', 'UPDATE'],
  ] as const)('keeps its session timer: the %s goes on refreshing by %s', async (refresher, method) => {
    await using world = await start(timers(600), users);
    const { call, answered } = await timedTalk(world, { alice: { interval: 300, refresher, method } });
    const carol = await world.registered('1003');
    carol.habits.onInvite = 'answer';
    answered.refer('1003');
    world.run(500);
    expect(carol.lastCall.state).toBe('talking');
    world.run(1_000_000);
    expect(call.state).toBe('talking');
    expect(refreshes(world, refresher)).toBeGreaterThanOrEqual(6);
    call.timer.stop();
    world.network.partition(call.phone.contact.slice(10, -6));
    world.run(331_000);
    expect(carol.lastCall.state).toBe('over');
    expect(world.cdrs).toMatchObject([{ callee: '1002' }, { callee: '1003', termination_reason: 'session_timeout' }]);
    world.settles();
  });

  test('is looked after while it waits for the answer and has lost its first partner', async () => {
    await using world = await start(short, users);
    const alice: TimerHabits = { interval: 90, refresher: 'exchange' };
    const { call, answered } = await timedTalk(world, { alice });
    const carol = await world.registered('1003');
    carol.habits.onInvite = 'ring';
    answered.refer('1003');
    world.run(1000);
    answered.hangUp();
    world.run(200_000);
    expect(call.state).toBe('talking');
    expect(refreshes(world, 'exchange')).toBe(4);
    carol.lastCall.answer(200);
    world.run(200_000);
    expect(call.state).toBe('talking');
    call.hangUp();
    world.settles();
  });

  test('and goes away while it waits is not waited for', async () => {
    await using world = await start(short, users);
    const { alice, call, answered } = await timedTalk(world, { alice: { interval: 90, refresher: 'phone' } });
    const carol = await world.registered('1003');
    carol.habits.onInvite = 'ring';
    answered.refer('1003');
    world.run(1000);
    answered.hangUp();
    call.timer.stop();
    world.network.partition(alice.address);
    world.run(60_000);
    expect(carol.lastCall.state).toBe('over');
    expect(carol.log.at(-1)).toBe('CANCEL');
    world.settles();
  });

  test('in the middle of a refresh by re-INVITE is told of its new partner after it', async () => {
    await using world = await start(timers(600), users);
    const talking = await timedTalk(world, { alice: { interval: 300, refresher: 'exchange', method: 'INVITE' } });
    const { alice, call, answered } = talking;
    const carol = await world.registered('1003');
    carol.habits.onInvite = 'answer';
    alice.habits.agrees = false;
    while (call.waiting.length === 0) world.run(100);
    answered.refer('1003');
    world.run(500);
    expect(carol.lastCall.state).toBe('talking');
    call.agree(call.waiting.pop()!);
    alice.habits.agrees = true;
    news(call);
    world.run(500);
    expect(news(call)).toEqual(['INVITE']);
    expect(heardWhenBothSpeak(world, { alice, bob: carol, call, answered: carol.lastCall })).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });
});

test('an INVITE that takes the place of a phone with too short an interval is refused with 422 and is no call', async () => {
  await using world = await start(timers(600, 120), users);
  const { call, answered } = await timedTalk(world);
  const mobile = await world.registered('1002');
  mobile.habits.timer = { interval: 90, refresher: 'phone' };
  const taken = mobile.call('1002', { headers: { Replaces: answered.replaces('us') } });
  world.run(300);
  expect(taken.statuses).toEqual([422, 200]);
  expect(taken.timer.interval).toBe(120);
  expect(call.state).toBe('talking');
  world.run(200_000);
  expect(refreshes(world, 'phone')).toBe(3);
  taken.hangUp();
  world.settles();
  expect(world.cdrs).toHaveLength(2);
});

test('a refresh that is refused does not disturb a change that is on its way', async () => {
  await using world = await start(timers(600));
  const talking = await timedTalk(world, { alice: { interval: 300, refresher: 'exchange' } });
  const { alice, bob, call, answered } = talking;
  alice.habits.agrees = false;
  bob.habits.agrees = false;
  while (call.waiting.length === 0) world.run(100);
  const before = originOf(call.remoteSdp);
  call.reinvite({ direction: 'sendonly' });
  world.run(50);
  call.agree(call.waiting.pop()!, { status: 500 });
  world.run(50);
  answered.agree(answered.waiting.pop()!);
  world.run(100);
  expect(call.last.status).toBe(200);
  expect(originOf(call.remoteSdp).version).toBe(before.version + 1);
  alice.habits.agrees = true;
  bob.habits.agrees = true;
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice']);
  call.hangUp();
  world.settles();
});

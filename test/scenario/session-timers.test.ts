import { describe, expect, test } from 'vitest';
import { sessionIn, type TimerHabits } from '../world/phone-timer.ts';
import { directionIn, endsOf, heardWhenBothSpeak, originOf } from '../world/talk.ts';
import {
  fieldsOf,
  lastRequest,
  news,
  refreshes,
  requestsTo,
  start,
  timedTalk,
  timers,
  twoPhones,
} from '../world/timed-talk.ts';
import type { World } from '../world/world.ts';

describe.each(['caller', 'callee'] as const)('the %s knows session timers', (side) => {
  /** A call of which one phone has these habits: its end, and the call as the other phone sees it. */
  async function timed(world: World, habits: TimerHabits) {
    const talking = await timedTalk(world, side === 'caller' ? { alice: habits } : { bob: habits });
    const [{ call, phone }, { call: other }] = endsOf(talking, side);
    return { call, phone, other };
  }

  /** As `timed`, and the phone has crashed. */
  async function crashed(world: World, refresher: 'exchange' | 'phone') {
    const { call, phone, other } = await timed(world, { interval: 300, refresher });
    call.timer.stop();
    world.network.partition(phone.address);
    return other;
  }

  test.each(['UPDATE', 'INVITE'] as const)(
    'and refreshes by %s: the call goes on, the other phone notices nothing',
    async (method) => {
      await using world = await start(timers(600));
      const { call, other } = await timed(world, { interval: 300, refresher: 'phone', method });
      expect(call.timer).toMatchObject({ interval: 300, refresher: 'phone' });
      news(other);
      // What the phone offers in its first refresh may be less than we had offered: then that is said anew.
      world.run(200_000);
      const before = originOf(call.remoteSdp);
      world.run(800_000);
      // Every 150 s; the other phone knows no timers and is asked every 300 s whether it is there.
      expect(refreshes(world, 'phone')).toBe(6);
      expect(call.statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(6);
      expect(originOf(call.remoteSdp)).toEqual(before);
      expect(news(other)).toEqual(['OPTIONS', 'OPTIONS', 'OPTIONS']);
      call.hangUp();
      world.run(100);
      expect(world.cdrs).toMatchObject([{ status: 'completed', termination_reason: 'normal' }]);
      world.settles();
    },
  );

  test.each(['UPDATE', 'INVITE'] as const)(
    'and wants us to: refreshed by %s, without a change of the session',
    async (method) => {
      await using world = await start(timers(600));
      const { call } = await timed(world, { interval: 300, refresher: 'exchange', method });
      expect(call.timer).toMatchObject({ interval: 300, refresher: 'exchange' });
      const before = originOf(call.remoteSdp);
      news(call);
      world.run(151_000);
      const refresh = lastRequest(call, method);
      expect(sessionIn(refresh)).toEqual({ interval: 300, refresher: 'uac' });
      expect(refresh.headers.get('Supported')).toContain('timer');
      expect(refresh.body.length > 0).toBe(method === 'INVITE');
      world.run(849_000);
      expect(news(call)).toEqual(Array(6).fill(method));
      expect(originOf(call.remoteSdp)).toEqual(before);
      expect(refreshes(world, 'exchange')).toBe(6);
      call.hangUp();
      world.run(100);
      expect(world.cdrs).toMatchObject([{ status: 'completed', termination_reason: 'normal' }]);
      world.settles();
    },
  );

  test('and has no wish: we refresh, at our interval', async () => {
    await using world = await start(timers(600));
    const { call } = await timed(world, { interval: 1800 });
    expect(call.timer).toMatchObject({ interval: 600, refresher: 'exchange' });
    news(call);
    world.run(301_000);
    expect(news(call)).toEqual(['UPDATE']);
    call.hangUp();
    world.settles();
  });

  test('and crashes where it refreshes: the other phone is hung up on shortly before the session ends (RFC 4028 section 10)', async () => {
    await using world = await start(timers(300));
    const other = await crashed(world, 'phone');
    // 300 s less 32 s after its 2xx.
    world.run(267_500);
    expect(other.state).toBe('talking');
    world.run(600);
    expect(other.state).toBe('over');
    expect(lastRequest(other, 'BYE').headers.get('Reason')).toMatch(
      /^Q\.850;cause=102;text="The \w+'s session was not/,
    );
    expect(world.cdrs).toMatchObject([
      { status: 'completed', termination_reason: 'session_timeout', terminated_by: 'system', q850_cause: 102 },
    ]);
    world.settles();
  });

  test('and crashes where we refresh: its silence ends the call', async () => {
    await using world = await start(timers(300));
    const other = await crashed(world, 'exchange');
    world.run(181_500);
    expect(other.state).toBe('talking');
    // 150 s, and 32 s for the UPDATE.
    world.run(600);
    expect(other.state).toBe('over');
    expect(world.cdrs).toMatchObject([{ termination_reason: 'session_timeout', terminated_by: 'system' }]);
    world.settles();
  });

  test('and has lost the call: its 481 ends it at once', async () => {
    await using world = await start(timers(300));
    const { phone, other } = await timed(world, { interval: 300, refresher: 'exchange' });
    phone.reboot();
    world.run(150_500);
    expect(other.state).toBe('over');
    expect(phone.count('BYE')).toBe(0);
    expect(world.cdrs).toMatchObject([{ termination_reason: 'session_timeout', terminated_by: side }]);
    world.settles();
  });
});

describe('what the fields say (RFC 4028 section 9)', () => {
  test.each([
    [{ 'Session-Expires': '600' }, { 'Session-Expires': '600;refresher=uas' }],
    [{ 'Session-Expires': '600;refresher=uac', Supported: '100rel' }, { 'Session-Expires': '600;refresher=uas' }],
    [{ Supported: 'timer' }, { 'Session-Expires': '1800;refresher=uas', Require: 'timer' }],
    [
      { 'Session-Expires': '600;refresher=uac', Supported: 'timer' },
      { 'Session-Expires': '600;refresher=uac', Require: 'timer' },
    ],
    [
      { 'Session-Expires': '600;refresher=uac', Require: 'timer' },
      { 'Session-Expires': '600;refresher=uac', Require: 'timer' },
    ],
    [
      { 'Session-Expires': '9000;refresher=uas', Supported: 'timer' },
      { 'Session-Expires': '1800;refresher=uas', Require: 'timer' },
    ],
    [{}, {}],
    [{ 'Session-Expires': 'never' }, {}],
  ])('an INVITE with %j is answered with %j', async (asked, said) => {
    await using world = await start();
    const { alice, bob } = await twoPhones(world, {});
    bob.habits.onInvite = 'answer';
    const call = alice.call('1002', { headers: asked });
    world.run(100);
    expect(call.last.status).toBe(200);
    expect(fieldsOf(call.last)).toEqual(said);
    call.hangUp();
    world.settles();
  });

  test('each phone has a timer of its own: neither is told the interval of the other', async () => {
    await using world = await start(timers(900));
    const { call, answered } = await timedTalk(world, {
      alice: { interval: 300, refresher: 'phone' },
      bob: { interval: 500, refresher: 'exchange' },
    });
    expect(sessionIn(answered.invite)).toEqual({ interval: 900, refresher: null });
    expect(call.timer).toMatchObject({ interval: 300, refresher: 'phone' });
    expect(answered.timer).toMatchObject({ interval: 500, refresher: 'exchange' });
    world.run(2_000_000);
    expect([refreshes(world, 'phone'), refreshes(world, 'exchange')]).toEqual([13, 8]);
    call.hangUp();
    world.settles();
  });

  test('with session_expires 0 there are none: not offered, not granted, not required, and nobody is asked', async () => {
    await using world = await start({ sip: { timers: { session_expires: 0 } } });
    const { alice, bob, call, answered } = await timedTalk(world, { alice: { interval: 90 } });
    expect(fieldsOf(answered.invite)).toEqual({});
    expect(answered.invite.headers.get('Supported')).not.toContain('timer');
    expect(fieldsOf(call.last)).toEqual({});
    news(answered);
    world.run(7_200_000);
    expect([...news(answered), ...news(call)]).toEqual([]);
    call.hangUp();
    const required = alice.call('1002', { headers: { Require: 'timer' } });
    world.run(100);
    expect(required.last.status).toBe(420);
    expect(requestsTo(bob, 'INVITE')).toHaveLength(1);
    world.settles();
  });
});

describe('a change of the session', () => {
  test('refreshes both sessions, each with what its phone has agreed on', async () => {
    await using world = await start(timers(600));
    const { call, answered } = await timedTalk(world, {
      alice: { interval: 300, refresher: 'phone', method: 'INVITE' },
      bob: { interval: 400, refresher: 'phone' },
    });
    world.run(100_000);
    call.reinvite({ direction: 'sendonly' });
    world.run(100);
    expect(directionIn(answered.remoteSdp)).toBe('sendonly');
    expect(sessionIn(lastRequest(answered, 'INVITE'))).toEqual({ interval: 400, refresher: 'uas' });
    expect(sessionIn(call.last)).toEqual({ interval: 300, refresher: 'uac' });
    expect(call.timer).toMatchObject({ interval: 300, refresher: 'phone' });
    expect(answered.timer).toMatchObject({ interval: 400, refresher: 'phone' });
    call.hangUp();
    world.settles();
  });

  test('a refresh without an offer is passed on for one, and refreshes', async () => {
    await using world = await start(timers(600));
    const { call, answered } = await timedTalk(world, { alice: { interval: 300, refresher: 'phone' } });
    call.timer.stop();
    for (let turn = 0; turn < 4; turn++) {
      world.run(200_000);
      call.reinvite({ sdp: null });
      world.run(100);
      expect(call.last.status).toBe(200);
      expect(sessionIn(call.last)).toEqual({ interval: 300, refresher: 'uac' });
      call.timer.stop();
    }
    expect(answered.state).toBe('talking');
    call.hangUp();
    world.settles();
  });

  test.each(['UPDATE', 'INVITE'] as const)('a hold outlives refreshes of either side by %s', async (method) => {
    await using world = await start(timers(600));
    const talking = await timedTalk(world, {
      alice: { interval: 300, refresher: 'phone', method },
      bob: { interval: 300, refresher: 'exchange', method },
    });
    const { call, answered } = talking;
    answered.reinvite({ direction: 'sendonly' });
    world.run(100);
    call.timer.stop();
    call.reinvite({ direction: 'recvonly' });
    world.run(100);
    const before = [call, answered].map(({ remoteSdp }) => [directionIn(remoteSdp), originOf(remoteSdp)]);
    expect(before.map(([direction]) => direction)).toEqual(['sendonly', 'recvonly']);
    world.run(1_000_000);
    expect(refreshes(world, 'phone')).toBeGreaterThan(5);
    expect(refreshes(world, 'exchange')).toBeGreaterThan(5);
    expect([call, answered].map(({ remoteSdp }) => [directionIn(remoteSdp), originOf(remoteSdp)])).toEqual(before);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['bob']);
    answered.reinvite();
    world.run(100);
    call.reinvite();
    world.run(100);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });

  test('the answer to a refresh of ours may be another than the last: it counts', async () => {
    await using world = await start(timers(600));
    const talking = await timedTalk(world, { bob: { interval: 300, refresher: 'exchange', method: 'INVITE' } });
    const { bob, call, answered } = talking;
    bob.habits.agrees = false;
    world.run(150_500);
    answered.agree(answered.waiting.pop()!, { direction: 'sendonly' });
    world.run(100);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['bob']);
    bob.habits.agrees = true;
    call.hangUp();
    world.settles();
  });

  test('that crosses a refresh of ours is made, and the refresh too', async () => {
    await using world = await start(timers(600), { network: { delay: { min: 20, max: 20 } } });
    const talking = await timedTalk(world, { bob: { interval: 300, refresher: 'exchange', method: 'INVITE' } });
    const { bob, answered, call } = talking;
    bob.habits.agrees = false;
    while (answered.requests.at(-1)?.method !== 'INVITE' || answered.requests.length < 3) world.run(10);
    answered.reinvite({ direction: 'sendonly' });
    const [refresh] = answered.waiting.splice(0);
    answered.agree(refresh!, { status: 491 });
    world.run(100);
    bob.habits.agrees = true;
    // Ours has crossed it: the phone is told 491 as well, and tries again first.
    expect(answered.last.status).toBe(491);
    answered.reinvite({ direction: 'sendonly' });
    world.run(5000);
    expect(answered.last.status).toBe(200);
    expect(refreshes(world, 'exchange')).toBe(1);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['bob']);
    call.hangUp();
    world.settles();
  });
});

describe('a refresh that is refused', () => {
  test('is tried again by INVITE, and the phone is not asked by UPDATE any more', async () => {
    await using world = await start(timers(600));
    const { bob, call, answered } = await timedTalk(world, { bob: { interval: 400, refresher: 'exchange' } });
    bob.habits.agrees = false;
    news(answered);
    world.run(200_500);
    answered.agree(answered.waiting.pop()!, { status: 501 });
    bob.habits.agrees = true;
    // Half of what is left of 400 - 32 s.
    world.run(84_500);
    expect(news(answered)).toEqual(['UPDATE', 'INVITE']);
    world.run(200_000);
    expect(news(answered)).toEqual(['INVITE']);
    call.hangUp();
    world.settles();
  });

  test('and again and again leaves the session to run out', async () => {
    await using world = await start(timers(600));
    const { bob, call, answered } = await timedTalk(world, { bob: { interval: 400, refresher: 'exchange' } });
    bob.habits.agrees = false;
    answered.timer.stop();
    let tries = 0;
    const refusing = (ms: number): void => {
      for (let waited = 0; waited < ms; waited += 100) {
        world.run(100);
        for (const transaction of answered.waiting.splice(0)) {
          tries++;
          answered.agree(transaction, { status: 488 });
        }
      }
    };
    refusing(367_500);
    expect(call.state).toBe('talking');
    bob.habits.agrees = true;
    world.run(600);
    expect(call.state).toBe('over');
    expect(tries).toBe(6);
    expect(world.cdrs).toMatchObject([{ status: 'completed', termination_reason: 'session_timeout' }]);
    world.settles();
  });

  test('with 408 ends the call', async () => {
    await using world = await start(timers(600));
    const { bob, call, answered } = await timedTalk(world, { bob: { interval: 400, refresher: 'exchange' } });
    bob.habits.agrees = false;
    world.run(200_500);
    answered.agree(answered.waiting.pop()!, { status: 408 });
    bob.habits.agrees = true;
    world.run(100);
    expect([call.state, answered.state]).toEqual(['over', 'over']);
    expect(world.cdrs).toMatchObject([{ termination_reason: 'session_timeout', terminated_by: 'system' }]);
    world.settles();
  });
});

describe('a bad network', () => {
  test.each([1, 2, 3, 4, 5])('loses refreshes, but no call (seed %d)', async (seed) => {
    await using world = await start(timers(600), { seed, network: { loss: 0.25, delay: { min: 5, max: 50 } } });
    const [alice, bob] = [await world.phone('1001'), await world.phone('1002')];
    for (const phone of [alice, bob]) phone.register();
    alice.habits.timer = { interval: 300, refresher: 'phone' };
    bob.habits.timer = { interval: 300, refresher: 'exchange', method: 'INVITE' };
    bob.habits.onInvite = 'answer';
    world.run(40_000);
    const call = alice.call('1002');
    world.run(1_800_000);
    expect(call.state).toBe('talking');
    expect(refreshes(world, 'phone')).toBeGreaterThan(9);
    expect(refreshes(world, 'exchange')).toBeGreaterThan(9);
    call.hangUp();
    world.settles();
  });

  test('is away for a while: a refresh that sets out meanwhile arrives', async () => {
    await using world = await start(timers(600));
    const { bob, call, answered } = await timedTalk(world, { bob: { interval: 300, refresher: 'exchange' } });
    world.run(149_000);
    world.network.partition(bob.address);
    world.run(20_000);
    world.network.heal(bob.address);
    world.run(20_000);
    expect(refreshes(world, 'exchange')).toBe(1);
    expect(answered.state).toBe('talking');
    call.hangUp();
    world.settles();
  });
});

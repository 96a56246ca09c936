import { describe, expect, test } from 'vitest';
import { type Log, silentLog } from '../../src/base/index.ts';
import { heardWhenBothSpeak, type Talk } from '../world/talk.ts';
import { news, start, timedTalk, timers, twoPhones } from '../world/timed-talk.ts';
import type { World } from '../world/world.ts';

/** A log that keeps its warnings. */
function complaining(): { readonly log: Log; readonly complaints: readonly string[] } {
  const complaints: string[] = [];
  const log: Log = { ...silentLog, warning: (text) => void complaints.push(text), child: () => log };
  return { log, complaints };
}

describe('a phone that knows no session timers', () => {
  const withAllow = async (world: World, allow: string | null): Promise<Talk> => {
    const phones = await twoPhones(world, {});
    const call = phones.alice.call('1002');
    world.run(100);
    const answered = phones.bob.lastCall;
    answered.answer(200, allow === null ? {} : { headers: { Allow: allow } });
    world.run(100);
    news(answered);
    return { ...phones, call, answered };
  };

  test.each([
    [null, 'OPTIONS'],
    ['INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE', 'UPDATE'],
    ['INVITE, ACK, BYE, CANCEL, OPTIONS', 'OPTIONS'],
    ['INVITE, ACK, BYE, CANCEL', 'INVITE'],
  ])('and allows %s is asked whether it is there by %s, every half of session_expires', async (allow, method) => {
    await using world = await start(timers(600));
    const { call, answered } = await withAllow(world, allow);
    world.run(301_000);
    expect(news(answered)).toEqual([method]);
    world.run(600_000);
    expect(news(answered)).toEqual([method, method]);
    expect(call.state).toBe('talking');
    call.hangUp();
    world.settles();
  });

  test.each([400, 405, 491, 500, 603])('is alive as long as it answers, be it with %d', async (status) => {
    await using world = await start(timers(600));
    const { bob, call, answered } = await withAllow(world, null);
    bob.habits.agrees = false;
    for (let turn = 0; turn < 5; turn++) {
      world.run(300_000);
      for (const transaction of answered.waiting.splice(0)) answered.agree(transaction, { status });
    }
    world.run(40_000);
    expect(call.state).toBe('talking');
    bob.habits.agrees = true;
    call.hangUp();
    world.settles();
  });

  test('and has rebooted is found: the other is hung up on', async () => {
    await using world = await start(timers(600));
    const { bob, call } = await withAllow(world, null);
    bob.reboot();
    world.run(299_000);
    expect(call.state).toBe('talking');
    world.run(1100);
    expect(call.state).toBe('over');
    expect(bob.count('BYE')).toBe(0);
    expect(world.cdrs).toMatchObject([
      { status: 'completed', termination_reason: 'session_timeout', terminated_by: 'callee' },
    ]);
    world.settles();
  });

  test('and is gone is found by its silence', async () => {
    const { log, complaints } = complaining();
    await using world = await start(timers(600), { log });
    const talking = await withAllow(world, null);
    const { bob, call } = talking;
    heardWhenBothSpeak(world, talking);
    world.network.partition(bob.address);
    world.run(331_000);
    expect(call.state).toBe('talking');
    world.run(1500);
    expect(call.state).toBe('over');
    expect(complaints).toEqual(['session expired']);
    expect(world.cdrs).toMatchObject([{ termination_reason: 'session_timeout', terminated_by: 'system' }]);
    world.settles();
  });

  test('and lets a re-INVITE ring and is gone is found by its silence all the same', async () => {
    await using world = await start(timers(600));
    const { bob, call, answered } = await withAllow(world, 'INVITE, ACK, BYE, CANCEL');
    bob.habits.agrees = false;
    world.run(300_000);
    answered.agree(answered.waiting.pop()!, { status: 180 });
    world.run(100);
    world.network.partition(bob.address);
    world.run(299_000);
    expect(call.state).toBe('talking');
    world.run(33_000);
    expect(call.state).toBe('over');
    expect(world.cdrs).toMatchObject([{ termination_reason: 'session_timeout' }]);
    world.settles();
  });

  test('and is gone, of which nobody is told who has hung up before that was found', async () => {
    const { log, complaints } = complaining();
    await using world = await start(timers(600), { log });
    const talking = await withAllow(world, null);
    const { bob, call } = talking;
    heardWhenBothSpeak(world, talking);
    world.network.partition(bob.address);
    world.run(310_000);
    call.hangUp();
    world.settles();
    expect(complaints).toEqual([]);
    expect(world.cdrs).toMatchObject([{ termination_reason: 'normal', terminated_by: 'caller' }]);
  });

  test('learns of them in the middle of the call: from then on they count', async () => {
    await using world = await start(timers(600));
    const { bob, call, answered } = await withAllow(world, null);
    bob.habits.timer = { interval: 200, refresher: 'phone' };
    answered.update({ sdp: null });
    world.run(100);
    expect(answered.timer).toMatchObject({ interval: 200, refresher: 'phone' });
    answered.timer.stop();
    world.run(200_000);
    expect(call.state).toBe('over');
    world.settles();
  });

  test('forgets them in the middle of the call: from then on it is asked', async () => {
    await using world = await start(timers(600));
    const { bob, call, answered } = await timedTalk(world, { bob: { interval: 200, refresher: 'exchange' } });
    bob.habits.timer = null;
    answered.timer.stop();
    news(answered);
    world.run(101_000);
    expect(news(answered)).toEqual(['UPDATE']);
    world.run(600_000);
    expect(news(answered)).toEqual(['UPDATE', 'UPDATE']);
    expect(call.state).toBe('talking');
    call.hangUp();
    world.settles();
  });
});

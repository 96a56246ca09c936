import { describe, expect, test } from 'vitest';
import type { Phone } from '../world/phone.ts';
import { registeredAtLast } from '../world/talk.ts';
import { World } from '../world/world.ts';

const seeds = Array.from({ length: 12 }, (_, index) => index + 1);
const bad = { loss: 0.2, duplicate: 0.05, delay: { min: 5, max: 80 } };

/** Every INVITE of the phone has had one final response and no other. */
function finalsOf(phone: Phone): readonly (readonly number[])[] {
  const finals = new Map<string, Set<number>>();
  for (const message of phone.heard) {
    if (message.kind !== 'response' || message.cseq.method !== 'INVITE' || message.status < 200) continue;
    const key = `${message.callId} ${message.cseq.number}`;
    finals.set(key, (finals.get(key) ?? new Set()).add(message.status));
  }
  return [...finals.values()].map((statuses) => [...statuses]);
}

describe('a fifth of all datagrams is lost, others come twice or too late', () => {
  test.each(seeds)('answered and hung up by the caller: one call, one record (seed %i)', async (seed) => {
    await using world = await World.start({ seed, network: bad });
    const alice = await registeredAtLast(world, '1001');
    const bob = await registeredAtLast(world, '1002');
    bob.habits.onInvite = 'ring';
    const call = alice.call('1002');
    world.run(10_000);
    const ringing = bob.lastCall;
    ringing.answer(200);
    world.run(20_000);
    call.hangUp();
    world.settles();
    expect(bob.calls).toHaveLength(1);
    expect(world.cdrs).toMatchObject([
      { caller: '1001', callee: '1002', terminated_by: 'caller', status: 'completed' },
    ]);
    expect(finalsOf(alice).every((statuses) => statuses.length === 1)).toBe(true);
    expect(ringing.state).toBe('over');
  });

  test.each(seeds)('two phones ring, one answers, the callee hangs up (seed %i)', async (seed) => {
    await using world = await World.start({ seed: 120 + seed, network: bad });
    const alice = await registeredAtLast(world, '1001');
    const [desk, mobile] = [await registeredAtLast(world, '1002'), await registeredAtLast(world, '1002')];
    for (const phone of [desk, mobile]) phone.habits.onInvite = 'ring';
    alice.call('1002');
    world.run(10_000);
    desk.lastCall.answer(200);
    world.run(20_000);
    desk.lastCall.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'callee', callee_ip: desk.address }]);
    expect(mobile.lastCall.state).toBe('over');
    expect(finalsOf(alice).every((statuses) => statuses.length === 1)).toBe(true);
  });

  test.each(seeds)('given up by the caller at any moment (seed %i)', async (seed) => {
    await using world = await World.start({ seed: 200 + seed, network: bad });
    const alice = await registeredAtLast(world, '1001');
    const bob = await registeredAtLast(world, '1002');
    bob.habits.onInvite = seed % 2 === 0 ? 'ring' : 'answer';
    const call = alice.call('1002');
    world.run(world.random.below(4000));
    call.cancel();
    world.run(60_000);
    if (call.state === 'talking') call.hangUp();
    world.settles();
    expect(world.cdrs.length).toBeLessThanOrEqual(1);
    expect(world.events.filter(({ type }) => type === 'call.started')).toHaveLength(world.cdrs.length);
    expect(finalsOf(alice).every((statuses) => statuses.length === 1)).toBe(true);
  });
});

import { describe, expect, test } from 'vitest';
import { heardWhenBothSpeak, ringing, talk } from '../world/talk.ts';
import { talkBesideCarol, talkTogether, threeUsers } from '../world/transfer-talk.ts';
import { World } from '../world/world.ts';

describe('an INVITE that takes the place of another dialog (RFC 3891)', () => {
  test('picks up what rings at another phone, which is told that this has been done', async () => {
    await using world = await World.start(threeUsers);
    const { alice, bob, call } = await ringing(world);
    const carol = await world.registered('1003');
    // As a lamp shows it: the tag of bob's phone first.
    const picked = carol.call('1002', { headers: { Replaces: bob.lastCall.replaces('us') } });
    world.run(200);
    expect(picked.statuses).toEqual([200]);
    expect(call.statuses).toEqual([180, 200]);
    expect(bob.log.at(-1)).toBe('CANCEL');
    expect(talkTogether(world, alice, call, carol, picked)).toEqual(['alice', 'bob']);
    picked.hangUp();
    world.run(100);
    expect(alice.log.at(-1)).toBe('BYE');
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed', callee: '1002', callee_ip: carol.address }]);
  });

  test('**1002 picks up what rings at 1002; nothing rings: 480', async () => {
    await using world = await World.start(threeUsers);
    const alice = await world.registered('1001');
    const bob = await world.registered('1002');
    const carol = await world.registered('1003');
    const vain = carol.call('**1002');
    world.run(100);
    expect(vain.statuses).toEqual([480]);
    bob.habits.onInvite = 'ring';
    const call = alice.call('1002');
    world.run(100);
    const picked = carol.call('**1002');
    world.run(200);
    expect(picked.statuses).toEqual([200]);
    expect(talkTogether(world, alice, call, carol, picked)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
    expect(world.cdrs).toHaveLength(1);
  });

  test('replaces one side of an answered call: the other is told, the one replaced is hung up on', async () => {
    await using world = await World.start(threeUsers);
    const { alice, bob, call, answered } = await talk(world);
    const mobile = await world.registered('1002');
    const taken = mobile.call('1002', { headers: { Replaces: answered.replaces('us') } });
    world.run(300);
    expect(taken.statuses).toEqual([200]);
    expect(bob.log.at(-1)).toBe('BYE');
    expect(talkTogether(world, alice, call, mobile, taken)).toEqual(['alice', 'bob']);
    const told = call.requests.findLast(({ method }) => method === 'INVITE');
    expect(told?.headers.get('P-Asserted-Identity')).toBe('<sip:1002@10.0.0.1>');
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([
      { status: 'completed', terminated_by: 'system' },
      { status: 'completed', caller: '1002', callee: '1001' },
    ]);
  });

  test('early-only does not replace an answered call (486), an unknown dialog is 481, a caller that is not answered 481', async () => {
    await using world = await World.start(threeUsers);
    const { alice, bob, carol, call, answered } = await talkBesideCarol(world);
    const early = carol.call('1002', { headers: { Replaces: `${answered.replaces('us')};early-only` } });
    const unknown = carol.call('1002', { headers: { Replaces: 'nobody;to-tag=1;from-tag=2' } });
    world.run(200);
    expect(early.statuses).toEqual([486]);
    expect(unknown.statuses).toEqual([481]);
    expect(heardWhenBothSpeak(world, { alice, bob, call, answered })).toEqual(['alice', 'bob']);
    call.hangUp();
    world.run(100);
    bob.habits.onInvite = 'ring';
    const second = alice.call('1002');
    world.run(100);
    const wrong = carol.call('1002', { headers: { Replaces: second.replaces('us') } });
    world.run(100);
    expect(wrong.statuses).toEqual([481]);
    second.cancel();
    world.settles();
  });
});

import { describe, expect, test } from 'vitest';
import { readDialogInfo } from '../support/dialog-info.ts';
import { readPresence } from '../support/presence-document.ts';
import { story, unsubscribe } from '../world/lamp.ts';
import type { PhoneWatch } from '../world/phone-watch.ts';
import { called, forked, pendingHold, ringing, talk } from '../world/talk.ts';
import { exchangeIp, World } from '../world/world.ts';

const users = ['1001', '1002', '1003'];

/** A phone of 1003 that watches the calls of somebody. */
async function lampOf(world: World, number: string): Promise<PhoneWatch> {
  const carol = await world.phone('1003');
  const watch = carol.subscribe(number, 'dialog', { expires: 3600 });
  world.run(100);
  return watch;
}

/** What has been told, without repeating. */
const changes = (watch: PhoneWatch): readonly string[] => story(watch).filter((state, i, all) => state !== all[i - 1]);

const shown = (watch: PhoneWatch) => readDialogInfo(watch.last.body).dialogs;

describe('a lamp follows the calls of an extension', () => {
  test('that is called: it rings, is answered, is hung up on', async () => {
    await using world = await World.start({ users });
    const watch = await lampOf(world, '1002');
    const { bob, call } = await ringing(world);
    const rings = bob.lastCall;
    expect(shown(watch)).toMatchObject([
      {
        direction: 'recipient',
        state: 'early',
        local: `sip:1002@${exchangeIp}`,
        remote: `sip:1001@${exchangeIp}`,
        // What another phone needs to pick the call up (RFC 3891 §4): tags as the ringing phone knows them.
        callId: rings.callId,
        localTag: rings.localTag,
        remoteTag: rings.remoteTag,
      },
    ]);
    world.run(5000);
    rings.answer(200);
    world.run(5000);
    call.hangUp();
    world.run(5000);
    expect(changes(watch).slice(-3)).toEqual(['early', 'confirmed', 'terminated']);
    unsubscribe(world, watch);
    world.settles();
  });

  test('that calls: from dialling on', async () => {
    await using world = await World.start({ users });
    const watch = await lampOf(world, '1001');
    const { bob, call } = await called(world);
    expect(shown(watch)).toMatchObject([{ direction: 'initiator', state: 'trying', remote: `sip:1002@${exchangeIp}` }]);
    bob.lastCall.answer(180);
    world.run(2000);
    expect(shown(watch)).toMatchObject([
      { state: 'early', callId: call.callId, localTag: call.localTag, remoteTag: call.remoteTag },
    ]);
    bob.lastCall.answer(486);
    world.run(2000);
    expect(changes(watch)).toEqual(['terminated', 'trying', 'early', 'terminated']);
    unsubscribe(world, watch);
    world.settles();
  });

  test('at two phones: one dialog for each that rings, then that of the one that answers', async () => {
    await using world = await World.start({ users });
    const watch = await lampOf(world, '1002');
    const { desk, mobile, call } = await forked(world);
    desk.lastCall.answer(180);
    mobile.lastCall.answer(180);
    world.run(2000);
    expect(new Set(shown(watch).map(({ callId }) => callId))).toEqual(
      new Set([desk.lastCall.callId, mobile.lastCall.callId]),
    );
    mobile.lastCall.answer(200);
    world.run(4000);
    expect(shown(watch)).toMatchObject([{ state: 'confirmed', callId: mobile.lastCall.callId }]);
    call.hangUp();
    world.run(2000);
    expect(changes(watch).at(-1)).toBe('terminated');
    unsubscribe(world, watch);
    world.settles();
  });

  test('that puts the other on hold: the lamp shows it', async () => {
    await using world = await World.start({ users });
    const watch = await lampOf(world, '1001');
    const { call, answered } = await talk(world);
    world.run(5000);
    expect(shown(watch)).toMatchObject([{ state: 'confirmed', held: false }]);
    call.reinvite({ direction: 'sendonly' });
    world.run(5000);
    expect(shown(watch)).toMatchObject([{ state: 'confirmed', held: true }]);
    call.reinvite();
    world.run(5000);
    expect(shown(watch)).toMatchObject([{ state: 'confirmed', held: false }]);
    answered.hangUp();
    world.run(5000);
    expect(changes(watch).at(-1)).toBe('terminated');
    unsubscribe(world, watch);
    world.settles();
  });

  test('that is given up, or whose phone crashes while something is asked of it', async () => {
    await using world = await World.start({ users });
    const watch = await lampOf(world, '1002');
    const { call } = await ringing(world);
    call.cancel();
    world.run(5000);
    expect(changes(watch).at(-1)).toBe('terminated');
    unsubscribe(world, watch);
    world.settles();

    await using crash = await World.start({ users });
    const other = await lampOf(crash, '1002');
    const { bob } = await pendingHold(crash);
    crash.network.partition(bob.address);
    crash.run(200_000);
    expect(changes(other).at(-1)).toBe('terminated');
    unsubscribe(crash, other);
    crash.settles();
  });

  test('when the exchange ends all calls', async () => {
    await using world = await World.start({ users });
    const watch = await lampOf(world, '1002');
    await talk(world);
    world.run(5000);
    world.exchange.calls.shutDown();
    world.run(5000);
    expect(changes(watch)).toEqual(expect.arrayContaining(['confirmed', 'terminated']));
    expect(changes(watch).at(-1)).toBe('terminated');
    unsubscribe(world, watch);
    world.settles();
  });
});

test('presence tells that somebody speaks, and that he does no more', async () => {
  await using world = await World.start({ users });
  const carol = await world.phone('1003');
  const watch = carol.subscribe('1002', 'presence', { expires: 3600 });
  const { call } = await talk(world);
  world.run(10_000);
  expect(readPresence(watch.last.body).activities).toEqual(['on-the-phone']);
  call.hangUp();
  world.run(10_000);
  expect(readPresence(watch.last.body)).toMatchObject({ tuples: [{ basic: 'open' }], activities: [] });
  unsubscribe(world, watch);
  world.settles();
});

test.each(['ws', 'wss'] as const)(
  'a phone in a browser watches over %s, until its connection ends',
  async (transport) => {
    await using world = await World.start({ users });
    const carol = await world.phone('1003', { transport });
    const watch = carol.subscribe('1002', 'dialog');
    world.run(100);
    const { call } = await talk(world);
    world.run(3000);
    expect(changes(watch).at(-1)).toBe('confirmed');
    world.network.disconnect(carol.address);
    world.run(100);
    expect(world.exchange.notifier.count).toBe(0);
    call.hangUp();
    world.settles();
  },
);

describe('what a lamp shows', () => {
  test('is enough to pick the call up: by an INVITE that replaces the dialog it names (RFC 3891 section 4.1)', async () => {
    await using world = await World.start({ users });
    const watch = await lampOf(world, '1002');
    const { bob, call } = await ringing(world);
    const [{ callId, localTag, remoteTag } = {}] = shown(watch);
    const carol = world.phones.find(({ number }) => number === '1003')!;
    const Replaces = `${callId};to-tag=${localTag};from-tag=${remoteTag};early-only`;
    const picked = carol.call('1002', { headers: { Replaces } });
    world.run(5000);
    expect(picked.statuses).toEqual([200]);
    expect(call.statuses.at(-1)).toBe(200);
    expect(bob.log.at(-1)).toBe('CANCEL');
    expect(changes(watch).at(-1)).toBe('terminated');
    picked.hangUp();
    unsubscribe(world, watch);
    world.settles();
  });

  test('after a transfer is the new partner of the one who was transferred', async () => {
    await using world = await World.start({ users: [...users, '1004'] });
    const watch = await lampOf(world, '1001');
    const { call, answered } = await talk(world);
    const dave = await world.registered('1004');
    dave.habits.onInvite = 'answer';
    answered.refer('1004');
    world.run(5000);
    expect(shown(watch)).toMatchObject([{ state: 'confirmed', remote: `sip:1004@${exchangeIp}` }]);
    call.hangUp();
    world.run(5000);
    expect(changes(watch).at(-1)).toBe('terminated');
    unsubscribe(world, watch);
    world.settles();
  });
});

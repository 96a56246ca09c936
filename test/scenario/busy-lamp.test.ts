import { describe, expect, test } from 'vitest';
import { readDialogInfo } from '../support/dialog-info.ts';
import { leg } from '../support/legs.ts';
import { callEnds, lamp, story, unsubscribe } from '../world/lamp.ts';
import type { PhoneWatch } from '../world/phone-watch.ts';
import { exchangeIp, World } from '../world/world.ts';

/** What the last NOTIFY says. */
const shown = (watch: PhoneWatch) => readDialogInfo(watch.last.body);

describe('a busy lamp (RFC 6665, RFC 4235)', () => {
  test('is granted, and told at once that nobody speaks: with a <dialog>, since some lamps need one', async () => {
    await using world = await World.start();
    const watch = await lamp(world);
    expect(watch.statuses).toEqual([200]);
    expect(watch.response?.headers.get('Expires')).toBe('600');
    expect(watch.response?.headers.get('Allow-Events')).toBe('dialog, presence, message-summary');
    expect(watch.response?.headers.get('Contact')).toBe(`<sip:1002@${exchangeIp}:5060>`);
    expect(watch.last).toMatchObject({
      state: 'active',
      reason: null,
      expires: 600,
      contentType: 'application/dialog-info+xml',
    });
    expect(watch.last.request.headers.get('Event')).toBe('dialog');
    expect(watch.last.request.headers.get('Contact')).toBe(`<sip:1002@${exchangeIp}:5060>`);
    expect(watch.last.request.uriText).toBe(`sip:1001@${watch.phone.address}:5060`);
    expect(shown(watch)).toEqual({
      version: 0,
      state: 'full',
      entity: `sip:1002@${exchangeIp}`,
      dialogs: [expect.objectContaining({ id: '1002', state: 'terminated', callId: null, remote: null })],
    });
    unsubscribe(world, watch);
    world.settles();
  });

  test('follows a call: what is needed to pick it up stands there as the ringing phone knows it', async () => {
    await using world = await World.start();
    const watch = await lamp(world);
    leg(world, 'early');
    world.run(100);
    expect(shown(watch)).toEqual({
      version: 1,
      state: 'full',
      entity: `sip:1002@${exchangeIp}`,
      dialogs: [
        {
          id: 'leg1',
          callId: 'abc@pbx',
          localTag: 'phones',
          remoteTag: 'ours',
          direction: 'recipient',
          state: 'early',
          local: `sip:1002@${exchangeIp}`,
          remote: `sip:1001@${exchangeIp}`,
          remoteName: 'Alice',
          held: false,
        },
      ],
    });
    world.run(3000);
    leg(world, 'confirmed', { onHold: true });
    world.run(100);
    expect(shown(watch)).toMatchObject({ version: 2, dialogs: [{ id: 'leg1', state: 'confirmed', held: true }] });
    world.run(3000);
    leg(world, 'terminated');
    world.run(100);
    expect(shown(watch)).toMatchObject({ version: 3, dialogs: [{ id: '1002', state: 'terminated' }] });
    expect(watch.notifications.map(({ cseq }) => cseq)).toEqual([1, 2, 3, 4]);
    unsubscribe(world, watch);
    world.settles();
  });

  test('shows every call of the extension, and goes on when one of them ends', async () => {
    await using world = await World.start();
    const watch = await lamp(world);
    leg(world, 'confirmed');
    leg(world, 'early', { legId: 'leg2', remote: { number: '1003', displayName: null } });
    world.run(100);
    expect(shown(watch).dialogs).toMatchObject([
      { id: 'leg1', state: 'confirmed', remote: `sip:1001@${exchangeIp}` },
      { id: 'leg2', state: 'early', remote: `sip:1003@${exchangeIp}`, remoteName: null },
    ]);
    leg(world, 'terminated');
    world.run(1100);
    expect(shown(watch).dialogs).toMatchObject([{ id: 'leg2', state: 'early' }]);
    leg(world, 'terminated', { legId: 'leg2' });
    world.run(1100);
    expect(story(watch)).toEqual(['terminated', 'confirmed early', 'early', 'terminated']);
    unsubscribe(world, watch);
    world.settles();
  });

  test('of another extension is not told of the call', async () => {
    await using world = await World.start({ users: ['1001', '1002', '1003'] });
    const watch = await lamp(world);
    leg(world, 'confirmed', { extension: '1003' });
    world.run(5000);
    leg(world, 'terminated', { extension: '1003' });
    world.run(5000);
    expect(watch.notifications).toHaveLength(1);
    unsubscribe(world, watch);
    world.settles();
  });

  test('names may hold what XML gives a meaning to', async () => {
    await using world = await World.start();
    const watch = await lamp(world);
    leg(world, 'early', { remote: { number: '1001', displayName: 'R&D <"Zoë\'s">\u0000\ud800 ☎' } });
    world.run(100);
    expect(shown(watch).dialogs[0]?.remoteName).toBe('R&D <"Zoë\'s"> ☎');
    callEnds(world, watch);
  });

  test('is told the state of the moment when the NOTIFY leaves, not every step: three at once, then one a second', async () => {
    await using world = await World.start();
    const watch = await lamp(world);
    world.run(10_000);
    for (let turn = 0; turn < 40; turn++) {
      leg(world, turn % 2 === 0 ? 'early' : 'confirmed');
      world.run(100);
    }
    world.run(2000);
    // 3 that may follow each other closely, 4 s with one in each, and the last state.
    expect(watch.notifications.length - 1).toBeGreaterThanOrEqual(6);
    expect(watch.notifications.length - 1).toBeLessThanOrEqual(8);
    expect(story(watch).at(-1)).toBe('confirmed');
    callEnds(world, watch);
  });

  test('what begins and ends in one moment is told once', async () => {
    await using world = await World.start();
    const watch = await lamp(world);
    for (const state of ['trying', 'early', 'confirmed'] as const) leg(world, state);
    world.run(100);
    expect(story(watch)).toEqual(['terminated', 'confirmed']);
    callEnds(world, watch);
  });
});

describe('the life of a subscription', () => {
  test('a refresh prolongs it and is answered with the whole state', async () => {
    await using world = await World.start();
    const watch = await lamp(world);
    world.run(500_000);
    watch.subscribe();
    world.run(100);
    expect(watch.statuses).toEqual([200, 200]);
    expect(watch.last).toMatchObject({ state: 'active', expires: 600 });
    expect(shown(watch)).toMatchObject({ version: 1, dialogs: [{ state: 'terminated' }] });
    world.run(500_000);
    expect(world.leftovers()['subscriptions']).toBe(1);
    leg(world, 'early');
    world.run(100);
    expect(watch.last).toMatchObject({ state: 'active', expires: 100 });
    leg(world, 'terminated');
    world.run(200_000);
    world.settles();
  });

  test('it expires: the watcher is told, and a later refresh gets 481', async () => {
    await using world = await World.start();
    const watch = await lamp(world);
    world.run(599_000);
    expect(watch.notifications).toHaveLength(1);
    world.run(1000);
    expect(watch.last).toMatchObject({ state: 'terminated', reason: 'timeout', expires: null });
    expect(watch.last.body).toContain('<dialog ');
    watch.subscribe();
    world.run(100);
    expect(watch.statuses).toEqual([200, 481]);
    world.settles();
    expect(watch.notifications).toHaveLength(2);
  });

  test('Expires 0 within it ends it, with a last NOTIFY', async () => {
    await using world = await World.start();
    const watch = await lamp(world);
    unsubscribe(world, watch);
    expect(watch.statuses).toEqual([200, 200]);
    expect(watch.response?.headers.get('Expires')).toBe('0');
    expect(watch.last).toMatchObject({ state: 'terminated', reason: 'timeout' });
    leg(world, 'early');
    world.run(5000);
    expect(watch.notifications).toHaveLength(2);
    leg(world, 'terminated');
    world.settles();
  });

  test('Expires 0 outside of any tells the state once (RFC 6665 §4.4.3)', async () => {
    await using world = await World.start();
    leg(world, 'confirmed');
    const alice = await world.phone('1001');
    const watch = alice.subscribe('1002', 'dialog', { expires: 0 });
    world.run(100);
    expect(watch.statuses).toEqual([200]);
    expect(watch.notifications).toMatchObject([{ state: 'terminated', reason: 'timeout' }]);
    expect(story(watch)).toEqual(['confirmed']);
    leg(world, 'terminated');
    world.settles();
  });

  test.each([
    ['without a wish', null, 200, '3600'],
    ['longer than an hour', 86_400, 200, '3600'],
    ['a minute', 60, 200, '60'],
  ])('%s, an hour at most is granted', async (_, expires, status, granted) => {
    await using world = await World.start();
    const alice = await world.phone('1001');
    const watch = alice.subscribe('1002', 'dialog', { expires });
    world.run(100);
    expect(watch.statuses).toEqual([status]);
    expect(watch.response?.headers.get('Expires')).toBe(granted);
    unsubscribe(world, watch);
    world.settles();
  });

  test('less than a minute is refused with what would do, also to a refresh, which leaves the subscription as it was', async () => {
    await using world = await World.start();
    const alice = await world.phone('1001');
    const brief = alice.subscribe('1002', 'dialog', { expires: 59 });
    world.run(100);
    expect(brief.statuses).toEqual([423]);
    expect(brief.response?.headers.get('Min-Expires')).toBe('60');
    const watch = alice.subscribe('1002', 'dialog', { expires: 300 });
    world.run(100);
    watch.subscribe({ expires: 1 });
    world.run(100);
    expect(watch.statuses).toEqual([200, 423]);
    leg(world, 'early');
    world.run(100);
    expect(story(watch)).toEqual(['terminated', 'early']);
    leg(world, 'terminated');
    world.run(300_000);
    world.settles();
  });

  test('a second subscription in the same dialog is refused; one without Event is a refresh', async () => {
    await using world = await World.start();
    const watch = await lamp(world);
    watch.subscribe({ headers: { Event: 'dialog;id=2' } });
    world.run(100);
    expect(watch.statuses).toEqual([200, 403]);
    expect(watch.notifications).toHaveLength(1);
    unsubscribe(world, watch);
    world.settles();
  });

  test('the id of the event comes back with each NOTIFY', async () => {
    await using world = await World.start();
    const alice = await world.phone('1001');
    const watch = alice.subscribe('1002', 'dialog;id=77');
    world.run(100);
    expect(watch.last.request.headers.get('Event')).toBe('dialog;id=77');
    unsubscribe(world, watch);
    expect(watch.last).toMatchObject({ state: 'terminated' });
    world.settles();
  });

  test('other requests within it are refused', async () => {
    await using world = await World.start();
    const watch = await lamp(world);
    watch.phone.send('INFO', `sip:1002@${exchangeIp}`, {
      callId: watch.callId,
      fromTag: watch.last.request.toTag ?? '',
      to: `<sip:1002@${exchangeIp}>;tag=${watch.remoteTag}`,
    });
    world.run(100);
    expect(watch.phone.statuses('INFO')).toEqual([405]);
    unsubscribe(world, watch);
    world.settles();
  });
});

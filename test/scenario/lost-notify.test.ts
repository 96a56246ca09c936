import { describe, expect, test } from 'vitest';
import { dialogStates, readDialogInfo } from '../support/dialog-info.ts';
import { leg } from '../support/legs.ts';
import { callEnds, lamp, story, unsubscribe } from '../world/lamp.ts';
import type { PhoneWatch } from '../world/phone-watch.ts';
import { World } from '../world/world.ts';

/** How many NOTIFYs that were no repetition a phone has heard. */
const notifies = (watch: PhoneWatch): number => new Set(watch.notifications.map(({ cseq }) => cseq)).size;

describe('a NOTIFY that is not confirmed ends no lamp', () => {
  test('the phone is off for a minute: the next change tells it everything', async () => {
    await using world = await World.start();
    const watch = await lamp(world);
    world.network.partition(watch.phone.address);
    leg(world, 'early');
    world.run(60_000);
    world.network.heal(watch.phone.address);
    leg(world, 'confirmed');
    world.run(100);
    expect(story(watch).at(-1)).toBe('confirmed');
    callEnds(world, watch);
  });

  test('it is told again without any change, and without a refresh', async () => {
    await using world = await World.start();
    const watch = await lamp(world);
    world.network.partition(watch.phone.address);
    leg(world, 'early');
    world.run(40_000);
    world.network.heal(watch.phone.address);
    expect(story(watch)).toEqual(['terminated']);
    world.run(30_000);
    expect(story(watch)).toEqual(['terminated', 'early']);
    callEnds(world, watch);
  });

  test('a phone that is silent for good is asked less and less, and forgotten when its subscription expires', async () => {
    await using world = await World.start();
    const watch = await lamp(world, { expires: 3600 });
    world.network.partition(watch.phone.address);
    const sent = new Set<string>();
    world.exchange.transport.watch((direction, message) => {
      if (direction === 'out' && message.kind === 'request') sent.add(`${message.method} ${message.cseq.number}`);
    });
    leg(world, 'early');
    leg(world, 'terminated');
    world.run(3500_000);
    expect(world.exchange.notifier.count).toBe(1);
    expect(sent.size).toBeGreaterThan(10);
    expect(sent.size).toBeLessThan(20);
    world.run(100_000);
    expect(world.exchange.notifier.count).toBe(0);
    world.settles();
  });

  test.each([408, 500, 503, 401, 302])('%i: the same, later', async (status) => {
    await using world = await World.start();
    const watch = await lamp(world);
    watch.onNotifyAnswer = status;
    leg(world, 'early');
    world.run(5000);
    expect(watch.notifications).toHaveLength(2);
    watch.onNotifyAnswer = 200;
    world.run(30_000);
    expect(story(watch)).toEqual(['terminated', 'early', 'early']);
    expect(readDialogInfo(watch.last.body).version).toBe(2);
    callEnds(world, watch);
  });

  test('Retry-After is waited for, whatever changes meanwhile; a refresh is answered at once', async () => {
    await using world = await World.start();
    const watch = await lamp(world);
    watch.onNotifyAnswer = 503;
    watch.answerHeaders = { 'Retry-After': '20 (busy);duration=60' };
    leg(world, 'early');
    world.run(100);
    watch.onNotifyAnswer = 200;
    leg(world, 'confirmed');
    world.run(19_000);
    expect(story(watch)).toEqual(['terminated', 'early']);
    world.run(1000);
    expect(story(watch)).toEqual(['terminated', 'early', 'confirmed']);
    watch.onNotifyAnswer = 503;
    leg(world, 'terminated');
    world.run(100);
    watch.onNotifyAnswer = 200;
    watch.subscribe();
    world.run(100);
    expect(story(watch).slice(3)).toEqual(['terminated', 'terminated']);
    unsubscribe(world, watch);
    world.settles();
  });

  test.each([481, 404, 489])('but %i does: there is no subscription at the other end', async (status) => {
    await using world = await World.start();
    const watch = await lamp(world);
    watch.onNotifyAnswer = status;
    leg(world, 'early');
    world.run(100);
    expect(world.exchange.notifier.count).toBe(0);
    leg(world, 'terminated');
    world.run(5000);
    expect(watch.notifications).toHaveLength(2);
    watch.subscribe();
    world.run(100);
    expect(watch.statuses).toEqual([200, 481]);
    world.settles();
  });
});

describe('one NOTIFY at a time', () => {
  test('what changes while one is on its way is told by the next, once', async () => {
    await using world = await World.start();
    const watch = await lamp(world);
    world.run(5000);
    watch.onNotifyAnswer = 'silent';
    leg(world, 'early');
    world.run(100);
    leg(world, 'confirmed');
    world.run(5000);
    leg(world, 'terminated');
    world.run(5000);
    expect(notifies(watch)).toBe(2);
    watch.onNotifyAnswer = 200;
    world.run(40_000);
    expect(story(watch)).toEqual(['terminated', 'early', 'terminated']);
    unsubscribe(world, watch);
    world.settles();
  });

  test('a NOTIFY crosses a refresh: the state is told once more, in order', async () => {
    await using world = await World.start({ network: { delay: { min: 20, max: 20 } } });
    const watch = await lamp(world);
    leg(world, 'early');
    watch.subscribe();
    world.run(10);
    leg(world, 'confirmed');
    world.run(3000);
    expect(watch.notifications.map(({ cseq }) => cseq)).toEqual([1, 2, 3]);
    expect(story(watch).at(-1)).toBe('confirmed');
    callEnds(world, watch);
  });

  test('a NOTIFY crosses the end: the last one comes after it', async () => {
    await using world = await World.start({ network: { delay: { min: 20, max: 20 } } });
    const watch = await lamp(world);
    watch.subscribe({ expires: 0 });
    world.run(10);
    leg(world, 'early');
    world.run(3000);
    expect(watch.notifications.map(({ state }) => state)).toEqual(['active', 'active', 'terminated']);
    expect(story(watch)).toEqual(['terminated', 'early', 'early']);
    leg(world, 'terminated');
    world.settles();
  });

  test('a phone that has ended it refuses the NOTIFY that crosses: nothing more is sent', async () => {
    await using world = await World.start({ network: { delay: { min: 20, max: 20 } } });
    const watch = await lamp(world);
    watch.onNotifyAnswer = 481;
    watch.subscribe({ expires: 0 });
    world.run(10);
    leg(world, 'early');
    world.run(3000);
    expect(watch.notifications).toHaveLength(2);
    leg(world, 'terminated');
    world.settles();
  });
});

describe('a bad network', () => {
  const bad = { loss: 0.2, duplicate: 0.05, delay: { min: 5, max: 80 } };

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('versions rise, and in the end the lamp is right (seed %i)', async (seed) => {
    await using world = await World.start({ seed, network: bad });
    const alice = await world.phone('1001');
    const watch = alice.subscribe('1002', 'dialog');
    world.run(40_000);
    for (let call = 0; call < 20; call++) {
      for (const state of ['early', 'confirmed', 'terminated'] as const) {
        leg(world, state, { legId: `leg${call}` });
        world.run(world.random.below(3000));
      }
    }
    leg(world, 'confirmed', { legId: 'last' });
    world.run(100_000);
    const versions = watch.notifications.map(({ body }) => readDialogInfo(body).version);
    const byOrder = watch.notifications.toSorted((a, b) => a.cseq - b.cseq);
    expect(new Set(versions).size).toBe(versions.length);
    expect(byOrder.map(({ body }) => readDialogInfo(body).version)).toEqual(versions.toSorted((a, b) => a - b));
    expect(dialogStates(byOrder.at(-1)?.body ?? '')).toBe('confirmed');
    leg(world, 'terminated', { legId: 'last' });
    world.run(600_000);
    world.settles();
  });
});

describe('a watcher that moves or starts anew', () => {
  test('a refresh with another Contact is followed, and the NOTIFY to the old place is not waited for', async () => {
    await using world = await World.start();
    const watch = await lamp(world);
    watch.onNotifyAnswer = 'silent';
    leg(world, 'early');
    world.run(5000);
    watch.onNotifyAnswer = 200;
    watch.subscribe({ headers: { Contact: `<sip:elsewhere@${watch.phone.address}:5060>` } });
    world.run(50);
    expect(watch.last.request.uriText).toBe(`sip:elsewhere@${watch.phone.address}:5060`);
    expect(story(watch)).toEqual(['terminated', 'early', 'early']);
    leg(world, 'terminated');
    world.run(60_000);
    expect(story(watch).at(-1)).toBe('terminated');
    unsubscribe(world, watch);
    world.settles();
  });

  test('a phone that has restarted subscribes anew and refuses what is meant for its former life', async () => {
    await using world = await World.start();
    const watch = await lamp(world);
    watch.onNotifyAnswer = 481;
    const again = watch.phone.subscribe('1002', 'dialog');
    world.run(100);
    leg(world, 'early');
    world.run(100);
    expect(world.exchange.notifier.count).toBe(1);
    expect(story(again)).toEqual(['terminated', 'early']);
    callEnds(world, again);
  });

  test.each(['tcp', 'tls'] as const)('over %s: the subscription ends with the connection', async (transport) => {
    await using world = await World.start();
    const watch = await lamp(world, { transport });
    world.network.disconnect(watch.phone.address);
    world.run(100);
    expect(world.exchange.notifier.count).toBe(0);
    leg(world, 'early');
    const again = watch.phone.subscribe('1002', 'dialog');
    world.run(100);
    expect(story(again)).toEqual(['early']);
    callEnds(world, again);
  });

  test('over a connection to a phone that is cut off without a word: it expires', async () => {
    await using world = await World.start();
    const watch = await lamp(world, { transport: 'tcp', expires: 300 });
    world.network.partition(watch.phone.address);
    leg(world, 'early');
    leg(world, 'terminated');
    world.run(400_000);
    expect(world.exchange.notifier.count).toBe(0);
    world.settles();
  });

  test('the exchange restarts: a refresh gets 481, and the phone subscribes anew', async () => {
    await using before = await World.start();
    const old = await lamp(before);
    const { callId } = old;
    await using world = await World.start();
    const alice = await world.phone('1001');
    alice.send('SUBSCRIBE', old.last.request.uriText, {
      callId,
      to: `<sip:1002@10.0.0.1>;tag=${old.remoteTag}`,
      headers: { Event: 'dialog', Contact: alice.contact, Expires: '600' },
    });
    world.run(100);
    expect(alice.statuses('SUBSCRIBE')).toEqual([481]);
    const again = alice.subscribe('1002', 'dialog');
    world.run(100);
    expect(story(again)).toEqual(['terminated']);
    unsubscribe(world, again);
    world.settles();
  });
});

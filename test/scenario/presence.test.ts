import { describe, expect, test } from 'vitest';
import { leg } from '../support/legs.ts';
import { readPresence } from '../support/presence-document.ts';
import { unsubscribe } from '../world/lamp.ts';
import type { PhoneWatch } from '../world/phone-watch.ts';
import { exchangeIp, MemoryBindings, World } from '../world/world.ts';

/** A phone of 1001 that watches the presence of 1002. */
async function buddy(world: World, options: Parameters<World['phone']>[1] = {}): Promise<PhoneWatch> {
  const alice = await world.phone('1001', options);
  const watch = alice.subscribe('1002', 'presence');
  world.run(100);
  return watch;
}

const shown = (watch: PhoneWatch) => readPresence(watch.last.body);

/** What we say of the extension ourselves, NOTIFY by NOTIFY. */
const story = (watch: PhoneWatch): readonly (string | null)[] =>
  watch.notifications.map(({ body }) => readPresence(body).tuples[0]?.basic ?? null);

describe('presence (RFC 3856, RFC 3863)', () => {
  test('is open while a phone of the extension is registered', async () => {
    await using world = await World.start();
    const watch = await buddy(world);
    expect(watch.last).toMatchObject({ state: 'active', contentType: 'application/pidf+xml' });
    const uri = `sip:1002@${exchangeIp}`;
    expect(shown(watch)).toEqual({
      entity: uri,
      tuples: [{ id: 'exchange', basic: 'closed', contact: uri, note: null }],
      activities: [],
      notes: [],
    });
    const bob = await world.registered('1002');
    const mobile = await world.registered('1002');
    world.run(10_000);
    bob.register({ expires: 0 });
    world.run(10_000);
    expect(story(watch).at(-1)).toBe('open');
    mobile.register({ expires: 0 });
    world.run(10_000);
    expect(story(watch).at(-1)).toBe('closed');
    unsubscribe(world, watch);
    world.settles();
  });

  test('a phone that starts anew and registers another contact was never gone', async () => {
    await using world = await World.start();
    const bob = await world.registered('1002');
    const headers = (port: number) => ({ Contact: `<sip:1002@${bob.address}:${port}>;+sip.instance="<urn:uuid:1>"` });
    const watch = await buddy(world);
    for (const port of [5060, 5061, 5062]) {
      bob.register({ contact: null, headers: { ...headers(port), Expires: '3600' } });
      world.run(20_000);
    }
    expect(new Set(story(watch))).toEqual(new Set(['open']));
    unsubscribe(world, watch);
    world.settles();
  });

  test('an exchange that starts anew knows its phones, although those over TCP have to connect again', async () => {
    const bindings = new MemoryBindings();
    await using before = await World.start({ bindings });
    await before.registered('1002', { transport: 'tcp' });
    await using world = await World.start({ bindings });
    const watch = await buddy(world);
    expect(story(watch)).toEqual(['open']);
    unsubscribe(world, watch);
    world.settles();
  });

  test('tells that somebody is on the phone, from the answer or from dialling on, but not that it rings', async () => {
    await using world = await World.start();
    await world.registered('1002');
    const watch = await buddy(world);
    leg(world, 'early');
    world.run(6000);
    expect(watch.notifications).toHaveLength(1);
    leg(world, 'confirmed');
    world.run(6000);
    expect(shown(watch)).toMatchObject({
      tuples: [{ basic: 'open', note: 'On the phone' }],
      activities: ['on-the-phone'],
    });
    leg(world, 'terminated');
    world.run(6000);
    expect(shown(watch)).toMatchObject({ tuples: [{ basic: 'open', note: null }], activities: [] });
    leg(world, 'trying', { direction: 'initiator' });
    world.run(6000);
    expect(shown(watch).activities).toEqual(['on-the-phone']);
    leg(world, 'terminated');
    world.run(6000);
    unsubscribe(world, watch);
    world.settles();
  });

  test('Accept for another format gets 406', async () => {
    await using world = await World.start();
    const alice = await world.phone('1001');
    const watch = alice.subscribe('1002', 'presence', { headers: { Accept: 'application/xpidf+xml' } });
    world.run(100);
    expect(watch.statuses).toEqual([406]);
    world.settles();
  });
});

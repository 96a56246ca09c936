import { describe, expect, test } from 'vitest';
import { leg } from '../support/legs.ts';
import { readPresence } from '../support/presence-document.ts';
import { unsubscribe } from '../world/lamp.ts';
import type { Phone } from '../world/phone.ts';
import type { PhoneWatch } from '../world/phone-watch.ts';
import { exchangeIp, World } from '../world/world.ts';

interface Wishes {
  readonly to?: string;
  readonly event?: string;
  readonly expires?: number;
  readonly match?: string | null;
  readonly type?: string;
}

/** The document of a softphone: whether its user can be called, what it does, and what it says. */
function document(basic: 'open' | 'closed', activity = '', note = ''): string {
  const doing = activity === '' ? '' : `<rpid:activities><rpid:${activity}/></rpid:activities>`;
  return [
    '<?xml version="1.0" encoding="utf-8"?>',
    '<p:presence xmlns:p="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"',
    ' xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:1002@x">',
    `<p:tuple id="t1"><p:status><p:basic>${basic}</p:basic></p:status></p:tuple>`,
    `<dm:person id="p1">${doing}<dm:note>${note}</dm:note></dm:person></p:presence>`,
  ].join('\n');
}

/** Publishes a document, or refreshes where there is none; gives the status and the tag. */
function publish(world: World, phone: Phone, body: string | null, wishes: Wishes = {}) {
  const { to = phone.number, event = 'presence', expires = 600, match = null, type = 'application/pidf+xml' } = wishes;
  phone.send('PUBLISH', `sip:${to}@${exchangeIp}`, {
    headers: {
      Event: event,
      Expires: String(expires),
      ...(match === null ? {} : { 'SIP-If-Match': match }),
      ...(body === null ? {} : { 'Content-Type': type }),
    },
    ...(body === null ? {} : { body }),
  });
  world.run(100);
  const response = phone.heard.findLast((message) => message.kind === 'response' && message.cseq.method === 'PUBLISH');
  if (response?.kind !== 'response') throw new Error('no answer to PUBLISH');
  return {
    status: response.status,
    etag: response.headers.get('SIP-ETag') ?? null,
    header: (name: string) => response.headers.get(name) ?? null,
  };
}

/** Bob, who is registered, and how alice sees him. */
async function stage(world: World): Promise<{ readonly bob: Phone; readonly watch: PhoneWatch }> {
  const bob = await world.registered('1002');
  const alice = await world.phone('1001');
  const watch = alice.subscribe('1002', 'presence', { expires: 3600 });
  world.run(20_000);
  return { bob, watch };
}

const shown = (watch: PhoneWatch) => readPresence(watch.last.body);

describe('PUBLISH (RFC 3903)', () => {
  test('what a phone says of its user is told beside what we see ourselves', async () => {
    await using world = await World.start();
    const { bob, watch } = await stage(world);
    const first = publish(world, bob, document('open', 'away', 'R&amp;D: back &lt;soon&gt;'));
    expect(first).toMatchObject({ status: 200, etag: expect.stringMatching(/^\w{16}$/) });
    expect(first.header('Expires')).toBe('600');
    expect(shown(watch)).toMatchObject({
      tuples: [
        { id: 'exchange', basic: 'open' },
        { basic: 'open', contact: null },
      ],
      activities: ['away'],
      notes: ['R&D: back <soon>'],
    });
    leg(world, 'confirmed');
    world.run(6000);
    expect(shown(watch).activities).toEqual(['away', 'on-the-phone']);
    leg(world, 'terminated');
    world.run(600_000);
    expect(shown(watch)).toMatchObject({ tuples: [{ id: 'exchange' }], activities: [], notes: [] });
    unsubscribe(world, watch);
    world.settles();
  });

  test('it is refreshed, changed and taken back by its latest tag; the tags before are refused with 412', async () => {
    await using world = await World.start();
    const { bob, watch } = await stage(world);
    const first = publish(world, bob, document('open', 'busy'));
    const told = watch.notifications.length;
    world.run(500_000);
    const refreshed = publish(world, bob, null, { match: first.etag });
    expect(refreshed.status).toBe(200);
    expect(refreshed.etag).not.toBe(first.etag);
    world.run(500_000);
    expect(watch.notifications).toHaveLength(told);
    expect(publish(world, bob, null, { match: first.etag }).status).toBe(412);
    const changed = publish(world, bob, document('open', 'meeting'), { match: refreshed.etag });
    expect(changed.status).toBe(200);
    expect(shown(watch).activities).toEqual(['meeting']);
    world.run(20_000);
    expect(publish(world, bob, null, { match: changed.etag, expires: 0 })).toMatchObject({ status: 200 });
    expect(shown(watch)).toMatchObject({ tuples: [{ id: 'exchange' }], activities: [] });
    expect(publish(world, bob, null, { match: changed.etag, expires: 0 }).status).toBe(412);
    unsubscribe(world, watch);
    world.settles();
  });

  test('who says nothing but closed does not want to be called, registered or not', async () => {
    await using world = await World.start();
    const { bob, watch } = await stage(world);
    const desk = publish(world, bob, document('closed'));
    expect(shown(watch).tuples[0]).toMatchObject({ id: 'exchange', basic: 'closed' });
    const mobile = publish(world, bob, document('open'));
    world.run(20_000);
    expect(shown(watch).tuples.map(({ basic }) => basic)).toEqual(['open', 'closed', 'open']);
    for (const { etag } of [desk, mobile]) publish(world, bob, null, { match: etag, expires: 0 });
    world.run(20_000);
    expect(shown(watch).tuples.map(({ basic }) => basic)).toEqual(['open']);
    unsubscribe(world, watch);
    world.settles();
  });

  test('a phone that forgets its publications leaves eight at most', async () => {
    await using world = await World.start();
    const { bob, watch } = await stage(world);
    const all = Array.from({ length: 12 }, (_, index) => publish(world, bob, document('open', '', `note ${index}`)));
    world.run(20_000);
    expect(shown(watch).notes).toEqual(Array.from({ length: 8 }, (_, index) => `note ${index + 4}`));
    expect(publish(world, bob, null, { match: all[0]?.etag ?? null }).status).toBe(412);
    unsubscribe(world, watch);
    world.run(600_000);
    world.settles();
  });

  test('published and taken back in one', async () => {
    await using world = await World.start();
    const { bob, watch } = await stage(world);
    expect(publish(world, bob, document('open', 'away'), { expires: 0 })).toMatchObject({ status: 200 });
    world.run(20_000);
    expect(shown(watch).activities).toEqual([]);
    unsubscribe(world, watch);
    world.settles();
  });

  test.each<readonly [string, string | null, Wishes, number, string | null]>([
    ['for a colleague', document('open'), { to: '1001' }, 403, null],
    ['for an unknown number', document('open'), { to: '9999' }, 403, null],
    ['of another event', document('open'), { event: 'dialog' }, 489, 'Allow-Events'],
    ['for half a minute', document('open'), { expires: 30 }, 423, 'Min-Expires'],
    ['of nothing', null, {}, 400, null],
    ['of another type', 'busy', { type: 'text/plain' }, 415, 'Accept'],
    ['with a tag of nobody', document('open'), { match: 'none' }, 412, null],
    ['of half a document', '<presence xmlns="urn:ietf:params:xml:ns:pidf"><tuple>', {}, 400, null],
    ['of another document', '<presence/>', {}, 400, null],
    ['with entities', `<!DOCTYPE x [<!ENTITY a "b">]>${document('open').slice(39)}`, {}, 400, null],
    ['of too much', `${document('open')}${' '.repeat(16_384)}`, {}, 413, null],
  ])('%s is refused', async (_, body, wishes, status, header) => {
    await using world = await World.start();
    const bob = await world.phone('1002', { transport: 'tcp' });
    const refused = publish(world, bob, body, wishes);
    expect(refused.status).toBe(status);
    if (header !== null) expect(refused.header(header)).not.toBeNull();
    world.settles();
  });

  test('strange documents are shown as far as they are understood', async () => {
    await using world = await World.start();
    const { bob, watch } = await stage(world);
    const strange = [
      '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" xmlns:x="urn:x">',
      '<x:tuple><status><basic>open</basic></status></x:tuple>',
      '<tuple id="exchange"><status><basic>perhaps</basic></status><note>  hello  </note>',
      '<r:activities><r:away/><r:away/><r:unheard-of/><x:busy/></r:activities></tuple>',
      '<note/></presence>',
    ].join('');
    expect(publish(world, bob, strange).status).toBe(200);
    expect(shown(watch)).toMatchObject({
      tuples: [
        { id: 'exchange', basic: 'open' },
        { basic: null, note: 'hello' },
      ],
      activities: ['away'],
      notes: [],
    });
    expect(new Set(shown(watch).tuples.map(({ id }) => id)).size).toBe(2);
    unsubscribe(world, watch);
    world.run(600_000);
    world.settles();
  });
});

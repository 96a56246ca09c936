import { describe, expect, test } from 'vitest';
import { leg } from '../support/legs.ts';
import { lamp, unsubscribe } from '../world/lamp.ts';
import { RawPeer } from '../world/raw-peer.ts';
import { exchangeIp, World } from '../world/world.ts';

const events = 'dialog, presence, message-summary';

/** Lines of a SUBSCRIBE of nobody in particular; the branch is named by `branch`. */
const subscribe = (peer: RawPeer, to: string, branch: string, lines: readonly string[] = []): readonly string[] => [
  `SUBSCRIBE sip:${to}@${exchangeIp} SIP/2.0`,
  `Via: SIP/2.0/UDP ${peer.host};branch=z9hG4bK${branch};rport`,
  'Max-Forwards: 70',
  `From: <sip:1001@${exchangeIp}>;tag=f`,
  `To: <sip:${to}@${exchangeIp}>`,
  'Call-ID: forked',
  'CSeq: 1 SUBSCRIBE',
  `Contact: <sip:1001@${peer.host}>`,
  'Event: dialog',
  ...lines,
];

describe('who may watch', () => {
  test('nobody without credentials, and the answer does not tell who exists', async () => {
    await using world = await World.start();
    await using stranger = await RawPeer.open(world);
    const answers = ['1002', '9999', '1001'].map((to) => {
      stranger.send(subscribe(stranger, to, to).map((line) => line.replace('forked', `call-${to}`)));
      world.run(50);
      const { status, headers } = stranger.response;
      return [status, [...headers.entries()].map(([name]) => name)];
    });
    expect(answers[0]?.[0]).toBe(401);
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
    expect(world.exchange.notifier.count).toBe(0);
    world.settles();
  });

  test.each([
    ['an unknown number', '9999', 404],
    ['another host', 'sip:1002@elsewhere.example', 404],
    ['nobody', `sip:${exchangeIp}`, 404],
  ])('%s can not be watched', async (_, target, status) => {
    await using world = await World.start();
    const alice = await world.phone('1001');
    const watch = alice.subscribe(target, 'dialog');
    world.run(100);
    expect(watch.statuses).toEqual([status]);
    world.settles();
  });

  test('whoever is not among the extensions may not, where no passwords are asked for', async () => {
    await using world = await World.start({ config: { registrar: { auth: 'none' } } });
    const stranger = await world.phone('7777');
    const watch = stranger.subscribe('1002', 'dialog');
    world.run(100);
    expect(watch.statuses).toEqual([403]);
    world.settles();
  });

  test('one extension has a bounded number of subscriptions', async () => {
    await using world = await World.start();
    const alice = await world.phone('1001');
    const watches = Array.from({ length: 501 }, () => alice.subscribe('1002', 'dialog'));
    world.run(2000);
    expect(watches.filter(({ statuses }) => statuses[0] === 200)).toHaveLength(500);
    expect(watches.filter(({ statuses }) => statuses[0] === 403)).toHaveLength(1);
    const bob = await world.phone('1002');
    expect(await lampOf(world, bob)).toEqual([200]);
    world.run(600_000);
    world.settles();
  });

  test('an extension that is taken away is watched no more, and watches no more', async () => {
    await using world = await World.start();
    world.exchange.directory.enrol({ number: '1003', password: 'pw1003', displayName: null });
    const alice = await world.phone('1001');
    const carol = await world.phone('1003');
    const [hers, ours] = [carol.subscribe('1001', 'dialog'), alice.subscribe('1003', 'dialog')];
    world.run(100);
    world.exchange.directory.remove('1003');
    for (const watch of [hers, ours]) watch.subscribe();
    world.run(100);
    expect(hers.statuses).toEqual([200, 403]);
    expect(hers.last).toMatchObject({ state: 'terminated', reason: 'rejected' });
    expect(ours.statuses).toEqual([200, 404]);
    expect(ours.last).toMatchObject({ state: 'terminated', reason: 'noresource' });
    world.settles();
  });
});

async function lampOf(world: World, phone: Awaited<ReturnType<World['phone']>>): Promise<readonly number[]> {
  const watch = phone.subscribe('1001', 'dialog');
  world.run(100);
  return watch.statuses;
}

describe('what may be asked for', () => {
  test.each(['conference', 'reg', 'Dialog', 'dialog.winfo', null])(
    'Event %s: 489, with the events there are',
    async (event) => {
      await using world = await World.start();
      const alice = await world.phone('1001');
      alice.send('SUBSCRIBE', `sip:1002@${exchangeIp}`, {
        headers: { Contact: alice.contact, ...(event === null ? {} : { Event: event }) },
      });
      world.run(100);
      expect(alice.statuses('SUBSCRIBE')).toEqual([401, 489]);
      expect(alice.heard.at(-1)?.headers.get('Allow-Events')).toBe(events);
      world.settles();
    },
  );

  test('OPTIONS tells the events and the methods', async () => {
    await using world = await World.start();
    const alice = await world.phone('1001');
    alice.send('OPTIONS', `sip:${exchangeIp}`);
    world.run(100);
    expect(alice.heard.at(-1)?.headers.get('Allow-Events')).toBe(events);
    expect(alice.heard.at(-1)?.headers.get('Allow')?.split(', ')).toContain('SUBSCRIBE');
    world.settles();
  });

  test.each([
    ['application/dialog-info+xml', 200],
    ['application/pidf+xml, application/dialog-info+xml;q=0.5', 200],
    ['application/*', 200],
    ['*/*', 200],
    ['APPLICATION/Dialog-Info+XML', 200],
    ['', 200],
    ['application/pidf+xml', 406],
    ['*/*, application/dialog-info+xml;q=0', 406],
    ['application/dialog-info+xml;q=0.0', 406],
  ])('Accept: %s gets %i', async (accept, status) => {
    await using world = await World.start();
    const alice = await world.phone('1001');
    const watch = alice.subscribe('1002', 'dialog', { expires: 0, headers: { Accept: accept } });
    world.run(100);
    expect(watch.statuses).toEqual([status]);
    world.settles();
  });

  test('a body that no filter needs is refused with 413, a smaller one is not looked at', async () => {
    await using world = await World.start();
    const alice = await world.phone('1001');
    const statuses = [4096, 4097].map((length) => {
      const headers = { 'Content-Type': 'application/simple-filter+xml' };
      const watch = alice.subscribe('1002', 'dialog', { expires: 0, headers, body: 'x'.repeat(length) });
      world.run(100);
      return watch.statuses;
    });
    expect(statuses).toEqual([[200], [413]]);
    world.settles();
  });
});

describe('the way to the watcher', () => {
  test('NOTIFYs go by way of the proxies that the SUBSCRIBE has recorded', async () => {
    await using world = await World.start({ config: { registrar: { auth: 'none' } } });
    await using proxy = await RawPeer.open(world);
    proxy.send(subscribe(proxy, '1002', 'a', ['Record-Route: <sip:near.example;lr>, <sip:far.example;lr>']));
    world.run(50);
    expect(proxy.log).toEqual([200, 'NOTIFY']);
    expect(proxy.response.headers.getAll('Record-Route')).toEqual(['<sip:near.example;lr>, <sip:far.example;lr>']);
    const notify = proxy.request('NOTIFY');
    expect(notify.uriText).toBe(`sip:1001@${proxy.host}`);
    expect(notify.headers.getAll('Route')).toEqual(['<sip:near.example;lr>', '<sip:far.example;lr>']);
    proxy.answer('NOTIFY', '481 Gone');
    world.settles();
  });

  test('a SUBSCRIBE that a proxy has forked to us twice makes one subscription', async () => {
    await using world = await World.start({ config: { registrar: { auth: 'none' } } });
    await using proxy = await RawPeer.open(world);
    proxy.send(subscribe(proxy, '1002', 'one'));
    proxy.send(subscribe(proxy, '1002', 'two'));
    world.run(50);
    expect(proxy.log.toSorted()).toEqual([200, 482, 'NOTIFY']);
    expect(world.exchange.notifier.count).toBe(1);
    proxy.answer('NOTIFY', '481 Gone');
    world.run(50);
    world.settles();
  });

  test('a SUBSCRIBE without Contact is answered where it came from', async () => {
    await using world = await World.start({ config: { registrar: { auth: 'none' } } });
    await using phone = await RawPeer.open(world);
    phone.send(subscribe(phone, '1002', 'a').filter((line) => !line.startsWith('Contact')));
    world.run(50);
    expect(phone.log).toEqual([200, 'NOTIFY']);
    phone.answer('NOTIFY', '481 Gone');
    world.settles();
  });

  test('the answer to a NOTIFY may move the watcher', async () => {
    await using world = await World.start();
    const watch = await lamp(world);
    watch.answerHeaders = { Contact: `<sip:moved@${watch.phone.address}>` };
    leg(world, 'early');
    world.run(2000);
    leg(world, 'terminated');
    world.run(2000);
    expect(watch.last.request.uriText).toBe(`sip:moved@${watch.phone.address}`);
    unsubscribe(world, watch);
    world.settles();
  });
});

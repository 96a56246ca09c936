import { describe, expect, test } from 'vitest';
import { readDialogInfo } from '../support/dialog-info.ts';
import { Wiretap } from '../world/wiretap.ts';
import { exchangeIp, World } from '../world/world.ts';

const extensions = ['1001', '1002', '1003'].map((number) => ({
  number,
  password: `pw${number}`,
  ...(number === '1001' ? { display_name: 'Alice' } : {}),
}));
const nobody = /^"?Anonymous"? <sip:anonymous@anonymous\.invalid>;tag=/;
const alicesName = /sip:1001\b|Alice|Transferred to 1001/;

/** Alice, who wants to be unknown, and three phones. */
async function stage(headers: Readonly<Record<string, string>>) {
  const world = await World.start({ config: { extensions } });
  const [alice, bob, carol] = [
    await world.registered('1001'),
    await world.registered('1002'),
    await world.registered('1003'),
  ];
  const wire = new Wiretap(world.network);
  const call = alice.call('1002', { headers });
  world.run(100);
  return { world, alice, bob, carol, wire, call };
}

describe('who wants to be unknown is unknown (RFC 3323, RFC 3325 section 7)', () => {
  test.each([{ Privacy: 'id' }, { Privacy: 'user;id;critical' }, { Privacy: 'header, session' }])(
    'by %j: the callee is told nothing of the caller in the whole call; the record is',
    async (headers) => {
      const { world, alice, bob, wire, call } = await stage(headers);
      await using _world = world;
      const { invite } = bob.lastCall;
      expect(invite.headers.get('From')).toMatch(nobody);
      expect(invite.headers.get('Contact')).toContain('sip:anonymous@');
      bob.lastCall.answer(200);
      world.run(100);
      call.reinvite({ direction: 'sendonly' });
      world.run(100);
      bob.lastCall.reinvite();
      world.run(100);
      bob.lastCall.hangUp();
      world.run(100);
      expect(alice.log.at(-1)).toBe('BYE');
      expect(wire.to(bob.address).length).toBeGreaterThan(5);
      expect(wire.to(bob.address).filter((text) => alicesName.test(text))).toEqual([]);
      world.settles();
      expect(world.cdrs).toMatchObject([{ caller: '1001', callee: '1002', status: 'completed' }]);
    },
  );

  test.each([
    { From: '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=a' },
    { From: '"Alice" <sip:1001@10.0.0.1>;tag=a', Privacy: 'ID', 'P-Preferred-Identity': '<sip:1001@10.0.0.1>' },
  ])('by %j, whatever else From says', async (headers) => {
    const { world, bob, wire } = await stage(headers);
    await using _world = world;
    expect(bob.lastCall.invite.headers.get('From')).toMatch(nobody);
    bob.lastCall.answer(486);
    world.run(100);
    expect(wire.to(bob.address).filter((text) => alicesName.test(text))).toEqual([]);
    world.settles();
    expect(world.cdrs).toMatchObject([{ caller: '1001', status: 'busy' }]);
  });

  test('Privacy: none shows the caller, whatever From says', async () => {
    const from = '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=a';
    const { world, bob, call } = await stage({ From: from, Privacy: 'none' });
    await using _world = world;
    expect(bob.lastCall.invite.headers.get('From')).toMatch(/^"?Alice"? <sip:1001@10\.0\.0\.1>;tag=/);
    call.cancel();
    world.settles();
  });

  test('a critical wish that nobody knows is refused with 500, and is no call (RFC 3323 section 5)', async () => {
    const { world, bob, call } = await stage({ Privacy: 'id;invisibility;critical' });
    await using _world = world;
    expect(call.statuses).toEqual([500]);
    expect(bob.calls).toEqual([]);
    world.settles();
    expect(world.cdrs).toEqual([]);
  });

  test('the own lamp of the caller does not give away whom it calls, nor to whom it is transferred', async () => {
    await using world = await World.start({ config: { extensions } });
    const [alice, bob, carol] = [
      await world.registered('1001'),
      await world.registered('1002'),
      await world.registered('1003'),
    ];
    const watch = bob.subscribe('1001', 'dialog', { expires: 600 });
    world.run(100);
    const call = alice.call('1002', { headers: { Privacy: 'id' } });
    world.run(2000);
    const remotes = () => readDialogInfo(watch.last.body).dialogs.map(({ remote }) => remote);
    expect(remotes()).toEqual([`sip:anonymous@${exchangeIp}`]);
    carol.habits.onInvite = 'answer';
    bob.lastCall.answer(200);
    world.run(2000);
    bob.lastCall.refer('1003');
    world.run(3000);
    expect(carol.log).toContain('ACK');
    expect(remotes()).toEqual([`sip:anonymous@${exchangeIp}`]);
    call.hangUp();
    watch.subscribe({ expires: 0 });
    world.settles();
  });

  test('a lamp of the callee shows that somebody calls, and not who', async () => {
    await using world = await World.start({ config: { extensions } });
    const [alice, bob, carol] = [
      await world.registered('1001'),
      await world.registered('1002'),
      await world.registered('1003'),
    ];
    const watch = carol.subscribe('1002', 'dialog', { expires: 600 });
    world.run(100);
    const call = alice.call('1002', { headers: { Privacy: 'id' } });
    world.run(2000);
    expect(readDialogInfo(watch.last.body).dialogs).toMatchObject([
      { direction: 'recipient', remote: `sip:anonymous@${exchangeIp}` },
    ]);
    bob.lastCall.answer(200);
    world.run(2000);
    expect(readDialogInfo(watch.last.body).dialogs).toMatchObject([{ remote: `sip:anonymous@${exchangeIp}` }]);
    call.hangUp();
    watch.subscribe({ expires: 0 });
    world.settles();
  });

  test('who picks the call up is not told either', async () => {
    const { world, carol, wire } = await stage({ Privacy: 'id' });
    await using _world = world;
    const picked = carol.call('**1002');
    world.run(100);
    expect(picked.statuses).toEqual([200]);
    expect(picked.last.headers.get('Contact')).toContain('sip:anonymous@');
    picked.hangUp();
    world.run(100);
    expect(wire.to(carol.address).filter((text) => alicesName.test(text))).toEqual([]);
    world.settles();
  });

  test('nor is the one to whom the caller is transferred, who is shown to the caller', async () => {
    const { world, bob, carol, wire, call } = await stage({ Privacy: 'id' });
    await using _world = world;
    bob.lastCall.answer(200);
    world.run(100);
    carol.habits.onInvite = 'answer';
    bob.lastCall.refer('1003');
    world.run(300);
    expect(carol.lastCall.invite.headers.get('From')).toMatch(nobody);
    expect(call.requests.at(-2)?.headers.get('P-Asserted-Identity')).toContain('sip:1003@');
    call.hangUp();
    world.run(100);
    for (const phone of [bob, carol]) {
      expect(wire.to(phone.address).filter((text) => alicesName.test(text))).toEqual([]);
    }
    world.settles();
  });

  test('nor when the two have spoken before: in an attended transfer no identity is asserted', async () => {
    const { world, bob, carol, wire, call } = await stage({ Privacy: 'id' });
    await using _world = world;
    const answered = bob.lastCall;
    answered.answer(200);
    world.run(100);
    carol.habits.onInvite = 'answer';
    const asking = bob.call('1003');
    world.run(200);
    answered.refer('1003', { replacing: asking });
    world.run(500);
    const told = carol.lastCall.requests.findLast(({ method }) => method === 'INVITE');
    expect(told?.headers.has('P-Asserted-Identity')).toBe(false);
    call.hangUp();
    world.run(100);
    for (const phone of [bob, carol]) {
      expect(wire.to(phone.address).filter((text) => alicesName.test(text))).toEqual([]);
    }
    world.settles();
  });

  test('a MESSAGE is from nobody, too', async () => {
    await using world = await World.start({ config: { extensions } });
    const alice = await world.registered('1001');
    const bob = await world.registered('1002');
    const headers = { 'Content-Type': 'text/plain', Privacy: 'id' };
    alice.send('MESSAGE', `sip:1002@${exchangeIp}`, { headers, body: 'boo' });
    world.run(200);
    const message = bob.heard.findLast(({ kind }) => kind === 'request');
    expect(message?.headers.get('From')).toMatch(nobody);
    const strange = { ...headers, Privacy: 'id;invisibility;critical' };
    alice.send('MESSAGE', `sip:1002@${exchangeIp}`, { headers: strange, body: 'boo' });
    world.run(200);
    expect(alice.statuses('MESSAGE').at(-1)).toBe(500);
    expect(world.exchange.messages.outcomes.get('rejected')).toBe(1);
    world.settles();
  });
});

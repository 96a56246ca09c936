import { expect, test } from 'vitest';
import { exchangeIp, World } from '../world/world.ts';

test('an INVITE without credentials is challenged, and is a call only with the right answer (RFC 3261 §22.2)', async () => {
  await using world = await World.start();
  const alice = await world.phone('1001');
  const bob = await world.registered('1002');
  bob.habits.onInvite = 'answer';

  const call = alice.call('1002');
  world.run(100);
  expect(alice.heard[0]).toMatchObject({ status: 401 });
  expect(alice.statuses('INVITE')).toEqual([401, 180, 200]);
  expect(bob.calls).toHaveLength(1);
  expect(world.events.filter(({ type }) => type === 'call.started')).toHaveLength(1);

  call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([{ caller: '1001', callee: '1002', status: 'completed' }]);
});

test('a wrong password never becomes a call: no record, no event, nothing to the callee', async () => {
  await using world = await World.start();
  const mallory = await world.phone('1001', { password: 'guess' });
  const bob = await world.registered('1002');
  const before = world.events.length;

  mallory.call('1002');
  world.run(5000);
  expect(mallory.statuses('INVITE')).toEqual([401, 401]);
  expect(bob.calls).toHaveLength(0);
  expect(world.events).toHaveLength(before);

  world.settles();
  expect(world.cdrs).toEqual([]);
});

test('an unknown user is answered like a wrong password', async () => {
  await using world = await World.start();
  const stranger = await world.phone('1777');
  stranger.call('1002');
  world.run(5000);
  expect(stranger.statuses('INVITE')).toEqual([401, 401]);
  world.settles();
  expect(world.cdrs).toEqual([]);
});

test('the caller is the extension of the credentials, whatever From says', async () => {
  await using world = await World.start({ users: ['1001', '1002', '1003'] });
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');

  alice.call('1002', { headers: { From: `"The Director" <sip:1003@${exchangeIp}>;tag=lie` } });
  world.run(100);
  const { invite } = bob.lastCall;
  expect(invite.from).toMatchObject({ displayName: null, uri: { user: '1001', host: exchangeIp } });
  expect(invite.headers.get('Contact')).toContain('sip:1001@');

  bob.lastCall.answer(486);
  world.settles();
  expect(world.cdrs).toMatchObject([{ caller: '1001', callee: '1002' }]);
});

test('a name that the caller gives its own number goes on, unless the directory has one', async () => {
  await using world = await World.start({
    config: {
      extensions: [
        { number: '1001', password: 'pw1001', display_name: 'Alice' },
        { number: '1002', password: 'pw1002' },
      ],
    },
  });
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  alice.call('1002', { headers: { From: `"Alicia" <sip:1001@${exchangeIp}>;tag=a` } });
  bob.call('1001', { headers: { From: `"Robert" <sip:1002@${exchangeIp}>;tag=b` } });
  world.run(100);
  expect(bob.calls.at(-1)?.invite.from.displayName).toBe('Alice');
  expect(alice.calls.at(-1)?.invite.from.displayName).toBe('Robert');
  bob.calls.at(-1)?.answer(486);
  alice.calls.at(-1)?.answer(486);
  world.settles();
});

test("a REGISTER for somebody else's address is refused with 403 (RFC 3261 §10.3 step 4)", async () => {
  await using world = await World.start();
  const alice = await world.phone('1001');
  const statuses: number[] = [];
  alice.send('REGISTER', `sip:${exchangeIp}`, {
    to: `<sip:1002@${exchangeIp}>`,
    headers: { Contact: alice.contact },
    onFinal: ({ status }) => statuses.push(status),
  });
  world.run(100);
  expect(statuses).toEqual([403]);
  expect(world.events).toEqual([]);
  alice.call('1002');
  world.run(100);
  expect(alice.calls[0]?.last.status).toBe(480);
  world.settles();
});

test('with registrar.auth none nobody is challenged, and From is believed', async () => {
  await using world = await World.start({ config: { registrar: { auth: 'none' } } });
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  bob.habits.onInvite = 486;
  const call = alice.call('1002');
  world.run(50);
  expect(call.statuses).toEqual([486]);
  expect(alice.log).not.toContain(401);
  world.settles();
  expect(world.cdrs).toMatchObject([{ caller: '1001', callee: '1002' }]);
});

import { expect, test } from 'vitest';
import type { SipResponse } from '../../src/sip/message/index.ts';
import { answerChallenge } from '../../src/sip/ua/index.ts';
import type { Phone } from '../world/phone.ts';
import { talk } from '../world/talk.ts';
import { passwordOf, World } from '../world/world.ts';

/** The contacts of a 200 as the phone reads them: `[['10.0.0.11:5060', 3600]]`. */
function contactsOf(response: SipResponse | null): readonly (readonly [host: string, expires: number])[] {
  return (response?.headers.getAll('Contact') ?? []).map((contact) => {
    const [, host = ''] = /<sip:[^@]*@([^;>]+)/.exec(contact) ?? [];
    return [host, Number(/;expires=(\d+)/.exec(contact)?.[1])] as const;
  });
}

/** What was registered and removed, in order. */
function historyOf(world: World): readonly string[] {
  return world.events.flatMap((event) => {
    if (event.type === 'registration.added') return ['added'];
    return event.type === 'registration.removed' ? [event.cause] : [];
  });
}

/** Registers and lets the answer arrive. */
function register(world: World, phone: Phone, options: Parameters<Phone['register']>[0] = {}): SipResponse {
  phone.register(options);
  world.run(100);
  if (!phone.registrationResponse) throw new Error('no answer');
  return phone.registrationResponse;
}

test('a phone is challenged with SHA-256 and MD5, registers, refreshes, asks and leaves', async () => {
  await using world = await World.start();
  const alice = await world.phone('1001');
  const answer = register(world, alice);
  expect(alice.statuses('REGISTER')).toEqual([401, 200]);
  const challenges = alice.heard[0]?.headers.getAll('WWW-Authenticate') ?? [];
  expect(challenges.map((challenge) => /algorithm=([\w-]+)/.exec(challenge)?.[1])).toEqual(['SHA-256', 'MD5']);
  expect(contactsOf(answer)).toEqual([[`${alice.address}:5060`, 3600]]);
  expect(answer.headers.has('Date')).toBe(true);

  world.run(1_800_000);
  expect(contactsOf(register(world, alice, { contact: null }))).toEqual([[`${alice.address}:5060`, 1800]]);
  expect(contactsOf(register(world, alice, { expires: 600 }))).toEqual([[`${alice.address}:5060`, 600]]);
  expect(historyOf(world)).toEqual(['added']);
  expect(contactsOf(register(world, alice, { expires: 0 }))).toEqual([]);
  expect(historyOf(world)).toEqual(['added', 'unregistered']);
  world.settles();
});

test('Contact * with Expires 0 removes all contacts of the extension', async () => {
  await using world = await World.start();
  const desk = await world.registered('1001');
  const mobile = await world.registered('1001');
  expect(contactsOf(register(world, desk, { contact: null })).map(([host]) => host)).toEqual([
    `${desk.address}:5060`,
    `${mobile.address}:5060`,
  ]);
  expect(register(world, desk, { contact: '*', expires: 60 }).status).toBe(400);
  expect(contactsOf(register(world, desk, { contact: '*', expires: 0 }))).toEqual([]);
  expect(historyOf(world)).toEqual(['added', 'added', 'unregistered', 'unregistered']);
  world.settles();
});

test('too short an interval is refused with 423 and Min-Expires, too long a one is shortened', async () => {
  await using world = await World.start();
  const alice = await world.phone('1001');
  const refused = register(world, alice, { expires: 30 });
  expect(refused.status).toBe(423);
  expect(refused.headers.get('Min-Expires')).toBe('60');
  expect(historyOf(world)).toEqual([]);
  expect(contactsOf(register(world, alice, { expires: 60 }))).toEqual([[`${alice.address}:5060`, 60]]);
  expect(contactsOf(register(world, alice, { expires: 100_000 }))).toEqual([[`${alice.address}:5060`, 7200]]);
  world.settles();
});

test('expires of the Contact counts before the header field', async () => {
  await using world = await World.start();
  const alice = await world.phone('1001');
  const answer = register(world, alice, { contact: `${alice.contact};expires=300`, expires: 3600 });
  expect(contactsOf(answer)).toEqual([[`${alice.address}:5060`, 300]]);
  world.settles();
});

test('a phone that restarts with the same +sip.instance replaces its old contact: one phone rings', async () => {
  await using world = await World.start();
  const instance = '"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"';
  const before = await world.phone('1002');
  register(world, before, { contact: `${before.contact};+sip.instance=${instance}` });
  const after = await world.phone('1002');
  const answer = register(world, after, { contact: `${after.contact};+sip.instance=${instance}` });
  expect(contactsOf(answer)).toEqual([[`${after.address}:5060`, 3600]]);
  expect(historyOf(world)).toEqual(['added', 'replaced', 'added']);

  const alice = await world.registered('1001');
  const call = alice.call('1002');
  world.run(100);
  expect(before.calls).toEqual([]);
  after.lastCall.answer(200);
  world.run(100);
  call.hangUp();
  world.settles();
});

test('another than the own address of record is refused with 403', async () => {
  await using world = await World.start();
  const alice = await world.phone('1001');
  alice.send('REGISTER', 'sip:10.0.0.1', {
    to: '<sip:1002@10.0.0.1>',
    headers: { Contact: alice.contact },
  });
  world.run(100);
  expect(alice.statuses('REGISTER')).toEqual([401, 403]);
  expect(historyOf(world)).toEqual([]);
  world.settles();
});

test('a wrong password is 401 without stale, like an unknown user', async () => {
  await using world = await World.start();
  for (const phone of [
    await world.phone('1001', { password: 'wrong' }),
    await world.phone('4711', { password: 'wrong' }),
  ]) {
    const answer = register(world, phone);
    expect(phone.statuses('REGISTER')).toEqual([401, 401]);
    expect(answer.headers.get('WWW-Authenticate')).not.toContain('stale');
  }
  world.settles();
});

test('a nonce is good for the address it was given to: from another it is stale, and no failure', async () => {
  await using world = await World.start();
  const [alice, elsewhere] = [await world.phone('1001'), await world.phone('1001')];
  register(world, alice);
  const challenged = alice.heard[0] as SipResponse;
  const credentials = alice.credentialsFor(challenged, 'REGISTER', 'sip:10.0.0.1') ?? '';
  elsewhere.send('REGISTER', 'sip:10.0.0.1', {
    to: '<sip:1001@10.0.0.1>',
    headers: { Contact: elsewhere.contact },
    credentials,
  });
  world.run(100);
  expect(elsewhere.statuses('REGISTER')).toEqual([401]);
  expect(elsewhere.heard[0]?.headers.get('WWW-Authenticate')).toContain('stale=true');
  world.settles();
});

test('a nonce count that was used before is stale; the next one is taken', async () => {
  await using world = await World.start();
  const alice = await world.phone('1001');
  alice.send('REGISTER', 'sip:10.0.0.1', { to: '<sip:1001@10.0.0.1>', credentials: 'Digest username=""' });
  world.run(100);
  const challenges = (alice.heard[0] as SipResponse).headers.getAll('WWW-Authenticate');
  const outcomes: (string | number)[] = [];
  for (const count of [1, 2, 2, 1, 3]) {
    const account = { username: '1001', password: passwordOf('1001') };
    const request = { method: 'REGISTER', uri: 'sip:10.0.0.1' };
    const credentials = answerChallenge(challenges, request, account, alice.random, count) ?? '';
    alice.send('REGISTER', 'sip:10.0.0.1', {
      to: '<sip:1001@10.0.0.1>',
      credentials,
      onFinal: (response) => {
        const stale = response.headers.get('WWW-Authenticate')?.includes('stale=true');
        outcomes.push(stale ? 'stale' : response.status);
      },
    });
    world.run(100);
  }
  expect(outcomes).toEqual([200, 200, 'stale', 'stale', 200]);
  world.settles();
});

test('when its time is over an extension is not registered: 480, and an event says why', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.phone('1002');
  register(world, bob, { expires: 60 });
  world.run(59_000);
  const early = alice.call('1002');
  world.run(100);
  bob.lastCall.answer(486);
  world.run(100);
  expect(early.statuses).toEqual([486]);
  world.run(2000);
  expect(historyOf(world)).toEqual(['added', 'added', 'expired']);
  const call = alice.call('1002');
  world.run(100);
  expect(call.statuses).toEqual([480]);
  expect(bob.calls).toHaveLength(1);
  expect(world.cdrs.at(-1)).toMatchObject({ status: 'failed', termination_reason: 'unreachable', sip_status: 480 });
  world.settles();
});

test.each(['tcp', 'tls'] as const)(
  'the connection of a phone over %s is lost: flow_lost at once, and 480',
  async (transport) => {
    await using world = await World.start();
    const alice = await world.registered('1001');
    const bob = await world.registered('1002', { transport });
    world.network.disconnect(bob.address);
    world.run(10);
    expect(historyOf(world)).toEqual(['added', 'added', 'flow_lost']);
    const call = alice.call('1002');
    world.run(10);
    expect(call.statuses).toEqual([480]);
    expect(world.network.toNobody).toEqual([]);

    // It comes back, is reached on the new connection and on no other.
    expect(register(world, bob).status).toBe(200);
    const again = alice.call('1002');
    world.run(100);
    bob.lastCall.answer(200);
    world.run(100);
    expect(again.statuses).toEqual([200]);
    again.hangUp();
    world.settles();
  },
);

test('registering anew in a call does not disturb it', async () => {
  await using world = await World.start();
  const { alice, bob, call } = await talk(world);
  expect(register(world, bob).status).toBe(200);
  expect(register(world, alice, { expires: 0 }).status).toBe(200);
  call.hangUp();
  world.run(100);
  expect(bob.log.at(-1)).toBe('BYE');
  expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
  world.settles();
});

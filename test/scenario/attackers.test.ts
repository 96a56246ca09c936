import { describe, expect, test } from 'vitest';
import { type LogFields, silentLog } from '../../src/base/index.ts';
import { Guesser } from '../world/guesser.ts';
import type { Phone } from '../world/phone.ts';
import { talk } from '../world/talk.ts';
import { MemoryBans, World } from '../world/world.ts';

const minute = 60_000;
const attacker = '10.0.0.66';

const bans = (world: World) => world.events.filter(({ type }) => type.startsWith('ban.'));

/** What the phone's REGISTER is answered; null when that is nothing. */
function registersAnew(world: World, phone: Phone): number | null {
  phone.registration = null;
  phone.register();
  world.run(100);
  return phone.registration;
}

describe('who guesses passwords', () => {
  test('is banned with the tenth failure within a minute: no answer any more, to nothing, not even a ping', async () => {
    await using world = await World.start();
    await using guesser = await Guesser.open(world);
    guesser.guesses('1001', 10);
    expect(guesser.statuses).toEqual(Array(19).fill(401));
    expect(bans(world)).toMatchObject([
      { type: 'ban.added', ban: { source: attacker, aor: '1001@sip-pbx', failures: 10, repetition: 1 } },
    ]);
    const heard = guesser.peer.heard.length;
    for (const method of ['REGISTER', 'OPTIONS', 'INVITE', 'SUBSCRIBE']) guesser.ask('1001', { method });
    guesser.guess('1001', 'pw1001');
    guesser.peer.send(['nonsense']);
    world.run(minute);
    expect(guesser.peer.heard).toHaveLength(heard);
    expect(world.exchange.transactions.size.server).toBe(0);
    expect(world.exchange.guard.figures).toMatchObject({ failures: 10, bansActive: 1, bans: 1, bannedDropped: 6 });
    world.settles();
  });

  test('is heard again when the ban has ended; the next is twice as long', async () => {
    await using world = await World.start({ config: { security: { ban: { failures: 3, duration: 120 } } } });
    await using guesser = await Guesser.open(world);
    for (const length of [2, 4, 8]) {
      guesser.guesses('1001', 3);
      expect(bans(world).at(-1)?.type).toBe('ban.added');
      world.run(length * minute - 12_000);
      expect(guesser.ask('1001')).toBeNull();
      world.run(12_000);
      expect(bans(world).at(-1)).toMatchObject({ type: 'ban.lifted', cause: 'expired' });
    }
    expect(guesser.guess('1001', 'pw1001')?.status).toBe(200);
    world.settles();
  });

  test('is hung up on, and can connect no more, over TCP and TLS', async () => {
    for (const transport of ['tcp', 'tls'] as const) {
      await using world = await World.start({ config: { security: { ban: { failures: 3 } } } });
      await using guesser = await Guesser.open(world, { transport });
      await using second = await Guesser.open(world, { port: 5071, transport });
      expect(second.ask('1002')?.status).toBe(401);
      guesser.guesses('1001', 3);
      expect(guesser.statuses).toEqual(Array(5).fill(401));
      const dropped = world.exchange.guard.figures.bannedDropped;
      for (const one of [guesser, second]) expect(one.ask('1001')).toBeNull();
      expect(world.exchange.guard.figures.bannedDropped).toBe(dropped + 2);
      world.run(10 * minute);
      expect(second.ask('1002')?.status).toBe(401);
      world.settles();
    }
  });

  test('is banned by all its tries together, whatever user, method and transport', async () => {
    await using world = await World.start({ config: { security: { ban: { failures: 4 } } } });
    await using guesser = await Guesser.open(world);
    await using connected = await Guesser.open(world, { transport: 'tcp' });
    guesser.guesses('1001', 1);
    guesser.guesses('1777', 1, { method: 'INVITE' });
    connected.guesses('1002', 1);
    expect(bans(world)).toEqual([]);
    connected.guesses('root', 1);
    expect(bans(world)).toMatchObject([{ ban: { aor: 'root@sip-pbx' } }]);
    expect(guesser.ask('1001')).toBeNull();
    world.settles();
    expect(world.cdrs).toEqual([]);
  });

  test('waits longer for each answer, known user or not; who asks without credentials does not', async () => {
    for (const user of ['1001', '1777']) {
      await using world = await World.start();
      await using guesser = await Guesser.open(world);
      const delays: number[] = [];
      for (let i = 0; i < 8; i++) {
        const before = guesser.statuses.length;
        const asked = world.clock.now();
        guesser.guess(user, 'wrong');
        expect(guesser.statuses.length).toBeGreaterThan(before);
        while (guesser.statuses.length < before + 2) world.run(1);
        delays.push(Math.round((world.clock.now() - asked) / 100) * 100);
      }
      expect(delays).toEqual([0, 0, 500, 1000, 2000, 4000, 8000, 8000]);
      world.settles();
    }
  });

  test('and does not wait for the answers is banned all the same, and gets none of those that were to come', async () => {
    await using world = await World.start();
    await using guesser = await Guesser.open(world);
    const challenges = guesser.ask('1001')?.headers.getAll('WWW-Authenticate') ?? [];
    for (let i = 0; i < 10; i++) {
      guesser.guess('1001', `wrong ${i}`, { challenges, method: i < 2 ? 'REGISTER' : 'INVITE' });
    }
    expect(guesser.peer.log).toEqual([401, 401, 401]);
    expect(bans(world)).toHaveLength(1);
    world.run(5 * minute);
    expect(guesser.peer.log).toHaveLength(3);
    world.settles();
  });

  test('a user who mistypes the password twice registers at once with the right one, whoever else guesses it', async () => {
    await using world = await World.start();
    await using stranger = await Guesser.open(world, { address: '10.0.0.67' });
    stranger.guesses('1001', 9);
    await using phone = await Guesser.open(world);
    phone.guess('1001', 'pw1002');
    phone.guess('1001', 'pw100l');
    expect(phone.guess('1001', 'pw1001')?.status).toBe(200);
    world.settles();
  });

  test('is told of in the log, at the beginning and at the end of the ban', async () => {
    const lines: (readonly [string, LogFields | undefined])[] = [];
    const note = (message: string, fields?: LogFields) => void lines.push([message, fields]);
    const log = { ...silentLog, info: note, warning: note, child: () => log };
    await using world = await World.start({ log, config: { security: { ban: { failures: 3 } } } });
    await using guesser = await Guesser.open(world);
    guesser.guesses('1001', 3);
    world.run(10 * minute);
    expect(lines.filter(([, fields]) => fields?.['source'] === attacker)).toMatchObject([
      ['source banned', { aor: '1001@sip-pbx', failures: 3, repetition: 1 }],
      ['ban lifted', { cause: 'expired' }],
    ]);
    expect(lines.filter(([message]) => message.startsWith('wrong password'))).toHaveLength(1);
    world.settles();
  });

  test('stays banned when the exchange starts anew', async () => {
    const kept = new MemoryBans();
    const config = { security: { ban: { failures: 3 } } };
    {
      await using world = await World.start({ bans: kept, config });
      await using guesser = await Guesser.open(world);
      guesser.guesses('1001', 3);
    }
    await using world = await World.start({ bans: kept, config });
    await using guesser = await Guesser.open(world);
    expect(guesser.ask('1001')).toBeNull();
    // The clock of this world is that of the other from the beginning.
    world.run(11 * minute);
    expect(guesser.ask('1001')?.status).toBe(401);
    world.settles();
  });

  test('in a network of security.ban.allow is never banned, but slowed down', async () => {
    await using world = await World.start({ config: { security: { ban: { failures: 3, allow: ['10.0.0.64/28'] } } } });
    await using guesser = await Guesser.open(world);
    await using other = await Guesser.open(world, { address: '10.0.0.80' });
    guesser.guesses('1001', 12);
    expect(guesser.statuses).toHaveLength(24);
    expect(bans(world)).toEqual([]);
    other.guesses('1001', 3);
    expect(bans(world)).toMatchObject([{ ban: { source: '10.0.0.80' } }]);
    world.settles();
  });
});

describe('nobody is banned', () => {
  test('by what others send in its name: no nonce of theirs was given to its address', async () => {
    await using world = await World.start({ config: { security: { ban: { failures: 3 } } } });
    const alice = await world.registered('1001');
    await using guesser = await Guesser.open(world);
    const challenges = guesser.ask('1001')?.headers.getAll('WWW-Authenticate') ?? [];
    // What it sends bears alice's address; the answers go there and are never seen.
    await using forger = await Guesser.open(world, { address: alice.address });
    for (let i = 0; i < 50; i++) {
      forger.ask('1001');
      forger.guess('1001', 'wrong', { challenges });
      forger.guess('1001', 'wrong', {
        challenges: ['Digest realm="sip-pbx", nonce="made up", algorithm=MD5, qop="auth"'],
      });
    }
    expect(world.exchange.guard.figures).toMatchObject({ failures: 0, bans: 0 });
    expect(registersAnew(world, alice)).toBe(200);
    world.settles();
  });

  test('for credentials with an old nonce, or with one that was used before', async () => {
    await using world = await World.start({ config: { security: { ban: { failures: 3 } } } });
    await using phone = await Guesser.open(world);
    const old = phone.ask('1001')?.headers.getAll('WWW-Authenticate') ?? [];
    expect(phone.guess('1001', 'pw1001', { challenges: old })?.status).toBe(200);
    for (let i = 0; i < 10; i++) expect(phone.guess('1001', 'wrong', { challenges: old })?.status).toBe(401);
    const older = phone.ask('1001')?.headers.getAll('WWW-Authenticate') ?? [];
    world.run(5 * minute);
    for (let i = 0; i < 10; i++) expect(phone.guess('1001', 'wrong', { challenges: older })?.status).toBe(401);
    expect(world.exchange.guard.figures).toMatchObject({ failures: 0, bans: 0 });
    world.settles();
  });
});

describe('a good phone at the address of an attacker', () => {
  const config = { security: { ban: { failures: 3 } } };

  test('goes on registering, calling and being called; the attacker is dropped', async () => {
    await using world = await World.start({ users: ['1001', '1002', '1003'], config });
    const { alice, bob, call, answered } = await talk(world);
    await using neighbour = await Guesser.open(world, { address: alice.address });
    neighbour.guesses('1003', 3);
    expect(bans(world)).toMatchObject([{ ban: { source: alice.address } }]);

    expect(registersAnew(world, alice)).toBe(200);
    call.reinvite({ direction: 'sendonly' });
    world.run(100);
    expect(call.last.status).toBe(200);
    answered.hangUp();
    world.run(100);
    expect(alice.log.at(-1)).toBe('BYE');
    const back = bob.call('1001');
    world.run(100);
    alice.lastCall.answer(200);
    world.run(100);
    expect(back.state).toBe('talking');
    back.hangUp();
    world.run(100);
    const again = alice.call('1002');
    world.run(100);
    bob.lastCall.answer(200);
    world.run(100);
    expect(again.state).toBe('talking');
    again.hangUp();

    expect(neighbour.ask('1003')).toBeNull();
    expect(neighbour.ask('1002', { method: 'INVITE' })).toBeNull();
    const challenges = neighbour.ask('1001')?.headers.getAll('WWW-Authenticate') ?? [];
    expect(challenges).not.toEqual([]);
    expect(neighbour.guess('1003', 'pw1003', { challenges })).toBeNull();
    world.settles();
    expect(world.cdrs.map(({ status }) => status)).toEqual(['completed', 'completed', 'completed']);
  });

  test('over TCP keeps its connection, while the other connections from there are judged message by message', async () => {
    await using world = await World.start({ users: ['1001', '1003'], config });
    const alice = await world.registered('1001', { transport: 'tcp' });
    await using neighbour = await Guesser.open(world, { address: alice.address, transport: 'tcp' });
    const { flow } = alice;
    neighbour.guesses('1003', 3);
    expect(bans(world)).toHaveLength(1);
    expect(registersAnew(world, alice)).toBe(200);
    expect(flow.closed).toBe(false);
    expect(neighbour.ask('1003')).toBeNull();
    world.settles();
  });

  test('does not help the attacker to guess its own password: one try in 8 s', async () => {
    await using world = await World.start({ config });
    const alice = await world.registered('1001');
    await using neighbour = await Guesser.open(world, { address: alice.address });
    neighbour.guesses('1001', 3);
    const before = world.exchange.guard.figures.failures;
    const started = world.clock.now();
    while (world.clock.now() - started < minute) {
      neighbour.guess('1001', `wrong ${world.clock.now()}`);
      world.run(250);
    }
    const failures = world.exchange.guard.figures.failures - before;
    expect(failures).toBeGreaterThan(0);
    expect(failures).toBeLessThanOrEqual(8);
    expect(registersAnew(world, alice)).toBe(200);
    world.settles();
  });

  test('is heard no more when its registration has ended', async () => {
    await using world = await World.start({ config });
    const alice = await world.registered('1001');
    await using neighbour = await Guesser.open(world, { address: alice.address });
    neighbour.guesses('1777', 3);
    alice.register({ expires: 0 });
    world.run(1100);
    expect(registersAnew(world, alice)).toBeNull();
    world.settles();
  });
});

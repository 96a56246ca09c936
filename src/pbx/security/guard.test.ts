import { describe, expect, test } from 'vitest';
import { type Address, silentLog, VirtualClock } from '../../base/index.ts';
import { Headers, SipRequest } from '../../sip/message/index.ts';
import type { Flow, TransportName } from '../../sip/transport/index.ts';
import { EventBus, type PbxEvent } from '../events/index.ts';
import { Guard } from './guard.ts';
import type { Registration } from './protected-users.ts';

const attacker = '192.0.2.66';
const flow = (address: string, port = 5060, transport: TransportName = 'udp') =>
  ({ transport, remote: { address, port } }) as Flow;

function setUp({ allow = [] as string[], failures = 10 } = {}) {
  const clock = new VirtualClock();
  const events = new EventBus(silentLog);
  const heard: PbxEvent[] = [];
  events.subscribe((event) => heard.push(event));
  const registrations: Registration[] = [];
  const open: Flow[] = [];
  const guard = new Guard({
    clock,
    log: silentLog,
    events,
    store: { load: async () => [], save: () => {}, remove: () => {} },
    config: { failures, windowMs: 60_000, durationMs: 600_000 },
    realm: 'sip-pbx',
    isAllowed: (address) => allow.includes(address),
    registrations: () => registrations,
    hangUp: (which) => open.splice(0, Number.POSITIVE_INFINITY, ...open.filter((one) => !which(one))),
  });
  const register = (user: string, source: Address, transport: TransportName = 'udp') =>
    registrations.push({ user, source, transport });
  let tries = 0;
  const fail = (times: number, address = attacker, user = '1001') =>
    Array.from({ length: times }, () => guard.failed(user, flow(address), `response ${tries++}`));
  return { clock, heard, open, guard, registrations, register, fail };
}

/** A request with the header fields that tell whose it is. */
function request(method: string, fields: Record<string, string> = {}): SipRequest {
  const all = { From: '<sip:1001@pbx>;tag=a', To: '<sip:1001@pbx>', ...fields };
  return new SipRequest({ method, uri: 'sip:pbx', headers: new Headers(Object.entries(all)) });
}
const credentials = (username: string) => ({
  Authorization: `Digest username="${username}", realm="sip-pbx", nonce="n", uri="sip:pbx", response="r"`,
});

describe('failures', () => {
  test('are answered more and more slowly, and the last is a ban and has no answer', () => {
    const { guard, fail, heard, clock } = setUp();
    expect(fail(10)).toEqual([0, 0, 500, 1000, 2000, 4000, 8000, 8000, 8000, null]);
    expect(guard.accepts(attacker)).toBe(false);
    expect(guard.accepts('192.0.2.67')).toBe(true);
    expect(heard).toMatchObject([
      {
        type: 'ban.added',
        ban: { source: attacker, aor: '1001@sip-pbx', failures: 10, until: clock.wall() + 600_000 },
      },
    ]);
    expect(guard.figures).toEqual({ failures: 10, bansActive: 1, bans: 1, bannedDropped: 1, scannersDropped: 0 });
  });

  test('that come slowly enough are no ban', () => {
    const { guard, fail, clock } = setUp();
    for (let i = 0; i < 100; i++) {
      fail(1);
      clock.advance(6700);
    }
    expect(guard.figures).toMatchObject({ failures: 100, bans: 0 });
  });

  test('that are repeated, since their answer was lost, count once', () => {
    const { guard, heard } = setUp();
    for (let i = 0; i < 100; i++) expect(guard.failed('1001', flow(attacker), 'same')).toBe(0);
    expect(guard.failed('1001', flow(attacker), 'other')).toBe(0);
    expect(guard.failed('1001', flow(attacker), 'third')).toBe(500);
    expect(guard.failed('1001', flow(attacker), 'third')).toBe(500);
    expect(guard.figures.failures).toBe(3);
    expect(heard).toEqual([]);
  });

  test('of other users count for the source too', () => {
    const { guard, fail } = setUp();
    for (let user = 0; user < 9; user++) fail(1, attacker, `${1000 + user}`);
    expect(guard.accepts(attacker)).toBe(true);
    expect(fail(1, attacker, '2000')).toEqual([null]);
    expect(guard.accepts(attacker)).toBe(false);
  });

  test('of one user from many sources are answered slowly, known or not', () => {
    const { fail } = setUp();
    const delays = Array.from({ length: 8 }, (_, host) => fail(1, `192.0.2.${host}`, 'anybody')[0]);
    expect(delays).toEqual([0, 0, 500, 1000, 2000, 4000, 8000, 8000]);
  });

  test('within one /64 are those of one source', () => {
    const { guard, fail } = setUp();
    for (let host = 1; host <= 10; host++) fail(1, `2001:db8::${host}`, `user ${host}`);
    expect(guard.accepts('2001:db8::ffff')).toBe(false);
    expect(guard.accepts('2001:db8:0:1::1')).toBe(true);
  });

  test('of an allowed network are no ban, though slow; and it stays allowed in a banned /64', () => {
    const { guard, fail } = setUp({ allow: [attacker, '2001:db8::1'] });
    expect(fail(20).slice(-2)).toEqual([8000, 8000]);
    expect(guard.accepts(attacker)).toBe(true);
    fail(10, '2001:db8::2');
    expect(guard.accepts('2001:db8::2')).toBe(false);
    expect(guard.accepts('2001:db8::1')).toBe(true);
    expect(guard.admits(request('REGISTER'), flow('2001:db8::1'))).toBe(true);
  });

  test('after a ban begin anew', () => {
    const { guard, fail, clock } = setUp();
    fail(10);
    clock.advance(600_000);
    expect(guard.accepts(attacker)).toBe(true);
    fail(9);
    expect(guard.accepts(attacker)).toBe(true);
    fail(1);
    expect(guard.figures.bans).toBe(2);
  });
});

describe('a ban', () => {
  test('ends the connections of its source, and only those', () => {
    const { open, fail } = setUp();
    const other = flow('192.0.2.67', 4000, 'tcp');
    open.push(flow(attacker, 4000, 'tcp'), other, flow(attacker, 4001, 'tls'));
    fail(10);
    expect(open).toEqual([other]);
  });

  test('leaves out who is registered there: requests of others are dropped', () => {
    const { guard, register, fail } = setUp();
    register('1001', { address: attacker, port: 1024 });
    fail(10, attacker, '1002');
    expect(guard.accepts(attacker)).toBe(true);
    const phone = flow(attacker, 1024);
    const stranger = flow(attacker, 2048);
    for (const from of [phone, stranger]) {
      expect(guard.admits(request('REGISTER'), from)).toBe(true);
      expect(guard.admits(request('INVITE', { To: '<sip:1002@pbx>' }), from)).toBe(true);
      expect(guard.admits(request('REGISTER', credentials('1001@sip-pbx')), from)).toBe(true);
      expect(guard.admits(request('BYE', { From: '<sip:9@x>;tag=a', To: '<sip:8@x>;tag=b' }), from)).toBe(true);
      expect(guard.figures.bannedDropped).toBe(0);
    }
    const others = [
      request('REGISTER', { From: '<sip:1001@pbx>;tag=a', To: '<sip:1002@pbx>' }),
      request('INVITE', { From: '<sip:1002@pbx>;tag=a' }),
      request('REGISTER', credentials('1002')),
      request('REGISTER', { To: '<sip:1002@pbx>;tag=forged' }),
      request('REGISTER', { ...credentials('1001'), 'Proxy-Authorization': credentials('1002').Authorization }),
      request('OPTIONS', { From: '<tel:1001>;tag=a' }),
      request('OPTIONS', { From: 'nonsense' }),
    ];
    for (const one of others) expect(guard.admits(one, stranger)).toBe(false);
    expect(guard.figures.bannedDropped).toBe(others.length);
  });

  test('does not let the attacker go on with who is registered there: one try in 8 s, but for the registered flow', () => {
    const { guard, register, fail, clock } = setUp();
    register('1001', { address: attacker, port: 1024 });
    fail(10);
    const guess = request('REGISTER', credentials('1001'));
    const stranger = flow(attacker, 2048);
    expect(guard.admits(guess, stranger)).toBe(true);
    expect(guard.failed('1001', stranger, 'another')).toBe(8000);
    expect(guard.admits(guess, stranger)).toBe(false);
    expect(guard.admits(guess, flow(attacker, 1024, 'tcp'))).toBe(false);
    expect(guard.admits(guess, flow(attacker, 1024))).toBe(true);
    clock.advance(7999);
    expect(guard.admits(guess, stranger)).toBe(false);
    clock.advance(1);
    expect(guard.admits(guess, stranger)).toBe(true);
  });

  test('notices within a second that the registration has ended', () => {
    const { guard, register, registrations, fail, clock } = setUp();
    register('1001', { address: attacker, port: 1024 });
    fail(10);
    registrations.length = 0;
    clock.advance(1000);
    expect(guard.accepts(attacker)).toBe(false);
  });
});

test('a scanner is dropped, banned or not, and counted', () => {
  const { guard } = setUp({ allow: [attacker] });
  expect(guard.admits(request('OPTIONS', { 'User-Agent': 'friendly-scanner' }), flow(attacker))).toBe(false);
  expect(guard.admits(request('OPTIONS', { 'User-Agent': 'Phone' }), flow(attacker))).toBe(true);
  expect(guard.figures.scannersDropped).toBe(1);
});

import { describe, expect, test } from 'vitest';
import { contactsOf, FakeFlow, registerRequest, startRegistrar } from '../../../test/support/registration.ts';
import { SipError } from '../../sip/message/index.ts';

const alice = '<sip:1001@198.51.100.7:5060>';
const desk = '<sip:1001@198.51.100.8:5060>';
const private1 = '<sip:1001@10.0.0.5:5060>';

/** Status and headers of the refusal. */
function refusalOf(action: () => unknown): SipError {
  try {
    action();
  } catch (error) {
    if (error instanceof SipError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('the answer (RFC 3261 §10.3 step 8)', () => {
  test('lists all contacts with the seconds they have left, the date and our tag', () => {
    const { clock, register } = startRegistrar();
    register({ contacts: [`${alice};expires=300`] });
    clock.advance(10_500);
    const other = new FakeFlow('udp', '198.51.100.8');
    const response = register({ callId: 'other', contacts: [`${desk};expires=600;q=0.5`] }, other);
    expect(response.status).toBe(200);
    expect(contactsOf(response)).toEqual([
      'sip:1001@198.51.100.7:5060;expires=290',
      'sip:1001@198.51.100.8:5060;q=0.5;expires=600',
    ]);
    expect(response.headers.get('Date')).toBe('Sun, 05 Jan 2025 10:00:10 GMT');
    expect(response.toTag).toBe('tag');
  });

  test('gives instance and reg-id back, so that the phone knows its contact', () => {
    const { register } = startRegistrar();
    const response = register({ contacts: [`${alice};+sip.instance="<urn:uuid:1>";reg-id=2`] });
    expect(response.headers.get('Contact')).toBe(
      '<sip:1001@198.51.100.7:5060>;expires=3600;+sip.instance="<urn:uuid:1>";reg-id=2',
    );
  });

  test('a REGISTER without Contact asks and changes nothing', () => {
    const { register, heard, registrar } = startRegistrar();
    expect(contactsOf(register({}))).toEqual([]);
    register({ contacts: [alice] });
    expect(contactsOf(register({ cseq: 2, headers: ['Expires: 0'] }))).toHaveLength(1);
    expect(heard).toEqual(['+ sip:1001@198.51.100.7:5060']);
    expect(registrar.count).toBe(1);
  });
});

describe('whose address is registered (RFC 3261 §10.3 steps 4 and 5)', () => {
  test('another To user than the authenticated one is 403', () => {
    const { register } = startRegistrar();
    expect(refusalOf(() => register({ to: '<sip:1002@sip-pbx>', contacts: [alice] })).status).toBe(403);
  });

  test.each(['<sip:1001@elsewhere.example>', '<tel:1001>'])('a To that is no address of ours is 404: %s', (to) => {
    const { register } = startRegistrar();
    expect(refusalOf(() => register({ to, contacts: [alice] })).status).toBe(404);
  });

  test('whichever of our names the phone uses, the AOR is the same', () => {
    const { register, registrar } = startRegistrar();
    register({ to: '<sip:1001@192.0.2.1>', contacts: [alice] });
    register({ contacts: [alice], cseq: 2 });
    expect(registrar.all().map(({ aor }) => aor)).toEqual(['1001@sip-pbx']);
  });
});

describe('how long a binding lasts', () => {
  test.each([
    [{ contacts: [`${alice};expires=100`], headers: ['Expires: 200'] }, 100],
    [{ contacts: [alice], headers: ['Expires: 200'] }, 200],
    [{ contacts: [alice] }, 3600],
    [{ contacts: [`${alice};expires=soon`], headers: ['Expires: 200'] }, 3600],
    [{ contacts: [`${alice};expires=99999`] }, 7200],
    [{ contacts: [`${alice};expires=99999999999`] }, 7200],
  ])('the Contact says it, else Expires, else we do: %j lasts %i s', (parts, seconds) => {
    const { register } = startRegistrar();
    expect(contactsOf(register(parts))).toEqual([`sip:1001@198.51.100.7:5060;expires=${seconds}`]);
  });

  test('too short a wish is 423 with Min-Expires, and changes nothing', () => {
    const { register, registrar } = startRegistrar();
    const refusal = refusalOf(() => register({ contacts: [desk, `${alice};expires=59`] }));
    expect(refusal.status).toBe(423);
    expect(refusal.headers).toEqual({ 'Min-Expires': '60' });
    expect(registrar.count).toBe(0);
  });

  test('it ends at its second, with an event, and leaves no timer', () => {
    const { clock, register, registrar, heard, store } = startRegistrar();
    register({ contacts: [`${alice};expires=60`] });
    clock.advance(59_999);
    expect(registrar.registered('1001')).toBe(true);
    clock.advance(1);
    expect(registrar.lookup('1001')).toEqual([]);
    expect(heard).toEqual(['+ sip:1001@198.51.100.7:5060', '- sip:1001@198.51.100.7:5060 expired']);
    expect(store.bindings.size).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test('a refresh prolongs it without an event', () => {
    const { clock, register, registrar, heard } = startRegistrar();
    register({ contacts: [`${alice};expires=60`] });
    clock.advance(50_000);
    register({ contacts: [`${alice};expires=60`], cseq: 2 });
    clock.advance(59_999);
    expect(registrar.registered('1001')).toBe(true);
    expect(heard).toEqual(['+ sip:1001@198.51.100.7:5060']);
  });

  test('many bindings need one timer, and each ends in its turn', () => {
    const { clock, registrar, heard } = startRegistrar();
    for (let i = 0; i < 100; i++) {
      const request = registerRequest({ user: `${i}`, contacts: [`<sip:${i}@198.51.100.7>;expires=${60 + i}`] });
      registrar.register(request, new FakeFlow('udp', '198.51.100.7'), `${i}`);
    }
    expect(clock.pending).toBe(1);
    clock.advance(60_000 + 49_000);
    expect(registrar.count).toBe(50);
    clock.advance(50_000);
    expect(registrar.count).toBe(0);
    expect(heard.filter((line) => line.endsWith('expired'))).toHaveLength(100);
    expect(clock.pending).toBe(0);
  });
});

describe('removal', () => {
  test('expires=0 removes one contact', () => {
    const { register, registrar, heard } = startRegistrar();
    register({ contacts: [alice, desk] });
    expect(contactsOf(register({ cseq: 2, contacts: [`${alice};expires=0`] }))).toHaveLength(1);
    expect(registrar.all().map(({ contact }) => contact)).toEqual(['sip:1001@198.51.100.8:5060']);
    expect(heard.at(-1)).toBe('- sip:1001@198.51.100.7:5060 unregistered');
  });

  test('* with Expires 0 removes all (RFC 3261 §10.2.2)', () => {
    const { clock, register, registrar, store } = startRegistrar();
    register({ contacts: [alice, desk] });
    expect(contactsOf(register({ cseq: 2, contacts: ['*'], headers: ['Expires: 0'] }))).toEqual([]);
    expect(registrar.count).toBe(0);
    expect(store.bindings.size).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test.each([
    { contacts: ['*'] },
    { contacts: ['*'], headers: ['Expires: 60'] },
    { contacts: ['*', alice], headers: ['Expires: 0'] },
  ])('* otherwise is 400: %j', (parts) => {
    const { register, registrar } = startRegistrar();
    register({ contacts: [desk] });
    expect(refusalOf(() => register({ ...parts, cseq: 2 })).status).toBe(400);
    expect(registrar.count).toBe(1);
  });

  test('an unknown contact may be removed', () => {
    const { register, heard } = startRegistrar();
    expect(register({ contacts: [`${alice};expires=0`] }).status).toBe(200);
    expect(heard).toEqual([]);
  });
});

describe('order (RFC 3261 §10.3 step 7)', () => {
  test('a lower CSeq of the same Call-ID is 500 and changes nothing, even for its other contacts', () => {
    const { register, registrar } = startRegistrar();
    register({ cseq: 5, contacts: [alice] });
    expect(refusalOf(() => register({ cseq: 4, contacts: [desk, `${alice};expires=0`] })).status).toBe(500);
    expect(registrar.all().map(({ contact }) => contact)).toEqual(['sip:1001@198.51.100.7:5060']);
  });

  test('* of a lower CSeq is 500', () => {
    const { register, registrar } = startRegistrar();
    register({ cseq: 5, contacts: [alice] });
    expect(refusalOf(() => register({ cseq: 4, contacts: ['*'], headers: ['Expires: 0'] })).status).toBe(500);
    expect(registrar.count).toBe(1);
  });

  test('an equal CSeq is a repetition: answered, not done again', () => {
    const { clock, register } = startRegistrar();
    register({ cseq: 5, contacts: [`${alice};expires=100`] });
    clock.advance(40_000);
    const response = register({ cseq: 5, contacts: [`${alice};expires=100`] });
    expect(contactsOf(response)).toEqual(['sip:1001@198.51.100.7:5060;expires=60']);
  });

  test('another Call-ID knows no order', () => {
    const { register, registrar } = startRegistrar();
    register({ cseq: 500, contacts: [alice] });
    register({ cseq: 1, callId: 'after-reboot', contacts: [alice] });
    expect(registrar.all()).toMatchObject([{ callId: 'after-reboot', cseq: 1 }]);
  });
});

describe('which binding a contact is', () => {
  test('equal URIs are one binding (RFC 3261 §19.1.4)', () => {
    const { register, registrar, heard } = startRegistrar();
    register({ contacts: ['<sip:%31001@PHONE.example;ob>'] });
    register({ cseq: 2, contacts: ['<sip:1001@phone.example>'] });
    expect(registrar.count).toBe(1);
    expect(heard).toHaveLength(1);
  });

  test('another port or transport is another binding', () => {
    const { register, registrar } = startRegistrar();
    register({ contacts: ['<sip:1001@phone.example>', '<sip:1001@phone.example:5062>'] });
    register({ cseq: 2, contacts: ['<sip:1001@phone.example;transport=tcp>'] });
    expect(registrar.count).toBe(3);
  });

  test('a rebooted phone takes the place of its old binding by its instance (RFC 5626 §6)', () => {
    const { register, registrar, heard, store } = startRegistrar();
    register({ contacts: [`${alice};+sip.instance="<urn:uuid:1>"`] });
    register({ callId: 'after-reboot', contacts: [`${desk};+sip.instance="<urn:uuid:1>"`] });
    expect(registrar.all().map(({ contact }) => contact)).toEqual(['sip:1001@198.51.100.8:5060']);
    expect(heard).toEqual([
      '+ sip:1001@198.51.100.7:5060',
      '- sip:1001@198.51.100.7:5060 replaced',
      '+ sip:1001@198.51.100.8:5060',
    ]);
    expect([...store.bindings.values()].map(({ contact }) => contact)).toEqual(['sip:1001@198.51.100.8:5060']);
  });

  test('reg-id keeps two flows of one instance apart, and none is a place of its own', () => {
    const { register, registrar } = startRegistrar();
    const instance = '+sip.instance="<urn:uuid:1>"';
    register({ contacts: [`${alice};${instance};reg-id=1`] });
    register({ cseq: 2, contacts: [`${alice};${instance};reg-id=2`] });
    register({ cseq: 3, contacts: [`${alice};${instance}`] });
    expect(registrar.count).toBe(3);
  });

  test('a phone that begins to tell its instance is still the same contact', () => {
    const { register, registrar, heard, store } = startRegistrar();
    register({ contacts: [alice] });
    register({ callId: 'new-firmware', contacts: [`${alice};+sip.instance="<urn:uuid:1>"`] });
    expect(registrar.all().map(({ instance }) => instance)).toEqual(['urn:uuid:1']);
    expect(store.bindings.size).toBe(1);
    expect(heard).toHaveLength(1);
  });

  test.each(['<tel:1001>', '<mailto:alice@example.com>'])('what is no SIP URI is 400: %s', (contact) => {
    const { register } = startRegistrar();
    expect(refusalOf(() => register({ contacts: [alice, contact] })).status).toBe(400);
  });

  test('one contact more than allowed is 403 and changes nothing; refreshing and replacing go on', () => {
    const { register, registrar } = startRegistrar({ config: { maxContacts: 2 } });
    register({ contacts: [alice, desk] });
    const third = '<sip:1001@198.51.100.9>';
    expect(refusalOf(() => register({ cseq: 2, contacts: [third] })).status).toBe(403);
    expect(register({ cseq: 3, contacts: [alice] }).status).toBe(200);
    expect(register({ cseq: 4, contacts: [`${desk};expires=0`, third] }).status).toBe(200);
    expect(registrar.count).toBe(2);
  });
});

describe('phones behind NAT', () => {
  const nat = new FakeFlow('udp', '203.0.113.9', 40_000);

  test('a UDP phone whose Contact is not its source address gets a short interval', () => {
    const { register, registrar } = startRegistrar();
    expect(contactsOf(register({ contacts: [private1] }, nat))).toEqual(['sip:1001@10.0.0.5:5060;expires=120']);
    expect(registrar.natBindings().map(({ flow }) => flow.id)).toEqual(['udp:203.0.113.9:40000']);
  });

  test('on TCP it is behind NAT too, but keeps its interval', () => {
    const { register, registrar } = startRegistrar();
    register({ contacts: [private1] }, new FakeFlow('tcp', '203.0.113.9', 40_000));
    expect(registrar.all()).toMatchObject([{ nat: true }]);
    expect(registrar.natBindings()).toEqual([]);
  });

  test('one way to write an IPv6 address is as good as another', () => {
    const { register, registrar } = startRegistrar();
    register({ contacts: ['<sip:1001@[2001:DB8:0:0::7]>'] }, new FakeFlow('udp', '2001:db8::7'));
    expect(registrar.all()).toMatchObject([{ nat: false }]);
  });

  test.each([
    { headers: ['Via: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKfirst'] },
    { headers: ['Path: <sip:edge.example;lr>'] },
  ])('a proxy between explains the difference: %j', (parts) => {
    const { register, registrar } = startRegistrar();
    register({ contacts: [private1], ...parts }, nat);
    expect(registrar.all()).toMatchObject([{ nat: false }]);
  });

  test('a phone that moves to another mapping is reached there', () => {
    const { register, registrar } = startRegistrar();
    register({ contacts: [private1] }, nat);
    register({ cseq: 2, contacts: [private1] }, new FakeFlow('udp', '203.0.113.9', 40_001));
    expect(registrar.lookup('1001').map(({ flow }) => flow.remote.port)).toEqual([40_001]);
  });
});

test('Path is kept with the binding and echoed, first to last (RFC 3327 §5.3)', () => {
  const { register, registrar } = startRegistrar();
  const headers = ['Path: <sip:edge.example;lr>, <sip:core.example;lr>'];
  const response = register({ contacts: [alice], headers });
  expect(response.headers.get('Path')).toBe('<sip:edge.example;lr>, <sip:core.example;lr>');
  expect(registrar.all()[0]?.path).toEqual(['<sip:edge.example;lr>', '<sip:core.example;lr>']);
});

test('a Path that cannot be read refuses the whole REGISTER', () => {
  const { register, registrar } = startRegistrar();
  register({ contacts: [alice] });
  expect(() => register({ cseq: 2, contacts: [`${alice};expires=0`, desk], headers: ['Path: <sip:edge'] })).toThrow();
  expect(registrar.all().map(({ contact }) => contact)).toEqual(['sip:1001@198.51.100.7:5060']);
});

describe('looking up', () => {
  test('the highest q first, then the youngest', () => {
    const { clock, register, registrar } = startRegistrar({ config: { maxContacts: 10 } });
    for (const [i, q] of ['0.5', '1', '0.5', '0.999'].entries()) {
      register({ callId: `call-${i}`, contacts: [`<sip:1001@198.51.100.${i}>;q=${q}`] });
      clock.advance(1000);
    }
    register({ callId: 'call-0', cseq: 2, contacts: ['<sip:1001@198.51.100.0>;q=0.5'] });
    expect(registrar.lookup('1001').map(({ binding }) => binding.contact.at(-1))).toEqual(['1', '3', '2', '0']);
    expect(registrar.lookup('1002')).toEqual([]);
  });
});

describe('connections', () => {
  test('a lost connection ends its binding at once', () => {
    const { clock, register, registrar, heard, store } = startRegistrar();
    const flow = new FakeFlow('tcp', '198.51.100.7', 40_000);
    register({ contacts: [alice] }, flow);
    expect(registrar.lookup('1001')[0]?.flow).toBe(flow);
    expect(flow.holds).toBe(1);
    flow.cut();
    expect(registrar.registered('1001')).toBe(false);
    expect(heard.at(-1)).toBe('- sip:1001@198.51.100.7:5060 flow_lost');
    expect(store.bindings.size).toBe(0);
    expect(flow.holds).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test('after a refresh over a new connection the end of the old one means nothing', () => {
    const { register, registrar } = startRegistrar();
    const old = new FakeFlow('tcp', '198.51.100.7', 40_000);
    const young = new FakeFlow('tcp', '198.51.100.7', 40_001);
    register({ contacts: [alice] }, old);
    register({ cseq: 2, contacts: [alice] }, young);
    expect([old.holds, young.holds]).toEqual([0, 1]);
    old.cut();
    expect(registrar.lookup('1001').map(({ flow }) => flow)).toEqual([young]);
  });

  test('a binding on a connection that is already gone is refused', () => {
    const { register, registrar } = startRegistrar();
    const flow = new FakeFlow('tcp', '198.51.100.7', 40_000);
    flow.cut();
    expect(refusalOf(() => register({ contacts: [alice] }, flow)).status).toBe(503);
    expect(registrar.count).toBe(0);
  });

  test('disposal lets go of connections and timer but keeps what is stored', () => {
    const { clock, register, registrar, store } = startRegistrar();
    const flow = new FakeFlow('tls', '198.51.100.7', 40_000);
    register({ contacts: [alice] }, flow);
    registrar[Symbol.dispose]();
    expect([flow.holds, flow.listeners.size, clock.pending]).toEqual([0, 0, 0]);
    expect(store.bindings.size).toBe(1);
  });
});

describe('a restart', () => {
  test('UDP bindings are reached on a flow between the same addresses', async () => {
    const before = startRegistrar();
    before.register({ contacts: [`${private1};expires=100`] }, new FakeFlow('udp', '203.0.113.9', 40_000));
    const after = startRegistrar({ store: before.store, clock: before.clock });
    before.clock.advance(40_000);
    await after.registrar.load();
    expect(after.registrar.lookup('1001').map(({ flow }) => flow.id)).toEqual(['udp:203.0.113.9:40000']);
    expect(after.made).toEqual(['udp 203.0.113.9:40000 from 192.0.2.1']);
    expect(contactsOf(after.register({}))).toEqual(['sip:1001@10.0.0.5:5060;expires=60']);
    expect(after.heard).toEqual([]);
  });

  test('a connection is not there any more: unreachable until the phone registers again', async () => {
    const before = startRegistrar();
    before.register({ contacts: [alice] }, new FakeFlow('tcp', '198.51.100.7', 40_000));
    const after = startRegistrar({ store: before.store });
    await after.registrar.load();
    expect([after.registrar.count, after.registrar.registered('1001')]).toEqual([1, false]);
    after.register({ cseq: 2, contacts: [alice] }, new FakeFlow('tcp', '198.51.100.7', 40_001));
    expect(after.registrar.registered('1001')).toBe(true);
    expect(after.heard).toEqual([]);
  });

  test('what expired meanwhile, or belongs to another realm, ends', async () => {
    const before = startRegistrar();
    before.register({ contacts: [`${alice};expires=60`] });
    before.register({ contacts: [desk] });
    const [, second] = before.registrar.all();
    before.store.save({ ...second!, aor: '1001@old-realm' });
    before.clock.advance(60_000);
    before.store.save({ ...second!, contact: 'not a URI', key: 'bad' });
    const after = startRegistrar({ store: before.store, clock: before.clock });
    before.registrar[Symbol.dispose]();
    await after.registrar.load();
    expect(after.registrar.all().map(({ contact }) => contact)).toEqual(['sip:1001@198.51.100.8:5060']);
    expect(before.store.bindings.size).toBe(1);
  });

  test('the order of REGISTERs is known across it', async () => {
    const before = startRegistrar();
    before.register({ cseq: 7, contacts: [alice] });
    const after = startRegistrar({ store: before.store });
    await after.registrar.load();
    expect(refusalOf(() => after.register({ cseq: 6, contacts: [alice] })).status).toBe(500);
  });
});

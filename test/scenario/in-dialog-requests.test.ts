import { expect, test } from 'vitest';
import { heardWhenBothSpeak, talk } from '../world/talk.ts';
import { World } from '../world/world.ts';

test('UPDATE without a body refreshes the Contact and is answered with 200 and ours (RFC 3311 section 5.2)', async () => {
  await using world = await World.start();
  const { alice, bob, call, answered } = await talk(world);
  const requests = answered.requests.length;
  call.request('UPDATE');
  answered.request('UPDATE');
  world.run(100);
  expect(alice.statuses('UPDATE')).toEqual([200]);
  expect(bob.statuses('UPDATE')).toEqual([200]);
  expect(call.last.headers.get('Contact')).toContain('10.0.0.1:5060');
  expect(answered.requests).toHaveLength(requests);
  call.hangUp();
  world.settles();
});

test.each(['caller', 'callee'] as const)('INFO of the %s goes to the other side with its body', async (from) => {
  await using world = await World.start();
  const { call, answered } = await talk(world);
  const [sender, receiver] = from === 'caller' ? [call, answered] : [answered, call];
  sender.request('INFO', {
    body: 'Signal=5\r\nDuration=160\r\n',
    contentType: 'application/dtmf-relay',
    headers: { 'X-Own': 'topology' },
  });
  world.run(100);
  const info = receiver.requests.at(-1);
  expect(info?.method).toBe('INFO');
  expect(info?.callId).toBe(receiver.callId);
  expect(info?.headers.get('Content-Type')).toBe('application/dtmf-relay');
  expect(info?.headers.has('X-Own')).toBe(false);
  expect(new TextDecoder().decode(info?.body)).toBe('Signal=5\r\nDuration=160\r\n');
  expect(sender.last).toMatchObject({ status: 200 });
  call.hangUp();
  world.settles();
});

test('an INFO package is named to the other side, its refusal goes back (RFC 6086 section 4.2.2)', async () => {
  await using world = await World.start();
  const { bob, call, answered } = await talk(world);
  bob.habits.agrees = false;
  call.request('INFO', {
    body: 'x',
    contentType: 'text/plain',
    headers: { 'Info-Package': 'unheard-of', 'Content-Disposition': 'Info-Package' },
  });
  world.run(100);
  expect(answered.requests.at(-1)?.headers.get('Info-Package')).toBe('unheard-of');
  expect(answered.requests.at(-1)?.headers.get('Content-Disposition')).toBe('Info-Package');
  answered.agree(answered.waiting.pop()!, { status: 469 });
  world.run(100);
  expect(call.last.status).toBe(469);
  bob.habits.agrees = true;
  call.hangUp();
  world.run(100);
  expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
  world.settles();
});

test.each([302, 401, 404, 405, 480, 501, 502])(
  'INFO and a change that a phone refuses with %d are refused with 500, which ends nothing (RFC 5057 section 5.1)',
  async (status) => {
    await using world = await World.start();
    const { bob, call, answered } = await talk(world);
    bob.habits.agrees = false;
    call.request('INFO', { body: 'x' });
    world.run(100);
    answered.agree(answered.waiting.pop()!, { status });
    world.run(100);
    expect(call.last.status).toBe(500);
    call.reinvite({ direction: 'sendonly' });
    world.run(100);
    answered.agree(answered.waiting.pop()!, { status });
    world.run(100);
    expect(call.last.status).toBe(500);
    bob.habits.agrees = true;
    call.hangUp();
    world.run(100);
    expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
    world.settles();
  },
);

test('a 415 names what can be taken: to a change a session description, to INFO what the phone says (RFC 3261 section 21.4.13)', async () => {
  await using world = await World.start();
  const { bob, call, answered } = await talk(world);
  bob.habits.agrees = false;
  for (const [begin, accept] of [
    [() => call.reinvite({ direction: 'sendonly' }), 'application/sdp'],
    [() => call.request('INFO', { body: 'x' }), 'application/dtmf-relay'],
  ] as const) {
    begin();
    world.run(100);
    answered.agree(answered.waiting.pop()!, { status: 415, headers: { Accept: 'application/dtmf-relay' } });
    world.run(100);
    expect([call.last.status, call.last.headers.get('Accept')]).toEqual([415, accept]);
  }
  bob.habits.agrees = true;
  call.hangUp();
  world.settles();
});

test('INFO to a phone that has lost the call ends it: 481, and BYE to the one who asked', async () => {
  await using world = await World.start();
  const { alice, bob, call, answered } = await talk(world);
  bob.habits.agrees = false;
  call.request('INFO', { body: 'x' });
  world.run(100);
  answered.agree(answered.waiting.pop()!, { status: 481 });
  world.run(100);
  expect(alice.statuses('INFO')).toEqual([481]);
  expect(alice.log.at(-1)).toBe('BYE');
  expect(bob.log).not.toContain('BYE');
  expect(world.cdrs).toMatchObject([{ status: 'failed', termination_reason: 'error', terminated_by: 'callee' }]);
  world.settles();
});

test('INFO that the other phone never answers is not answered either, and the call goes on (RFC 4320 section 4.2)', async () => {
  await using world = await World.start();
  const { alice, bob, call, answered } = await talk(world);
  bob.habits.agrees = false;
  call.request('INFO', { body: 'x' });
  world.run(40_000);
  expect(alice.statuses('INFO')).toEqual([]);
  answered.waiting.splice(0);
  bob.habits.agrees = true;
  call.hangUp();
  world.run(100);
  expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
  world.settles();
});

test('OPTIONS in a dialog and outside tells truthfully what we do (RFC 3261 section 11.2)', async () => {
  await using world = await World.start();
  const { alice, call, answered } = await talk(world);
  const requests = answered.requests.length;
  call.request('OPTIONS');
  world.run(100);
  const inside = call.last;
  alice.send('OPTIONS', 'sip:10.0.0.1');
  world.run(100);
  const outside = alice.heard.at(-1)!;
  for (const answer of [inside, outside]) {
    expect(answer).toMatchObject({ status: 200 });
    expect(answer.headers.get('Allow')).toBe(
      'ACK, CANCEL, INVITE, BYE, OPTIONS, INFO, UPDATE, PRACK, MESSAGE, REFER, REGISTER, PUBLISH, SUBSCRIBE',
    );
    expect(answer.headers.get('Accept')).toBe('application/sdp');
    expect(answer.headers.get('Supported')).toBe('path, 100rel, replaces, norefersub, timer');
    expect(answer.headers.get('To')).toMatch(/;tag=/);
  }
  expect(answered.requests).toHaveLength(requests);
  call.hangUp();
  world.settles();
});

test.each([
  ['FROBNICATE', 501],
  ['NOTIFY', 405],
])('%s outside a dialog gets %i with Allow (RFC 3261 section 8.2.1)', async (method, status) => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  alice.send(method, 'sip:1002@10.0.0.1');
  world.run(100);
  expect(alice.statuses(method)).toEqual([status]);
  expect(alice.heard.at(-1)?.headers.get('Allow')).toContain('INVITE');
  world.settles();
});

test.each([
  ['FROBNICATE', 501],
  ['PUBLISH', 405],
])('%s in a call gets %i with Allow and the call goes on', async (method, status) => {
  await using world = await World.start();
  const talking = await talk(world);
  const { call } = talking;
  call.request(method);
  world.run(100);
  expect(call.last.status).toBe(status);
  expect(call.last.headers.get('Allow')).toContain('INVITE');
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
  call.hangUp();
  world.settles();
});

test('a request with tags or a Call-ID of no dialog gets 481, an ACK nothing', async () => {
  await using world = await World.start();
  const { alice, call } = await talk(world);
  for (const method of ['BYE', 'INVITE', 'INFO', 'OPTIONS', 'UPDATE']) {
    call.request(method, { headers: { To: '<sip:1002@10.0.0.1>;tag=unknown' } });
    world.run(100);
    expect(alice.statuses(method).at(-1)).toBe(481);
  }
  call.request('BYE', { headers: { 'Call-ID': 'of-another-call' } });
  world.run(100);
  expect(alice.statuses('BYE')).toEqual([481, 481]);
  const heard = alice.heard.length;
  call.request('ACK', { headers: { To: '<sip:1002@10.0.0.1>;tag=unknown' } });
  world.run(100);
  expect(alice.heard).toHaveLength(heard);
  expect(world.cdrs).toEqual([]);
  call.hangUp();
  world.settles();
});

test('a request with a lower CSeq than one before gets 500 (RFC 3261 section 12.2.2)', async () => {
  await using world = await World.start();
  const { bob, call, answered } = await talk(world);
  const informed = bob.count('INFO');
  call.request('INFO', { body: 'x', headers: { CSeq: '1 INFO' } });
  world.run(100);
  expect(call.last.status).toBe(500);
  expect(bob.count('INFO')).toBe(informed);
  call.request('BYE', { headers: { CSeq: '1 BYE' } });
  world.run(100);
  expect(call.last.status).toBe(500);
  expect(world.cdrs).toEqual([]);
  answered.hangUp();
  world.settles();
});

test('a re-INVITE that requires what we do not support gets 420 and the call goes on', async () => {
  await using world = await World.start();
  const { alice, call } = await talk(world);
  call.request('INVITE', {
    body: alice.media.describe(),
    contentType: 'application/sdp',
    headers: { Require: 'precondition' },
  });
  world.run(100);
  expect(call.last.status).toBe(420);
  expect(call.last.headers.get('Unsupported')).toBe('precondition');
  call.reinvite({ direction: 'sendonly' });
  world.run(100);
  expect(call.last.status).toBe(200);
  call.hangUp();
  world.settles();
});

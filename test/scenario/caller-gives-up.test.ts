import { expect, test } from 'vitest';
import { called, ringing } from '../world/talk.ts';
import { Wiretap } from '../world/wiretap.ts';
import { exchangeIp, World } from '../world/world.ts';

const slow = { delay: { min: 10, max: 10 } };
const cancelled = {
  status: 'cancelled',
  termination_reason: 'cancelled',
  terminated_by: 'caller',
  sip_status: 487,
  q850_cause: 16,
  billsec: 0,
  answer_time: null,
};

test('the caller gives up while the phone rings: CANCEL, 487 on both sides (RFC 3261 §9)', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  const wire = new Wiretap(world.network);
  const call = alice.call('1002');
  world.run(50);
  bob.lastCall.answer(180);
  world.run(3000);

  call.cancel({ Reason: 'SIP;cause=200;text="Call completed elsewhere"' });
  world.run(50);
  expect(call.statuses).toEqual([180, 487]);
  expect(alice.statuses('CANCEL')).toEqual([200]);
  const toBob = wire.between(exchangeIp, bob.address);
  expect(toBob.map((line) => line.split(' ')[0])).toEqual(['INVITE', 'CANCEL', 'ACK']);
  const [cancel] = bob.heard.filter((message) => message.kind === 'request' && message.method === 'CANCEL');
  expect(cancel?.headers.get('Reason')).toBe('SIP;cause=200;text="Call completed elsewhere"');
  // Our final response tells why the call ended in our words, not in those of the one who knows.
  expect(call.last.headers.get('Reason')).toMatch(/^Q\.850;cause=16;/);

  world.settles();
  expect(world.cdrs).toMatchObject([{ ...cancelled, duration: 3, callee_ip: bob.address }]);
  expect(world.events.map(({ type }) => type).filter((type) => type.startsWith('call.'))).toEqual([
    'call.started',
    'call.ringing',
    'call.ended',
  ]);
});

test('a CANCEL without a Reason goes on without one', async () => {
  await using world = await World.start();
  const { bob, call } = await ringing(world);
  call.cancel();
  world.run(50);
  const [cancel] = bob.heard.filter((message) => message.kind === 'request' && message.method === 'CANCEL');
  expect(cancel?.headers.has('Reason')).toBe(false);
  world.settles();
});

test('before the callee has said anything the CANCEL waits for its first word (RFC 3261 §9.1)', async () => {
  await using world = await World.start();
  const { bob, call } = await called(world);
  call.cancel();
  world.run(100);
  expect(call.statuses).toEqual([487]);
  expect(bob.log).not.toContain('CANCEL');

  bob.lastCall.answer(180);
  world.run(10);
  expect(bob.log).toContain('CANCEL');
  world.run(1000);
  expect(bob.count('CANCEL')).toBe(1);
  expect(call.statuses).toEqual([487]);
  world.settles();
  expect(world.cdrs).toMatchObject([{ ...cancelled, setup_time_ms: null }]);
});

test('a phone that never says a word is never cancelled, and the call ends for the caller at once', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  world.network.partition(bob.address);
  const call = alice.call('1002');
  world.run(50);
  call.cancel();
  world.run(50);
  expect(call.statuses).toEqual([487]);
  world.settles();
  expect(bob.log).not.toContain('CANCEL');
  expect(world.cdrs).toMatchObject([cancelled]);
});

test('the CANCEL crosses the 200: the callee gets ACK and BYE, the caller 487', async () => {
  await using world = await World.start({ network: slow });
  const { bob, call } = await ringing(world);
  call.cancel({ Reason: 'SIP;cause=487;text="changed my mind"' });
  world.run(1);
  bob.lastCall.answer(200);
  world.run(100);

  expect(call.statuses).toEqual([180, 487]);
  expect(bob.log.slice(-3)).toEqual(['CANCEL', 'ACK', 'BYE']);
  expect(bob.heard.at(-1)?.headers.get('Reason')).toBe('SIP;cause=487;text="changed my mind"');
  expect(bob.lastCall.state).toBe('over');
  world.settles();
  expect(world.cdrs).toMatchObject([cancelled]);
  expect(world.events.some(({ type }) => type === 'call.answered')).toBe(false);
});

test('a CANCEL that comes after the 200 changes nothing (RFC 3261 §9.2)', async () => {
  await using world = await World.start({ network: slow });
  const { alice, bob, call } = await called(world);
  bob.lastCall.answer(200);
  world.run(11);
  call.cancel();
  world.run(100);
  expect(alice.statuses('CANCEL')).toEqual([200]);
  expect(call.statuses).toEqual([200]);
  expect(bob.log).not.toContain('CANCEL');
  expect(bob.lastCall.state).toBe('talking');
  call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'completed', termination_reason: 'normal' }]);
});

test('a CANCEL of nothing is 481', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  alice.send('CANCEL', 'sip:1002@10.0.0.1');
  world.run(50);
  expect(alice.statuses('CANCEL')).toEqual([481]);
  world.settles();
});

test('the caller may leave an early dialog with BYE (RFC 3261 §15)', async () => {
  await using world = await World.start();
  const { alice, bob, call } = await ringing(world);
  call.remoteTag = call.last.toTag;
  call.request('BYE');
  world.run(50);
  expect(alice.statuses('BYE')).toEqual([200]);
  expect(alice.statuses('INVITE').at(-1)).toBe(487);
  expect(bob.log).toContain('CANCEL');
  world.settles();
  expect(world.cdrs).toMatchObject([cancelled]);
});

test('all phones that ring are cancelled', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bobs = [await world.registered('1002'), await world.registered('1002'), await world.registered('1002')];
  const call = alice.call('1002');
  world.run(50);
  for (const bob of bobs) bob.lastCall.answer(180);
  world.run(50);
  call.cancel();
  world.run(50);
  for (const bob of bobs) expect(bob.log.at(-1)).toBe('CANCEL');
  expect(call.statuses).toEqual([180, 487]);
  world.settles();
  expect(world.cdrs).toHaveLength(1);
});

test('a phone that ignores its CANCEL is forgotten after 64·T1 (RFC 3261 §9.1)', async () => {
  await using world = await World.start();
  const { bob, call } = await ringing(world);
  world.network.partition(bob.address);
  call.cancel();
  world.run(50);
  expect(call.statuses).toEqual([180, 487]);
  world.settles();
  expect(world.cdrs).toMatchObject([cancelled]);
});

test('a caller that asks for a change before it is answered hears 500 with Retry-After (RFC 3261 §14.2)', async () => {
  await using world = await World.start();
  const { bob, call } = await ringing(world);
  call.remoteTag = call.last.toTag;
  call.reinvite({ direction: 'sendonly' });
  world.run(50);
  expect(call.last.status).toBe(500);
  expect(Number(call.last.headers.get('Retry-After'))).toBeLessThanOrEqual(10);
  bob.lastCall.answer(200);
  world.run(50);
  expect(call.last.status).toBe(200);
  call.state = 'talking';
  call.reinvite({ direction: 'sendonly' });
  world.run(50);
  expect(call.last.status).toBe(200);
  call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
});

test('a refusal that crosses the CANCEL changes nothing, nor does a redirection', async () => {
  await using world = await World.start({ network: slow, users: ['1001', '1002', '1003'] });
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  const carol = await world.registered('1003');
  for (const status of [486, 302]) {
    const call = alice.call('1002');
    world.run(100);
    call.cancel();
    world.run(1);
    bob.lastCall.answer(status, { headers: { Contact: '<sip:1003@10.0.0.1>' } });
    world.run(100);
    expect(call.statuses).toEqual([487]);
  }
  expect(carol.calls).toEqual([]);
  world.settles();
  expect(world.cdrs).toMatchObject([cancelled, cancelled]);
});

import { expect, test } from 'vitest';
import { parseMessage, type SipRequest } from '../../src/sip/message/index.ts';
import { called } from '../world/talk.ts';
import { Wiretap } from '../world/wiretap.ts';
import { exchangeIp, World } from '../world/world.ts';

test('Max-Forwards is one less on the way out (RFC 3261 §16.6, RFC 7332)', async () => {
  await using world = await World.start();
  const { bob } = await called(world, { headers: { 'Max-Forwards': '7' } });
  expect(bob.lastCall.invite.headers.get('Max-Forwards')).toBe('6');
  bob.lastCall.answer(486);
  world.settles();
});

test('an INVITE with Max-Forwards 0 is refused with 483 and is no call', async () => {
  await using world = await World.start();
  const { bob, call } = await called(world, { headers: { 'Max-Forwards': '0' } });
  expect(call.statuses).toEqual([483]);
  expect(bob.calls).toEqual([]);
  world.settles();
  expect(world.cdrs).toEqual([]);
});

test('Max-Breadth is shared by the phones that ring (RFC 5393 §5.3.3)', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bobs = [await world.registered('1002'), await world.registered('1002')];
  alice.call('1002', { headers: { 'Max-Breadth': '7' } });
  world.run(50);
  for (const bob of bobs) expect(bob.lastCall.invite.headers.get('Max-Breadth')).toBe('3');
  for (const bob of bobs) bob.lastCall.answer(486);
  world.settles();
});

test('with less Max-Breadth than phones the call is refused with 440 (RFC 5393 §5.3.3)', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bobs = [await world.registered('1002'), await world.registered('1002')];
  const call = alice.call('1002', { headers: { 'Max-Breadth': '1' } });
  world.run(50);
  expect(call.statuses).toEqual([440]);
  for (const bob of bobs) expect(bob.calls).toEqual([]);
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'failed', termination_reason: 'error', sip_status: 440 }]);
});

test('a request that names us in a Via has been here before: 482', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  alice.call('1002', { headers: { Via: `SIP/2.0/UDP ${exchangeIp}:5060;branch=z9hG4bKonce` } });
  world.run(50);
  expect(alice.statuses('INVITE')).toEqual([482]);
  expect(bob.calls).toEqual([]);
  world.settles();
  expect(world.cdrs).toEqual([]);
});

test('one INVITE that reaches us by two ways is one call; the second is 482 (RFC 3261 §8.2.2.2)', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  const wire = new Wiretap(world.network);
  alice.call('1002');
  world.run(50);
  const invite = wire.to(exchangeIp).findLast((text) => text.startsWith('INVITE '));
  const twin = parseMessage(new TextEncoder().encode(invite)) as SipRequest;
  twin.headers.delete('Via');
  const statuses: number[] = [];
  alice.transactions.request(twin, alice.flow, {
    onResponse: ({ status }) => statuses.push(status),
    onFailure: () => {},
  });
  world.run(50);
  expect(statuses).toEqual([482]);
  expect(bob.calls).toHaveLength(1);
  bob.lastCall.answer(486);
  world.settles();
  expect(world.cdrs).toHaveLength(1);
});

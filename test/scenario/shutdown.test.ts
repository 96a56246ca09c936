import { expect, test } from 'vitest';
import { talk } from '../world/talk.ts';
import { exchangeIp, World } from '../world/world.ts';

test('shut down while a phone rings: 503 to the caller, CANCEL to the callee, the record says shutdown', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  bob.habits.onInvite = 'ring';
  const call = alice.call('1002');
  world.run(1000);
  world.exchange.calls.shutDown();
  world.run(100);
  expect(call.statuses).toEqual([180, 503]);
  expect(bob.log.slice(-2)).toEqual(['INVITE', 'CANCEL']);
  expect(world.cdrs).toMatchObject([
    { status: 'failed', termination_reason: 'shutdown', terminated_by: 'system', sip_status: 503, billsec: 0 },
  ]);
  world.settles();
});

test('shut down while two talk: BYE to both, the record says shutdown', async () => {
  await using world = await World.start();
  const { alice, bob } = await talk(world);
  world.run(7000);
  world.exchange.calls.shutDown();
  world.run(100);
  expect(alice.log.at(-1)).toBe('BYE');
  expect(bob.log.at(-1)).toBe('BYE');
  expect(world.cdrs).toMatchObject([
    { status: 'completed', termination_reason: 'shutdown', terminated_by: 'system', sip_status: 200, billsec: 7 },
  ]);
  world.settles();
});

test('draining refuses new calls with 503 and Retry-After, lets the live one go on and tells when it has ended', async () => {
  await using world = await World.start({ users: ['1001', '1002', '1003'] });
  const { call } = await talk(world);
  const carol = await world.registered('1003');
  let drained = false;
  const over = world.exchange.calls.drain().then(() => {
    drained = true;
  });
  const refused = carol.call('1001');
  world.run(5000);
  await Promise.resolve();
  expect(refused.statuses).toEqual([503]);
  expect(Number(refused.last.headers.get('Retry-After'))).toBeGreaterThan(0);
  expect(drained).toBe(false);
  expect(world.cdrs).toEqual([]);

  call.hangUp();
  world.run(100);
  await over;
  expect(world.cdrs).toMatchObject([{ status: 'completed', termination_reason: 'normal' }]);
  world.settles();
});

test('while it drains, OPTIONS are answered like an INVITE would be', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  alice.send('OPTIONS', `sip:${exchangeIp}`);
  world.run(50);
  void world.exchange.calls.drain();
  alice.send('OPTIONS', `sip:${exchangeIp}`);
  world.run(50);
  expect(alice.statuses('OPTIONS')).toEqual([200, 503]);
  world.settles();
});

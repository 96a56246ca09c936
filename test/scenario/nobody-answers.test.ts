import { expect, test } from 'vitest';
import { called } from '../world/talk.ts';
import { World } from '../world/world.ts';

test('a phone that rings for invite_timeout is cancelled and the caller hears 408', async () => {
  await using world = await World.start();
  const { bob, call } = await called(world);
  bob.lastCall.answer(180);
  world.run(59_000);
  expect(call.statuses).toEqual([180]);
  world.run(1000);
  expect(call.statuses).toEqual([180, 408]);
  expect(call.last.headers.get('Reason')).toMatch(/^Q\.850;cause=19;/);
  expect(bob.log.at(-1)).toBe('CANCEL');
  expect(bob.lastCall.state).toBe('over');
  world.settles();
  expect(world.cdrs).toMatchObject([
    {
      status: 'no_answer',
      termination_reason: 'no_answer',
      terminated_by: 'system',
      sip_status: 408,
      q850_cause: 19,
      duration: 60,
      billsec: 0,
    },
  ]);
});

test('a phone that is entirely silent is given up after 64·T1 (timer B, RFC 3261 §17.1.1.2)', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  world.network.partition(bob.address);
  const call = alice.call('1002');
  world.run(31_900);
  expect(call.statuses).toEqual([]);
  world.run(200);
  expect(call.statuses).toEqual([408]);
  world.settles();
  expect(world.cdrs).toMatchObject([
    { status: 'no_answer', termination_reason: 'no_answer', terminated_by: 'system', sip_status: 408, q850_cause: 18 },
  ]);
});

test('everything arrives twice, the INVITE too, and it is still one call', async () => {
  await using world = await World.start({ network: { duplicate: 1 } });
  const { bob, call } = await called(world);
  expect(bob.calls).toHaveLength(1);
  bob.lastCall.answer(180);
  world.run(50);
  bob.lastCall.answer(200);
  world.run(50);
  call.hangUp();
  world.settles();
  expect(world.cdrs).toHaveLength(1);
  expect(world.events.filter(({ type }) => type === 'call.started')).toHaveLength(1);
});

test('invite_timeout is about ringing: a call that was answered goes on', async () => {
  await using world = await World.start({ config: { media: { rtp_timeout: 600 } } });
  const { bob, call } = await called(world);
  bob.lastCall.answer(180);
  world.run(59_000);
  bob.lastCall.answer(200);
  world.run(120_000);
  expect(call.state).toBe('talking');
  expect(bob.lastCall.state).toBe('talking');
  call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'completed', duration: 179, billsec: 120 }]);
});

test('a phone that picks up in the moment in which it is given up gets ACK and BYE', async () => {
  await using world = await World.start({ network: { delay: { min: 10, max: 10 } } });
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  const call = alice.call('1002');
  world.run(1000);
  bob.lastCall.answer(180);
  world.run(1000);
  while (world.exchange.calls.byState().RINGING > 0) world.run(1);
  bob.lastCall.answer(200);
  world.run(100);
  expect(call.statuses).toEqual([180, 408]);
  expect(bob.log.slice(-3)).toEqual(['CANCEL', 'ACK', 'BYE']);
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'no_answer', billsec: 0 }]);
});

test('a caller that waits only so long (Expires) is told 408 then (RFC 3261 §13.3.1)', async () => {
  await using world = await World.start();
  const { bob, call } = await called(world, { headers: { Expires: '10' } });
  bob.lastCall.answer(180);
  world.run(9900);
  expect(call.statuses).toEqual([180]);
  world.run(100);
  expect(call.statuses).toEqual([180, 408]);
  expect(bob.log.at(-1)).toBe('CANCEL');
  world.settles();
});

test('a call that rings for long is said each minute to be alive (RFC 3261 §13.3.1.1)', async () => {
  await using world = await World.start({ config: { sip: { timers: { invite_timeout: 200 } } } });
  const { bob, call } = await called(world);
  bob.lastCall.answer(180);
  world.run(150_000);
  expect(call.statuses).toEqual([180, 180, 180]);
  bob.lastCall.answer(200);
  world.run(70_000);
  expect(call.statuses).toEqual([180, 180, 180, 200]);
  call.hangUp();
  world.settles();
});

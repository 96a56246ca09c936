import { expect, test } from 'vitest';
import type { Phone } from '../world/phone.ts';
import { heardWhenBothSpeak, originOf, pendingHold, talk, unacknowledged } from '../world/talk.ts';
import { World } from '../world/world.ts';

/** The ACKs that reach the phone from now on, those of refusals too. */
function acksTo(world: World, phone: Phone): readonly string[] {
  const acks: string[] = [];
  world.network.onDeliver((_from, to, bytes) => {
    const text = new TextDecoder().decode(bytes);
    if (to.address === phone.address && text.startsWith('ACK ')) acks.push(text);
  });
  return acks;
}

test('both change the session at once: one is told 491, the other waits until its change can be made (RFC 3261 section 14)', async () => {
  await using world = await World.start();
  const talking = await talk(world);
  const { bob, call, answered } = talking;
  bob.habits.agrees = false;
  call.reinvite({ direction: 'sendonly' });
  answered.reinvite({ direction: 'sendonly' });
  world.run(100);
  // Bob's phone has an INVITE of its own under way and says so, as we do to it.
  for (const transaction of answered.waiting.splice(0)) answered.agree(transaction, { status: 491 });
  world.run(100);
  expect(answered.last.status).toBe(491);
  bob.habits.agrees = true;
  // The Call-ID of bob's leg is ours: at least 2.1 s and at most 4 s.
  world.run(1850);
  expect(call.last.status).toBe(100);
  world.run(2100);
  expect(call.last.status).toBe(200);
  expect(call.statuses).not.toContain(491);
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice']);

  answered.reinvite({ direction: 'sendrecv' });
  world.run(100);
  expect(answered.last.status).toBe(200);
  call.hangUp();
  world.run(100);
  expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
  world.settles();
});

test('of a change that crosses one of the caller, the callee notices nothing: tried again within 2 s, for the Call-ID is not ours', async () => {
  await using world = await World.start();
  const talking = await talk(world);
  const { alice, call, answered } = talking;
  alice.habits.agrees = false;
  answered.reinvite({ direction: 'sendonly' });
  world.run(50);
  for (const transaction of call.waiting.splice(0)) call.agree(transaction, { status: 491 });
  alice.habits.agrees = true;
  world.run(2100);
  expect(answered.statuses).toEqual([200]);
  expect(alice.count('INVITE')).toBe(2);
  call.hangUp();
  world.settles();
});

test('a phone that never stops refusing with 491 is asked a few times, then that is what the other hears', async () => {
  await using world = await World.start();
  const talking = await talk(world);
  const { bob, call, answered } = talking;
  bob.habits.agrees = false;
  call.reinvite({ direction: 'sendonly' });
  for (let second = 0; second < 25; second++) {
    world.run(1000);
    for (const transaction of answered.waiting.splice(0)) answered.agree(transaction, { status: 491 });
  }
  expect(call.statuses.at(-1)).toBe(491);
  expect(bob.count('INVITE')).toBeLessThan(9);
  bob.habits.agrees = true;
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
  call.hangUp();
  world.settles();
});

test('a phone that asks to come again (500 with Retry-After) is asked again, the other waits (RFC 3261 section 14.2)', async () => {
  await using world = await World.start();
  const { bob, call, answered } = await pendingHold(world);
  answered.agree(answered.waiting.pop()!, { status: 500, headers: { 'Retry-After': '3' } });
  bob.habits.agrees = true;
  world.run(2900);
  expect(call.last.status).toBe(100);
  world.run(300);
  expect(call.last.status).toBe(200);
  call.hangUp();
  world.settles();
});

test('a change that waits for its next try is cancelled: 487, and nothing is tried', async () => {
  await using world = await World.start();
  const { alice, bob, call, answered, hold } = await pendingHold(world);
  answered.agree(answered.waiting.pop()!, { status: 491 });
  world.run(100);
  alice.transactions.cancel(hold);
  world.run(6000);
  expect(call.statuses.at(-1)).toBe(487);
  expect(bob.count('INVITE')).toBe(2);
  bob.habits.agrees = true;
  call.hangUp();
  world.settles();
});

test('a second re-INVITE while one is pending gets 500 with Retry-After (RFC 3261 section 14.2)', async () => {
  await using world = await World.start();
  const talking = await pendingHold(world);
  const { bob, call, answered } = talking;
  call.reinvite({ direction: 'inactive' });
  world.run(50);
  expect(call.last.status).toBe(500);
  expect(Number(call.last.headers.get('Retry-After'))).toBeLessThanOrEqual(10);
  expect(answered.waiting).toHaveLength(1);
  answered.agree(answered.waiting.pop()!);
  world.run(100);
  expect(call.last.status).toBe(200);
  bob.habits.agrees = true;
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice']);
  call.hangUp();
  world.settles();
});

test.each([481, 408])('a change answered with %i: the phone has lost the call, which ends', async (status) => {
  await using world = await World.start();
  const { alice, bob, call, answered } = await pendingHold(world);
  answered.agree(answered.waiting.pop()!, { status });
  world.run(100);
  expect(alice.log).toContain('BYE');
  expect(world.cdrs).toMatchObject([
    { status: 'failed', termination_reason: 'error', terminated_by: 'callee', q850_cause: 41 },
  ]);
  expect(call.statuses.at(-1)).toBe(481);
  // 481: there is nothing to end any more. 408: it may still think that it talks (RFC 3261 section 12.2.1.2).
  expect(bob.count('BYE')).toBe(status === 408 ? 1 : 0);
  world.settles();
});

test('a change that nobody answers ends the call after 64 T1', async () => {
  await using world = await World.start();
  const { alice, bob, call } = await talk(world);
  world.network.partition(bob.address);
  call.reinvite({ direction: 'sendonly' });
  world.run(31_900);
  expect(world.cdrs).toEqual([]);
  world.run(200);
  expect(alice.log).toContain('BYE');
  expect(world.cdrs).toMatchObject([{ status: 'failed', terminated_by: 'callee', q850_cause: 41 }]);

  world.network.heal(bob.address);
  world.run(5000);
  expect(bob.log.at(-1)).toBe('BYE');
  world.settles();
});

test('a phone that only ever says 100 to a change leaves nothing behind when the call ends', async () => {
  await using world = await World.start();
  const { alice, bob, call, answered } = await pendingHold(world);
  world.run(40_000);
  expect(answered.waiting).toHaveLength(1);
  bob.habits.agrees = true;
  answered.hangUp();
  world.run(100);
  expect(call.statuses.at(-1)).toBe(487);
  expect(alice.log.at(-1)).toBe('BYE');
  expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'callee' }]);
  world.settles();
});

test('a cancelled change that is never answered is given up after 64 T1, and another can be asked for', async () => {
  await using world = await World.start();
  const { alice, bob, call, answered } = await talk(world);
  bob.habits.agrees = false;
  bob.habits.obeysCancel = false;
  const invite = call.reinvite({ direction: 'sendonly' });
  world.run(300);
  alice.transactions.cancel(invite);
  world.run(31_900);
  expect(call.statuses.at(-1)).toBe(200);
  world.run(200);
  expect(call.statuses.at(-1)).toBe(487);
  answered.waiting.splice(0);
  bob.habits.agrees = true;
  call.reinvite({ direction: 'sendonly' });
  world.run(100);
  expect(call.statuses.at(-1)).toBe(200);
  call.hangUp();
  world.settles();
});

test('the other side hangs up while a change is pending: 487 and BYE; a refusal that comes late is acknowledged', async () => {
  await using world = await World.start();
  const { alice, bob, call, answered } = await pendingHold(world);
  answered.hangUp();
  world.run(100);
  expect(alice.log.at(-1)).toBe('BYE');
  expect(call.statuses).toContain(487);
  const acks = acksTo(world, bob);
  answered.agree(answered.waiting.pop()!, { status: 487 });
  world.run(100);
  expect(acks).toHaveLength(1);
  expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'callee' }]);
  world.settles();
});

test('the one who asked for a change hangs up before it is answered; a 200 that comes late is acknowledged', async () => {
  await using world = await World.start();
  const { bob, call, answered } = await pendingHold(world);
  call.hangUp();
  answered.agree(answered.waiting.pop()!);
  bob.habits.agrees = true;
  world.run(1000);
  expect(bob.log).toContain('BYE');
  expect(bob.count('ACK')).toBe(2);
  expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'caller' }]);
  world.settles();
});

test('a change while the caller has not yet acknowledged the answer waits for that', async () => {
  await using world = await World.start();
  const { alice, bob, call } = await unacknowledged(world);
  bob.lastCall.reinvite({ direction: 'sendonly' });
  world.run(1000);
  expect(alice.log).not.toContain('INVITE');
  call.ack();
  world.run(400);
  expect(bob.lastCall.last.status).toBe(200);
  call.hangUp();
  world.settles();
});

test('a change before the answer to a delayed offer is refused with 491 and does no harm (RFC 5407 section 3.1.5)', async () => {
  await using world = await World.start();
  const { alice, bob, call, answered } = await unacknowledged(world, { offer: null });
  answered.reinvite({ direction: 'sendonly' });
  call.reinvite({ direction: 'sendonly' });
  world.run(100);
  expect(answered.last.status).toBe(491);
  expect(call.responses.at(-1)?.status).toBe(491);

  call.responses.pop();
  call.ack(alice.media.describe());
  alice.habits.acks = true;
  world.run(100);
  expect(heardWhenBothSpeak(world, { alice, bob, call, answered })).toEqual(['alice', 'bob']);
  call.hangUp();
  world.run(100);
  expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
  world.settles();
});

test('a change that waits for the other side, and is given up, is no version of o= (RFC 3264 section 8)', async () => {
  await using world = await World.start();
  const { bob, call, answered } = await unacknowledged(world);
  const before = originOf(call.remoteSdp);
  const invite = answered.reinvite({ direction: 'sendonly' });
  world.run(300);
  bob.transactions.cancel(invite);
  world.run(300);
  expect(answered.last.status).toBe(487);

  call.ack();
  answered.reinvite({ direction: 'sendonly' });
  world.run(300);
  expect(answered.last.status).toBe(200);
  expect(originOf(call.remoteSdp)).toEqual({ id: before.id, version: before.version + 1 });
  call.hangUp();
  world.settles();
});

test('a change crosses a BYE: the change comes to nothing, the call ends once (RFC 5407 section 3.2.1)', async () => {
  await using world = await World.start();
  const { alice, bob, call, answered } = await talk(world);
  const acks = acksTo(world, bob);
  bob.habits.agrees = false;
  call.reinvite({ direction: 'sendonly' });
  answered.hangUp();
  world.run(100);
  // What bob's phone says to the change after its BYE.
  for (const transaction of answered.waiting.splice(0)) answered.agree(transaction, { status: 481 });
  world.run(100);
  expect(bob.statuses('BYE')).toEqual([200]);
  expect(call.statuses.at(-1)).toBe(487);
  expect(alice.log.at(-1)).toBe('BYE');
  expect(acks).toHaveLength(1);
  expect(world.cdrs).toMatchObject([{ status: 'completed', termination_reason: 'normal', terminated_by: 'callee' }]);
  world.settles();
});

test('shut down while a change is pending: 487 to the change and BYE to both', async () => {
  await using world = await World.start();
  const { alice, bob, call } = await pendingHold(world);
  bob.habits.agrees = true;
  world.exchange.calls.shutDown();
  world.run(100);
  expect(call.statuses.at(-1)).toBe(487);
  expect(alice.log.at(-1)).toBe('BYE');
  expect(bob.log).toContain('BYE');
  expect(world.cdrs).toMatchObject([{ status: 'completed', termination_reason: 'shutdown', terminated_by: 'system' }]);
  world.settles();
});

test('a repeated 200 to the last change says nothing of the one that is pending (RFC 3261 section 13.2.2.4)', async () => {
  await using world = await World.start();
  const { bob, call, answered } = await pendingHold(world);
  const first = answered.waiting.pop()!;
  answered.agree(first);
  world.run(100);

  const acks = acksTo(world, bob);
  call.reinvite({ direction: 'sendrecv' });
  world.run(300);
  answered.agree(first);
  world.run(100);
  expect(acks).toHaveLength(1);
  // Bob never answers the second one: it must not be waited for when the call is over.
  answered.hangUp();
  bob.habits.agrees = true;
  world.run(100);
  expect(call.statuses.at(-1)).toBe(487);
  world.settles();
});

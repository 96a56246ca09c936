import { describe, expect, test } from 'vitest';
import { complainingLog } from '../support/complaining-log.ts';
import { directionIn, heardWhenBothSpeak, ringing } from '../world/talk.ts';
import { talkBesideCarol, talkTogether, threeUsers, transferring } from '../world/transfer-talk.ts';
import { exchangeIp, World } from '../world/world.ts';

/** As `transferring`, and bob, who leaves, has asked to hold the call: that waits for alice. */
async function heldByLeaver(world: World) {
  const talking = await transferring(world);
  talking.alice.habits.agrees = false;
  talking.answered.reinvite({ direction: 'sendonly' });
  world.run(100);
  return talking;
}

describe('a side goes to another call', () => {
  test('while its own re-INVITE waits for the phone that leaves: it is heard, and may change the session again', async () => {
    await using world = await World.start(threeUsers);
    const { alice, bob, carol, call } = await transferring(world);
    bob.habits.agrees = false;
    call.reinvite({ direction: 'sendonly' });
    world.run(100);
    bob.habits.agrees = true;
    carol.lastCall.answer(200);
    world.run(500);
    expect(alice.statuses('INVITE').at(-1)).toBe(487);
    expect(talkTogether(world, alice, call, carol, carol.lastCall)).toEqual(['alice', 'bob']);
    call.reinvite({ direction: 'sendonly' });
    world.run(200);
    expect(alice.statuses('INVITE').at(-1)).toBe(200);
    expect(directionIn(carol.lastCall.remoteSdp)).toBe('sendonly');
    call.hangUp();
    world.settles();
  });

  test('while a re-INVITE of the phone that leaves waits for it: it is asked anew when it has answered that', async () => {
    await using world = await World.start(threeUsers);
    const { alice, carol, call } = await heldByLeaver(world);
    carol.lastCall.answer(200);
    world.run(100);
    alice.habits.agrees = true;
    call.agree(call.waiting.at(-1)!);
    world.run(500);
    expect(directionIn(call.remoteSdp)).toBe('sendrecv');
    const told = call.requests.findLast(({ method }) => method === 'INVITE');
    expect(told?.headers.get('P-Asserted-Identity')).toContain('sip:1003@');
    expect(talkTogether(world, alice, call, carol, carol.lastCall)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });

  test('while such a re-INVITE finds that it has lost the call: the one that it has gone to ends, and it is asked nothing more', async () => {
    await using world = await World.start(threeUsers);
    const { alice, carol, call } = await heldByLeaver(world);
    carol.lastCall.answer(200);
    world.run(100);
    call.agree(call.waiting.at(-1)!, { status: 481 });
    world.run(500);
    expect(call.requests.filter(({ method }) => method === 'INVITE')).toHaveLength(1);
    expect(alice.count('INVITE')).toBe(1);
    expect(carol.log.at(-1)).toBe('BYE');
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed' }, { status: 'failed', terminated_by: 'caller' }]);
  });

  test('while it has offered in its answer to such a re-INVITE: that offer is answered', async () => {
    await using world = await World.start(threeUsers);
    const { alice, bob, carol, call, answered } = await transferring(world);
    bob.habits.acks = false;
    answered.reinvite({ sdp: null });
    world.run(100);
    expect(bob.statuses('INVITE').at(-1)).toBe(200);
    carol.lastCall.answer(200);
    world.run(500);
    const acks = call.requests.filter(({ method }) => method === 'ACK');
    expect(acks.map(({ body }) => body.length > 0)).toEqual([true, false]);
    expect(talkTogether(world, alice, call, carol, carol.lastCall)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });

  test('while it rings for such a re-INVITE: that is cancelled', async () => {
    await using world = await World.start(threeUsers);
    const { alice, carol, call } = await heldByLeaver(world);
    call.agree(call.waiting.at(-1)!, { status: 180 });
    world.run(50);
    alice.habits.agrees = true;
    carol.lastCall.answer(200);
    world.run(500);
    expect(alice.log.slice(-4)).toEqual(['INVITE', 'CANCEL', 'INVITE', 'ACK']);
    expect(directionIn(call.remoteSdp)).toBe('sendrecv');
    call.hangUp();
    world.settles();
  });

  test('while INFOs are on their way both ways: its own is answered, and a 481 to the other ends the call that it has gone to', async () => {
    await using world = await World.start(threeUsers);
    const { alice, bob, carol, call, answered } = await transferring(world);
    alice.habits.agrees = false;
    bob.habits.agrees = false;
    call.request('INFO', { body: 'from alice' });
    answered.request('INFO', { body: 'from bob' });
    world.run(100);
    carol.lastCall.answer(200);
    world.run(100);
    expect(alice.statuses('INFO')).toEqual([487]);
    const info = call.waiting.find(({ request }) => request.method === 'INFO');
    call.agree(info!, { status: 481 });
    world.run(100);
    expect(carol.log.at(-1)).toBe('BYE');
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed' }, { status: 'failed', terminated_by: 'caller' }]);
  });

  test('whose ACK never comes: the call that it has gone to ends', async () => {
    await using world = await World.start(threeUsers);
    const alice = await world.registered('1001');
    alice.habits.acks = false;
    const bob = await world.registered('1002');
    const carol = await world.registered('1003');
    bob.habits.onInvite = 'answer';
    carol.habits.onInvite = 'answer';
    alice.call('1002');
    world.run(100);
    bob.lastCall.refer('1003');
    world.run(1000);
    expect(carol.lastCall.state).toBe('talking');
    world.run(32_000);
    expect(carol.lastCall.state).toBe('over');
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed' }, { status: 'failed', callee: '1003' }]);
  });
});

describe('a transfer that somebody else overtakes', () => {
  test('the phone that asked is replaced by another of its user while the third rings: that one rings no more', async () => {
    await using world = await World.start(threeUsers);
    const { alice, bob, carol, call, answered } = await transferring(world);
    const mobile = await world.registered('1002');
    const taken = mobile.call('1002', { headers: { Replaces: answered.replaces('us') } });
    world.run(300);
    expect(taken.statuses).toEqual([200]);
    expect(carol.log.at(-1)).toBe('CANCEL');
    expect(answered.reports.at(-1)).toBe('487 Request Terminated terminated');
    expect(bob.log.at(-1)).toBe('BYE');
    expect(talkTogether(world, alice, call, mobile, taken)).toEqual(['alice', 'bob']);
    taken.hangUp();
    world.run(100);
    expect(alice.log.at(-1)).toBe('BYE');
    world.settles();
    expect(world.cdrs).toMatchObject([
      { status: 'completed', terminated_by: 'system' },
      { status: 'cancelled', terminated_by: 'system', callee: '1003' },
      { status: 'completed', callee: '1001', callee_sip_call_id: call.callId, callee_ip: alice.address },
    ]);
  });

  test('the exchange stops while the third rings: both records say so', async () => {
    await using world = await World.start(threeUsers);
    const { alice, bob, carol, answered } = await transferring(world);
    world.exchange.calls.shutDown();
    world.run(500);
    expect(answered.reports.at(-1)).toBe('503 Service Unavailable terminated');
    expect([alice, bob, carol].map(({ log }) => log.at(-1))).toEqual(['BYE', 'BYE', 'CANCEL']);
    world.settles();
    expect(new Set(world.cdrs.map(({ termination_reason }) => termination_reason))).toEqual(new Set(['shutdown']));
  });

  test('the caller has not been told yet that the callee has answered: it is asked to try later', async () => {
    await using world = await World.start(threeUsers);
    const { alice, bob, call } = await ringing(world, { headers: { Supported: '100rel' } });
    const carol = await world.registered('1003');
    carol.habits.onInvite = 'answer';
    alice.habits.pracks = false;
    const answered = bob.lastCall;
    answered.answer(183, { sdp: bob.media.describe() });
    world.run(50);
    answered.answer(200);
    world.run(50);
    expect(call.statuses).not.toContain(200);
    answered.refer('1003');
    const mobile = await world.registered('1002');
    const taken = mobile.call('1002', { headers: { Replaces: answered.replaces('us') } });
    world.run(100);
    expect(bob.statuses('REFER')).toEqual([500]);
    expect(taken.statuses).toEqual([481]);
    call.prack(call.responses.findLast(({ status }) => status === 183)!);
    world.run(100);
    expect(call.statuses.at(-1)).toBe(200);
    answered.refer('1003');
    world.run(300);
    expect(answered.reports.at(-1)).toBe('200 OK terminated');
    call.hangUp();
    world.settles();
  });

  test('a call too many is not made by REFER either', async () => {
    await using world = await World.start({ ...threeUsers, config: { sip: { max_concurrent_calls: 1 } } });
    const { bob, carol, call } = await transferring(world);
    expect(bob.statuses('REFER')).toEqual([503]);
    expect(carol.calls).toEqual([]);
    call.hangUp();
    world.settles();
  });
});

describe('who waits for a third hears, when the one who asked has hung up', () => {
  test('that it rings, where the one whose early media was heard has passed the call on', async () => {
    const faults: string[] = [];
    const log = complainingLog((text) => faults.push(text));
    await using world = await World.start({ users: ['1001', '1002', '1003', '1004'], log });
    const { alice, carol, call, answered } = await talkBesideCarol(world);
    const dave = await world.registered('1004');
    answered.refer('1003');
    world.run(100);
    const { lastCall } = carol;
    lastCall.answer(183, { sdp: carol.media.describe({ to: lastCall.remoteSdp }) });
    world.run(50);
    lastCall.answer(302, { headers: { Contact: `<sip:1004@${exchangeIp}>` } });
    world.run(50);
    // Dave's phone has said nothing yet.
    answered.hangUp();
    await world.live(1000);
    expect(faults).toEqual([]);
    expect(alice.log).not.toContain('BYE');
    expect(alice.media.received.length).toBeGreaterThan(40);
    dave.lastCall.answer(200);
    world.run(200);
    expect(talkTogether(world, alice, call, dave, dave.lastCall)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed' }, { status: 'completed' }]);
  });

  test('the phone that has sent early media, though another of the same user rings too', async () => {
    await using world = await World.start(threeUsers);
    const { alice, carol, call, answered } = await talkBesideCarol(world);
    const beside = await world.registered('1003');
    beside.habits.onInvite = 'silent';
    answered.refer('1003');
    world.run(100);
    const { lastCall } = carol;
    lastCall.answer(183, { sdp: carol.media.describe({ to: lastCall.remoteSdp }) });
    world.run(50);
    beside.lastCall.answer(180);
    world.run(50);
    answered.hangUp();
    world.run(100);
    carol.media.say('one moment', lastCall.remoteSdp ?? '');
    world.run(50);
    expect(alice.media.heardText).toEqual(['one moment']);
    call.hangUp();
    world.settles();
  });
});

test('the phone that asked is told over the connection that it has made anew', async () => {
  await using world = await World.start(threeUsers);
  const { bob, carol, call, answered } = await transferring(world, { bob: { transport: 'tcp' } });
  world.network.disconnect(bob.address);
  world.run(100);
  bob.register();
  world.run(100);
  carol.lastCall.answer(200);
  world.run(500);
  expect(answered.reports.at(-1)).toBe('200 OK terminated');
  expect(bob.log.slice(-2)).toEqual(['NOTIFY', 'BYE']);
  call.hangUp();
  world.settles();
});

describe('picking up', () => {
  test('what rings at another: the caller is told who has, and the record names its phone', async () => {
    await using world = await World.start(threeUsers);
    const { call } = await ringing(world);
    const carol = await world.registered('1003');
    const picked = carol.call('**1002');
    world.run(200);
    expect(call.last.headers.get('P-Asserted-Identity')).toBe('<sip:1003@10.0.0.1>');
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([{ callee: '1002', callee_ip: carol.address, callee_sip_call_id: picked.callId }]);
  });

  test('what rings for a phone that is transferred, by an INVITE without an offer: that phone is told when the ACK has answered ours', async () => {
    await using world = await World.start({ users: ['1001', '1002', '1003', '1004'] });
    const { alice, call, answered } = await transferring(world);
    answered.reinvite({ direction: 'sendonly' });
    world.run(100);
    const dave = await world.registered('1004');
    const picked = dave.call('**1003', { sdp: null });
    world.run(500);
    expect(answered.reports.at(-1)).toBe('200 OK terminated');
    const told = call.requests.findLast(({ method }) => method === 'INVITE');
    expect(told?.headers.get('P-Asserted-Identity')).toContain('sip:1004@');
    expect(directionIn(call.remoteSdp)).toBe('sendrecv');
    expect(talkTogether(world, alice, call, dave, picked)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });

  test('by an INVITE that makes no dialog fails, and another can still do it', async () => {
    await using world = await World.start(threeUsers);
    const { alice, bob, call } = await ringing(world);
    const carol = await world.registered('1003');
    const vain = carol.call('**1002', { headers: { Contact: '<sip:' } });
    world.run(100);
    expect(vain.statuses).toEqual([400]);
    expect(bob.log.at(-1)).toBe('INVITE');
    const picked = carol.call('**1002');
    world.run(200);
    expect(picked.statuses).toEqual([200]);
    expect(call.statuses).toEqual([180, 200]);
    expect(talkTogether(world, alice, call, carol, picked)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });

  test('what rings, while the caller still has to acknowledge what it hears, and hanging up again: the caller is refused', async () => {
    await using world = await World.start(threeUsers);
    const { alice, bob, call } = await ringing(world, { headers: { Supported: '100rel' } });
    const carol = await world.registered('1003');
    alice.habits.pracks = false;
    bob.lastCall.answer(183, { sdp: bob.media.describe() });
    world.run(50);
    const picked = carol.call('**1002');
    world.run(100);
    expect(picked.statuses).toEqual([200]);
    expect(call.statuses).not.toContain(200);
    picked.hangUp();
    world.run(100);
    expect(call.statuses.at(-1)).toBe(480);
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'failed', terminated_by: 'callee', answer_time: null }]);
  });

  test('an answered call is for the other phones of that extension alone: nobody is thrown out by others', async () => {
    await using world = await World.start(threeUsers);
    const { alice, bob, carol, call, answered } = await talkBesideCarol(world);
    for (const dialog of [answered, call]) {
      const taken = carol.call('1002', { headers: { Replaces: dialog.replaces('us') } });
      world.run(200);
      expect(taken.statuses).toEqual([403]);
    }
    expect(heardWhenBothSpeak(world, { alice, bob, call, answered })).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
    expect(world.cdrs).toHaveLength(1);
  });
});

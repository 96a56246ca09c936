import { describe, expect, test } from 'vitest';
import { called, ringing } from '../world/talk.ts';
import { Wiretap } from '../world/wiretap.ts';
import { exchangeIp, World } from '../world/world.ts';

/** What the phone says, what the caller hears, and what the record says of it. */
const refusals = [
  [486, 486, 'busy', 'busy', 17],
  [600, 600, 'busy', 'busy', 17],
  [603, 603, 'rejected', 'rejected', 21],
  [403, 403, 'rejected', 'rejected', 21],
  [404, 404, 'failed', 'unreachable', 1],
  [410, 410, 'failed', 'unreachable', 22],
  [480, 480, 'failed', 'unreachable', 20],
  [408, 408, 'no_answer', 'no_answer', 18],
  [415, 415, 'failed', 'error', 79],
  [488, 488, 'failed', 'error', 88],
  [606, 606, 'failed', 'error', 88],
  [484, 484, 'failed', 'error', 28],
  [500, 500, 'failed', 'error', 41],
  [501, 501, 'failed', 'error', 79],
  // Whether a phone is overloaded or wants a password is not the caller's affair (RFC 3261 §16.7 step 6).
  [503, 500, 'failed', 'error', 41],
  [401, 500, 'failed', 'error', 41],
  [407, 500, 'failed', 'error', 41],
  // Of our transaction with the phone, and not of the caller's.
  [405, 480, 'failed', 'unreachable', 20],
  [420, 480, 'failed', 'unreachable', 20],
  [422, 480, 'failed', 'unreachable', 20],
  [481, 480, 'failed', 'unreachable', 20],
  [482, 480, 'failed', 'unreachable', 20],
  [483, 480, 'failed', 'unreachable', 20],
  [487, 480, 'failed', 'unreachable', 20],
  [491, 480, 'failed', 'unreachable', 20],
  // A redirection that leads nowhere.
  [305, 404, 'failed', 'unreachable', 1],
  [380, 404, 'failed', 'unreachable', 1],
] as const;

describe('the callee refuses', () => {
  test.each(refusals)('%i is %i to the caller', async (said, heard, status, reason, q850) => {
    // Less can not be offered, so that a phone that refuses it is not asked again.
    await using world = await World.start({ config: { media: { codec_priority: ['pcmu', 'pcma'] } } });
    const { bob, call } = await ringing(world);
    const wire = new Wiretap(world.network);
    bob.lastCall.answer(said, { headers: { 'WWW-Authenticate': 'Digest realm="bob", nonce="n"', 'Retry-After': '9' } });
    world.run(50);

    expect(call.statuses).toEqual([180, heard]);
    expect(call.last.headers.get('Reason')).toMatch(new RegExp(`^Q\\.850;cause=${q850};text="[^"]+"$`));
    expect(call.last.headers.has('WWW-Authenticate')).toBe(false);
    expect(call.last.toTag).not.toBe(bob.lastCall.localTag);
    expect(wire.between(exchangeIp, bob.address).at(-1)).toMatch(/^ACK /);
    world.settles();
    expect(world.cdrs).toMatchObject([
      {
        status,
        termination_reason: reason,
        terminated_by: 'callee',
        sip_status: heard,
        q850_cause: q850,
        callee_ip: bob.address,
        callee_sip_call_id: bob.lastCall.callId,
        billsec: 0,
        answer_time: null,
        codec: null,
        setup_time_ms: 50,
      },
    ]);
    expect(bob.calls).toHaveLength(1);
  });
});

test('what a phone says of its refusal reaches the caller, without breaking the Reason header', async () => {
  await using world = await World.start();
  const { bob, call } = await called(world);
  bob.lastCall.answer(403, { reason: 'CLI "x" \\ refused' });
  world.run(50);
  expect(call.last.reason).toBe('CLI "x" \\ refused');
  expect(call.last.headers.get('Reason')).toBe('Q.850;cause=21;text="CLI x  refused"');
  world.settles();
});

test('a 415 names what can be taken (RFC 3261 §21.4.13)', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  bob.habits.onInvite = 415;
  const call = alice.call('1002');
  world.run(50);
  expect(call.last.headers.get('Accept')).toBe('application/sdp');
  world.settles();
});

import { describe, expect, test } from 'vitest';
import { plainSdp, RawPeer } from '../world/raw-peer.ts';
import { heardWhenBothSpeak, ringing, unacknowledged } from '../world/talk.ts';
import { exchangeIp, World } from '../world/world.ts';

// The race conditions of RFC 5407 §3.1, each by the number of its section, in both orders. To the caller the exchange is
// the callee of the figures, to the callee it is the caller.

/** Every message takes 10 ms, so that what is sent at the same time crosses. */
const slow = { delay: { min: 10, max: 10 } };
const completed = (by: string) => [{ status: 'completed', terminated_by: by }];

describe('3.1: in the moratorium, between the 200 and its ACK', () => {
  test.each(['before the 200', 'after the 200', 'after the ACK'])(
    '3.1.1: the INVITE comes again %s: one call, and no other answer',
    async (when) => {
      await using world = await World.start({ config: { registrar: { auth: 'none' } } });
      const bob = await world.registered('1002');
      await using alice = await RawPeer.open(world);
      const lines = (method: string, to = `<sip:1002@${exchangeIp}>`) => [
        `${method} sip:1002@${exchangeIp} SIP/2.0`,
        `Via: SIP/2.0/UDP ${alice.host};branch=z9hG4bK${method === 'INVITE' ? 'invite' : method}`,
        `From: <sip:1001@${exchangeIp}>;tag=a`,
        `To: ${to}`,
        'Call-ID: c',
        `CSeq: ${method === 'BYE' ? 2 : 1} ${method}`,
        ...(method === 'INVITE' ? [`Contact: <sip:1001@${alice.host}>`, 'Content-Type: application/sdp'] : []),
      ];
      const invite = () => alice.send(lines('INVITE'), plainSdp('10.0.0.50'));
      invite();
      world.run(250);
      if (when === 'before the 200') invite();
      world.run(10);
      bob.lastCall.answer(200);
      world.run(10);
      const answer = alice.response;
      if (when === 'after the 200') invite();
      world.run(10);
      alice.send(lines('ACK', answer.headers.get('To') ?? ''));
      world.run(10);
      if (when === 'after the ACK') invite();
      world.run(10);
      expect(bob.calls).toHaveLength(1);
      const finals = alice.heard.filter((message) => message.kind === 'response' && message.status > 100);
      expect(new Set(finals.map(({ toTag, body }) => `${toTag} ${new TextDecoder().decode(body)}`)).size).toBe(1);
      alice.send(lines('BYE', answer.headers.get('To') ?? ''));
      world.run(10);
      expect(alice.response).toMatchObject({ status: 200, cseq: { method: 'BYE' } });
      world.settles();
      expect(world.cdrs).toMatchObject(completed('caller'));
    },
  );

  test('3.1.2: CANCEL, after our 200: it is confirmed and does nothing; the caller acknowledges and hangs up', async () => {
    await using world = await World.start({ network: slow });
    const { alice, bob, call } = await ringing(world);
    bob.lastCall.answer(200);
    world.run(11);
    call.cancel();
    world.run(50);
    expect([alice.statuses('CANCEL'), call.statuses]).toEqual([[200], [180, 200]]);
    expect(bob.log).not.toContain('CANCEL');
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject(completed('caller'));
  });

  test("3.1.2: CANCEL, before our 200: 487, and the callee's 200 that crosses ours is acknowledged and hung up", async () => {
    await using world = await World.start({ network: slow });
    const { alice, bob, call } = await ringing(world);
    call.cancel();
    world.run(11);
    bob.lastCall.answer(200);
    world.run(100);
    expect([alice.statuses('CANCEL'), call.statuses]).toEqual([[200], [180, 487]]);
    expect(bob.log.slice(-3)).toEqual(['CANCEL', 'ACK', 'BYE']);
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'cancelled' }]);
  });

  test.each(['before', 'after'])('3.1.3: BYE of the caller in its early dialog, %s our 200', async (order) => {
    await using world = await World.start({ network: slow });
    const { alice, bob, call } = await ringing(world);
    world.run(50);
    if (order === 'after') {
      bob.lastCall.answer(200);
      world.run(11);
    }
    call.request('BYE');
    world.run(5);
    if (order === 'before') bob.lastCall.answer(200);
    world.run(100);
    expect(alice.statuses('BYE')).toEqual([200]);
    expect(alice.statuses('INVITE').slice(1)).toEqual([180, order === 'after' ? 200 : 487]);
    expect(bob.log.slice(-2)).toEqual(['ACK', 'BYE']);
    world.settles();
    expect(world.cdrs).toMatchObject(order === 'after' ? completed('caller') : [{ status: 'cancelled' }]);
  });

  test('3.1.4: a re-INVITE comes before the ACK of the 200 that has the answer: it is taken, and the late ACK does no harm', async () => {
    await using world = await World.start();
    const talking = await unacknowledged(world);
    const { alice, call } = talking;
    const answer = call.last;
    alice.habits.acks = true;
    call.reinvite({ direction: 'sendonly' });
    world.run(100);
    expect(call.last.status).toBe(200);
    expect(call.last.cseq.number).toBeGreaterThan(answer.cseq.number);
    call.responses.push(answer);
    call.ack();
    world.run(100);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice']);
    const heard = alice.count(200);
    world.run(10_000);
    expect(alice.count(200)).toBe(heard);
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject(completed('caller'));
  });

  test("3.1.4: the callee's re-INVITE overtakes its own 200: 491, and it succeeds when it comes again", async () => {
    await using world = await World.start();
    const { alice, bob, call } = await ringing(world);
    const answered = bob.lastCall;
    answered.reinvite({ direction: 'sendonly' });
    world.run(5);
    answered.answer(200);
    world.run(50);
    expect(answered.last.status).toBe(491);
    expect(call.statuses).toEqual([180, 200]);
    answered.reinvite({ direction: 'sendonly' });
    world.run(50);
    expect(answered.last.status).toBe(200);
    expect(heardWhenBothSpeak(world, { alice, bob, call, answered })).toEqual(['bob']);
    call.hangUp();
    world.settles();
  });

  test.each(['re-INVITE', 'ACK'])('3.1.5: the offer is in the 200, and the %s comes first', async (first) => {
    await using world = await World.start();
    const talking = await unacknowledged(world, { offer: null });
    const { alice, call } = talking;
    const offer = call.last;
    const acknowledge = () => {
      call.responses.push(offer);
      call.ack(alice.media.describe());
    };
    if (first === 'ACK') acknowledge();
    alice.habits.acks = true;
    call.reinvite({ direction: 'sendonly' });
    world.run(50);
    expect(call.statuses.at(-1)).toBe(first === 'ACK' ? 200 : 491);
    if (first === 're-INVITE') {
      acknowledge();
      world.run(50);
      expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
      call.reinvite({ direction: 'sendonly' });
      world.run(50);
      expect(call.statuses.at(-1)).toBe(200);
    }
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice']);
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject(completed('caller'));
  });

  test.each(['BYE', 'ACK'])('3.1.6: the caller hangs up at once, and the %s comes first', async (first) => {
    await using world = await World.start();
    const { alice, bob, call } = await unacknowledged(world);
    const answer = call.last;
    if (first === 'ACK') call.ack();
    call.hangUp();
    world.run(10);
    call.responses.push(answer);
    if (first === 'BYE') call.ack();
    world.run(10);
    expect(alice.statuses('BYE')).toEqual([200]);
    expect(bob.log.slice(-2)).toEqual(['ACK', 'BYE']);
    const heard = alice.heard.length;
    world.settles();
    expect(alice.heard).toHaveLength(heard);
    expect(world.cdrs).toMatchObject(completed('caller'));
  });
});

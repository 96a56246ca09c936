import { describe, expect, test } from 'vitest';
import type { PhoneCall } from '../world/phone-call.ts';
import { alaw, payloadTypesOf, speex } from '../world/phone-media.ts';
import { directionIn, heardWhenBothSpeak, originOf, pendingHold, talk } from '../world/talk.ts';
import { World } from '../world/world.ts';

// UPDATE (RFC 3311) in an answered call.

const allowing = { Allow: 'INVITE, ACK, CANCEL, BYE, UPDATE' };
const allow = { Allow: 'INVITE, ACK, CANCEL, BYE' };

const both = { headers: allowing, answerHeaders: allowing };

/** A call whose phones take UPDATE, in which alice has asked by UPDATE to hold it: that waits for bob. */
const pendingUpdate = (world: World, callee = allowing) =>
  pendingHold(world, { headers: allowing, answerHeaders: callee, by: 'UPDATE' });

const methodsOf = (call: PhoneCall) => call.requests.map(({ method }) => method);

describe('with a session description', () => {
  test.each([
    ['caller', 'allows', 'UPDATE'],
    ['caller', 'does not allow', 'INVITE'],
    ['callee', 'allows', 'UPDATE'],
    ['callee', 'does not allow', 'INVITE'],
  ] as const)('the %s holds and resumes; the other, which %s it, is asked by %s', async (side, can, method) => {
    await using world = await World.start();
    const of = can === 'allows' ? allowing : allow;
    const talking = await talk(world, { headers: of, answerHeaders: of });
    const { call, answered } = talking;
    const [holder, held] = side === 'caller' ? [call, answered] : [answered, call];
    const before = { holder: originOf(holder.remoteSdp), held: originOf(held.remoteSdp) };
    for (const [direction, heard, rise] of [
      ['sendonly', [side === 'caller' ? 'alice' : 'bob'], 1],
      ['sendrecv', ['alice', 'bob'], 2],
    ] as const) {
      holder.update({ direction });
      world.run(100);
      expect(holder.last).toMatchObject({ status: 200, cseq: { method: 'UPDATE' } });
      expect(holder.last.headers.has('Contact')).toBe(true);
      expect(
        methodsOf(held)
          .filter((one) => one !== 'ACK')
          .at(-1),
      ).toBe(method);
      expect(directionIn(held.remoteSdp)).toBe(direction);
      expect(originOf(held.remoteSdp)).toEqual({ id: before.held.id, version: before.held.version + rise });
      expect(originOf(holder.remoteSdp)).toEqual({ id: before.holder.id, version: before.holder.version + rise });
      expect(heardWhenBothSpeak(world, talking)).toEqual(heard);
    }
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
  });

  test('another codec is agreed through us', async () => {
    await using world = await World.start();
    const { alice, bob, call, answered } = await talk(world, both);
    call.update({ sdp: alice.media.describe({ codecs: alaw }) });
    world.run(50);
    expect(payloadTypesOf(answered.remoteSdp ?? '')[0]).toBe(8);
    expect(payloadTypesOf(call.remoteSdp ?? '')).toEqual([8]);
    alice.media.say('in A-law', call.remoteSdp ?? '', 8);
    world.run(20);
    expect(bob.media.heardText).toEqual(['in A-law']);
    call.hangUp();
    world.settles();
  });

  test('the same words again are a refresh: answered at once, and the other is not asked', async () => {
    await using world = await World.start();
    const talking = await talk(world, both);
    const { alice, call, answered } = talking;
    const offer = alice.media.describe({ direction: 'sendonly' });
    call.update({ sdp: offer });
    world.run(50);
    const [before, asked] = [call.remoteSdp, answered.requests.length];
    call.update({ sdp: offer });
    world.run(50);
    expect(call.statuses.at(-1)).toBe(200);
    expect(call.remoteSdp).toBe(before);
    expect(answered.requests).toHaveLength(asked);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice']);
    call.hangUp();
    world.settles();
  });

  test.each([
    [488, 488],
    [405, 500],
    [501, 500],
    [603, 603],
  ])('refused with %i it is refused with %i, and all stays as it was', async (said, heard) => {
    await using world = await World.start();
    const talking = await talk(world, both);
    const { bob, call, answered } = talking;
    bob.habits.agrees = false;
    call.update({ direction: 'inactive' });
    world.run(50);
    answered.agree(answered.waiting.pop()!, { status: said });
    world.run(50);
    expect(call.last.status).toBe(heard);
    bob.habits.agrees = true;
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    const { version } = originOf(answered.remoteSdp);
    call.update({ direction: 'sendonly' });
    world.run(50);
    expect(call.last.status).toBe(200);
    // The refused one had used up a version.
    expect(originOf(answered.remoteSdp).version).toBe(version + 1);
    call.hangUp();
    world.settles();
  });

  test('nothing that we carry is 488, nonsense 400, another type of body 415, and the other is not asked', async () => {
    await using world = await World.start();
    const talking = await talk(world, both);
    const { alice, call, answered } = talking;
    const asked = answered.requests.length;
    for (const [sdp, status] of [
      [alice.media.describe({ codecs: speex }), 488],
      ['v=0', 400],
    ] as const) {
      call.update({ sdp });
      world.run(50);
      expect(call.last.status).toBe(status);
    }
    call.request('UPDATE', { body: '<xml/>', contentType: 'application/xml' });
    world.run(50);
    expect(call.last.status).toBe(415);
    expect(call.last.headers.get('Accept')).toBe('application/sdp');
    expect(answered.requests).toHaveLength(asked);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });

  test('one that must be asked by re-INVITE and takes its time: 504 before the UPDATE times out, and nothing has changed (RFC 3311 §5.2)', async () => {
    await using world = await World.start();
    const talking = await pendingUpdate(world, allow);
    const { bob, call, answered } = talking;
    answered.agree(answered.waiting[0]!, { status: 180 });
    world.run(31_000);
    expect(call.statuses.at(-1)).toBe(504);
    expect(bob.log).toContain('CANCEL');
    answered.waiting.splice(0);
    bob.habits.agrees = true;
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    call.reinvite({ direction: 'sendonly' });
    world.run(100);
    expect(call.last.status).toBe(200);
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
  });
});

describe('the Contact moves', () => {
  test.each(['caller', 'callee'] as const)('of the %s that asks: BYE goes there', async (side) => {
    for (const sdp of [null, undefined]) {
      await using world = await World.start();
      const { call, answered } = await talk(world, both);
      const [mover, other] = side === 'caller' ? [call, answered] : [answered, call];
      const asked = other.requests.length;
      const moved = `sip:moved@${mover.phone.contact.includes('1001') ? '10.0.0.11' : '10.0.0.12'}:5070`;
      mover.update({ ...(sdp === null ? { sdp } : {}), headers: { Contact: `<${moved}>` } });
      world.run(50);
      expect(mover.last.status).toBe(200);
      // Without a session description it is nothing to the other.
      expect(other.requests.length - asked).toBe(sdp === null ? 0 : 1);
      other.hangUp();
      world.run(50);
      expect(mover.requests.at(-1)).toMatchObject({ method: 'BYE', uriText: moved });
      world.settles();
    }
  });

  test('of the one that agrees, in its 200', async () => {
    await using world = await World.start();
    const { bob, call, answered } = await pendingUpdate(world);
    answered.agree(answered.waiting.pop()!, { headers: { Contact: '<sip:moved@10.0.0.12:5070>' } });
    bob.habits.agrees = true;
    world.run(50);
    call.hangUp();
    world.run(50);
    expect(answered.requests.at(-1)).toMatchObject({ method: 'BYE', uriText: 'sip:moved@10.0.0.12:5070' });
    world.settles();
  });
});

describe('while something else is asked', () => {
  const retryAfter = (call: PhoneCall) => Number(call.last.headers.get('Retry-After') ?? Number.NaN);

  test('an offer of ours waits for this phone: 491 (RFC 3311 §5.2)', async () => {
    await using world = await World.start();
    const talking = await pendingUpdate(world);
    const { bob, call, answered } = talking;
    answered.update({ direction: 'sendonly' });
    world.run(50);
    expect(answered.last.status).toBe(491);
    answered.agree(answered.waiting.pop()!);
    bob.habits.agrees = true;
    world.run(50);
    expect(call.last.status).toBe(200);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice']);
    call.hangUp();
    world.settles();
  });

  test('an offer of its own waits for the answer, in an INVITE or an UPDATE: 500 with Retry-After (RFC 3311 §5.2)', async () => {
    await using world = await World.start();
    const talking = await talk(world, both);
    const { bob, call, answered } = talking;
    for (const method of ['INVITE', 'UPDATE']) {
      bob.habits.agrees = false;
      if (method === 'INVITE') call.reinvite({ direction: 'sendonly' });
      else call.update({ direction: 'sendonly' });
      world.run(50);
      call.update({ direction: 'inactive' });
      world.run(50);
      expect(call.last.status).toBe(500);
      expect(retryAfter(call)).toBeGreaterThanOrEqual(0);
      expect(retryAfter(call)).toBeLessThanOrEqual(10);
      bob.habits.agrees = true;
      for (const transaction of answered.waiting.splice(0)) answered.agree(transaction);
      world.run(50);
      expect(call.last.status).toBe(200);
      expect(heardWhenBothSpeak(world, talking)).toEqual(['alice']);
    }
    call.hangUp();
    world.settles();
  });

  test('the answer to an INVITE without an offer is to be one: an offer by UPDATE is put off, and the call goes on', async () => {
    await using world = await World.start();
    const talking = await talk(world, both);
    const { bob, call, answered } = talking;
    bob.habits.agrees = false;
    call.reinvite({ sdp: null });
    world.run(50);
    call.update({ direction: 'sendonly' });
    answered.update({ direction: 'sendonly' });
    world.run(50);
    expect([500, 491]).toContain(call.last.status);
    expect(answered.last.status).toBe(491);
    expect(answered.waiting).toHaveLength(1);
    bob.habits.agrees = true;
    answered.agree(answered.waiting.pop()!, { sdp: bob.media.describe() });
    world.run(100);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    call.update({ direction: 'sendonly' });
    world.run(50);
    expect(call.last.status).toBe(200);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice']);
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
  });

  test('one without a session description is answered all the same', async () => {
    await using world = await World.start();
    const { bob, call, answered } = await pendingHold(world, both);
    call.update({ sdp: null });
    answered.update({ sdp: null });
    world.run(50);
    expect([call.last.status, answered.last.status]).toEqual([200, 200]);
    bob.habits.agrees = true;
    answered.agree(answered.waiting.pop()!);
    world.run(50);
    call.hangUp();
    world.settles();
  });

  test('both ask at the same moment: each phone says 491 to the other, and one of the changes is made', async () => {
    await using world = await World.start({ network: { delay: { min: 10, max: 10 } } });
    const talking = await talk(world, both);
    world.run(200);
    const { bob, call, answered } = talking;
    bob.habits.agrees = false;
    call.update({ direction: 'sendonly' });
    answered.update({ direction: 'inactive' });
    world.run(50);
    for (const transaction of answered.waiting.splice(0)) answered.agree(transaction, { status: 491 });
    world.run(50);
    expect(answered.last.status).toBe(491);
    bob.habits.agrees = true;
    world.run(5000);
    expect(call.last.status).toBe(200);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice']);
    call.hangUp();
    world.settles();
  });

  test('the other side hangs up: 481 or 487, and BYE', async () => {
    await using world = await World.start();
    const { alice, answered } = await pendingUpdate(world);
    answered.hangUp();
    world.run(50);
    expect(alice.statuses('UPDATE')).toHaveLength(1);
    expect([481, 487]).toContain(alice.statuses('UPDATE')[0]);
    expect(alice.log.at(-1)).toBe('BYE');
    answered.agree(answered.waiting.pop()!);
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'callee' }]);
  });
});

import { describe, expect, test } from 'vitest';
import type { Phone } from '../world/phone.ts';
import { plainSdp, RawPeer } from '../world/raw-peer.ts';
import { called, heardWhenBothSpeak, ringing, talk, unacknowledged } from '../world/talk.ts';
import { exchangeIp, World } from '../world/world.ts';

// The race conditions of RFC 5407, each by the number of its section, in both orders where there are two. To the caller
// the exchange is the callee of the figures, to the callee it is the caller.

/** Every message takes 10 ms, so that what is sent at the same time crosses. */
const slow = { delay: { min: 10, max: 10 } };
const completed = (by: string) => [{ status: 'completed', terminated_by: by }];
const count = (phone: Phone, entry: string | number) => phone.log.filter((one) => one === entry).length;
const acksOf = (phone: Phone) => count(phone, 'ACK');

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
    const heard = count(alice, 200);
    world.run(10_000);
    expect(count(alice, 200)).toBe(heard);
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

describe('3.2: in the mortal state, after a BYE', () => {
  test.each(['caller', 'callee'] as const)(
    '3.2.1: both hang up, the %s first: each BYE is confirmed',
    async (first) => {
      await using world = await World.start({ network: slow });
      const { alice, bob, call, answered } = await talk(world);
      const [one, other] = first === 'caller' ? [call, answered] : [answered, call];
      one.hangUp();
      world.run(5);
      other.hangUp();
      world.run(100);
      for (const phone of [alice, bob]) {
        expect(phone.statuses('BYE')).toEqual([200]);
        expect(count(phone, 'BYE')).toBe(phone === (first === 'caller' ? alice : bob) ? 0 : 1);
      }
      world.settles();
      expect(world.cdrs).toMatchObject(completed(first));
    },
  );

  test('3.2.2: a re-INVITE crosses our BYE: 481', async () => {
    await using world = await World.start({ network: slow });
    const { alice, call, answered } = await talk(world);
    answered.hangUp();
    world.run(15);
    call.reinvite({ direction: 'sendonly' });
    world.run(100);
    expect(call.statuses.at(-1)).toBe(481);
    expect(count(alice, 'BYE')).toBe(1);
    world.settles();
    expect(world.cdrs).toMatchObject(completed('callee'));
  });

  test('3.2.2: our re-INVITE crosses a BYE, whichever of the BYE and its refusal comes first', async () => {
    for (const first of ['BYE', '481']) {
      await using world = await World.start({ network: slow });
      const { alice, bob, call, answered } = await talk(world);
      bob.habits.agrees = false;
      call.reinvite({ direction: 'sendonly' });
      world.run(25);
      if (first === 'BYE') answered.hangUp();
      for (const transaction of answered.waiting.splice(0)) answered.agree(transaction, { status: 481 });
      if (first === '481') answered.hangUp();
      world.run(200);
      expect([481, 487]).toContain(call.statuses.at(-1));
      expect(count(alice, 'BYE')).toBe(1);
      expect(count(bob, 'BYE')).toBe(0);
      expect(bob.statuses('BYE')).toHaveLength(1);
      world.settles();
      expect(world.cdrs).toMatchObject([{ terminated_by: 'callee' }]);
    }
  });

  test('3.2.3: the 200 to our re-INVITE crosses our BYE: it is acknowledged', async () => {
    await using world = await World.start({ network: slow });
    const { bob, call, answered } = await talk(world);
    world.run(50);
    const before = acksOf(bob);
    bob.habits.agrees = false;
    call.reinvite({ direction: 'sendonly' });
    world.run(25);
    call.hangUp();
    world.run(15);
    answered.agree(answered.waiting.shift()!);
    bob.habits.agrees = true;
    for (const transaction of answered.waiting.splice(0)) answered.agree(transaction);
    world.run(2000);
    expect(acksOf(bob)).toBe(before + 1);
    expect(count(bob, 'BYE')).toBe(1);
    world.settles();
    expect(world.cdrs).toMatchObject(completed('caller'));
  });

  test('3.2.3: our 200 to a re-INVITE crosses the BYE of the one who asked: its ACK ends the repetitions or comes to nothing', async () => {
    await using world = await World.start({ network: slow });
    const { alice, bob, call } = await talk(world);
    call.reinvite({ direction: 'sendonly' });
    world.run(25);
    call.hangUp();
    world.run(200);
    expect(alice.statuses('BYE')).toEqual([200]);
    expect(count(bob, 'BYE')).toBe(1);
    const heard = count(alice, 200);
    world.settles();
    expect(count(alice, 200)).toBe(heard);
    expect(world.cdrs).toMatchObject(completed('caller'));
  });

  test.each(['BYE', 'ACK'])(
    "3.2.4: the callee hangs up at once; its %s is first, the caller's ACK or its BYE second",
    async (first) => {
      await using world = await World.start();
      const { alice, bob, call, answered } = await unacknowledged(world);
      if (first === 'BYE') answered.hangUp();
      else call.ack();
      world.run(50);
      // Our BYE waits for the ACK (RFC 3261 §15), so that none comes in the mortal state.
      expect(count(alice, 'BYE')).toBe(0);
      if (first === 'BYE') call.ack();
      else answered.hangUp();
      world.run(50);
      expect(count(alice, 'BYE')).toBe(1);
      expect(bob.statuses('BYE')).toEqual([200]);
      world.settles();
      expect(world.cdrs).toMatchObject(completed('callee'));
    },
  );
});

describe('3.3: other races', () => {
  const kinds = ['INVITE', 'UPDATE'] as const;
  const cases = kinds.flatMap((caller) => kinds.map((callee) => [caller, callee] as const));
  test.each(
    cases.flatMap(([caller, callee]) =>
      (['caller', 'callee'] as const).map(
        (first) => [caller === callee ? '3.3.1' : '3.3.2', caller, callee, first] as const,
      ),
    ),
  )(
    '%s: %s of the caller crosses %s of the callee, that of the %s is first: one hears 491, the other is done',
    async (_, ofCaller, ofCallee, first) => {
      await using world = await World.start({ network: slow });
      const Allow = 'INVITE, ACK, CANCEL, BYE, UPDATE';
      const talking = await talk(world, { headers: { Allow }, answerHeaders: { Allow } });
      const { alice, bob, call, answered } = talking;
      world.run(100);
      for (const phone of [alice, bob]) phone.habits.agrees = false;
      const change = { caller: [call, ofCaller], callee: [answered, ofCallee] } as const;
      const second = first === 'caller' ? 'callee' : 'caller';
      for (const side of [first, second] as const) {
        const [one, method] = change[side];
        if (method === 'INVITE') one.reinvite({ direction: 'sendonly' });
        else one.update({ direction: 'sendonly' });
        world.run(1);
      }
      world.run(50);
      // Whose change went on to the other is told 491 by that phone, which has one of its own under way.
      for (const one of [call, answered])
        for (const transaction of one.waiting.splice(0)) one.agree(transaction, { status: 491 });
      for (const phone of [alice, bob]) phone.habits.agrees = true;
      world.run(50);
      const [loser] = change[second];
      expect(loser.statuses.at(-1)).toBe(491);
      world.run(4100);
      const [winner] = change[first];
      expect(winner.statuses.at(-1)).toBe(200);
      expect(winner.statuses).not.toContain(491);
      expect(heardWhenBothSpeak(world, talking)).toEqual([first === 'caller' ? 'alice' : 'bob']);
      call.hangUp();
      world.settles();
      expect(world.cdrs).toMatchObject(completed('caller'));
    },
  );

  test('3.3.3: REFER crosses our BYE: 481, and our BYE is confirmed', async () => {
    await using world = await World.start({ network: slow });
    const { alice, call, answered } = await talk(world);
    answered.hangUp();
    world.run(15);
    call.request('REFER', { headers: { 'Refer-To': `<sip:1003@${exchangeIp}>` } });
    world.run(100);
    expect(alice.statuses('REFER')).toEqual([481]);
    expect(count(alice, 'BYE')).toBe(1);
    world.settles();
    expect(world.cdrs).toMatchObject(completed('callee'));
  });
});

describe('the appendices', () => {
  test('A: BYE of the caller in an early dialog: 200, then 487 to the INVITE; a callee may not do so', async () => {
    await using world = await World.start({ network: slow });
    const { alice, bob, call } = await ringing(world);
    bob.lastCall.request('BYE');
    world.run(50);
    expect(bob.statuses('BYE')).toEqual([481]);
    call.request('BYE');
    world.run(50);
    expect(alice.statuses('BYE')).toEqual([200]);
    expect(alice.statuses('INVITE').at(-1)).toBe(487);
    expect(bob.log.at(-1)).toBe('CANCEL');
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'cancelled' }]);
  });

  test.each(['the callee has not answered', 'the callee has agreed', 'the callee refuses'])(
    'B: BYE follows a re-INVITE at once, which %s: each is answered once',
    async (then) => {
      await using world = await World.start({ network: slow });
      const { alice, bob, call, answered } = await talk(world);
      world.run(50);
      bob.habits.agrees = false;
      call.reinvite({ direction: 'sendonly' });
      call.hangUp();
      world.run(25);
      const [invite] = answered.waiting.splice(0);
      if (then === 'the callee has agreed') answered.agree(invite!);
      if (then === 'the callee refuses') answered.agree(invite!, { status: 488 });
      bob.habits.agrees = true;
      world.run(1000);
      expect(alice.statuses('BYE')).toEqual([200]);
      expect(alice.statuses('INVITE').slice(2)).toEqual([487]);
      expect(count(bob, 'BYE')).toBe(1);
      expect(acksOf(bob)).toBe(then === 'the callee has agreed' ? 2 : 1);
      world.settles();
      expect(world.cdrs).toMatchObject(completed('caller'));
    },
  );

  test('C: CANCEL of an INVITE that has its final response: 200, and nothing else', async () => {
    await using world = await World.start();
    const { alice, call, bob } = await called(world);
    bob.lastCall.answer(486);
    world.run(10);
    call.cancel();
    world.run(10);
    expect(call.statuses).toEqual([486]);
    expect(alice.statuses('CANCEL').every((status) => status === 200)).toBe(true);
    expect(bob.log).not.toContain('CANCEL');
    world.settles();
  });

  test('D: in the mortal state every request but BYE is 481', async () => {
    await using world = await World.start({ network: slow });
    const { alice, call, answered } = await talk(world);
    const methods = ['INFO', 'UPDATE', 'OPTIONS', 'MESSAGE', 'INVITE'];
    answered.hangUp();
    world.run(15);
    for (const method of methods) call.request(method);
    world.run(100);
    for (const method of methods) expect([method, alice.statuses(method).at(-1)]).toEqual([method, 481]);
    world.settles();
  });

  test.each([
    [
      '180 and 200',
      [
        ['180', 'one'],
        ['180', 'two'],
        ['200', 'two'],
      ],
      [],
    ],
    [
      '200, then 180 of another',
      [
        ['180', 'one'],
        ['200', 'one'],
        ['180', 'two'],
      ],
      [],
    ],
    [
      '200 and 200',
      [
        ['180', 'one'],
        ['200', 'two'],
        ['200', 'one'],
      ],
      ['one'],
    ],
  ] as const)('E: new To tags in %s: the first 2xx is the call, others are hung up', async (_, said, hungUp) => {
    await using world = await World.start();
    const { bob, call } = await called(world);
    for (const [status, tag] of said) {
      bob.lastCall.answer(Number(status), { tag });
      world.run(10);
    }
    world.run(100);
    expect(call.statuses).toEqual([180, 200]);
    const byes = bob.heard.flatMap((one) => (one.kind === 'request' && one.method === 'BYE' ? [one.toTag] : []));
    expect(byes).toEqual(hungUp);
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject(completed('caller'));
  });
});

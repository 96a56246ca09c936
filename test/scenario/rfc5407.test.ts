import { describe, expect, test } from 'vitest';
import { called, heardWhenBothSpeak, ringing, talk, unacknowledged } from '../world/talk.ts';
import { exchangeIp, World } from '../world/world.ts';

// The race conditions of RFC 5407 §3.2, §3.3 and its appendices, each by the number of its section, in both orders where
// there are two. Those of §3.1 are in rfc5407-before-the-ack.test.ts.

/** Every message takes 10 ms, so that what is sent at the same time crosses. */
const slow = { delay: { min: 10, max: 10 } };
const completed = (by: string) => [{ status: 'completed', terminated_by: by }];

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
        expect(phone.count('BYE')).toBe(phone === (first === 'caller' ? alice : bob) ? 0 : 1);
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
    expect(alice.count('BYE')).toBe(1);
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
      expect(alice.count('BYE')).toBe(1);
      expect(bob.count('BYE')).toBe(0);
      expect(bob.statuses('BYE')).toHaveLength(1);
      world.settles();
      expect(world.cdrs).toMatchObject([{ terminated_by: 'callee' }]);
    }
  });

  test('3.2.3: the 200 to our re-INVITE crosses our BYE: it is acknowledged', async () => {
    await using world = await World.start({ network: slow });
    const { bob, call, answered } = await talk(world);
    world.run(50);
    const before = bob.count('ACK');
    bob.habits.agrees = false;
    call.reinvite({ direction: 'sendonly' });
    world.run(25);
    call.hangUp();
    world.run(15);
    answered.agree(answered.waiting.shift()!);
    bob.habits.agrees = true;
    for (const transaction of answered.waiting.splice(0)) answered.agree(transaction);
    world.run(2000);
    expect(bob.count('ACK')).toBe(before + 1);
    expect(bob.count('BYE')).toBe(1);
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
    expect(bob.count('BYE')).toBe(1);
    const heard = alice.count(200);
    world.settles();
    expect(alice.count(200)).toBe(heard);
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
      expect(alice.count('BYE')).toBe(0);
      if (first === 'BYE') call.ack();
      else answered.hangUp();
      world.run(50);
      expect(alice.count('BYE')).toBe(1);
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
    expect(alice.count('BYE')).toBe(1);
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
      expect(bob.count('BYE')).toBe(1);
      expect(bob.count('ACK')).toBe(then === 'the callee has agreed' ? 2 : 1);
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

import { describe, expect, test } from 'vitest';
import type { Phone } from '../world/phone.ts';
import type { PhoneCall } from '../world/phone-call.ts';
import { called, directionIn, endsOf, heardWhenBothSpeak, talk } from '../world/talk.ts';
import { exchangeIp, World } from '../world/world.ts';

// Hold in all its forms (RFC 3264 §8.4, RFC 6337 §5.3), by either side and by both.

const Allow = 'INVITE, ACK, CANCEL, BYE, UPDATE';
const wishes = { headers: { Allow }, answerHeaders: { Allow } };
const sides = ['caller', 'callee'] as const;
const methods = ['INVITE', 'UPDATE'] as const;

/** How phones say it, what the other phone is told, and whether the one who holds is still heard. */
const forms: readonly (readonly [form: string, (phone: Phone) => string, told: string, heard: boolean])[] = [
  ['sendonly', (phone) => phone.media.describe({ direction: 'sendonly' }), 'sendonly', true],
  ['inactive', (phone) => phone.media.describe({ direction: 'inactive' }), 'inactive', false],
  ['c=0.0.0.0', (phone) => phone.media.describe({ address: '0.0.0.0' }), 'sendonly', true],
  [
    'c=0.0.0.0 and sendonly',
    (phone) => phone.media.describe({ address: '0.0.0.0', direction: 'sendonly' }),
    'sendonly',
    true,
  ],
  [
    'c=0.0.0.0 and inactive',
    (phone) => phone.media.describe({ address: '0.0.0.0', direction: 'inactive' }),
    'inactive',
    false,
  ],
];

function change(call: PhoneCall, method: 'INVITE' | 'UPDATE', sdp: string): void {
  if (method === 'INVITE') call.reinvite({ sdp });
  else call.update({ sdp });
}

describe('hold and resume', () => {
  test.each(
    forms.flatMap((form) => sides.flatMap((side) => methods.map((method) => [form[0], side, method, form] as const))),
  )('%s of the %s by %s', async (_, side, method, [, describing, told, heard]) => {
    await using world = await World.start();
    const talking = await talk(world, wishes);
    const [{ phone, call, name }, { call: other }] = endsOf(talking, side);
    change(call, method, describing(phone));
    world.run(50);
    expect(call.last.status).toBe(200);
    expect(directionIn(other.remoteSdp)).toBe(told);
    // Nobody hears of 0.0.0.0 from us.
    for (const sdp of [call.remoteSdp, other.remoteSdp]) expect(sdp).toContain(`c=IN IP4 ${exchangeIp}`);
    expect(directionIn(call.remoteSdp)).toBe(told === 'sendonly' ? 'recvonly' : 'inactive');
    expect(heardWhenBothSpeak(world, talking)).toEqual(heard ? [name] : []);

    change(call, method, phone.media.describe());
    world.run(50);
    expect([directionIn(call.remoteSdp), directionIn(other.remoteSdp)]).toEqual(['sendrecv', 'sendrecv']);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });

  test.each(sides)('the %s held is asked to resume by the other, which is held itself then', async (side) => {
    await using world = await World.start();
    const talking = await talk(world, wishes);
    const [{ phone, call, name }, { call: other }] = endsOf(talking, side);
    call.reinvite({ direction: 'sendonly' });
    world.run(50);
    // The other would talk; the one who holds goes on holding, in its answer.
    phone.habits.agrees = false;
    other.reinvite();
    world.run(50);
    expect(directionIn(call.remoteSdp)).toBe('sendrecv');
    call.agree(call.waiting.pop()!, { direction: 'sendonly' });
    world.run(50);
    expect(directionIn(other.remoteSdp)).toBe('sendonly');
    phone.habits.agrees = true;
    expect(heardWhenBothSpeak(world, talking)).toEqual([name]);
    call.reinvite();
    world.run(50);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });
});

describe('both hold', () => {
  const orders = sides.flatMap((first) => sides.map((resumes) => [first, resumes] as const));
  test.each(orders.flatMap((order) => methods.map((method) => [...order, method] as const)))(
    'first the %s; the %s resumes first, by %s: silence until both have',
    async (first, resumes, method) => {
      await using world = await World.start();
      const talking = await talk(world, wishes);
      const { call, answered } = talking;
      const held = new Set<PhoneCall>();
      const agreeing = new Map<PhoneCall, () => void>();
      // A phone that holds the call says so in each answer, too.
      for (const [end, phone] of [
        [call, talking.alice],
        [answered, talking.bob],
      ] as const) {
        phone.habits.agrees = false;
        const agree = () => {
          for (const transaction of end.waiting.splice(0)) {
            if (!held.has(end) || transaction.request.body.length === 0) end.agree(transaction);
            else {
              const offered = directionIn(new TextDecoder().decode(transaction.request.body));
              const mayPlay = offered === 'sendrecv' || offered === 'recvonly';
              end.agree(transaction, { direction: mayPlay ? 'sendonly' : 'inactive' });
            }
          }
        };
        agreeing.set(end, agree);
      }
      const runs = () => {
        for (let step = 0; step < 10; step++) {
          world.run(10);
          for (const end of [call, answered]) agreeing.get(end)?.();
        }
      };
      const [one, other] = first === 'caller' ? [call, answered] : [answered, call];
      for (const end of [one, other]) {
        held.add(end);
        const direction = held.size === 2 ? 'inactive' : 'sendonly';
        change(end, method, end.phone.media.describe({ direction }));
        runs();
        expect(end.last.status).toBe(200);
      }
      expect(heardWhenBothSpeak(world, talking)).toEqual([]);
      const [early, late] = resumes === 'caller' ? [call, answered] : [answered, call];
      held.delete(early);
      change(early, method, early.phone.media.describe());
      runs();
      expect(directionIn(early.remoteSdp)).toBe('sendonly');
      expect(heardWhenBothSpeak(world, talking)).toEqual([late === call ? 'alice' : 'bob']);
      held.delete(late);
      change(late, method, late.phone.media.describe());
      runs();
      expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
      for (const phone of [talking.alice, talking.bob]) phone.habits.agrees = true;
      call.hangUp();
      world.settles();
    },
  );
});

describe('from the first moment on', () => {
  test.each([
    ['sendonly', 'sendonly', ['alice']],
    ['recvonly', 'recvonly', ['bob']],
    ['inactive', 'inactive', []],
    ['c=0.0.0.0', 'sendonly', ['alice']],
  ] as const)('a call offered %s', async (form, told, heard) => {
    await using world = await World.start();
    const alice = await world.registered('1001');
    const bob = await world.registered('1002');
    const sdp =
      form === 'c=0.0.0.0' ? alice.media.describe({ address: '0.0.0.0' }) : alice.media.describe({ direction: form });
    const call = alice.call('1002', { sdp });
    world.run(50);
    const answered = bob.lastCall;
    expect(directionIn(answered.remoteSdp)).toBe(told);
    const mirrored = told === 'sendonly' ? 'recvonly' : told === 'recvonly' ? 'sendonly' : 'inactive';
    answered.answer(200, { sdp: bob.media.describe({ direction: mirrored }) });
    world.run(50);
    expect(directionIn(call.remoteSdp)).toBe(mirrored);
    const talking = { alice, bob, call, answered };
    expect(heardWhenBothSpeak(world, talking)).toEqual(heard);
    call.reinvite();
    world.run(50);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });

  test('a call answered on hold, and one of which the answer says more than the offer allows (RFC 3264 §6.1)', async () => {
    for (const [offered, answer, told, heard] of [
      ['sendrecv', 'sendonly', 'sendonly', ['bob']],
      ['sendonly', 'sendrecv', 'recvonly', ['alice']],
      ['inactive', 'sendrecv', 'inactive', []],
    ] as const) {
      await using world = await World.start();
      const alice = await world.registered('1001');
      const bob = await world.registered('1002');
      const call = alice.call('1002', { sdp: alice.media.describe({ direction: offered }) });
      world.run(50);
      bob.lastCall.answer(200, { sdp: bob.media.describe({ direction: answer }) });
      world.run(50);
      expect(directionIn(call.remoteSdp)).toBe(told);
      expect(heardWhenBothSpeak(world, { alice, bob, call, answered: bob.lastCall })).toEqual(heard);
      call.hangUp();
      world.settles();
    }
  });

  test('a call without offer whose callee offers a hold', async () => {
    await using world = await World.start();
    const { alice, bob, call } = await called(world, { offer: null });
    alice.habits.acks = false;
    bob.lastCall.answer(200, { sdp: bob.media.describe({ direction: 'sendonly' }) });
    world.run(50);
    expect(directionIn(call.remoteSdp)).toBe('sendonly');
    call.ack(alice.media.describe({ direction: 'recvonly' }));
    world.run(50);
    expect(directionIn(bob.lastCall.remoteSdp)).toBe('recvonly');
    alice.habits.acks = true;
    const talking = { alice, bob, call, answered: bob.lastCall };
    expect(heardWhenBothSpeak(world, talking)).toEqual(['bob']);
    bob.lastCall.reinvite();
    world.run(50);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });
});

test.each(sides)(
  'port 0 of the %s is the end of the audio, which there is no call without: 488, and all goes on',
  async (side) => {
    await using world = await World.start();
    const talking = await talk(world, wishes);
    const [{ phone, call }, { call: other }] = endsOf(talking, side);
    const asked = other.requests.length;
    for (const method of methods) {
      change(call, method, phone.media.describe().replace(/^m=audio \d+/m, 'm=audio 0'));
      world.run(50);
      expect(call.last.status).toBe(488);
    }
    expect(other.requests).toHaveLength(asked);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  },
);

import { describe, expect, test } from 'vitest';
import type { Phone } from '../world/phone.ts';
import type { PhoneCall } from '../world/phone-call.ts';
import { alaw, payloadTypesOf } from '../world/phone-media.ts';
import { provisional } from '../world/reliable-talk.ts';
import { endsOf, greetings, heardWhenBothSpeak, registeredAtLast, talk } from '../world/talk.ts';
import { World } from '../world/world.ts';

// Changes that cross (RFC 3261 §14), and how often one is tried.

/** Nobody speaks while they press buttons. */
const silent = { config: { media: { rtp_timeout: 3600 } } };
const outcome = (call: PhoneCall) => call.statuses.at(-1);

/** As phones do: 491 to a change while one of their own waits for its answer, else 200. */
function politely(
  world: World,
  ends: readonly { readonly phone: Phone; readonly call: PhoneCall; busy: () => boolean }[],
  ms: number,
): void {
  for (let step = 0; step < ms; step += 10) {
    world.run(10);
    for (const { call, busy } of ends) {
      for (const transaction of call.waiting.splice(0)) {
        const crosses = transaction.request.method === 'INVITE' && busy();
        call.agree(transaction, crosses ? { status: 491 } : {});
      }
    }
  }
}

describe('both sides change the session again and again', () => {
  const seeds = Array.from({ length: 10 }, (_, index) => index + 1);
  test.each(seeds)(
    'at the same moment, with a fifth of all datagrams lost: each change is answered, the call goes on (seed %i)',
    async (seed) => {
      const network = { loss: 0.2, duplicate: 0.05, delay: { min: 5, max: 80 } };
      await using world = await World.start({ seed: 400 + seed, network, ...silent });
      const alice = await registeredAtLast(world, '1001');
      const bob = await registeredAtLast(world, '1002');
      const call = alice.call('1002');
      world.run(10_000);
      const answered = bob.lastCall;
      answered.answer(200);
      world.run(20_000);
      const talking = { alice, bob, call, answered };
      const asked = { call: 0, answered: 0 };
      const finals = (one: PhoneCall) =>
        one.responses.filter(({ status, cseq }) => status >= 200 && cseq.method === 'INVITE');
      const distinct = (one: PhoneCall) => new Set(finals(one).map(({ cseq }) => cseq.number)).size;
      const before = { call: distinct(call), answered: distinct(answered) };
      for (const phone of [alice, bob]) phone.habits.agrees = false;
      const ends = [
        { phone: alice, call, busy: () => distinct(call) - before.call < asked.call },
        { phone: bob, call: answered, busy: () => distinct(answered) - before.answered < asked.answered },
      ];
      for (let round = 0; round < 3; round++) {
        call.reinvite({ direction: round % 2 === 0 ? 'sendonly' : 'sendrecv' });
        answered.reinvite();
        asked.call++;
        asked.answered++;
        politely(world, ends, 40_000);
        expect([distinct(call) - before.call, distinct(answered) - before.answered]).toEqual([
          asked.call,
          asked.answered,
        ]);
      }
      // Whatever became of each: one that is asked for in peace is made.
      for (const phone of [alice, bob]) phone.habits.agrees = true;
      world.run(40_000);
      for (const direction of ['sendonly', 'sendrecv'] as const) {
        call.reinvite({ direction });
        world.run(30_000);
        expect(outcome(call)).toBe(200);
      }
      expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
      call.hangUp();
      world.settles();
      expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'caller' }]);
    },
  );
});

describe('what is tried again is tried a bounded number of times', () => {
  test.each([
    [491, undefined],
    [500, '0'],
    [500, '10'],
  ])('after %i with Retry-After %s', async (status, retryAfter) => {
    await using world = await World.start(silent);
    const talking = await talk(world);
    const { bob, call, answered } = talking;
    bob.habits.agrees = false;
    call.reinvite({ direction: 'sendonly' });
    for (let step = 0; step < 600; step++) {
      world.run(100);
      for (const transaction of answered.waiting.splice(0)) {
        answered.agree(transaction, { status, headers: retryAfter === undefined ? {} : { 'Retry-After': retryAfter } });
      }
    }
    expect(outcome(call)).toBe(status);
    expect(bob.count('INVITE')).toBeGreaterThan(2);
    expect(bob.count('INVITE')).toBeLessThanOrEqual(7);
    bob.habits.agrees = true;
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    call.reinvite({ direction: 'sendonly' });
    world.run(100);
    expect(outcome(call)).toBe(200);
    call.hangUp();
    world.settles();
  });

  test.each(['11', '3600', 'soon', undefined])('500 with Retry-After %s is a refusal at once', async (retryAfter) => {
    await using world = await World.start();
    const { bob, call, answered } = await talk(world);
    bob.habits.agrees = false;
    call.reinvite({ direction: 'sendonly' });
    world.run(50);
    const headers = retryAfter === undefined ? {} : { 'Retry-After': retryAfter };
    answered.agree(answered.waiting.pop()!, { status: 500, headers });
    world.run(50);
    expect(outcome(call)).toBe(500);
    bob.habits.agrees = true;
    call.hangUp();
    world.settles();
  });
});

test.each([
  ['caller', 2100, 4000],
  ['callee', 0, 2000],
] as const)(
  'of changes asked by the %s, the next try comes between %i and %i ms, in tens, at random (RFC 3261 §14.1)',
  async (side, least, most) => {
    const delays = new Set<number>();
    for (let seed = 1; seed <= 25; seed++) {
      await using world = await World.start({ seed });
      const talking = await talk(world);
      // Bob's leg has a Call-ID of ours, Alice's one of hers.
      const [{ call: asker }, { call: other, phone }] = endsOf(talking, side);
      phone.habits.agrees = false;
      asker.reinvite({ direction: 'sendonly' });
      world.run(10);
      other.agree(other.waiting.pop()!, { status: 491 });
      const from = world.clock.now();
      while (other.waiting.length === 0 && world.clock.now() - from < 5000) world.run(1);
      delays.add(world.clock.now() - from);
      phone.habits.agrees = true;
      other.agree(other.waiting.pop()!);
      world.run(50);
      expect(asker.last.status).toBe(200);
      talking.call.hangUp();
      world.settles();
    }
    for (const delay of delays) {
      expect(delay).toBeGreaterThanOrEqual(least);
      expect(delay).toBeLessThanOrEqual(most + 1);
    }
    expect(delays.size).toBeGreaterThan(10);
  },
);

test('an overlapping INVITE of either side is 500 with Retry-After from 0 to 10, at random (RFC 3261 §14.2)', async () => {
  const seen = new Set<number>();
  for (const side of ['caller', 'callee'] as const) {
    await using world = await World.start();
    const talking = await talk(world);
    const [{ call: asker }, { call: other, phone }] = endsOf(talking, side);
    phone.habits.agrees = false;
    asker.reinvite({ direction: 'sendonly' });
    world.run(10);
    for (let time = 0; time < 20; time++) {
      asker.reinvite({ direction: 'inactive' });
      world.run(10);
      const said = asker.responses.findLast(({ status }) => status > 100);
      expect(said?.status).toBe(500);
      const retryAfter = Number(said?.headers.get('Retry-After'));
      expect(retryAfter).toBeGreaterThanOrEqual(0);
      expect(retryAfter).toBeLessThanOrEqual(10);
      seen.add(retryAfter);
    }
    expect(other.waiting).toHaveLength(1);
    phone.habits.agrees = true;
    other.agree(other.waiting.pop()!);
    world.run(10);
    expect(asker.last.status).toBe(200);
    talking.call.hangUp();
    world.settles();
  }
  expect(seen.size).toBeGreaterThan(4);
});

describe('a change of our own', () => {
  /** Bob has offered more than alice can do; after his answer we tell him, and he has not agreed yet. */
  async function telling(world: World) {
    const early = await provisional(world, 183, { offer: null, alice: { codecs: alaw } }, { reliable: true });
    early.bob.habits.agrees = false;
    early.answered.answer(200, { sdp: null });
    world.run(50);
    expect(early.answered.waiting.at(-1)?.request.method).toBe('INVITE');
    return early;
  }

  test('crosses one of the phone: 491 to each, and both are made in the end', async () => {
    await using world = await World.start();
    const talking = await telling(world);
    const { bob, call, answered } = talking;
    answered.reinvite({ direction: 'sendonly' });
    world.run(20);
    expect(answered.last.status).toBe(491);
    answered.agree(answered.waiting.pop()!, { status: 491 });
    bob.habits.agrees = true;
    world.run(4100);
    expect(payloadTypesOf(answered.remoteSdp ?? '')[0]).toBe(8);
    answered.reinvite({ direction: 'sendrecv' });
    world.run(50);
    expect(answered.last.status).toBe(200);
    expect(greetings(world, talking, 8)).toEqual([['hello'], ['hi']]);
    call.hangUp();
    world.settles();
  });

  test('makes one of the other side wait until it is done', async () => {
    await using world = await World.start();
    const talking = await telling(world);
    const { bob, call, answered } = talking;
    call.reinvite({ sdp: talking.alice.media.describe({ direction: 'sendonly' }) });
    world.run(1000);
    expect(answered.waiting).toHaveLength(1);
    expect(call.last.status).toBe(100);
    bob.habits.agrees = true;
    answered.agree(answered.waiting.pop()!, { sdp: bob.media.describe() });
    world.run(300);
    expect(call.last.status).toBe(200);
    // Bob is held: he hears music, and alice nothing.
    expect(greetings(world, talking, 8)[1]).toEqual([]);
    expect(bob.media.received.length).toBeGreaterThan(0);
    call.hangUp();
    world.settles();
  });

  test('that the phone refuses ends nothing', async () => {
    await using world = await World.start();
    const talking = await telling(world);
    const { bob, call, answered } = talking;
    answered.agree(answered.waiting.pop()!, { status: 488 });
    bob.habits.agrees = true;
    world.run(50);
    expect([call.state, answered.state]).toEqual(['talking', 'talking']);
    // He may go on in µ-law, which she is then to hear in A-law.
    expect(greetings(world, talking, 8)[0]).toEqual(['hello']);
    expect(talking.alice.media.received.map(({ bytes }) => bytes[1])).toContain(8);
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
  });
});

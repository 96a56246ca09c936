import { describe, expect, test } from 'vitest';
import { parseMessage } from '../../src/sip/message/index.ts';
import { DescriptionBook } from '../simulation/description-book.ts';
import { complainingLog } from '../support/complaining-log.ts';
import type { PhoneCall } from '../world/phone-call.ts';
import { directionIn, heardWhenBothSpeak, talk } from '../world/talk.ts';
import { exchangeIp, World } from '../world/world.ts';

// Whatever two phones change in a call, at the same time and in whatever order: both can go on talking.

const Allow = 'INVITE, ACK, CANCEL, BYE, UPDATE';
const seeds = Array.from({ length: 100 }, (_, index) => index + 1);
const directions = ['sendrecv', 'sendonly', 'inactive'] as const;

/** Requests for a change that this end has made and that have no final response yet. */
class Asked {
  readonly #call: PhoneCall;
  readonly #numbers: number[] = [];

  constructor(call: PhoneCall) {
    this.#call = call;
  }

  note(transaction: { readonly request: { readonly cseq: { readonly number: number } } }): void {
    this.#numbers.push(transaction.request.cseq.number);
  }

  get pending(): boolean {
    const final = new Set(this.#call.responses.filter(({ status }) => status >= 200).map(({ cseq }) => cseq.number));
    return this.#numbers.some((number) => !final.has(number));
  }
}

describe('changes at random', () => {
  test.each(seeds)('seed %i', async (seed) => {
    const faults: string[] = [];
    await using world = await World.start({
      seed,
      log: complainingLog((text) => faults.push(text)),
      network: { delay: { min: 8, max: 8 } },
      config: { media: { rtp_timeout: 3600 } },
    });
    const book = new DescriptionBook((fault) => faults.push(fault));
    world.network.onDeliver((from, _to, bytes) => {
      if (from.address === exchangeIp) book.see(parseMessage(bytes));
    });
    const chance = (share: number) => world.random.below(100) < share * 100;
    const pick = <T>(items: readonly T[]): T => items[world.random.below(items.length)]!;
    const talking = await talk(world, {
      headers: chance(0.6) ? { Allow } : {},
      answerHeaders: chance(0.6) ? { Allow } : {},
      ...(chance(0.3) ? { offer: null } : {}),
    });
    world.run(500);
    const { alice, bob, call, answered } = talking;
    const ends = [
      { phone: alice, call, asked: new Asked(call) },
      { phone: bob, call: answered, asked: new Asked(answered) },
    ];
    for (const { phone } of ends) phone.habits.agrees = false;
    const answerOne = (end: (typeof ends)[number], alike: boolean): void => {
      const transaction = end.call.waiting.shift();
      if (!transaction) return;
      const { method, body } = transaction.request;
      const change = method === 'INVITE' || (method === 'UPDATE' && body.length > 0);
      if (change && end.asked.pending) return end.call.agree(transaction, { status: 491 });
      const refusal = change && !alike && chance(0.2) ? pick([488, 491, 603, 500]) : 200;
      end.call.agree(transaction, refusal === 200 ? {} : { status: refusal, headers: { 'Retry-After': '1' } });
    };
    for (let step = 0; step < 25; step++) {
      const end = pick(ends);
      const what = world.random.below(8);
      if (what < 4) answerOne(end, false);
      else if (end.asked.pending) {
        if (chance(0.3)) end.asked.note(end.call.reinvite({ direction: pick(directions) }));
      } else if (what === 4) end.asked.note(end.call.reinvite({ direction: pick(directions) }));
      else if (what === 5) end.asked.note(end.call.update({ direction: pick(directions) }));
      else if (what === 6) end.asked.note(end.call.reinvite({ sdp: null }));
      else end.call.update({ sdp: null });
      world.run(pick([0, 10, 100, 1000]));
    }
    for (let round = 0; round < 400; round++) {
      for (const end of ends) answerOne(end, true);
      world.run(100);
    }
    expect(faults).toEqual([]);
    expect([call.state, answered.state]).toEqual(['talking', 'talking']);
    for (const { phone } of ends) phone.habits.agrees = true;
    for (const end of [call, answered]) {
      end.reinvite();
      world.run(1000);
      expect(end.last.status).toBe(200);
    }
    expect([directionIn(call.remoteSdp), directionIn(answered.remoteSdp)]).toEqual(['sendrecv', 'sendrecv']);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
    expect(faults).toEqual([]);
    expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'caller' }]);
  });
});

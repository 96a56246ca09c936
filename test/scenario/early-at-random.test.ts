import { describe, expect, test } from 'vitest';
import { parseMessage, type SipResponse } from '../../src/sip/message/index.ts';
import { DescriptionBook } from '../simulation/description-book.ts';
import { complainingLog } from '../support/complaining-log.ts';
import { PhoneMedia } from '../world/phone-media.ts';
import { called, directionIn } from '../world/talk.ts';
import { exchangeIp, World } from '../world/world.ts';

// Whatever two phones say of the session before the answer, and in whatever order: it is a call in the end.

const Allow = 'INVITE, ACK, CANCEL, BYE, PRACK, UPDATE';
const pcma = [8, 'PCMA/8000'] as const;
const pcmu = [0, 'PCMU/8000'] as const;
const tags = ['one', 'two'] as const;
const seeds = Array.from({ length: 100 }, (_, index) => index + 1);

describe('early dialogs at random', () => {
  test.each(seeds)('seed %i', async (seed) => {
    const faults: string[] = [];
    const world = await World.start({ seed, log: complainingLog((text) => faults.push(text)) });
    await using _ = world;
    const book = new DescriptionBook((fault) => faults.push(fault));
    // Behind the callee's tag several dialogs go by one of ours, so that only the caller's are looked at.
    world.network.onDeliver((from, to, bytes) => {
      if (from.address === exchangeIp && to.address === world.phones[0]?.address) book.see(parseMessage(bytes));
    });
    const chance = (share: number) => world.random.below(100) < share * 100;
    const pick = <T>(items: readonly T[]): T => items[world.random.below(items.length)]!;
    const headers = { Allow, ...(chance(0.7) ? { Supported: '100rel' } : chance(0.5) ? { Require: '100rel' } : {}) };
    const { alice, bob, call } = await called(world, {
      headers,
      alice: { codecs: [pcma, pcmu] },
      ...(chance(0.3) ? { offer: null } : {}),
    });
    const offerless = bob.lastCall.invite.body.length === 0;
    const media = { one: bob.media, two: new PhoneMedia(world.sockets, '10.0.0.77', [pcma]) };
    const said = { one: { rseq: 10, final: false }, two: { rseq: 900, final: false } };
    const branch = bob.lastCall;
    const pracked = new Set<SipResponse>();
    const prackAll = (): void => {
      for (const response of call.responses) {
        if (!response.headers.has('RSeq') || pracked.has(response)) continue;
        pracked.add(response);
        const tag = call.remoteTag;
        call.remoteTag = response.toTag;
        call.prack(response);
        call.remoteTag = tag;
      }
    };
    const agreeAll = (): void => {
      for (const one of [call, branch]) {
        for (const transaction of one.waiting.splice(0)) one.agree(transaction, chance(0.2) ? { status: 488 } : {});
      }
    };
    alice.habits.pracks = false;
    const provisional = (): void => {
      const tag = pick(tags);
      const sdp = chance(0.6) ? media[tag].describe() : null;
      const reliable = chance(0.6);
      if (reliable && sdp) said[tag].final = true;
      const rel = reliable ? { Require: '100rel', RSeq: String(said[tag].rseq++) } : {};
      branch.answer(pick([180, 183]), { tag, headers: { Allow, ...rel }, sdp });
    };
    const steps: readonly (() => void)[] = [
      provisional,
      provisional,
      prackAll,
      agreeAll,
      () => {
        alice.habits.agrees = chance(0.5);
      },
      () => {
        bob.habits.agrees = chance(0.5);
      },
      () => void (call.remoteTag !== null && call.update({ direction: pick(['sendrecv', 'sendonly', 'inactive']) })),
      () => {
        const tag = pick(tags);
        branch.update({
          sdp: media[tag].describe({ direction: pick(['sendrecv', 'sendonly']) }),
          headers: { From: `<sip:1002@${exchangeIp}>;tag=${tag}` },
        });
      },
    ];
    for (let step = 0; step < 14; step++) {
      pick(steps)();
      world.run(pick([0, 10, 50]));
    }
    if (chance(0.3)) {
      for (const phone of [alice, bob]) phone.habits.agrees = true;
      agreeAll();
      if (chance(0.5)) prackAll();
      world.run(20);
    }
    const winner = pick(tags);
    branch.answer(200, { tag: winner, sdp: said[winner].final ? null : media[winner].describe() });
    world.run(pick([0, 10]));
    for (const phone of [alice, bob]) phone.habits.agrees = true;
    alice.habits.pracks = true;
    for (let round = 0; round < 5; round++) {
      agreeAll();
      prackAll();
      world.run(100);
    }
    world.run(5000);
    expect(faults).toEqual([]);
    expect([offerless, call.state, call.statuses.filter((status) => status >= 200)]).toEqual([
      offerless,
      'talking',
      expect.arrayContaining([200]),
    ]);
    call.reinvite();
    world.run(5000);
    expect(call.last.status).toBe(200);
    expect(directionIn(call.remoteSdp)).toBe('sendrecv');
    // To a change the phone answers with its own media, whichever fork has won.
    const before = { alice: alice.media.received.length, bob: bob.media.received.length };
    alice.media.say('hello', call.remoteSdp ?? '', 8);
    bob.media.say('hi', branch.remoteSdp ?? '', 8);
    world.run(20);
    expect(bob.media.received.length - before.bob).toBe(1);
    expect(alice.media.received.length - before.alice).toBe(1);
    call.hangUp();
    world.settles();
    expect(faults).toEqual([]);
    expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'caller' }]);
  });
});

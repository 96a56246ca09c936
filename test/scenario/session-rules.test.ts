import { describe, expect, test } from 'vitest';
import type { Phone } from '../world/phone.ts';
import { payloadTypesOf } from '../world/phone-media.ts';
import { directionIn, endsOf, heardWhenBothSpeak, originOf, talk } from '../world/talk.ts';
import { Wiretap } from '../world/wiretap.ts';
import { World } from '../world/world.ts';

// What stays the same in a session however often it is changed (RFC 3264 §8, RFC 8866 §5.2).

const opus = [111, 'opus/48000/2'] as const;
const pcmu = [0, 'PCMU/8000'] as const;
const pcma = [8, 'PCMA/8000'] as const;
const event = [101, 'telephone-event/8000'] as const;
const Allow = 'INVITE, ACK, CANCEL, BYE, UPDATE';

/** The session descriptions that a phone has been told, each once and in order. */
function told(wire: Wiretap, phone: Phone): readonly string[] {
  const all = wire.to(phone.address).flatMap((text) => /\r\n\r\n(v=0[\s\S]+)$/.exec(text)?.[1] ?? []);
  return all.filter((sdp, index) => sdp !== all[index - 1]);
}

const mediaLines = (sdp: string) => sdp.match(/^m=.*$/gm) ?? [];
const withoutVersion = (sdp: string) => sdp.replace(/^(o=\S+ \d+) \d+/m, '$1');
const numbersOf = (sdp: string) =>
  [...sdp.matchAll(/^a=rtpmap:(\d+) (\S+)/gm)].map(([, type, name]) => [name, type] as const);

test('o= keeps its session id, and its version rises by one exactly when something else is said, on both legs', async () => {
  await using world = await World.start();
  const wire = new Wiretap(world.network);
  const { alice, bob, call, answered } = await talk(world, { headers: { Allow }, answerHeaders: { Allow } });
  const offer = alice.media.describe({ codecs: [pcma, event] });
  const steps: readonly (() => unknown)[] = [
    () => call.reinvite({ direction: 'sendonly' }),
    () => call.reinvite({ direction: 'sendonly' }),
    () => answered.update({ direction: 'inactive' }),
    () => call.reinvite({ sdp: null }),
    () => answered.reinvite({ sdp: null }),
    () => call.update({ sdp: offer }),
    () => call.update({ sdp: offer }),
    () =>
      answered.reinvite({ sdp: bob.media.describe({ more: 'm=video 40002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n' }) }),
    () => call.reinvite(),
    () => answered.update(),
  ];
  for (const step of steps) {
    step();
    world.run(100);
  }
  call.hangUp();
  world.settles();
  for (const phone of [alice, bob]) {
    const descriptions = told(wire, phone);
    expect(descriptions.length).toBeGreaterThan(4);
    expect(new Set(descriptions.map((sdp) => originOf(sdp).id)).size).toBe(1);
    expect(originOf(descriptions[0]!).version).toBe(1);
    for (const [index, sdp] of descriptions.slice(1).entries()) {
      const before = descriptions[index]!;
      const changed = withoutVersion(before) !== withoutVersion(sdp);
      expect(originOf(sdp).version - originOf(before).version).toBe(changed ? 1 : 0);
    }
  }
});

test('media lines keep their number, places and kinds; what is not carried stays refused', async () => {
  await using world = await World.start();
  const wire = new Wiretap(world.network);
  const { alice, bob, call, answered } = await talk(world);
  const video = 'm=video 40002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n';
  const image = 'm=image 40004 udptl t38\r\n';
  call.reinvite({ sdp: alice.media.describe({ more: video }) });
  world.run(50);
  answered.reinvite({ direction: 'sendonly' });
  world.run(50);
  call.reinvite({ sdp: alice.media.describe({ more: video + image }) });
  world.run(50);
  answered.reinvite();
  world.run(50);
  answered.reinvite({ sdp: bob.media.describe({ more: image }) });
  world.run(50);
  call.reinvite({ sdp: alice.media.describe({ direction: 'sendonly', more: video + image }) });
  world.run(50);
  call.hangUp();
  world.settles();
  const kinds = (sdp: string) => mediaLines(sdp).map((line) => line.split(' ')[0]);
  const [toAlice, toBob] = [told(wire, alice), told(wire, bob)];
  for (const descriptions of [toAlice, toBob]) {
    for (const [index, sdp] of descriptions.slice(1).entries()) {
      const before = kinds(descriptions[index]!);
      expect(kinds(sdp).slice(0, before.length)).toEqual(before);
    }
    for (const sdp of descriptions) {
      expect(
        mediaLines(sdp)
          .slice(1)
          .every((line) => / 0 /.test(line)),
      ).toBe(true);
    }
  }
  expect(kinds(toAlice.at(-1)!)).toEqual(['m=audio', 'm=video', 'm=image']);
  // Bob has never shown a video line, and hears of none.
  expect(kinds(toBob.at(-1)!)).toEqual(['m=audio', 'm=image']);
});

test('a payload type means one codec for the whole session, on each leg (RFC 3264 §8.3.2)', async () => {
  await using world = await World.start();
  const wire = new Wiretap(world.network);
  const alice = { codecs: [opus, pcmu, event] };
  const bob = { codecs: [[96, 'opus/48000/2'] as const, pcmu, [97, 'telephone-event/8000'] as const] };
  const talking = await talk(world, { alice, bob });
  const { call, answered } = talking;
  answered.reinvite({ direction: 'sendonly' });
  world.run(50);
  // Each phone numbers anew, as some do; what bob calls 107 now is another codec to alice.
  call.reinvite({ sdp: talking.alice.media.describe({ codecs: [[107, 'opus/48000/2'], pcmu, event] }) });
  world.run(50);
  answered.reinvite({
    sdp: talking.bob.media.describe({ codecs: [[96, 'opus/48000/2'], pcmu, [107, 'telephone-event/8000']] }),
  });
  world.run(50);
  call.reinvite({ sdp: null });
  world.run(50);
  answered.reinvite({ sdp: null });
  world.run(50);
  call.hangUp();
  world.settles();
  for (const phone of [talking.alice, talking.bob]) {
    const meanings = new Map<string, string>();
    for (const [name, type] of told(wire, phone).flatMap(numbersOf)) {
      expect(meanings.get(type!) ?? name).toBe(name);
      meanings.set(type!, name!);
    }
    expect(meanings.size).toBeGreaterThan(2);
  }
});

describe('the answer', () => {
  test.each([
    ['PCMA before PCMU', [pcma, pcmu, event], [8, 0, 101]],
    ['an event first', [event, pcmu, pcma], [101, 0, 8]],
    ['with one that the other has not', [[9, 'G722/8000'] as const, pcma, pcmu], [8, 0]],
  ])("keeps to the offer's order: %s, in the call and in a change of either side", async (_, codecs, order) => {
    await using world = await World.start();
    const alice = await world.registered('1001');
    const bob = await world.registered('1002');
    const call = alice.call('1002', { sdp: alice.media.describe({ codecs }) });
    world.run(50);
    bob.lastCall.answer(200);
    world.run(50);
    expect(payloadTypesOf(call.remoteSdp ?? '')).toEqual(order);
    call.reinvite({ sdp: alice.media.describe({ codecs: codecs.toReversed() }) });
    world.run(50);
    expect(payloadTypesOf(call.remoteSdp ?? '')).toEqual(order.toReversed());
    bob.lastCall.reinvite({ sdp: bob.media.describe({ codecs }) });
    world.run(50);
    expect(payloadTypesOf(bob.lastCall.remoteSdp ?? '')).toEqual(order);
    call.hangUp();
    world.settles();
  });

  test('in the 200 is the same however often it is sent', async () => {
    await using world = await World.start();
    const wire = new Wiretap(world.network);
    const { alice, call } = await talk(world, {});
    alice.habits.acks = false;
    call.reinvite({ direction: 'sendonly' });
    world.run(4000);
    const answers = wire.to(alice.address).filter((text) => /^SIP\/2.0 200 [\s\S]*CSeq: \d+ INVITE/.test(text));
    expect(answers.length).toBeGreaterThan(3);
    expect(new Set(answers.slice(1)).size).toBe(1);
    call.ack();
    call.hangUp();
    world.settles();
  });
});

describe('a refresh, the same words again', () => {
  test.each(['caller', 'callee'] as const)('of the %s is answered without the other, held or not', async (side) => {
    for (const direction of ['sendrecv', 'sendonly', 'inactive'] as const) {
      await using world = await World.start();
      const talking = await talk(world);
      const [{ call: asker, phone }, { call: other }] = endsOf(talking, side);
      const offer = phone.media.describe({ direction });
      asker.reinvite({ sdp: offer });
      world.run(50);
      const [agreed, asked, heard] = [asker.remoteSdp, other.requests.length, heardWhenBothSpeak(world, talking)];
      for (let time = 0; time < 3; time++) {
        asker.reinvite({ sdp: offer });
        world.run(50);
        expect(asker.last.status).toBe(200);
        expect(asker.remoteSdp).toBe(agreed);
      }
      expect(other.requests).toHaveLength(asked);
      expect(heardWhenBothSpeak(world, talking)).toEqual(heard);
      talking.call.hangUp();
      world.settles();
    }
  });

  test('of a phone that is held by the other keeps it held', async () => {
    await using world = await World.start();
    const talking = await talk(world);
    const { bob, call, answered } = talking;
    // Bob's phone says the same in its answer and in its refresh.
    const said = bob.media.describe({ direction: 'recvonly' });
    bob.habits.agrees = false;
    call.reinvite({ direction: 'sendonly' });
    world.run(50);
    answered.agree(answered.waiting.pop()!, { sdp: said });
    world.run(50);
    bob.habits.agrees = true;
    const asked = call.requests.length;
    answered.reinvite({ sdp: said });
    world.run(50);
    expect(answered.last.status).toBe(200);
    expect(directionIn(answered.remoteSdp)).toBe('sendonly');
    expect(call.requests).toHaveLength(asked);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice']);
    call.hangUp();
    world.settles();
  });
});

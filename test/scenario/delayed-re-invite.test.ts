import { describe, expect, test } from 'vitest';
import { payloadTypesOf } from '../world/phone-media.ts';
import { type End, endsOf, heardWhenBothSpeak, originOf, type Talk, talk } from '../world/talk.ts';
import { World } from '../world/world.ts';

// A re-INVITE without an offer, of either side: the other makes the offer, the asker answers in its ACK (RFC 3261 §14.1).

const sides = ['caller', 'callee'] as const;

interface Asking {
  readonly talking: Talk;
  readonly asker: End;
  readonly other: End;
}

/** One side has asked without an offer; neither the other nor its own ACK comes by itself. */
async function asked(world: World, side: (typeof sides)[number]): Promise<Asking> {
  const talking = await talk(world);
  const [asker, other] = endsOf(talking, side);
  asker.phone.habits.acks = false;
  other.phone.habits.agrees = false;
  asker.call.reinvite({ sdp: null });
  world.run(50);
  expect(other.call.waiting.at(-1)?.request).toMatchObject({ method: 'INVITE', body: { length: 0 } });
  return { talking, asker, other };
}

/** All is well again: either side holds and resumes, and the call ends as calls do. */
function goesOn(world: World, { talking, asker, other }: Asking): void {
  for (const { phone } of [asker, other]) phone.habits.acks = phone.habits.agrees = true;
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
  asker.call.reinvite({ direction: 'inactive' });
  world.run(50);
  expect(asker.call.last.status).toBe(200);
  expect(heardWhenBothSpeak(world, talking)).toEqual([]);
  other.call.reinvite();
  world.run(50);
  expect(other.call.last.status).toBe(200);
  talking.call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'caller' }]);
}

describe.each(sides)('asked by the %s', (side) => {
  test('offer in the 200, answer in the ACK, which the other has only then', async () => {
    await using world = await World.start();
    const asking = await asked(world, side);
    const { asker, other } = asking;
    const before = { acks: other.phone.count('ACK'), id: originOf(asker.call.remoteSdp).id };
    other.call.agree(other.call.waiting.pop()!, {
      sdp: other.phone.media.describe({
        codecs: [
          [8, 'PCMA/8000'],
          [0, 'PCMU/8000'],
        ],
      }),
    });
    world.run(300);
    expect(payloadTypesOf(asker.call.remoteSdp ?? '').slice(0, 2)).toEqual([0, 8]);
    expect(originOf(asker.call.remoteSdp).id).toBe(before.id);
    expect(other.phone.count('ACK')).toBe(before.acks);
    asker.call.ack(asker.phone.media.describe({ codecs: [[0, 'PCMU/8000']] }));
    world.run(50);
    expect(other.phone.count('ACK')).toBe(before.acks + 1);
    expect(payloadTypesOf(other.call.remoteSdp ?? '')).toEqual([0]);
    goesOn(world, asking);
  });

  test.each([
    [488, 488],
    [480, 500],
    [503, 500],
    [603, 603],
  ])('refused with %i: %i to the asker, and all goes on', async (said, heard) => {
    await using world = await World.start();
    const asking = await asked(world, side);
    const { asker, other } = asking;
    other.call.agree(other.call.waiting.pop()!, { status: said });
    world.run(50);
    expect(asker.call.last.status).toBe(heard);
    goesOn(world, asking);
  });

  test('the other says 491: it is asked again, the asker waits', async () => {
    await using world = await World.start();
    const asking = await asked(world, side);
    const { asker, other } = asking;
    other.call.agree(other.call.waiting.pop()!, { status: 491 });
    world.run(4100);
    other.call.agree(other.call.waiting.pop()!, { sdp: other.phone.media.describe() });
    world.run(50);
    expect(asker.call.last.status).toBe(200);
    asker.call.ack(asker.phone.media.describe());
    world.run(50);
    goesOn(world, asking);
  });

  test.each([
    ['no answer', undefined],
    ['an answer that has nothing of the offer', 'm=audio 40000 RTP/AVP 97\r\na=rtpmap:97 speex/8000\r\n'],
    ['an answer that refuses the audio', 'm=audio 0 RTP/AVP 0\r\n'],
    ['nonsense', 'nonsense'],
  ])('an ACK with %s ends the call on both sides, for there is no way back', async (_, media) => {
    await using world = await World.start();
    const { talking, asker, other } = await asked(world, side);
    other.call.agree(other.call.waiting.pop()!, { sdp: other.phone.media.describe() });
    other.phone.habits.agrees = true;
    world.run(50);
    const head = 'v=0\r\no=- 1 9 IN IP4 10.0.0.11\r\ns=-\r\nc=IN IP4 10.0.0.11\r\nt=0 0\r\n';
    asker.call.ack(media === undefined ? undefined : `${head}${media}`);
    world.run(50);
    expect(other.phone.log.slice(-2)).toEqual(['ACK', 'BYE']);
    expect(asker.phone.log.at(-1)).toBe('BYE');
    expect([talking.call.state, talking.answered.state]).toEqual(['over', 'over']);
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'failed', q850_cause: 88 }]);
  });

  test.each([
    ['nothing that the asker was ever offered', 'm=audio 40000 RTP/AVP 97\r\na=rtpmap:97 speex/8000\r\n'],
    ['no audio', 'm=video 40000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n'],
  ])('an offer of %s ends the call: it can neither be passed on nor left unanswered', async (_, media) => {
    await using world = await World.start();
    const { asker, other } = await asked(world, side);
    const head = 'v=0\r\no=- 1 9 IN IP4 10.0.0.12\r\ns=-\r\nc=IN IP4 10.0.0.12\r\nt=0 0\r\n';
    other.call.agree(other.call.waiting.pop()!, { sdp: `${head}${media}` });
    other.phone.habits.agrees = true;
    world.run(50);
    expect(other.phone.log.slice(-2)).toEqual(['ACK', 'BYE']);
    expect(asker.phone.log.at(-1)).toBe('BYE');
    expect(asker.phone.statuses('INVITE').at(-1)).toBeGreaterThanOrEqual(400);
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'failed', q850_cause: 88 }]);
  });

  test('the asker hangs up instead of acknowledging: ACK and BYE to the other', async () => {
    await using world = await World.start();
    const { asker, other } = await asked(world, side);
    other.call.agree(other.call.waiting.pop()!, { sdp: other.phone.media.describe() });
    other.phone.habits.agrees = true;
    world.run(50);
    asker.call.hangUp();
    world.run(50);
    expect(other.phone.log.slice(-2)).toEqual(['ACK', 'BYE']);
    expect(asker.phone.statuses('BYE')).toEqual([200]);
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: side }]);
  });

  test('the other hangs up before it has offered: 487 and BYE to the asker', async () => {
    await using world = await World.start();
    const { asker, other } = await asked(world, side);
    other.call.hangUp();
    world.run(50);
    expect(asker.phone.statuses('INVITE').at(-1)).toBe(487);
    expect(asker.phone.log.at(-1)).toBe('BYE');
    other.call.agree(other.call.waiting.pop()!, { status: 487 });
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: side === 'caller' ? 'callee' : 'caller' }]);
  });

  test('nobody answers it: the call ends after 64·T1', async () => {
    await using world = await World.start();
    const [{ call: asker }, { phone: silent }] = endsOf(await talk(world), side);
    world.network.partition(silent.address);
    asker.reinvite({ sdp: null });
    world.run(32_500);
    expect(asker.state).toBe('over');
    expect(world.cdrs).toMatchObject([{ status: 'failed', q850_cause: 41 }]);
    world.settles();
  });
});

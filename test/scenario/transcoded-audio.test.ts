import { describe, expect, test } from 'vitest';
import { eventDigit, parseTelephoneEvent, payloadType, rtpPayload } from '../../src/rtp/index.ts';
import type { Phone } from '../world/phone.ts';
import { type Talk, talk } from '../world/talk.ts';
import { converse, Voice } from '../world/voice.ts';
import { World } from '../world/world.ts';

// What phones that share no codec hear of each other, from the call to the sound. Their numbers are those that the
// exchange would choose, so that each is sent and received under the same.

const formats = {
  opus: { codec: { name: 'opus', clockRate: 48_000, channels: 2 }, type: 111, event: 110, map: 'opus/48000/2' },
  PCMU: { codec: { name: 'PCMU', clockRate: 8000, channels: 1 }, type: 0, event: 101, map: 'PCMU/8000' },
  PCMA: { codec: { name: 'PCMA', clockRate: 8000, channels: 1 }, type: 8, event: 101, map: 'PCMA/8000' },
  G722: { codec: { name: 'G722', clockRate: 8000, channels: 1 }, type: 9, event: 101, map: 'G722/8000' },
} as const;
type Format = keyof typeof formats;

const [low, high] = [440, 1000];

/** A phone that can do this codec alone, and events of its clock or none. */
function only(format: Format, knowsEvents = true) {
  const { codec, type, event, map } = formats[format];
  const events = [[event, `telephone-event/${codec.clockRate}`]] as const;
  return { codecs: [[type, map], ...(knowsEvents ? events : [])] as const };
}

/** Alice says a low tone, bob a high one. */
function voicesOf({ call, answered }: Talk, one: Format, other: Format) {
  const voice = (of: Talk['call'], format: Format, hz: number) =>
    new Voice(of, formats[format].codec, formats[format].type, hz);
  return [voice(call, one, low), voice(answered, other, high)] as const;
}

/** The keys whose end has arrived under this number, with their lengths in ms, each once. */
function keysHeard({ media }: Phone, number: number, clockRate: number): readonly string[] {
  const events = media.received
    .filter(({ bytes }) => payloadType(bytes) === number)
    .map(({ bytes }) => parseTelephoneEvent(rtpPayload(bytes)));
  const ends = events.flatMap((event) =>
    event?.end ? [`${eventDigit(event.event)} for ${Math.round((event.duration * 1000) / clockRate)}`] : [],
  );
  return [...new Set(ends)];
}

describe.each<[Format, Format]>([
  ['opus', 'PCMU'],
  ['PCMA', 'opus'],
  ['G722', 'PCMU'],
  ['PCMU', 'PCMA'],
  ['opus', 'G722'],
])('%s calls %s', (one, other) => {
  test('each hears the tone of the other, also after a hold', async () => {
    await using world = await World.start();
    const talking = await talk(world, { alice: only(one), bob: only(other) });
    const { call, alice, bob } = talking;
    const voices = voicesOf(talking, one, other);
    const [hers, his] = voices;
    converse(world, voices, 1000);
    expect(his.hears(low, 500).snr).toBeGreaterThan(12);
    expect(hers.hears(high, 500).snr).toBeGreaterThan(12);

    call.reinvite({ direction: 'sendonly' });
    world.run(100);
    const [toAlice, toBob] = [alice.media.received.length, bob.media.received.length];
    converse(world, [hers], 200);
    expect(alice.media.received).toHaveLength(toAlice);
    expect(bob.media.received.length).toBeGreaterThan(toBob);
    call.reinvite();
    world.run(100);
    converse(world, voices, 1000);
    expect(his.hears(low, 500).snr).toBeGreaterThan(12);
    expect(hers.hears(high, 500).snr).toBeGreaterThan(12);
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed', codec: one, rtp: { caller: { packets_lost: 0 } } }]);
  });
});

describe('keys', () => {
  test('cross between clocks of 48 and 8 kHz (RFC 4733)', async () => {
    await using world = await World.start();
    const talking = await talk(world, { alice: only('opus'), bob: only('PCMU') });
    const { alice, bob, call } = talking;
    const voices = voicesOf(talking, 'opus', 'PCMU');
    converse(world, voices, 200);
    voices[0].press(5, 110);
    voices[1].press(11, 101);
    converse(world, voices, 500);
    expect(keysHeard(bob, 101, 8000)).toEqual(['5 for 100']);
    expect(keysHeard(alice, 110, 48_000)).toEqual(['# for 100']);
    call.hangUp();
    world.settles();
  });

  test.each<[string, Format]>([
    ['relayed', 'PCMU'],
    ['transcoded', 'opus'],
  ])(
    'become INFO to a phone without events, and INFO events to one with them, in a call that is %s',
    async (_, one) => {
      await using world = await World.start();
      const talking = await talk(world, { alice: only(one), bob: only('PCMU', false) });
      const { alice, call, answered } = talking;
      const voices = voicesOf(talking, one, 'PCMU');
      converse(world, voices, 200);
      voices[0].press(7, formats[one].event);
      converse(world, voices, 500);
      const infos = answered.requests.filter(({ method }) => method === 'INFO');
      expect(infos.map(({ body }) => new TextDecoder().decode(body))).toEqual(['Signal=7\r\nDuration=100\r\n']);
      answered.request('INFO', { body: 'Signal=*\r\nDuration=160\r\n', contentType: 'application/dtmf-relay' });
      converse(world, voices, 500);
      expect(answered.last.status).toBe(200);
      expect(keysHeard(alice, formats[one].event, formats[one].codec.clockRate)).toEqual(['* for 160']);
      call.hangUp();
      world.settles();
    },
  );
});

import { describe, expect, test } from 'vitest';
import { createEncoder } from '../../src/codec/index.ts';
import {
  formatTelephoneEvent,
  marker,
  parseTelephoneEvent,
  payloadType,
  readRtcp,
  rtpPayload,
  sequenceNumber,
  ssrc,
  timestamp,
} from '../../src/rtp/index.ts';
import { measure, sampled, tone, voice } from '../support/signals.ts';
import { engines, setUp } from './engine-stage.ts';
import { events, fastEvents, g722, heardAs, opus, pcma, pcmu, say } from './speech.ts';

const pairs = [pcmu, pcma, g722, opus].flatMap((a) =>
  [pcmu, pcma, g722, opus].flatMap((b) => (a === b ? [] : [[a, b] as const])),
);

/** What codecs make of each other does not depend on what carries the packets: every pair is tried over the first engine. */
const somePairs = [
  [pcmu, opus],
  [g722, pcma],
] as const;

describe.each(engines)('transcoding: %s', (name, open) => {
  const tried = name === engines[0]?.[0] ? pairs : somePairs;

  test.each(tried.map(([a, b]) => [a.name, b.name, a, b] as const))(
    'a tone in %s is heard in %s, at least 20 dB above all else, in one stream without gaps',
    async (_from, _to, a, b) => {
      await using stage = await setUp(open(), { a: { codecs: [a] }, b: { codecs: [b] } });
      const { alice, bob, portA } = stage;
      await say(stage, alice, portA, a, 1500);
      expect(new Set(bob.heard.map(payloadType))).toEqual(new Set([b.payloadType]));
      expect(bob.heard.length).toBeGreaterThan(65);
      const numbers = bob.heard.map(sequenceNumber);
      expect(numbers.map((number) => (number - numbers[0]!) & 0xffff)).toEqual(numbers.map((_, index) => index));
      const times = bob.heard.map((packet) => (timestamp(packet) - timestamp(bob.heard[0]!)) >>> 0);
      expect(times).toEqual(times.map((_, index) => (index * b.clockRate) / 50));
      expect(new Set(bob.heard.map(ssrc)).size).toBe(1);
      expect(measure(tone(440), heardAs(bob.heard, b), 8000, 150, 300).snr).toBeGreaterThan(20);
      expect(stage.session.counters()[0].unmapped).toBe(0);
    },
  );

  test.each(
    [
      [pcmu, pcma],
      [opus, pcmu],
      [pcmu, opus],
      [g722, opus],
    ].map(([a, b]) => [a!.name, b!.name, a!, b!] as const),
  )('from %s to %s speech is no more than 80 ms under way', async (_from, _to, a, b) => {
    await using stage = await setUp(open(), { a: { codecs: [a] }, b: { codecs: [b] } });
    const { alice, bob, portA } = stage;
    const before = await say(stage, alice, portA, a, 1500, voice());
    const { delayMs } = measure(voice(), heardAs(bob.heard, b), 8000, 100, 300);
    expect(before * 20 + delayMs).toBeLessThan(80);
  });

  test('both ways at once, each phone hears its own codec and number', async () => {
    await using stage = await setUp(open(), { a: { codecs: [pcmu] }, b: { codecs: [opus] } });
    const { alice, bob, portA, portB, settle, clock } = stage;
    using encoder = createEncoder(opus, { sampleRate: 16_000 });
    for (let n = 0; n < 30; n++) {
      alice.speak(portA, { sequenceNumber: n, timestamp: n * 160 });
      const payload = Uint8Array.from(encoder.encode(sampled(tone(440), 16_000, 320, n * 320)));
      bob.speak(portB, { payloadType: 97, sequenceNumber: n, timestamp: n * 960, payload });
      await settle();
      clock.advance(20);
    }
    await settle();
    expect(new Set(alice.heard.map(payloadType))).toEqual(new Set([0]));
    expect(new Set(bob.heard.map(payloadType))).toEqual(new Set([96]));
  });

  test('packets are as long as the phone wants them', async () => {
    await using stage = await setUp(open(), { a: { codecs: [opus] }, b: { codecs: [pcma], ptime: 40 } });
    const { alice, bob, portA } = stage;
    await say(stage, alice, portA, opus, 400);
    expect(new Set(bob.heard.map((packet) => rtpPayload(packet).length))).toEqual(new Set([320]));
  });

  test('a codec that both have is relayed though each would begin with another: by the number of the packet', async () => {
    await using stage = await setUp(open(), { a: { codecs: [pcmu, pcma] }, b: { codecs: [pcmu] } });
    const { alice, bob, portA, settle } = stage;
    const said = alice.speak(portA);
    await settle();
    expect(bob.heard).toEqual([said]);
    await say(stage, alice, portA, pcma, 400);
    expect(bob.heard.length).toBeGreaterThan(10);
    expect(new Set(bob.heard.map(payloadType))).toEqual(new Set([0]));
  });

  test('a key crosses between clocks of 8000 and 48000 Hz, as long as it was pressed (RFC 4733)', async () => {
    await using stage = await setUp(open(), { a: { codecs: [pcmu, events] }, b: { codecs: [opus, fastEvents] } });
    const { alice, bob, portA, settle, clock } = stage;
    await say(stage, alice, portA, pcmu, 200);
    for (let n = 1; n <= 10; n++) {
      const payload = formatTelephoneEvent({ event: 5, end: n === 10, volume: 10, duration: n * 160 });
      alice.speak(portA, { payloadType: 101, sequenceNumber: 10 + n, timestamp: 1600, payload });
      await settle();
      clock.advance(20);
    }
    for (let n = 0; n < 40; n++) {
      clock.advance(20);
      await settle();
    }
    const heard = bob.heard.filter((packet) => payloadType(packet) === 102);
    const reports = heard.map((packet) => parseTelephoneEvent(rtpPayload(packet)));
    expect(heard.map(marker).indexOf(true)).toBe(0);
    expect(new Set(heard.map(timestamp)).size).toBe(1);
    expect(reports.at(-1)).toMatchObject({ event: 5, end: true });
    expect(reports.at(-1)!.duration / 48).toBeGreaterThan(180);
    expect(reports.at(-1)!.duration / 48).toBeLessThan(260);
    expect(stage.heard.digits).toEqual([]);
  });

  test('a key that the other phone can take in no way is told to the call', async () => {
    await using stage = await setUp(open(), { a: { codecs: [pcmu, events] } });
    const { alice, portA, settle, clock, heard } = stage;
    for (let n = 1; n <= 4; n++) {
      const payload = formatTelephoneEvent({ event: 11, end: n === 4, volume: 10, duration: n * 160 });
      alice.speak(portA, { payloadType: 101, sequenceNumber: n, timestamp: 1600, payload });
      await settle();
      clock.advance(20);
    }
    for (let n = 0; n < 20; n++) {
      clock.advance(20);
      await settle();
    }
    expect(heard.digits).toEqual([[0, '#', 80]]);
  });

  test('a key that the call hands over is sent as telephone events, beside what is relayed', async () => {
    await using stage = await setUp(open(), { b: { codecs: [pcmu, events] } });
    const { bob, session, settle, clock } = stage;
    session.digit(1, '7', 100);
    for (let n = 0; n < 20; n++) {
      await settle();
      clock.advance(20);
    }
    await settle();
    const reports = bob.heard.map((packet) => parseTelephoneEvent(rtpPayload(packet)));
    expect(new Set(bob.heard.map(payloadType))).toEqual(new Set([101]));
    expect(reports.at(-1)).toMatchObject({ event: 7, end: true, duration: 800 });
  });

  test('each phone gets reports of ours on what it sends, and none of the other phone', async () => {
    await using stage = await setUp(open(), { a: { codecs: [pcmu] }, b: { codecs: [opus] } });
    const { alice, bob, portA, portB } = stage;
    bob.report(portB);
    await say(stage, alice, portA, pcmu, 8000);
    expect(alice.heardRtcp.flatMap(readRtcp).filter(({ type }) => type === 'receiver-report')).toEqual([]);
    const toBob = bob.heardRtcp.flatMap(readRtcp);
    expect(toBob.map(({ type }) => type)).toContain('sender-report');
    expect(toBob.find((part) => part.type === 'sender-report')).toMatchObject({ ssrc: ssrc(bob.heard[0]!) });
  });

  test('nothing turns any more when it has ended', async () => {
    await using stage = await setUp(open(), { a: { codecs: [pcmu] }, b: { codecs: [opus] } });
    const { alice, bob, portA, session, finish, clock, settle, engine } = stage;
    await say(stage, alice, portA, pcmu, 200);
    await finish(session);
    const heard = bob.heard.length;
    clock.advance(1000);
    await settle();
    expect(bob.heard.length).toBe(heard);
    await engine.close();
    expect(clock.pending).toBe(0);
  });
});

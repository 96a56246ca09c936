import { describe, expect, test } from 'vitest';
import { createDecoder, createEncoder, opusImplementation } from '../../src/codec/index.ts';
import {
  formatRtcp,
  formatTelephoneEvent,
  marker,
  ntpTime,
  payloadType,
  type RtcpPacket,
  readRtcp,
  rtpPayload,
  sequenceNumber,
  ssrc,
  timestamp,
} from '../../src/rtp/index.ts';
import { measure, power, sampled, tone, voice } from '../support/signals.ts';
import { codec, engines, setUp } from './engine-stage.ts';
import type { Phone } from './relay-stage.ts';
import { events, g722, heardAs, opus, pcma, pcmu, type Stage, say } from './speech.ts';

const inMemory = engines.filter(([name]) => name.includes('memory'));

/** A phone that hears, packet by packet, and when. */
function listening(stage: Stage, phone: Phone) {
  const heard: { readonly at: number; readonly packet: Uint8Array }[] = [];
  const note = (): void => {
    for (const packet of phone.heard.slice(heard.length)) heard.push({ at: stage.clock.now(), packet });
  };
  return {
    heard,
    /** Lets so many ms pass, and says something every 20 of them. */
    during: async (ms: number, say: (n: number) => void = () => {}): Promise<void> => {
      for (let n = 0; n < ms / 20; n++) {
        say(n);
        await stage.settle();
        stage.clock.advance(20);
        await stage.settle();
        note();
      }
    },
  };
}

type Heard = ReturnType<typeof listening>['heard'];

/** That all of it is one stream: of one source, numbered without gaps, its time that of the packets, 8 ticks a ms. */
function expectOneStream(heard: Heard): void {
  expect(new Set(heard.map(({ packet }) => ssrc(packet))).size).toBe(1);
  const [first] = heard;
  const numbers = heard.map(({ packet }) => (sequenceNumber(packet) - sequenceNumber(first!.packet)) & 0xffff);
  expect(numbers).toEqual(heard.map((_, index) => index));
  const late = heard.map(({ at, packet }) => {
    const ticks = (timestamp(packet) - timestamp(first!.packet)) >>> 0;
    return ticks / 8 - (at - first!.at);
  });
  expect(late.filter((ms) => Math.abs(ms) > 20)).toEqual([]);
}

const marked = (heard: Heard): number => heard.filter(({ packet }) => marker(packet)).length;

const bye = (packets: readonly Uint8Array[]) =>
  packets.flatMap(readRtcp).flatMap((part) => (part.type === 'bye' ? part.sources : []));

describe.each(inMemory)('a transcoded call that changes: %s', (_, open) => {
  test('when both are silent for some seconds nothing turns, and when one speaks its time has gone on', async () => {
    await using stage = await setUp(open(), { a: { codecs: [pcmu] }, b: { codecs: [pcma] } });
    const { alice, bob, portA, clock } = stage;
    const { heard, during } = listening(stage, bob);
    await during(400, () => alice.speak(portA));
    await during(6000);
    const before = heard.length;
    expect(before).toBeLessThan((400 + 5500) / 20);
    await during(14_000);
    expect(heard.length).toBe(before);
    const pending = clock.pending;
    await during(400, () => alice.speak(portA));
    expect(heard.length).toBeGreaterThan(before + 10);
    expect(clock.pending).toBe(pending);
    expectOneStream(heard);
    expect(marked(heard)).toBe(2);
    // Who hears nobody but us hears how we are all the while.
    const reports = bob.heardRtcp
      .flatMap(readRtcp)
      .filter((part) => part.type === 'sender-report' || part.type === 'receiver-report');
    expect(reports.length).toBeGreaterThan(2);
  });

  test('a key that the other phone cannot take keeps nothing turning', async () => {
    await using stage = await setUp(open(), { a: { codecs: [pcmu, events] } });
    const { alice, bob, portA, clock, settle, heard } = stage;
    const { during } = listening(stage, bob);
    const before = clock.pending;
    for (let n = 1; n <= 2; n++) {
      const payload = formatTelephoneEvent({ event: 1, end: true, volume: 10, duration: 800 });
      alice.speak(portA, { payloadType: 101, sequenceNumber: n, timestamp: n * 16_000, payload });
      await during(6000);
      expect(clock.pending).toBe(before);
    }
    await settle();
    expect(heard.digits.map(([, digit]) => digit)).toEqual(['1', '1']);
  });

  test('a key that is sent beside relayed speech keeps nothing turning, and its source says goodbye', async () => {
    await using stage = await setUp(open(), { b: { codecs: [pcmu, events] } });
    const { bob, session, clock } = stage;
    const { during } = listening(stage, bob);
    const before = clock.pending;
    session.digit(1, '5', 100);
    await during(6000);
    expect(clock.pending).toBe(before);
    expect(bye(bob.heardRtcp)).toEqual([ssrc(bob.heard[0]!)]);
  });

  test('a phone that was on hold hears the same stream, whose time has gone on; reports go on meanwhile', async () => {
    await using stage = await setUp(open(), { a: { codecs: [pcmu] }, b: { codecs: [pcma] } });
    const { alice, bob, portA, update } = stage;
    const { heard, during } = listening(stage, bob);
    const speak = () => alice.speak(portA);
    await during(400, speak);
    const legs = { a: { codecs: [pcmu] }, b: { codecs: [pcma] } };
    await update({ ...legs, b: { ...legs.b, send: false } });
    const before = heard.length;
    await during(10_000, speak);
    expect(heard.length).toBe(before);
    expect(bob.heardRtcp.length).toBeGreaterThan(0);
    await update(legs);
    await during(400, speak);
    expect(heard.length).toBeGreaterThan(before + 10);
    expectOneStream(heard);
    expect(marked(heard)).toBe(2);
    expect(bye(bob.heardRtcp)).toEqual([]);
  });

  test('early media goes on as it is when the call is answered', async () => {
    await using stage = await setUp(open(), { a: { codecs: [pcmu] }, b: { codecs: [pcma] } });
    const { alice, bob, portA, update } = stage;
    const { heard, during } = listening(stage, bob);
    await during(400, () => alice.speak(portA));
    const legs = { a: { codecs: [pcmu] }, b: { codecs: [pcma], generation: 1 } };
    await update({ ...legs, spec: { answered: true } });
    await during(400, () => alice.speak(portA));
    expectOneStream(heard);
    expect(marked(heard)).toBe(1);
  });

  test('another codec of the same clock is the same stream; of another clock it is another (RFC 7160)', async () => {
    await using stage = await setUp(open(), { a: { codecs: [pcmu] }, b: { codecs: [pcma] } });
    const { alice, bob, portA, update } = stage;
    const { heard, during } = listening(stage, bob);
    const speak = () => alice.speak(portA);
    await during(400, speak);
    await update({ a: { codecs: [pcmu] }, b: { codecs: [g722] } });
    await during(400, speak);
    expectOneStream(heard);
    expect(new Set(heard.map(({ packet }) => payloadType(packet)))).toEqual(new Set([8, 9]));
    const [first] = heard;
    await update({ a: { codecs: [pcmu] }, b: { codecs: [opus] } });
    const before = heard.length;
    await during(400, speak);
    expect(new Set(heard.slice(before).map(({ packet }) => payloadType(packet)))).toEqual(new Set([96]));
    expect(new Set(heard.slice(before).map(({ packet }) => ssrc(packet)))).not.toContain(ssrc(first!.packet));
    expect(bye(bob.heardRtcp)).toEqual([ssrc(first!.packet)]);
  });

  test('from transcoded to relayed our source says goodbye; back again, what was relayed is not lost', async () => {
    await using stage = await setUp(open(), { a: { codecs: [pcmu] }, b: { codecs: [pcma] } });
    const { alice, bob, portA, portB, update, settle } = stage;
    const { heard, during } = listening(stage, bob);
    const speak = () => {
      alice.speak(portA);
      bob.speak(portB, { payloadType: 8 });
    };
    await during(400, speak);
    const ours = ssrc(heard[0]!.packet);
    await update({ a: { codecs: [pcmu] }, b: { codecs: [pcmu] } });
    expect(bye(bob.heardRtcp)).toEqual([ours]);
    const said = alice.speak(portA);
    alice.report(portA);
    await settle();
    expect(bob.heard.at(-1)).toEqual(said);
    expect(bob.heardRtcp).toHaveLength(2);
    await during(4000, speak);
    expect(bob.heardRtcp).toHaveLength(2);

    await update({ a: { codecs: [pcmu] }, b: { codecs: [pcma] } });
    const before = alice.heardRtcp.length;
    await during(8000, speak);
    const blocks = alice.heardRtcp
      .slice(before)
      .flatMap(readRtcp)
      .flatMap((part) => ('reports' in part ? part.reports : []));
    expect(blocks.length).toBeGreaterThan(0);
    for (const block of blocks) expect(block).toMatchObject({ ssrc: ssrc(said), cumulativeLost: 0, fractionLost: 0 });
    expect(ssrc(bob.heard.at(-1)!)).not.toBe(ours);
  });

  test('a phone that sends by turns what is relayed and what is not is heard either way', async () => {
    await using stage = await setUp(open(), { a: { codecs: [pcmu, pcma] }, b: { codecs: [pcmu] } });
    const { alice, bob, portA } = stage;
    const { heard, during } = listening(stage, bob);
    for (let turn = 0; turn < 3; turn++) {
      await during(1000, () => alice.speak(portA));
      await during(1000, () => alice.speak(portA, { payloadType: 8 }));
    }
    const sources = Map.groupBy(heard, ({ packet }) => ssrc(packet));
    expect(sources.size).toBe(2);
    const [relayed, ours] = [...sources.values()];
    expect(relayed).toHaveLength(150);
    expect(ours!.length).toBeGreaterThan(135);
    expectOneStream(ours!);
  });

  test('a key is heard once, whatever is coded beside it', async () => {
    await using stage = await setUp(open(), { a: { codecs: [pcmu, events] }, b: { codecs: [pcma, events] } });
    const { alice, bob, portA } = stage;
    const { heard, during } = listening(stage, bob);
    await during(200, () => alice.speak(portA));
    await during(200, (n) => {
      const payload = formatTelephoneEvent({ event: 3, end: n > 6, volume: 10, duration: Math.min(n + 1, 7) * 160 });
      alice.speak(portA, { payloadType: 101, timestamp: 16_000, payload });
    });
    await during(1000, () => alice.speak(portA));
    const keys = heard.filter(({ packet }) => payloadType(packet) === 101);
    expect(new Set(keys.map(({ packet }) => timestamp(packet))).size).toBe(1);
    expect(keys.filter(({ packet }) => marker(packet))).toHaveLength(1);
    expect(stage.heard.digits).toEqual([]);
  });

  test('reports on a stream that another hears instead of an announcement go on to its phone', async () => {
    const playing = [{ source: 'ringback', repeat: true }, null] as const;
    await using stage = await setUp(open(), { spec: { playing } });
    const { alice, bob, portA, portB, settle } = stage;
    alice.report(portA);
    bob.report(portB);
    await settle();
    expect([alice.heardRtcp.length, bob.heardRtcp.length]).toEqual([0, 1]);
  });

  test.each([
    codec('L16', 11_025, { payloadType: 96, receivedAs: 96, clockRate: 11_025 }),
    codec('G722', 96, { clockRate: 16_000 }),
    codec('opus', 96, { clockRate: 48_000, channels: 3 }),
  ])('$name at $clockRate Hz with $channels channels is none of ours, and harms nobody', async (odd) => {
    await using stage = await setUp(open(), { a: { codecs: [odd, events] }, b: { codecs: [pcmu] } });
    const { alice, bob, portA, portB, session, finish } = stage;
    const { during } = listening(stage, bob);
    await during(400, () => {
      alice.speak(portA, { payloadType: 96 });
      bob.speak(portB);
    });
    expect([alice.heard, bob.heard]).toEqual([[], []]);
    expect((await finish(session)).legs[0].counters.unmapped).toBe(20);
  });

  test.each([
    [60, 10],
    [10, 60],
    [30, 20],
    [40, 30],
  ])('packets of %i ms are made to packets of %i ms', async (from, to) => {
    await using stage = await setUp(open(), { a: { codecs: [pcmu] }, b: { codecs: [pcma], ptime: to } });
    const { alice, bob, portA, settle, clock } = stage;
    using encoder = createEncoder(pcmu);
    for (let n = 0; n < 1800 / from; n++) {
      const payload = Uint8Array.from(encoder.encode(sampled(tone(440), 8000, from * 8, n * from * 8)));
      alice.speak(portA, { sequenceNumber: n, timestamp: n * from * 8, payload });
      // Not at once: what is made of it is sent frame by frame.
      for (let passed = 0; passed < from; passed += 10) {
        await settle();
        clock.advance(10);
      }
    }
    await settle();
    expect(new Set(bob.heard.map((packet) => rtpPayload(packet).length))).toEqual(new Set([to * 8]));
    const steps = bob.heard.slice(1).map((packet, n) => (timestamp(packet) - timestamp(bob.heard[n]!)) >>> 0);
    expect(new Set(steps)).toEqual(new Set([to * 8]));
    expect(measure(tone(440), heardAs(bob.heard.slice(Math.ceil(100 / to)), pcma), 8000, 150, 300).snr).toBeGreaterThan(
      20,
    );
  });

  test('linear samples of 44100 Hz are heard', async () => {
    const linear = codec('L16', 11, { clockRate: 44_100 });
    await using stage = await setUp(open(), { a: { codecs: [linear] }, b: { codecs: [pcmu] } });
    const { alice, bob, portA } = stage;
    await say(stage, alice, portA, linear, 1000);
    expect(measure(tone(440), heardAs(bob.heard, pcmu), 8000, 150, 300).snr).toBeGreaterThan(20);
  });

  const fec = opusImplementation() === 'libopus';
  test.runIf(fec).each([
    [8000, pcmu],
    [16_000, g722],
  ])(
    'Opus of %i Hz to a phone that loses packets holds each twice: what is lost is recovered',
    async (rate, spoken) => {
      const wanted = { ...opus, fmtp: 'useinbandfec=1' };
      await using stage = await setUp(open(), { a: { codecs: [spoken] }, b: { codecs: [wanted] } });
      const { alice, bob, portA, portB, clock } = stage;
      const report = (fractionLost: number): void => {
        const parts: RtcpPacket[] = [
          {
            type: 'sender-report',
            ssrc: 77,
            ntp: ntpTime(clock.wall()),
            rtpTimestamp: 0,
            packetCount: 1,
            octetCount: 1,
            reports: [
              {
                ssrc: ssrc(bob.heard.at(-1)!),
                fractionLost,
                cumulativeLost: 1,
                extendedHighest: 1,
                jitter: 0,
                lastSenderReport: 0,
                delaySinceLastSenderReport: 0,
              },
            ],
          },
        ];
        bob.report(portB, Uint8Array.from(formatRtcp(parts)));
      };
      /** Packets from which the one before can be recovered, and how well that is done. */
      const recovered = (packets: readonly Uint8Array[]) => {
        using decoder = createDecoder(wanted, { sampleRate: rate });
        let count = 0;
        let [error, whole] = [0, 0];
        let before: Int16Array | null = null;
        for (const packet of packets) {
          const copy = decoder.recover(rtpPayload(packet), rate / 50)?.slice() ?? null;
          if (copy && before) {
            count++;
            error += Math.abs(power(copy) - power(before));
            whole++;
          }
          before = decoder.decode(rtpPayload(packet)).slice();
        }
        return { count, error: error / whole };
      };
      await say(stage, alice, portA, spoken, 1000, voice());
      expect(recovered(bob.heard).count).toBe(0);
      report(3);
      let from = bob.heard.length;
      await say(stage, alice, portA, spoken, 2000, voice(), 50);
      const { count, error } = recovered(bob.heard.slice(from + 3));
      expect(count).toBeGreaterThan(50);
      expect(error).toBeLessThan(3);

      // It goes on for some reports without loss, and then no more.
      report(0);
      from = bob.heard.length;
      await say(stage, alice, portA, spoken, 400, voice(), 150);
      expect(recovered(bob.heard.slice(from)).count).toBeGreaterThan(5);
      for (let n = 0; n < 12; n++) report(0);
      await stage.settle();
      from = bob.heard.length;
      await say(stage, alice, portA, spoken, 1000, voice(), 170);
      expect(recovered(bob.heard.slice(from + 3)).count).toBe(0);
    },
  );
});

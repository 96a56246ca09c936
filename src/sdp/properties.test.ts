import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../base/index.ts';
import { type SrtpSuite, srtpKeyLength } from '../rtp/index.ts';
import { type Codec, codecKey, isSpeech, isTelephoneEvent } from './codecs.ts';
import type { CryptoLine } from './crypto-line.ts';
import { answerDirection, type Direction } from './direction.ts';
import { encryptionTerms } from './encryption.ts';
import { agreedCodecs, NoCommonMedia, payloadMap, relayAnswer, relayOffer } from './negotiate.ts';
import { LegNegotiation } from './offer-answer.ts';
import {
  type AudioStream,
  audioOf,
  formatSessionDescription,
  type OtherStream,
  parseSessionDescription,
  refused,
  type SessionDescription,
} from './session-description.ts';

const kinds: readonly Omit<Codec, 'payloadType'>[] = [
  { name: 'opus', clockRate: 48000, channels: 2, fmtp: 'useinbandfec=1' },
  { name: 'PCMU', clockRate: 8000, channels: 1, fmtp: null },
  { name: 'PCMA', clockRate: 8000, channels: 1, fmtp: null },
  { name: 'G722', clockRate: 8000, channels: 1, fmtp: null },
  { name: 'G729', clockRate: 8000, channels: 1, fmtp: 'annexb=no' },
  { name: 'iLBC', clockRate: 8000, channels: 1, fmtp: 'mode=30' },
  { name: 'speex', clockRate: 16000, channels: 1, fmtp: null },
  { name: 'X-own', clockRate: 16000, channels: 1, fmtp: 'a=b;c' },
  { name: 'telephone-event', clockRate: 8000, channels: 1, fmtp: '0-15' },
  { name: 'telephone-event', clockRate: 48000, channels: 1, fmtp: null },
];

const srtpSuites: readonly SrtpSuite[] = [
  'AES_CM_128_HMAC_SHA1_80',
  'AES_CM_128_HMAC_SHA1_32',
  'AEAD_AES_128_GCM',
  'AEAD_AES_256_GCM',
];

const port = fc.integer({ min: 1, max: 65_535 });
const address = fc.constantFrom('192.0.2.1', '198.51.100.77', '2001:db8::5', '::1');
const ms = fc.option(fc.constantFrom(10, 20, 30, 60));

const anyDirection = fc.constantFrom<Direction>('sendrecv', 'sendonly', 'recvonly', 'inactive');

/** Some codecs in some order under some numbers, static ones not always under theirs. */
const anyCodecs: fc.Arbitrary<readonly Codec[]> = fc
  .tuple(
    fc.shuffledSubarray([...kinds], { minLength: 1 }),
    fc.shuffledSubarray(
      Array.from({ length: 32 }, (_, index) => 96 + index),
      { minLength: kinds.length },
    ),
    fc.boolean(),
  )
  .map(([chosen, numbers, usual]) => {
    const statics: Readonly<Record<string, number>> = usual ? { PCMU: 0, PCMA: 8, G722: 9, G729: 18 } : {};
    return chosen.map((codec, index) => ({ payloadType: statics[codec.name] ?? numbers[index]!, ...codec }));
  });

const anyLine = (tag: number): fc.Arbitrary<CryptoLine> =>
  fc.constantFrom(...srtpSuites).chain((suite) => {
    const length = srtpKeyLength(suite);
    const bytes = fc.uint8Array({ minLength: length, maxLength: length });
    return bytes.map((key) => ({ tag, suite, key: Buffer.from(key).toString('base64') }));
  });

/** A profile, and the ways to encrypt beside it. */
const anyEncryption = fc.oneof(
  fc.record({ protocol: fc.constantFrom('RTP/AVP', 'RTP/AVPF'), crypto: fc.constant([]) }),
  fc.record({
    protocol: fc.constantFrom('RTP/AVP', 'RTP/AVPF', 'RTP/SAVP', 'RTP/SAVPF'),
    crypto: fc.oneof(fc.tuple(anyLine(1)), fc.tuple(anyLine(7), anyLine(3))),
  }),
);

const anyAudio: fc.Arbitrary<AudioStream> = fc
  .record({
    address,
    port,
    encryption: anyEncryption,
    rtcpMux: fc.boolean(),
    rtcpPort: fc.option(port),
    rtcpAddress: fc.option(address),
    direction: anyDirection,
    codecs: anyCodecs,
    ptime: ms,
    maxptime: ms,
  })
  .map(({ encryption, ...stream }) => ({
    kind: 'audio',
    ...encryption,
    ...stream,
    rtcpAddress: stream.rtcpPort === null ? null : stream.rtcpAddress,
  }));

const anyOtherStream: fc.Arbitrary<OtherStream> = fc.record({
  kind: fc.constant('other'),
  media: fc.constantFrom('video', 'image', 'application', 'text', 'audio'),
  protocol: fc.constantFrom('RTP/SAVP', 'UDP/TLS/RTP/SAVPF', 'udptl', 'TCP/BFCP'),
  formats: fc.constantFrom('31', '96 97', 't38', '*', 'webrtc-datachannel'),
  port: fc.option(port, { nil: 0 }),
});

const number = fc.bigInt({ min: 0n, max: 2n ** 62n });

/** Without audio, or with one stream of it in any place. */
const anyDescription: fc.Arbitrary<SessionDescription> = fc
  .record({
    origin: fc.record({
      username: fc.constantFrom('-', 'alice', 'My_phone'),
      sessionId: number.map(String),
      version: fc.maxSafeNat().map(String),
      address,
    }),
    name: fc.constantFrom('-', 'Talk', 'a b  c'),
    before: fc.array(anyOtherStream, { maxLength: 3 }),
    audio: fc.option(anyAudio, { freq: 9 }),
    after: fc.array(anyOtherStream, { maxLength: 3 }),
  })
  .map(({ origin, name, before, audio, after }) => ({
    origin,
    name,
    media: [...before, ...(audio === null ? [] : [audio]), ...after],
  }))
  .filter(({ media }) => media.length > 0);

const priority = ['opus', 'G722', '*', 'pcma'];

const transcodable = ['opus', 'g722', 'pcmu', 'pcma'];

function leg(sessionId: string, localPort: number, transcodes: readonly string[] = []): LegNegotiation {
  const local = { localAddress: '203.0.113.1', localPort };
  // The second leg offers encryption, where it is optional for both.
  const encryption = encryptionTerms('optional', sessionId === '2', new SeededRandom(localPort));
  return new LegNegotiation({ sessionId, ...local, codecPriority: priority, transcodable: transcodes, encryption });
}

/** A phone that accepts what `accepts` says of an offer, under the numbers it likes. */
function answerOf(offer: SessionDescription, phone: Phone): SessionDescription {
  const offered = audioOf(offer)!;
  const first = offered.codecs.find(isSpeech)!;
  const codecs = offered.codecs
    .filter((codec) => codec === first || phone.accepts(codec))
    .map((codec) =>
      phone.renumbers && codec.payloadType >= 96 ? { ...codec, payloadType: 223 - codec.payloadType } : codec,
    );
  const audio: AudioStream = {
    ...offered,
    address: '198.51.100.7',
    port: 7000,
    direction: answerDirection(offered.direction, phone.wants),
    codecs: phone.reverses ? codecs.toReversed() : codecs,
  };
  const origin = { username: 'phone', sessionId: '9', version: '1', address: '198.51.100.7' };
  return { origin, name: '-', media: offer.media.map((stream) => (stream.kind === 'audio' ? audio : refused(stream))) };
}

interface Phone {
  readonly accepts: (codec: Codec) => boolean;
  readonly renumbers: boolean;
  readonly reverses: boolean;
  readonly wants: Direction;
}

const anyPhone: fc.Arbitrary<Phone> = fc.record({
  accepts: fc.subarray([...kinds.keys()]).map((chosen) => (codec: Codec) => {
    return chosen.some((index) => codecKey({ payloadType: 0, ...kinds[index]! }) === codecKey(codec));
  }),
  renumbers: fc.boolean(),
  reverses: fc.boolean(),
  wants: anyDirection,
});

/** One offer taken from one leg to the other and its answer back; `false` when there was nothing in common. */
function exchange(from: LegNegotiation, to: LegNegotiation, offer: SessionDescription, phone: Phone): boolean {
  from.receiveOffer(offer);
  try {
    const relayed = relayOffer(from, to);
    to.receiveAnswer(parseSessionDescription(formatSessionDescription(answerOf(relayed, phone))));
    relayAnswer(to, from);
    return true;
  } catch (error) {
    if (!(error instanceof NoCommonMedia)) throw error;
    from.rollback();
    to.rollback();
    return false;
  }
}

describe('of every description', () => {
  test('reading is the inverse of writing', () => {
    fc.assert(
      fc.property(anyDescription, (description) => {
        expect(parseSessionDescription(formatSessionDescription(description))).toEqual(description);
      }),
    );
  });
});

describe('whatever is offered and answered between two phones', () => {
  const rounds = fc.array(fc.record({ offer: anyDescription, phone: anyPhone, byA: fc.boolean() }), {
    minLength: 1,
    maxLength: 4,
  });

  test('streams keep their number and places, and only our own address is told', () => {
    fc.assert(
      fc.property(anyDescription, anyPhone, (offer, phone) => {
        const [a, b] = [leg('1', 10_000), leg('2', 10_002)];
        fc.pre(exchange(a, b, offer, phone));
        expect(b.local!.media).toMatchObject([{ kind: 'audio' }]);
        expect(a.local!.media).toHaveLength(offer.media.length);
        offer.media.forEach((stream, index) => {
          expect(a.local!.media[index]).toMatchObject(stream.kind === 'audio' ? { kind: 'audio' } : refused(stream));
        });
        for (const ours of [a.local!, b.local!]) {
          expect(ours.origin.address).toBe('203.0.113.1');
          expect(audioOf(ours)).toMatchObject({ address: '203.0.113.1', rtcpPort: null, rtcpAddress: null });
        }
        expect([audioOf(a.local!)!.port, audioOf(b.local!)!.port]).toEqual([10_000, 10_002]);
      }),
    );
  });

  test('the answer to the caller has its codecs, numbers and order, and a direction that its offer allows', () => {
    fc.assert(
      fc.property(anyDescription, anyPhone, (offer, phone) => {
        const [a, b] = [leg('1', 10_000), leg('2', 10_002)];
        fc.pre(exchange(a, b, offer, phone));
        const [offered, answered] = [audioOf(offer)!, audioOf(a.local!)!];
        const numbers = offered.codecs.map(({ payloadType }) => payloadType);
        const places = answered.codecs.map(({ payloadType }) => numbers.indexOf(payloadType));
        expect(places).not.toContain(-1);
        expect(places).toEqual(places.toSorted((x, y) => x - y));
        for (const codec of answered.codecs) {
          expect(codecKey(offered.codecs.find(({ payloadType }) => payloadType === codec.payloadType)!)).toBe(
            codecKey(codec),
          );
        }
        expect(answerDirection(offered.direction, answered.direction)).toBe(answered.direction);
        expect(answered.codecs.some(isSpeech)).toBe(true);
      }),
    );
  });

  test("the payload maps of both ways name the same codecs and lead from our numbers to the phone's", () => {
    fc.assert(
      fc.property(rounds, (calls) => {
        const [a, b] = [leg('1', 10_000), leg('2', 10_002)];
        for (const { offer, phone, byA } of calls) exchange(byA ? a : b, byA ? b : a, offer, phone);
        fc.pre(a.local !== null);
        for (const [from, to] of [
          [a, b],
          [b, a],
        ] as const) {
          const map = payloadMap(agreedCodecs(from), agreedCodecs(to));
          expect(map.size).toBe(payloadMap(agreedCodecs(to), agreedCodecs(from)).size);
          expect(map.size).toBeGreaterThan(0);
          const stated = audioOf(from.local!)!.codecs;
          for (const [received, sent] of map) {
            const codec = stated.find(({ payloadType }) => payloadType === received)!;
            const expected = to.remote!.codecs.filter(({ payloadType }) => payloadType === sent);
            expect(expected.map(codecKey)).toEqual([codecKey(codec)]);
          }
          expect(new Set(map.values()).size).toBe(map.size);
        }
      }),
    );
  });

  test('a version rises by one when something else is said, and not otherwise (RFC 3264 section 8)', () => {
    fc.assert(
      fc.property(rounds, (calls) => {
        const [a, b] = [leg('1', 10_000), leg('2', 10_002)];
        const said: Record<string, SessionDescription[]> = { '1': [], '2': [] };
        for (const { offer, phone, byA } of calls) {
          exchange(byA ? a : b, byA ? b : a, offer, phone);
          for (const { sent } of [a.state, b.state]) if (sent !== null) said[sent.origin.sessionId]!.push(sent);
        }
        for (const history of Object.values(said)) {
          history.slice(1).forEach((next, index) => {
            const last = history[index]!;
            const same = formatSessionDescription({ ...next, origin: last.origin }) === formatSessionDescription(last);
            expect(Number(next.origin.version) - Number(last.origin.version)).toBe(same ? 0 : 1);
          });
        }
      }),
    );
  });

  test('a number once given in our offers to a phone keeps its codec (RFC 3264 section 8.3.2)', () => {
    fc.assert(
      fc.property(fc.array(anyDescription, { minLength: 1, maxLength: 5 }), (offers) => {
        const to = leg('2', 10_002);
        const meaning = new Map<number, string>();
        for (const offer of offers) {
          const from = leg('1', 10_000);
          from.receiveOffer(offer);
          if (audioOf(offer)?.codecs.some(isSpeech) !== true) continue;
          for (const codec of audioOf(relayOffer(from, to))!.codecs) {
            expect(meaning.get(codec.payloadType) ?? codecKey(codec)).toBe(codecKey(codec));
            meaning.set(codec.payloadType, codecKey(codec));
          }
          to.rollback();
        }
        expect(new Set(meaning.values()).size).toBe(meaning.size);
      }),
    );
  });

  test('events stay the last of an offer, and the agreed codecs of speech are never empty', () => {
    fc.assert(
      fc.property(anyDescription, anyPhone, (offer, phone) => {
        const [a, b] = [leg('1', 10_000), leg('2', 10_002)];
        fc.pre(exchange(a, b, offer, phone));
        const order = audioOf(b.local!)!.codecs.map(isTelephoneEvent);
        expect(order).toEqual(order.toSorted());
        expect(agreedCodecs(a).filter(isSpeech).map(codecKey).toSorted()).toEqual(
          agreedCodecs(b).filter(isSpeech).map(codecKey).toSorted(),
        );
      }),
    );
  });

  test('no key and no sharing of a port crosses from one side to the other', () => {
    fc.assert(
      fc.property(rounds, (calls) => {
        const [a, b] = [leg('1', 10_000), leg('2', 10_002)];
        for (const { offer, phone, byA } of calls) {
          const [from, to] = byA ? [a, b] : [b, a];
          const theirs = audioOf(offer)?.crypto.map(({ key }) => key) ?? [];
          fc.pre(exchange(from, to, offer, phone));
          for (const ours of [from, to]) {
            const keys = audioOf(ours.local!)!.crypto.map(({ key }) => key);
            expect(keys.filter((key) => theirs.includes(key))).toEqual([]);
            expect(keys.every((key) => Object.values(ours.state.encryption!.keys).includes(key))).toBe(true);
          }
          const offered = audioOf(offer)!;
          expect(from.rtcpMux).toBe(offered.rtcpMux);
          expect(from.srtp !== null).toBe(offered.crypto.length > 0);
        }
      }),
    );
  });

  test('a leg restored from its state goes on where it was', () => {
    fc.assert(
      fc.property(rounds, (calls) => {
        let [a, b] = [leg('1', 10_000), leg('2', 10_002)];
        const [c, d] = [leg('1', 10_000), leg('2', 10_002)];
        for (const { offer, phone, byA } of calls) {
          a = LegNegotiation.restore(JSON.parse(JSON.stringify(a.state)));
          b = LegNegotiation.restore(JSON.parse(JSON.stringify(b.state)));
          exchange(byA ? a : b, byA ? b : a, offer, phone);
          exchange(byA ? c : d, byA ? d : c, offer, phone);
        }
        expect([a.state, b.state]).toEqual([c.state, d.state]);
      }),
    );
  });
});

describe('where we can transcode', () => {
  const twoLegs = () => [leg('1', 10_000, transcodable), leg('2', 10_002, transcodable)] as const;
  const isOurs = (codec: Codec) => transcodable.includes(codec.name.toLowerCase());
  const speechOf = (of: LegNegotiation) => agreedCodecs(of).filter(isSpeech);

  test('every phone with a codec of ours can call every other, and each speaks what it has offered or answered', () => {
    fc.assert(
      fc.property(anyDescription, anyPhone, (offer, phone) => {
        fc.pre(audioOf(offer)?.codecs.some(isOurs) === true);
        const [a, b] = twoLegs();
        expect(exchange(a, b, offer, phone)).toBe(true);
        const [ofA, ofB] = [speechOf(a), speechOf(b)];
        const shared = ofA.filter((codec) => ofB.some((other) => codecKey(other) === codecKey(codec)));
        if (shared.length > 0) expect(shared).toHaveLength(ofA.length);
        else expect([ofA.length, ofA.some(isOurs), ofB.some(isOurs)]).toEqual([1, true, true]);
      }),
    );
  });

  test('whoever shares a codec with the other is never transcoded because of what we add', () => {
    fc.assert(
      fc.property(anyDescription, anyPhone, (offer, phone) => {
        const [a, b] = twoLegs();
        const [c, d] = [leg('1', 10_000), leg('2', 10_002)];
        fc.pre(exchange(c, d, offer, phone));
        expect(exchange(a, b, offer, phone)).toBe(true);
        expect(speechOf(a).map(codecKey)).toEqual(speechOf(c).map(codecKey));
      }),
    );
  });

  test('the same offer again, answered in the same way, changes nothing of what is said and heard', () => {
    fc.assert(
      fc.property(anyDescription, anyPhone, (offer, phone) => {
        const [a, b] = twoLegs();
        fc.pre(exchange(a, b, offer, phone));
        const ofB = speechOf(b).map(codecKey);
        const before = a.local;
        exchange(a, b, offer, phone);
        expect(a.local).toEqual(before);
        const again = speechOf(b).map(codecKey);
        const shared = speechOf(a)
          .map(codecKey)
          .filter((codec) => ofB.includes(codec));
        // What would have to be transcoded is no longer offered to a phone that has shown that it need not be.
        if (shared.length > 0) expect(again).toEqual(expect.arrayContaining(shared));
        else expect(again.toSorted()).toEqual(ofB.toSorted());
      }),
    );
  });
});

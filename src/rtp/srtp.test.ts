import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatRtp } from './packet.ts';
import { SrtpReceiver, SrtpSender } from './srtp.ts';
import { type SrtpKey, type SrtpSuite, srtpKeyLength } from './srtp-key.ts';

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replace(/\s/g, ''), 'hex'));
const hex = (data: Uint8Array | string | null) =>
  data instanceof Uint8Array ? Buffer.from(data).toString('hex') : data;

const suites: readonly SrtpSuite[] = [
  'AES_CM_128_HMAC_SHA1_80',
  'AES_CM_128_HMAC_SHA1_32',
  'AEAD_AES_128_GCM',
  'AEAD_AES_256_GCM',
];

const keyOf = (suite: SrtpSuite, fill = 7): SrtpKey => ({
  suite,
  key: new Uint8Array(srtpKeyLength(suite)).fill(fill),
});

function rtp(sequenceNumber: number, { ssrc = 0xcafe_babe, payload = [1, 2, 3] } = {}): Uint8Array {
  return formatRtp({ payloadType: 0, sequenceNumber, timestamp: 160, ssrc, payload: Uint8Array.from(payload) });
}

const rtcp = (ssrc = 0xcafe_babe) => bytes(`80c90001 ${ssrc.toString(16)} 00000000`);

describe.each([
  [
    'AES_CM_128_HMAC_SHA1_80',
    'e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6',
    '800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb',
    '81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798',
  ],
  [
    'AEAD_AES_128_GCM',
    '000102030405060708090a0b0c0d0e0fa0a1a2a3a4a5a6a7a8a9aaab',
    '800f1234decafbadcafebabe c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392',
    '81c8000bcafebabe c98b8b5df0392a55852b6c21ac8e7025 c52c6fbea2b3b446ea31123ba88ce61e 80000001',
  ],
] as const)('the packets of libsrtp 2 under %s', (suite, key, protectedRtp, protectedRtcp) => {
  const plainRtp = bytes(`800f1234decafbadcafebabe ${'ab'.repeat(16)}`);
  const plainRtcp = bytes(`81c8000bcafebabe ${'ab'.repeat(16)}`);

  test('are made', () => {
    const sender = new SrtpSender({ suite, key: bytes(key) });
    expect(hex(sender.protectRtp(plainRtp))).toBe(hex(bytes(protectedRtp)));
    // The index of libsrtp begins with 1.
    sender.protectRtcp(plainRtcp);
    expect(hex(sender.protectRtcp(plainRtcp))).toBe(hex(bytes(protectedRtcp)));
  });

  test('are opened', () => {
    const receiver = new SrtpReceiver({ suite, key: bytes(key) });
    expect(hex(receiver.unprotectRtp(bytes(protectedRtp)))).toBe(hex(plainRtp));
    expect(hex(receiver.unprotectRtcp(bytes(protectedRtcp)))).toBe(hex(plainRtcp));
  });
});

describe.each(suites)('under %s', (suite) => {
  const pair = () => ({ sender: new SrtpSender(keyOf(suite)), receiver: new SrtpReceiver(keyOf(suite)) });

  test('whatever is protected is opened as it was, and the given packet stays whole', () => {
    const payload = fc.array(fc.nat({ max: 255 }), { maxLength: 400 });
    fc.assert(
      fc.property(payload, fc.nat({ max: 0xffff }), fc.nat({ max: 0xffff_ffff }), (data, sequence, ssrc) => {
        const { sender, receiver } = pair();
        const packet = rtp(sequence, { ssrc, payload: data });
        const before = hex(packet);
        expect(hex(receiver.unprotectRtp(sender.protectRtp(packet)!))).toBe(before);
        expect(hex(packet)).toBe(before);
        const report = Uint8Array.from([...rtcp(), ...data]);
        expect(hex(receiver.unprotectRtcp(sender.protectRtcp(report)!))).toBe(hex(report));
      }),
      { numRuns: 50 },
    );
  });

  test('a packet with any bit flipped is not genuine, and does no harm to the one that is', () => {
    const { sender, receiver } = pair();
    const sent = sender.protectRtp(rtp(1))!;
    const report = sender.protectRtcp(rtcp())!;
    for (let bit = 0; bit < 8 * sent.length; bit++) {
      const altered = sent.slice();
      altered[bit >> 3]! ^= 1 << (bit & 7);
      expect(['unauthentic', 'malformed']).toContain(receiver.unprotectRtp(altered));
    }
    for (let bit = 0; bit < 8 * report.length; bit++) {
      const altered = report.slice();
      altered[bit >> 3]! ^= 1 << (bit & 7);
      expect(receiver.unprotectRtcp(altered)).toBe('unauthentic');
    }
    expect(receiver.unprotectRtp(sent)).toBeInstanceOf(Uint8Array);
    expect(receiver.unprotectRtcp(report)).toBeInstanceOf(Uint8Array);
  });

  test('no bytes at all make it fail in any other way than by its answer', () => {
    const { receiver } = pair();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (data) => {
        expect(['unauthentic', 'malformed']).toContain(receiver.unprotectRtp(data.slice()));
        expect(['unauthentic', 'malformed']).toContain(receiver.unprotectRtcp(data.slice()));
      }),
    );
  });

  test('a packet is opened once, even between others', () => {
    const { sender, receiver } = pair();
    const sent = [1, 2, 3].map((sequence) => sender.protectRtp(rtp(sequence))!);
    const reports = [1, 2, 3].map(() => sender.protectRtcp(rtcp())!);
    for (const packet of sent) expect(receiver.unprotectRtp(packet.slice())).toBeInstanceOf(Uint8Array);
    for (const packet of sent) expect(receiver.unprotectRtp(packet.slice())).toBe('replayed');
    for (const packet of reports) expect(receiver.unprotectRtcp(packet.slice())).toBeInstanceOf(Uint8Array);
    for (const packet of reports) expect(receiver.unprotectRtcp(packet.slice())).toBe('replayed');
  });

  test('packets that overtake each other by up to 200 pass', () => {
    const { sender, receiver } = pair();
    const sent = Array.from({ length: 1000 }, (_, i) => sender.protectRtp(rtp(65_000 + i))!);
    const arriving = sent.map((packet, i) => ({ packet, at: i + ((i * 7919) % 200) })).sort((a, b) => a.at - b.at);
    // Before the first wrap there is no place for a packet that is older than the first.
    arriving.unshift({ packet: sent[0]!.slice(), at: 0 });
    const [, ...rest] = arriving.map(({ packet }) => receiver.unprotectRtp(packet));
    expect(rest.filter((outcome) => outcome === 'unauthentic')).toEqual([]);
    expect(rest.filter((outcome) => outcome === 'replayed')).toHaveLength(1);
  });

  test('the rollover counter rises on both sides when the sequence number wraps, whatever is lost there', () => {
    const { sender, receiver } = pair();
    for (let i = 0; i < 4 * 65_536; i += 1999) {
      const packet = rtp(i & 0xffff, { payload: [i & 255] });
      expect(hex(receiver.unprotectRtp(sender.protectRtp(packet)!))).toBe(hex(packet));
    }
  });
});

const suite = 'AES_CM_128_HMAC_SHA1_80';

describe('the sender', () => {
  test('encrypts no two packets with one key stream', () => {
    const sender = new SrtpSender(keyOf(suite));
    expect(sender.protectRtp(rtp(1000))).not.toBeNull();
    expect(sender.protectRtp(rtp(1000, { payload: [9] }))).toBeNull();
    expect(sender.protectRtp(rtp(999))).not.toBeNull();
    expect(sender.protectRtp(rtp(700))).toBeNull();
  });

  test('gives back nothing for what is no packet', () => {
    const sender = new SrtpSender(keyOf(suite));
    expect(sender.protectRtp(rtp(1).subarray(0, 11))).toBeNull();
    expect(sender.protectRtcp(rtcp().subarray(0, 7))).toBeNull();
  });

  test('protects the same packet differently after a wrap', () => {
    const sender = new SrtpSender(keyOf(suite));
    const first = hex(sender.protectRtp(rtp(5)));
    for (const sequence of [30_000, 60_000]) sender.protectRtp(rtp(sequence));
    expect(hex(sender.protectRtp(rtp(5)))).not.toBe(first);
  });
});

describe('the sources of one phone', () => {
  test('have a context each', () => {
    const sender = new SrtpSender(keyOf(suite));
    const receiver = new SrtpReceiver(keyOf(suite));
    for (const sequence of [1, 2]) {
      for (const ssrc of [0x11111111, 0xeeeeeeee, 0]) {
        const packet = rtp(sequence, { ssrc });
        expect(hex(receiver.unprotectRtp(sender.protectRtp(packet)!))).toBe(hex(packet));
        expect(hex(receiver.unprotectRtcp(sender.protectRtcp(rtcp(0x10000000 + sequence))!))).toBe(
          hex(rtcp(0x10000000 + sequence)),
        );
      }
    }
  });

  test('are 16 at most: the one that has been silent for longest is forgotten', () => {
    const sender = new SrtpSender(keyOf(suite));
    const receiver = new SrtpReceiver(keyOf(suite));
    const first = Array.from({ length: 16 }, (_, ssrc) => sender.protectRtp(rtp(1, { ssrc }))!);
    for (const packet of first) receiver.unprotectRtp(packet.slice());
    expect(receiver.unprotectRtp(first[0]!.slice())).toBe('replayed');
    receiver.unprotectRtp(sender.protectRtp(rtp(1, { ssrc: 16 }))!);
    expect(receiver.unprotectRtp(first[0]!.slice())).toBe('replayed');
    expect(receiver.unprotectRtp(first[1]!.slice())).toBeInstanceOf(Uint8Array);
  });

  test('may have wrapped before they are heard for the first time', () => {
    const sender = new SrtpSender(keyOf(suite));
    const receiver = new SrtpReceiver(keyOf(suite));
    sender.protectRtp(rtp(65_535));
    for (const sequence of [0, 1, 2]) {
      expect(hex(receiver.unprotectRtp(sender.protectRtp(rtp(sequence))!))).toBe(hex(rtp(sequence)));
    }
  });
});

describe('a new key', () => {
  /** A sender whose sequence number has wrapped `wraps` times, and a receiver that has followed it. */
  function talkOf(wraps: number) {
    const sender = new SrtpSender(keyOf(suite));
    const receiver = new SrtpReceiver(keyOf(suite));
    for (let i = 0; i <= wraps * 65_536; i += 16_384) receiver.unprotectRtp(sender.protectRtp(rtp(i & 0xffff))!);
    return receiver;
  }

  test.each([
    ['begins its rollover counter anew (RFC 4568 section 6.4)', 0],
    ['goes on with its rollover counter (RFC 3711 section 3.3.1)', 3],
    ['wraps at that moment', 4],
  ])('is understood where the phone %s', (_, wraps) => {
    const next = new SrtpSender(keyOf(suite, 8));
    for (let i = 0; i < wraps * 65_536; i += 16_384) next.protectRtp(rtp(i & 0xffff));
    const receiver = new SrtpReceiver(keyOf(suite, 8), talkOf(3));
    const packet = next.protectRtp(rtp(1))!;
    expect(hex(receiver.unprotectRtp(packet.slice()))).toBe(hex(rtp(1)));
    expect(receiver.unprotectRtp(packet)).toBe('replayed');
  });

  test('does not open what the old one has encrypted', () => {
    const old = new SrtpSender(keyOf(suite));
    const receiver = new SrtpReceiver(keyOf(suite, 8), talkOf(0));
    expect(receiver.unprotectRtp(old.protectRtp(rtp(1))!)).toBe('unauthentic');
    expect(receiver.unprotectRtcp(old.protectRtcp(rtcp())!)).toBe('unauthentic');
  });
});

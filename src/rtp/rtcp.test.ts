import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatRtcp, type ReportBlock, type RtcpPacket, readRtcp, rtcpKind } from './rtcp.ts';

const receiverReport = Uint8Array.of(0x80, 201, 0, 1, 1, 2, 3, 4);

test.each<[string, Uint8Array, string]>([
  ['a receiver report (RFC 3550 section 6.4.2)', receiverReport, 'rtcp'],
  ['a compound packet', Uint8Array.of(...receiverReport, 0x81, 203, 0, 1, 1, 2, 3, 4), 'rtcp'],
  ['reduced-size feedback (RFC 5506)', Uint8Array.of(0x81, 205, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8), 'rtcp'],
  ['a BYE without source', Uint8Array.of(0x80, 203, 0, 0), 'rtcp'],
  ['nothing', Uint8Array.of(), 'keepalive'],
  ['STUN', Uint8Array.of(0, 1, 0, 0), 'keepalive'],
  ['a report that is cut off', receiverReport.subarray(0, 7), 'malformed'],
  ['three bytes', receiverReport.subarray(0, 3), 'malformed'],
  ['RTP', Uint8Array.of(0x80, 0, 0, 1, 1, 2, 3, 4), 'malformed'],
  ['version 0', Uint8Array.of(0x3f, 201, 0, 1, 1, 2, 3, 4), 'malformed'],
])('what arrives on an RTCP port: %s', (_, bytes, kind) => {
  expect(rtcpKind(bytes)).toBe(kind);
});

const block: ReportBlock = {
  ssrc: 0x01020304,
  fractionLost: 64,
  cumulativeLost: -2,
  extendedHighest: 0x0001fffe,
  jitter: 160,
  lastSenderReport: 0xb7052000,
  delaySinceLastSenderReport: 0x00054000,
};
const blockBytes = [1, 2, 3, 4, 64, 255, 255, 254, 0, 1, 255, 254, 0, 0, 0, 160, 0xb7, 5, 0x20, 0, 0, 5, 0x40, 0];

describe('RTCP on the wire (RFC 3550 section 6)', () => {
  const vectors: readonly (readonly [string, RtcpPacket, readonly number[]])[] = [
    [
      'a sender report',
      {
        type: 'sender-report',
        ssrc: 0xa1a2a3a4,
        ntp: { seconds: 0xb44db705, fraction: 0x20000000 },
        rtpTimestamp: 0xfffffff0,
        packetCount: 100,
        octetCount: 16_000,
        reports: [block],
      },
      // biome-ignore format: a word a column
      [0x81, 200, 0, 12, 0xa1, 0xa2, 0xa3, 0xa4, 0xb4, 0x4d, 0xb7, 5, 0x20, 0, 0, 0, 255, 255, 255, 0xf0, 0, 0, 0, 100, 0, 0, 0x3e, 0x80, ...blockBytes],
    ],
    [
      'a receiver report with two blocks',
      { type: 'receiver-report', ssrc: 7, reports: [block, { ...block, ssrc: 5 }] },
      [0x82, 201, 0, 13, 0, 0, 0, 7, ...blockBytes, 0, 0, 0, 5, ...blockBytes.slice(4)],
    ],
    ['an empty receiver report', { type: 'receiver-report', ssrc: 7, reports: [] }, [0x80, 201, 0, 1, 0, 0, 0, 7]],
    [
      'a name that leaves room for one null',
      { type: 'description', ssrc: 7, cname: 'abcde' },
      [0x81, 202, 0, 3, 0, 0, 0, 7, 1, 5, 97, 98, 99, 100, 101, 0],
    ],
    [
      'a name that fills its words, behind which a word of nulls ends the chunk',
      { type: 'description', ssrc: 7, cname: 'abcdef' },
      [0x81, 202, 0, 4, 0, 0, 0, 7, 1, 6, 97, 98, 99, 100, 101, 102, 0, 0, 0, 0],
    ],
    ['a goodbye', { type: 'bye', sources: [7, 8] }, [0x82, 203, 0, 2, 0, 0, 0, 7, 0, 0, 0, 8]],
  ];

  test.each(vectors)('%s', (_, packet, bytes) => {
    expect([...formatRtcp([packet])]).toEqual(bytes);
    expect(readRtcp(Uint8Array.from(bytes))).toEqual([packet]);
  });

  test('a loss beyond 24 bits is the most that they hold', () => {
    const lossOf = (cumulativeLost: number) =>
      readRtcp(formatRtcp([{ type: 'receiver-report', ssrc: 1, reports: [{ ...block, cumulativeLost }] }]))[0];
    expect(lossOf(20_000_000)).toMatchObject({ reports: [{ cumulativeLost: 0x7f_ffff, fractionLost: 64 }] });
    expect(lossOf(-20_000_000)).toMatchObject({ reports: [{ cumulativeLost: -0x80_0000, fractionLost: 64 }] });
  });

  test('what does not fit is refused and not cut', () => {
    const reports = Array.from({ length: 32 }, () => block);
    expect(() => formatRtcp([{ type: 'receiver-report', ssrc: 1, reports }])).toThrow(RangeError);
    expect(() => formatRtcp([{ type: 'description', ssrc: 1, cname: 'é'.repeat(128) }])).toThrow(RangeError);
  });

  const uint32 = fc.nat(0xffffffff);
  const blocks = fc.array(
    fc.record({
      ssrc: uint32,
      fractionLost: fc.nat(255),
      cumulativeLost: fc.integer({ min: -0x80_0000, max: 0x7f_ffff }),
      extendedHighest: uint32,
      jitter: uint32,
      lastSenderReport: uint32,
      delaySinceLastSenderReport: uint32,
    }),
    { maxLength: 31 },
  );
  const packets = fc.array(
    fc.oneof(
      fc.record({
        type: fc.constant('sender-report' as const),
        ssrc: uint32,
        ntp: fc.record({ seconds: uint32, fraction: uint32 }),
        rtpTimestamp: uint32,
        packetCount: uint32,
        octetCount: uint32,
        reports: blocks,
      }),
      fc.record({ type: fc.constant('receiver-report' as const), ssrc: uint32, reports: blocks }),
      fc.record({ type: fc.constant('description' as const), ssrc: uint32, cname: fc.string({ maxLength: 255 }) }),
      fc.record({ type: fc.constant('bye' as const), sources: fc.array(uint32, { maxLength: 31 }) }),
    ),
    { maxLength: 6 },
  );

  test('whatever is written is read again', () => {
    fc.assert(
      fc.property(packets, (compound) => {
        expect(readRtcp(formatRtcp(compound))).toEqual(compound);
      }),
    );
  });

  test('whatever bytes arrive, reading ends, throws nothing, and takes nothing from behind the packet', () => {
    const damaged = fc.tuple(packets.map(formatRtcp), fc.array(fc.tuple(fc.nat(), fc.nat(255))), fc.nat());
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }).map((bytes) => [bytes, [], 0] as const),
          damaged,
        ),
        (made) => {
          const [bytes, changes, cut] = made;
          const packet = bytes.slice(0, bytes.length - (bytes.length === 0 ? 0 : cut % bytes.length));
          for (const [at, value] of changes) if (packet.length > 0) packet[at % packet.length] = value;
          const behind = Uint8Array.of(...packet, ...new Uint8Array(64).fill(0xff));
          expect(readRtcp(behind.subarray(0, packet.length))).toEqual(readRtcp(packet));
        },
      ),
    );
  });
});

describe('a compound packet of another implementation', () => {
  const report = formatRtcp([{ type: 'receiver-report', ssrc: 7, reports: [block] }]);
  const read = { type: 'receiver-report', ssrc: 7, reports: [block] };

  test('may hold packets of unknown types, extended reports among them (RFC 3611)', () => {
    const extended = [0x80, 207, 0, 2, 0, 0, 0, 7, 4, 0, 0, 0];
    const feedback = [0x81, 205, 0, 2, 0, 0, 0, 7, 0, 0, 0, 8];
    const bytes = Uint8Array.of(...extended, ...report, ...feedback, 0x81, 203, 0, 1, 0, 0, 0, 7);
    expect(readRtcp(bytes)).toEqual([read, { type: 'bye', sources: [7] }]);
  });

  test('may have a profile-specific extension behind its blocks (RFC 3550 section 6.4.3), or padding', () => {
    const longer = Uint8Array.of(...report, 0, 0, 0, 4);
    longer[3] = longer[3]! + 1;
    expect(readRtcp(longer)).toEqual([read]);
    longer[0] = longer[0]! | 0x20;
    expect(readRtcp(longer)).toEqual([read]);
  });

  test('tells what came before the place where it is cut off', () => {
    expect(readRtcp(Uint8Array.of(...report, ...report.subarray(0, 20)))).toEqual([read]);
    expect(readRtcp(Uint8Array.of(...report, 0x40, 200, 0, 0))).toEqual([read]);
  });

  test('with fewer blocks than it says has those that are there', () => {
    const bytes = Uint8Array.from(report);
    bytes[0] = 0x9f;
    expect(readRtcp(bytes)).toEqual([read]);
  });

  test('names sources among other items and in several chunks', () => {
    const chunks = [0, 0, 0, 7, 2, 1, 65, 1, 2, 97, 98, 0, 0, 0, 0, 9, 1, 1, 99, 0];
    const bytes = Uint8Array.of(0x82, 202, 0, chunks.length / 4, ...chunks);
    expect(readRtcp(bytes)).toEqual([
      { type: 'description', ssrc: 7, cname: 'ab' },
      { type: 'description', ssrc: 9, cname: 'c' },
    ]);
  });
});

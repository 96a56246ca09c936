import { describe, expect, test } from 'vitest';
import { formatAddress } from '../../base/index.ts';
import { Latch } from './latch.ts';
import type { RemoteMedia } from './relay.ts';

const sdp = '192.0.2.1';
const signalling = '203.0.113.9';
const stranger = '198.51.100.66';
const remote: RemoteMedia = { address: sdp, port: 4000, rtcpPort: 4001 };

interface Heard {
  readonly from: string;
  readonly port?: number;
  readonly at?: number;
  readonly sequence?: number;
  readonly ssrc?: number;
  readonly negotiated?: boolean;
}

/** A stranger's packets in a row, from sequence number 1 on, each 20 ms after the last. */
const row = (count: number, more: Partial<Heard> = {}): Heard[] =>
  Array.from({ length: count }, (_, i) => ({ from: stranger, port: 7000, at: i * 20, sequence: i + 1, ...more }));

function armed(to: RemoteMedia | null = remote, by: string | null = signalling): Latch {
  const latch = new Latch();
  latch.arm(to, by, 0);
  return latch;
}

function hear(latch: Latch, { from, port = 4000, at = 0, sequence = 1, ssrc = 1, negotiated = true }: Heard): boolean {
  return latch.acceptRtp({ address: from, port }, ssrc, sequence, negotiated, at);
}

const rtp = (latch: Latch) => latch.rtpTarget && formatAddress(latch.rtpTarget);
const rtcp = (latch: Latch) => latch.rtcpTarget && formatAddress(latch.rtcpTarget);

describe('until a source is learned, media goes to where the SDP says', () => {
  test.each<[string, RemoteMedia | null, string | null, string | null]>([
    ['an address', remote, '192.0.2.1:4000', '192.0.2.1:4001'],
    ['an address with a=rtcp (RFC 3605)', { ...remote, rtcpPort: 5555 }, '192.0.2.1:4000', '192.0.2.1:5555'],
    [
      'IPv6, however it is written',
      { ...remote, address: '2001:DB8:0:0::1' },
      '[2001:db8::1]:4000',
      '[2001:db8::1]:4001',
    ],
    ['nothing yet', null, null, null],
    ['port 0', { ...remote, port: 0, rtcpPort: 0 }, null, null],
    ['no RTCP', { ...remote, rtcpPort: 0 }, '192.0.2.1:4000', null],
    ['0.0.0.0 (RFC 3264 section 8.4)', { ...remote, address: '0.0.0.0' }, null, null],
    ['::', { ...remote, address: '0:0::0' }, null, null],
    ['a multicast group', { ...remote, address: '239.1.1.1' }, null, null],
    ['an IPv6 multicast group', { ...remote, address: 'FF02::1' }, null, null],
    ['the broadcast address', { ...remote, address: '255.255.255.255' }, null, null],
    ['a name', { ...remote, address: 'phone.invalid' }, null, null],
  ])('%s', (_, to, rtpTarget, rtcpTarget) => {
    const latch = armed(to);
    expect([rtp(latch), rtcp(latch), latch.learned]).toEqual([rtpTarget, rtcpTarget, null]);
  });
});

describe('a source is learned (RFC 7362)', () => {
  test.each<[string, Heard[], boolean[], string]>([
    ['at once from exactly where the SDP says', [{ from: sdp }], [true], '192.0.2.1:4000'],
    ['at once from the IP of the SDP', [{ from: sdp, port: 9 }], [true], '192.0.2.1:9'],
    ['at once from the IP of the signalling', [{ from: signalling, port: 9 }], [true], '203.0.113.9:9'],
    ['with any payload type from an expected IP', [{ from: sdp, negotiated: false }], [true], '192.0.2.1:4000'],
    ['not from a stranger', row(1), [false], '192.0.2.1:4000'],
    ['not by four packets of a stranger', row(4), [false, false, false, false], '192.0.2.1:4000'],
    ['by five packets in a row', row(5), [false, false, false, false, true], '198.51.100.66:7000'],
    [
      'by five in a row across the wrap',
      row(5).map((heard, i) => ({ ...heard, sequence: (65_533 + i) & 0xffff })),
      [false, false, false, false, true],
      '198.51.100.66:7000',
    ],
    ['not with a gap among the five', [...row(4), ...row(1, { sequence: 6 })], Array(5).fill(false), '192.0.2.1:4000'],
    ['not by repeats', row(9, { sequence: 1 }), Array(9).fill(false), '192.0.2.1:4000'],
    ['not with two SSRCs', [...row(4), ...row(1, { sequence: 5, ssrc: 2 })], Array(5).fill(false), '192.0.2.1:4000'],
    ['not with two ports', [...row(4), ...row(1, { sequence: 5, port: 7002 })], Array(5).fill(false), '192.0.2.1:4000'],
    [
      'not by a payload type that was not agreed',
      row(9, { negotiated: false }),
      Array(9).fill(false),
      '192.0.2.1:4000',
    ],
    ['not by a stranger who comes after 5 s', row(9, { at: 5001 }), Array(9).fill(false), '192.0.2.1:4000'],
    ['by a stranger in time to the ms', row(5, { at: 5000 }), [false, false, false, false, true], '198.51.100.66:7000'],
    [
      'by the one who is in a row though others interfere',
      row(5).flatMap((heard, i) => [heard, { ...heard, port: 8000, sequence: 3 * i }]),
      [false, false, false, false, false, false, false, false, true, false],
      '198.51.100.66:7000',
    ],
  ])('%s', (_, packets, accepted, target) => {
    const latch = armed();
    expect(packets.map((packet) => hear(latch, packet))).toEqual(accepted);
    expect(rtp(latch)).toBe(target);
  });

  test('from nobody but the signalling address while there is no SDP', () => {
    const latch = armed(null);
    expect(row(9).map((packet) => hear(latch, packet))).toEqual(Array(9).fill(false));
    expect(hear(latch, { from: signalling, port: 9 })).toBe(true);
    expect(rtp(latch)).toBe('203.0.113.9:9');
  });

  test('from an IPv6 address however the SDP writes it, with the zone that the kernel adds', () => {
    const latch = armed({ ...remote, address: 'FE80:0::1' }, null);
    expect(hear(latch, { from: 'fe80::1%eth0', port: 5 })).toBe(true);
    expect(rtp(latch)).toBe('[fe80::1%eth0]:5');
  });

  test('and the unknown part of an address expects nobody', () => {
    const latch = armed({ ...remote, address: 'phone.invalid' }, null);
    expect(hear(latch, { from: 'phone.invalid' })).toBe(false);
  });
});

describe('a source that has been learned', () => {
  test.each<[string, Heard, Heard, boolean]>([
    ['keeps others of its IP out', { from: sdp, port: 9 }, { from: sdp, port: 10, at: 2999 }, false],
    [
      'moves to a new port of its IP after 3 s of silence',
      { from: sdp, port: 9 },
      { from: sdp, port: 10, at: 3000 },
      true,
    ],
    ['keeps the other expected IP out', { from: sdp, port: 9 }, { from: signalling, at: 2999 }, false],
    [
      'gives way to the other expected IP after 3 s of silence',
      { from: sdp, port: 9 },
      { from: signalling, at: 3000 },
      true,
    ],
    ['gives way at once to what the SDP names', { from: signalling }, { from: sdp, at: 20 }, true],
    ['does not give way to a stranger, however long the silence', { from: sdp }, { from: stranger, at: 60_000 }, false],
  ])('%s', (_, first, second, accepted) => {
    const latch = armed();
    hear(latch, first);
    expect(hear(latch, second)).toBe(accepted);
    expect(rtp(latch)).toBe(
      formatAddress({ address: (accepted ? second : first).from, port: (accepted ? second : first).port ?? 4000 }),
    );
  });

  test('is kept by every packet of its own', () => {
    const latch = armed();
    for (const at of [0, 2000, 4000]) expect(hear(latch, { from: sdp, port: 9, at })).toBe(true);
    expect(hear(latch, { from: sdp, port: 10, at: 6999 })).toBe(false);
  });

  test('gives way at once to an expected one when it had to prove itself', () => {
    const latch = armed();
    for (const packet of row(5)) hear(latch, packet);
    expect(hear(latch, { from: signalling, at: 100 })).toBe(true);
    expect(hear(latch, { ...row(1)[0]!, sequence: 6, at: 120 })).toBe(false);
  });

  test('may move to a new port after silence when it had to prove itself', () => {
    const latch = armed();
    for (const packet of row(5)) hear(latch, packet);
    expect(hear(latch, { from: stranger, port: 7002, at: 3080 })).toBe(true);
  });
});

describe('armed again', () => {
  test('media goes to the new SDP until a source is learned', () => {
    const latch = armed();
    hear(latch, { from: signalling, port: 9 });
    latch.arm({ address: sdp, port: 6000, rtcpPort: 6001 }, signalling, 1000);
    expect([rtp(latch), rtcp(latch)]).toEqual(['192.0.2.1:6000', '192.0.2.1:6001']);
  });

  test('the last packets from the old port do not keep the new one out', () => {
    const latch = armed();
    hear(latch, { from: signalling, port: 9 });
    latch.arm({ address: sdp, port: 6000, rtcpPort: 6001 }, signalling, 1000);
    expect(hear(latch, { from: signalling, port: 9, at: 1010 })).toBe(true);
    expect(hear(latch, { from: signalling, port: 11, at: 1020 })).toBe(true);
    expect(hear(latch, { from: signalling, port: 9, at: 1030 })).toBe(false);
  });

  test('not even when it is armed twice before anything is heard', () => {
    const latch = armed();
    hear(latch, { from: signalling, port: 9 });
    latch.arm(remote, signalling, 1000);
    latch.arm({ address: sdp, port: 6000, rtcpPort: 6001 }, signalling, 1001);
    expect(hear(latch, { from: signalling, port: 9, at: 1010 })).toBe(true);
    expect(hear(latch, { from: signalling, port: 11, at: 1020 })).toBe(true);
  });

  test('an unexpected source has 5 s again to prove itself', () => {
    const latch = armed();
    latch.arm(remote, signalling, 20_000);
    expect(row(5, { at: 24_000 }).map((packet) => hear(latch, packet))).toEqual([false, false, false, false, true]);
  });

  test('packets heard before do not count', () => {
    const latch = armed();
    for (const packet of row(4)) hear(latch, packet);
    latch.arm(remote, signalling, 100);
    expect(hear(latch, { ...row(1)[0]!, sequence: 5, at: 120 })).toBe(false);
  });
});

test('a new signalling address is expected and what was learned stays', () => {
  const latch = armed(null);
  hear(latch, { from: signalling, port: 9 });
  latch.expectSignalling(stranger);
  expect(rtp(latch)).toBe('203.0.113.9:9');
  expect(hear(latch, { from: stranger, at: 3000 })).toBe(true);
});

describe('RTCP has a latch of its own', () => {
  const from = (address: string, port = 9001) => ({ address, port });

  test.each<[string, string, boolean]>([
    ['the IP of the SDP', sdp, true],
    ['the IP of the signalling', signalling, true],
    ['a stranger', stranger, false],
  ])('before media is heard: %s', (_, address, accepted) => {
    const latch = armed();
    expect(latch.acceptRtcp(from(address), 0)).toBe(accepted);
    expect(rtcp(latch)).toBe(accepted ? `${address}:9001` : '192.0.2.1:4001');
  });

  test('the IP that media comes from is expected, and RTCP goes to the port above until its own is heard', () => {
    const latch = armed();
    for (const packet of row(5)) hear(latch, packet);
    expect(rtcp(latch)).toBe('198.51.100.66:7001');
    expect(latch.acceptRtcp(from(stranger), 100)).toBe(true);
    expect(rtcp(latch)).toBe('198.51.100.66:9001');
  });

  test('a far end that sends from where its SDP says gets RTCP where its SDP says (RFC 3605)', () => {
    const latch = armed({ ...remote, rtcpPort: 5555 });
    hear(latch, { from: sdp });
    expect(rtcp(latch)).toBe('192.0.2.1:5555');
  });

  test('it is kept until 3 s of silence', () => {
    const latch = armed();
    expect(latch.acceptRtcp(from(sdp, 1), 0)).toBe(true);
    expect(latch.acceptRtcp(from(sdp, 2), 2999)).toBe(false);
    expect(latch.acceptRtcp(from(sdp, 2), 3000)).toBe(true);
    expect(latch.acceptRtcp(from(sdp, 2), 5000)).toBe(true);
    expect(latch.acceptRtcp(from(sdp, 1), 7999)).toBe(false);
  });

  test('it is forgotten when media turns out to come from elsewhere', () => {
    const latch = armed();
    latch.acceptRtcp(from(signalling), 0);
    hear(latch, { from: sdp, port: 4444, at: 20 });
    expect(rtcp(latch)).toBe('192.0.2.1:4445');
  });

  test('it is kept when media comes from the same machine', () => {
    const latch = armed();
    latch.acceptRtcp(from(sdp), 0);
    hear(latch, { from: sdp, port: 4444, at: 20 });
    expect(rtcp(latch)).toBe('192.0.2.1:9001');
  });

  test('it is forgotten with a new SDP', () => {
    const latch = armed();
    latch.acceptRtcp(from(sdp), 0);
    latch.arm({ ...remote, rtcpPort: 77 }, signalling, 10);
    expect(rtcp(latch)).toBe('192.0.2.1:77');
  });
});

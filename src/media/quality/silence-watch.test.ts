import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../base/index.ts';
import { type OneWayFinding, SilenceWatch, type WatchedCounters, type WatchedLeg } from './silence-watch.ts';

const leg = (port: number, changes: Partial<WatchedLeg> = {}): WatchedLeg => ({
  port: { address: '192.0.2.10', port },
  remote: { address: '198.51.100.1', port: 4000 + port, rtcpPort: 4001 + port },
  signalling: '198.51.100.1',
  send: true,
  expected: true,
  generation: 0,
  ...changes,
});

/** A watch over two legs whose counters the test sets. */
function watching() {
  const clock = new VirtualClock();
  const nothing: WatchedCounters = { packetsReceived: 0, strangers: 0, lastStranger: null, authenticationFailures: 0 };
  const counters: [WatchedCounters, WatchedCounters] = [nothing, nothing];
  const findings: OneWayFinding[] = [];
  const watch = new SilenceWatch(
    clock,
    () => [...counters],
    (finding) => findings.push(finding),
  );
  const count = (index: 0 | 1, changes: Partial<WatchedCounters>) => {
    counters[index] = { ...counters[index], ...changes };
  };
  return { clock, watch, findings, count };
}

describe('one-way audio', () => {
  test('is found within 5 s of the answer, and told once', () => {
    const { clock, watch, findings, count } = watching();
    watch.update([leg(1), leg(2)]);
    count(0, { packetsReceived: 1 });
    clock.advance(3999);
    expect(findings).toEqual([]);
    clock.advance(1);
    expect(findings).toEqual([
      {
        leg: 1,
        reason: 'no_packets',
        stranger: null,
        named: { address: '198.51.100.1', port: 4002 },
        signalling: '198.51.100.1',
      },
    ]);
    clock.advance(60_000);
    expect(findings).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  test('is none where both have sent something, and counts for each where neither has', () => {
    const { clock, watch, findings, count } = watching();
    watch.update([leg(1), leg(2)]);
    count(0, { packetsReceived: 1 });
    count(1, { packetsReceived: 1 });
    clock.advance(10_000);
    expect(findings).toEqual([]);
    watch.update([leg(1), leg(3)]);
    clock.advance(4000);
    expect(findings.map((finding) => finding.leg)).toEqual([0, 1]);
  });

  test('what came before the answer is not what comes after it', () => {
    const { clock, watch, findings, count } = watching();
    count(0, { packetsReceived: 10 });
    count(1, { packetsReceived: 10 });
    watch.update([leg(1), leg(2)]);
    count(1, { packetsReceived: 11 });
    clock.advance(4000);
    expect(findings.map((finding) => finding.leg)).toEqual([0]);
  });

  test.each<[string, Partial<WatchedLeg>]>([
    ['does not want to receive', { send: false }],
    ['is not to send', { expected: false }],
    ['has no stream', { remote: { address: '198.51.100.1', port: 0, rtcpPort: 0 } }],
    ['is not described yet', { remote: null }],
  ])('is not looked for while a side %s', (_, changes) => {
    const { clock, watch, findings } = watching();
    watch.update([leg(1, changes), leg(2)]);
    watch.update([leg(1), leg(2, changes)]);
    watch.update([leg(1), null]);
    expect(clock.pending).toBe(0);
    clock.advance(10_000);
    expect(findings).toEqual([]);
  });

  test('a hold ends the wait, and its end begins it anew', () => {
    const { clock, watch, findings } = watching();
    watch.update([leg(1), leg(2)]);
    clock.advance(3000);
    watch.update([leg(1, { send: false }), leg(2, { expected: false })]);
    clock.advance(10_000);
    watch.update([leg(1), leg(2)]);
    clock.advance(3999);
    expect(findings).toEqual([]);
    clock.advance(1);
    expect(findings).toHaveLength(2);
  });

  test('an update that changes nothing does not prolong the wait', () => {
    const { clock, watch, findings } = watching();
    watch.update([leg(1), leg(2)]);
    clock.advance(3000);
    watch.update([leg(1), leg(2)]);
    clock.advance(1000);
    expect(findings).toHaveLength(2);
    watch.update([leg(1), leg(2)]);
    clock.advance(10_000);
    expect(findings).toHaveLength(2);
  });

  test('is not told once the watch is over', () => {
    const { clock, watch, findings } = watching();
    watch.update([leg(1), leg(2)]);
    watch.stop();
    clock.advance(10_000);
    expect(findings).toEqual([]);
  });
});

describe('the reason is', () => {
  const stranger = { address: '203.0.113.66', port: 9 };
  const found = (changes: Partial<WatchedCounters>, of: Partial<WatchedLeg> = {}) => {
    const { clock, watch, findings, count } = watching();
    count(0, { packetsReceived: 1, strangers: 2, lastStranger: stranger });
    watch.update([leg(1, of), leg(2)]);
    count(0, changes);
    count(1, { packetsReceived: 1 });
    clock.advance(4000);
    return findings[0];
  };

  test('another source than the phone, which is named', () => {
    expect(found({ strangers: 3 })).toMatchObject({ reason: 'strangers', stranger });
  });

  test('keys that do not fit, before all else', () => {
    expect(found({ strangers: 3, authenticationFailures: 1 })).toMatchObject({ reason: 'srtp_mismatch', stranger });
  });

  test('nothing more than that nothing has come, where strangers had come before only', () => {
    expect(found({})).toMatchObject({ reason: 'no_packets', stranger: null });
  });

  test.each([
    ['10.1.2.3', '203.0.113.5', 'private_address'],
    ['172.31.0.1', '203.0.113.5', 'private_address'],
    ['192.168.1.20', '203.0.113.5', 'private_address'],
    ['100.64.0.9', '203.0.113.5', 'private_address'],
    ['fd00::1', '2001:db8::5', 'private_address'],
    ['fe80::1', '2001:db8::5', 'private_address'],
    ['192.168.1.20', '10.0.0.1', 'no_packets'],
    ['198.51.100.7', '203.0.113.5', 'no_packets'],
    ['172.32.0.1', '203.0.113.5', 'no_packets'],
    ['phone.invalid', '203.0.113.5', 'no_packets'],
  ] as const)('for an SDP that names %s and signalling from %s: %s', (address, signalling, reason) => {
    expect(found({}, { remote: { address, port: 4000, rtcpPort: 4001 }, signalling })?.reason).toBe(reason);
  });
});

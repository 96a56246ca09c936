import { describe, expect, test } from 'vitest';
import { formatRtcp, ntpShort, ntpTime, type ReportBlock, type RtcpPacket } from '../../rtp/index.ts';
import type { Codec } from '../../sdp/index.ts';
import { type LegCounters, noCounters } from '../relay/relay.ts';
import { type MeasuredLeg, QualityMonitor } from './quality-monitor.ts';

const pcmu: Codec = { payloadType: 0, name: 'PCMU', clockRate: 8000, channels: 1, fmtp: null };
const opus: Codec = { payloadType: 111, name: 'opus', clockRate: 48_000, channels: 2, fmtp: null };
const events: Codec = { payloadType: 101, name: 'telephone-event', clockRate: 8000, channels: 1, fmtp: null };

const leg = (port: number, changes: Partial<MeasuredLeg> = {}): MeasuredLeg => ({
  port: { address: '192.0.2.10', port },
  send: true,
  codecs: [events, pcmu],
  ...changes,
});

/** The sources of the two phones, and ours towards the second. */
const alice = 0xa11ce;
const bob = 0xb0b;
const ours = 0x0125;

const block = (changes: Partial<ReportBlock> = {}): ReportBlock => ({
  ssrc: alice,
  fractionLost: 0,
  cumulativeLost: 0,
  extendedHighest: 0,
  jitter: 0,
  lastSenderReport: 0,
  delaySinceLastSenderReport: 0,
  ...changes,
});

const senderReport = (ssrc: number, wall: number, reports: readonly ReportBlock[] = []): RtcpPacket => ({
  type: 'sender-report',
  ssrc,
  ntp: ntpTime(wall),
  rtpTimestamp: 0,
  packetCount: 0,
  octetCount: 0,
  reports,
});

const receiverReport = (...reports: readonly ReportBlock[]): Uint8Array =>
  formatRtcp([
    { type: 'receiver-report', ssrc: bob, reports },
    { type: 'description', ssrc: bob, cname: 'bob' },
  ]);

/** A monitor of two phones that speak PCMU, and their counters. */
function monitored(legs: readonly [MeasuredLeg, MeasuredLeg | null] = [leg(1), leg(2)]) {
  const counters: [LegCounters, LegCounters] = [noCounters, noCounters];
  const monitor = new QualityMonitor(() => [...counters]);
  monitor.update(legs);
  const count = (index: 0 | 1, { packetsReceived = 0, packetsLost = 0, ...rest }: Partial<LegCounters>) => {
    const before = counters[index];
    counters[index] = {
      ...before,
      ...rest,
      packetsReceived: before.packetsReceived + packetsReceived,
      packetsLost: before.packetsLost + packetsLost,
    };
  };
  return { monitor, count };
}

describe('what comes from a phone', () => {
  test('is measured for the interval alone', () => {
    const { monitor, count } = monitored();
    count(0, { packetsReceived: 190, packetsLost: 10, lossEvents: 5, jitterMs: 3 });
    const [first, second] = monitor.report().legs;
    expect(first).toMatchObject({
      codec: 'PCMU',
      received: { packets: 190, lost: 10, lossRate: 0.05, meanBurst: 2, jitterMs: 3 },
      sent: null,
      rttMs: null,
    });
    // 5 % of loss in bursts of 2: R 93.2 less 95 · 5 / (5 / 1.9 + 25.1).
    expect(first.received?.mos).toBeCloseTo(3.87, 2);
    expect(second).toEqual({ codec: 'PCMU', received: null, sent: null, rttMs: null });

    count(0, { packetsReceived: 250 });
    const clean = monitor.report().legs[0].received;
    expect(clean).toMatchObject({ packets: 250, lost: 0, lossRate: 0, meanBurst: null });
    expect(clean?.mos).toBeCloseTo(4.41, 2);
  });

  test('counts what came twice once, and late packets give no negative loss', () => {
    const { monitor, count } = monitored();
    count(0, { packetsReceived: 100, packetsLost: 10, lossEvents: 10 });
    monitor.report();
    count(0, { packetsReceived: 120, packetsLost: -10, duplicates: 10 });
    expect(monitor.report().legs[0].received).toMatchObject({ packets: 110, lost: 0, lossRate: 0 });
  });

  test('has no opinion where the codec is unknown, or too little has come', () => {
    const speex: Codec = { ...pcmu, name: 'speex' };
    const { monitor, count } = monitored([leg(1, { codecs: [speex] }), leg(2)]);
    count(0, { packetsReceived: 250 });
    count(1, { packetsReceived: 20, packetsLost: 4, lossEvents: 1 });
    const [a, b] = monitor.report().legs;
    expect(a).toMatchObject({ codec: 'speex', received: { packets: 250, mos: null } });
    expect(b).toMatchObject({ received: { packets: 20, lost: 4, mos: null } });
  });

  test('is on the wideband scale where the codec is', () => {
    const { monitor, count } = monitored([leg(1, { codecs: [opus] }), null]);
    count(0, { packetsReceived: 250 });
    expect(monitor.report().legs).toMatchObject([
      { codec: 'opus', received: { mos: expect.closeTo(4.46, 2) } },
      { codec: null, received: null },
    ]);
  });
});

describe('what a phone tells of its reception', () => {
  test('is the interval between two of its reports', () => {
    const { monitor } = monitored();
    monitor.onRtcp(1, receiverReport(block({ extendedHighest: 1000, cumulativeLost: 7 })), 1000);
    expect(monitor.report().legs[1].sent).toBeNull();
    monitor.onRtcp(1, receiverReport(block({ extendedHighest: 1125, cumulativeLost: 8, jitter: 80 })), 3500);
    monitor.onRtcp(1, receiverReport(block({ extendedHighest: 1250, cumulativeLost: 20, jitter: 160 })), 6000);
    expect(monitor.report().legs[1].sent).toMatchObject({
      packets: 237,
      lost: 13,
      lossRate: 0.052,
      meanBurst: null,
      jitterMs: 20,
      mos: expect.closeTo(3.9, 1),
    });
    expect(monitor.report().legs[1].sent).toBeNull();
  });

  test('is told without what had been missing before it came to us', () => {
    const { monitor, count } = monitored();
    monitor.onRtcp(1, receiverReport(block({ extendedHighest: 100 })), 0);
    count(0, { packetsReceived: 240, packetsLost: 10, lossEvents: 10 });
    monitor.onRtcp(1, receiverReport(block({ extendedHighest: 350, cumulativeLost: 15 })), 5000);
    const { legs } = monitor.report();
    expect(legs[0].received).toMatchObject({ lost: 10 });
    expect(legs[1].sent).toMatchObject({ packets: 235, lost: 5, lossRate: 5 / 240 });
  });

  test('is all ours where the stream is our own', () => {
    const { monitor, count } = monitored();
    monitor.ownRtcp(1, formatRtcp([senderReport(ours, 1_000_000)]), 0);
    const reports = (extendedHighest: number, cumulativeLost: number) =>
      receiverReport(block({ ssrc: alice }), block({ ssrc: ours, extendedHighest, cumulativeLost }));
    monitor.onRtcp(1, reports(100, 0), 100);
    count(0, { packetsReceived: 240, packetsLost: 10, lossEvents: 10 });
    monitor.onRtcp(1, reports(350, 15), 5000);
    expect(monitor.report().legs[1].sent).toMatchObject({ packets: 235, lost: 15 });
  });

  test('begins anew with another stream, another phone, or numbers that go back', () => {
    const { monitor } = monitored();
    const tell = (changes: Partial<ReportBlock>) => monitor.onRtcp(1, receiverReport(block(changes)), 0);
    tell({ extendedHighest: 1000 });
    tell({ ssrc: 77, extendedHighest: 9000, cumulativeLost: 50 });
    expect(monitor.report().legs[1].sent).toBeNull();
    tell({ ssrc: 77, extendedHighest: 100 });
    expect(monitor.report().legs[1].sent).toBeNull();
    monitor.update([leg(1), leg(3)]);
    tell({ ssrc: 77, extendedHighest: 300 });
    expect(monitor.report().legs[1].sent).toBeNull();
    tell({ ssrc: 77, extendedHighest: 400 });
    expect(monitor.report().legs[1].sent).toMatchObject({ packets: 100 });
  });

  test('is nothing while it does not want to receive', () => {
    const { monitor } = monitored([leg(1), leg(2, { send: false })]);
    monitor.onRtcp(1, receiverReport(block({ extendedHighest: 100 })), 0);
    monitor.onRtcp(1, receiverReport(block({ extendedHighest: 350 })), 5000);
    expect(monitor.report().legs[1].sent).toBeNull();
  });
});

describe('the round trip', () => {
  const stamp = ntpShort(ntpTime(1_000_000));
  const answer = (held: number) =>
    receiverReport(block({ lastSenderReport: stamp, delaySinceLastSenderReport: (held * 65_536) / 1000 }));

  test('is measured by sender reports that pass, each way by itself', () => {
    const { monitor } = monitored();
    monitor.onRtcp(0, formatRtcp([senderReport(alice, 1_000_000)]), 0);
    monitor.onRtcp(1, formatRtcp([senderReport(bob, 1_002_000, [block({ lastSenderReport: stamp })])]), 80);
    const ofBob = block({ ssrc: bob, lastSenderReport: ntpShort(ntpTime(1_002_000)) });
    monitor.onRtcp(0, formatRtcp([{ type: 'receiver-report', ssrc: alice, reports: [ofBob] }]), 100);
    expect(monitor.report().legs.map(({ rttMs }) => rttMs)).toEqual([20, 80]);
    expect(monitor.report().legs.map(({ rttMs }) => rttMs)).toEqual([null, null]);
  });

  test('is measured by our own sender reports too', () => {
    const { monitor } = monitored();
    monitor.ownRtcp(1, formatRtcp([senderReport(ours, 1_000_000)]), 1000);
    monitor.onRtcp(1, answer(2000), 3050);
    expect(monitor.report().legs[1].rttMs).toBe(50);
  });

  test('is not known without a sender report', () => {
    const { monitor } = monitored();
    monitor.onRtcp(1, answer(0), 3050);
    expect(monitor.report().legs[1].rttMs).toBeNull();
  });

  test('counts in the opinion, half of it each way, until another phone comes', () => {
    const { monitor, count } = monitored();
    monitor.ownRtcp(0, formatRtcp([senderReport(ours, 1_000_000)]), 0);
    monitor.onRtcp(0, answer(0), 500);
    const mos = () => {
      count(0, { packetsReceived: 250 });
      return monitor.report().legs[0].received?.mos;
    };
    expect(mos()).toBeCloseTo(3.99, 2); // 250 ms: R 79.2
    expect(mos()).toBeCloseTo(3.99, 2);
    monitor.update([leg(9), leg(2)]);
    expect(mos()).toBeCloseTo(4.41, 2);
  });

  test('of packets that are no RTCP, or cut off, is nothing', () => {
    const { monitor } = monitored();
    for (const bytes of [Uint8Array.of(), Uint8Array.of(0x80, 201, 0, 9), answer(0).subarray(0, 11)]) {
      monitor.onRtcp(1, bytes, 5);
    }
    expect(monitor.report().legs[1].rttMs).toBeNull();
  });
});

describe('the summary of a call', () => {
  test('has the average by packets, and the worst interval', () => {
    const { monitor, count } = monitored();
    monitor.ownRtcp(0, formatRtcp([senderReport(ours, 1_000_000)]), 0);
    const stamp = ntpShort(ntpTime(1_000_000));
    const answer = receiverReport(block({ ssrc: ours, lastSenderReport: stamp }));
    count(0, { packetsReceived: 750 });
    monitor.report();
    count(0, { packetsReceived: 225, packetsLost: 25, lossEvents: 25 });
    monitor.onRtcp(0, answer, 20);
    monitor.onRtcp(0, answer, 40);
    monitor.report();
    const [a, b] = monitor.summary();
    expect(a.received?.worst).toBeCloseTo(3.4, 1);
    expect(a.received?.mos).toBeCloseTo((3 * 4.41 + a.received!.worst) / 4, 2);
    expect(a).toMatchObject({ codec: 'PCMU', sent: null, rttMs: 30, rttWorstMs: 40 });
    expect(b).toEqual({ codec: 'PCMU', received: null, sent: null, rttMs: null, rttWorstMs: null });
  });

  test('has how the phone heard us', () => {
    const { monitor } = monitored();
    monitor.onRtcp(1, receiverReport(block({ extendedHighest: 100 })), 0);
    monitor.onRtcp(1, receiverReport(block({ extendedHighest: 350 })), 5000);
    monitor.report();
    expect(monitor.summary()[1].sent).toEqual({ mos: expect.closeTo(4.41, 2), worst: expect.closeTo(4.41, 2) });
  });
});

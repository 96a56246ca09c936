import { describe, expect, test } from 'vitest';
import { formatRtp } from './packet.ts';
import { Reception } from './reception.ts';
import { formatRtcp, ntpShort, ntpTime } from './rtcp.ts';

const packet = (sequenceNumber: number, timestamp = sequenceNumber * 160, ssrc = 7) =>
  formatRtp({ payloadType: 0, sequenceNumber, timestamp, ssrc, payload: new Uint8Array(160) });

describe('what our reports say of a source (RFC 3550 section 6.4.1)', () => {
  test('nothing is said before its first packet', () => {
    expect(new Reception().report(1000)).toBeNull();
  });

  test('loss is told for the time since the last report, and in all', () => {
    const reception = new Reception();
    for (const number of [10, 11, 13, 14]) reception.push(packet(number), number * 20, 8000);
    expect(reception.report(400)).toMatchObject({ ssrc: 7, fractionLost: 51, cumulativeLost: 1, extendedHighest: 14 });
    for (const number of [15, 16]) reception.push(packet(number), number * 20, 8000);
    expect(reception.report(500)).toMatchObject({ fractionLost: 0, cumulativeLost: 1, extendedHighest: 16 });
    expect(reception.report(600)).toMatchObject({ fractionLost: 0, cumulativeLost: 1 });
  });

  test('the wraps of the sequence are counted', () => {
    const reception = new Reception();
    for (const number of [65_535, 0, 1]) reception.push(packet(number, number), 0, 8000);
    expect(reception.report(0)).toMatchObject({ extendedHighest: 65_537, cumulativeLost: 0 });
  });

  test('jitter is told in ticks of the clock: packets that come 10 ms late by turns, at 8000 and at 48000 Hz', () => {
    for (const rate of [8000, 48_000]) {
      const reception = new Reception();
      for (let n = 0; n < 500; n++) reception.push(packet(n, (n * rate) / 50), n * 20 + (n % 2) * 10, rate);
      expect(reception.report(0)?.jitter).toBeCloseTo(rate / 100, -1);
    }
  });

  test('a timestamp that wraps is no jitter', () => {
    const reception = new Reception();
    for (let n = 0; n < 100; n++) reception.push(packet(n, (2 ** 32 - 8000 + n * 160) % 2 ** 32), n * 20, 8000);
    expect(reception.report(0)?.jitter).toBe(0);
  });

  test('the packets of one telephone event, which share a timestamp, are no jitter', () => {
    const reception = new Reception();
    for (let n = 0; n < 50; n++) reception.push(packet(n, 1600), n * 20, 8000);
    expect(reception.report(0)?.jitter).toBe(0);
  });

  test('its last sender report is named, and how long ago it came', () => {
    const reception = new Reception();
    reception.push(packet(1), 0, 8000);
    const ntp = ntpTime(1_700_000_000_000);
    const counts = { rtpTimestamp: 0, packetCount: 1, octetCount: 160, reports: [] };
    reception.onRtcp(formatRtcp([{ type: 'sender-report', ssrc: 7, ntp, ...counts }]), 1000);
    expect(reception.report(1500)).toMatchObject({
      lastSenderReport: ntpShort(ntp),
      delaySinceLastSenderReport: 32_768,
    });
  });

  test('a report of another source is none of its', () => {
    const reception = new Reception();
    reception.push(packet(1), 0, 8000);
    const counts = { rtpTimestamp: 0, packetCount: 1, octetCount: 160, reports: [] };
    reception.onRtcp(
      formatRtcp([{ type: 'sender-report', ssrc: 8, ntp: ntpTime(1_700_000_000_000), ...counts }]),
      1000,
    );
    expect(reception.report(1500)).toMatchObject({ lastSenderReport: 0, delaySinceLastSenderReport: 0 });
  });

  test('another source begins anew', () => {
    const reception = new Reception();
    for (const number of [10, 20]) reception.push(packet(number), number * 20, 8000);
    reception.push(packet(500, 1, 8), 500, 8000);
    expect(reception.report(600)).toMatchObject({ ssrc: 8, cumulativeLost: 0, extendedHighest: 500, fractionLost: 0 });
  });
});

import { describe, expect, test } from 'vitest';
import { formatRtp } from './packet.ts';
import { StreamStatistics } from './statistics.ts';

const payload = new Uint8Array(160);
const packet = (sequenceNumber: number, timestamp: number, ssrc = 1) =>
  formatRtp({ payloadType: 0, sequenceNumber, timestamp, ssrc, payload });

/** Packets of 20 ms that arrive as late as told, in ms. */
function stream(delays: readonly number[], clockRate = 8000): StreamStatistics {
  const statistics = new StreamStatistics();
  delays.forEach((delay, i) => {
    statistics.push(packet(i, i * (clockRate / 50)), i * 20 + delay, clockRate);
  });
  return statistics;
}

describe('interarrival jitter (RFC 3550 appendix A.8)', () => {
  test('is unknown until two packets have come', () => {
    expect(stream([0]).jitterMs).toBeNull();
    expect(stream([0, 0]).jitterMs).toBe(0);
  });

  test('is nothing for packets that are all equally late', () => {
    expect(stream([50, 50, 50, 50]).jitterMs).toBe(0);
  });

  test('moves by a sixteenth of each deviation', () => {
    expect(stream([0, 16]).jitterMs).toBe(1);
    expect(stream([0, 16, 16]).jitterMs).toBe(15 / 16);
  });

  test('is in ms whatever the clock rate', () => {
    expect(stream([0, 16], 48_000).jitterMs).toBe(1);
  });

  test('does not grow with the packets of a telephone event, which repeat its start (RFC 4733 section 2.5.1.2)', () => {
    const statistics = new StreamStatistics();
    statistics.push(packet(1, 160), 20, 8000);
    for (let i = 0; i < 10; i++) statistics.push(packet(2 + i, 320), 40 + i * 20, 8000);
    statistics.push(packet(12, 320 + 1600), 240, 8000);
    expect(statistics.jitterMs).toBe(0);
  });

  test('survives a wrap of the timestamp and a new timeline', () => {
    const statistics = new StreamStatistics();
    statistics.push(packet(1, 0xffffffff - 79), 0, 8000);
    statistics.push(packet(2, 80), 20, 8000);
    expect(statistics.jitterMs).toBe(0);
    statistics.push(packet(3, 0x40000000), 40, 8000);
    statistics.push(packet(4, 0x40000000 + 160), 60, 8000);
    expect(statistics.jitterMs).toBe(0);
  });

  test('compares no packets of two clock rates or two sources', () => {
    const statistics = new StreamStatistics();
    statistics.push(packet(1, 0), 0, 48_000);
    statistics.push(packet(2, 8000), 20, 8000);
    statistics.push(packet(3, 16_000, 2), 40, 8000);
    expect(statistics.jitterMs).toBeNull();
  });
});

test('a change of source adds its losses to those before', () => {
  const statistics = new StreamStatistics();
  for (const sequence of [1, 2, 5]) statistics.push(packet(sequence, sequence * 160), sequence * 20, 8000);
  for (const sequence of [900, 902]) statistics.push(packet(sequence, sequence * 160, 2), sequence * 20, 8000);
  expect([statistics.packets, statistics.bytes, statistics.lost]).toEqual([5, 5 * 172, 3]);
});

test('gaps and duplicates are counted', () => {
  const statistics = new StreamStatistics();
  for (const sequence of [1, 2, 2, 5, 6]) statistics.push(packet(sequence, sequence * 160), sequence * 20, 8000);
  expect(statistics).toMatchObject({ packets: 5, lost: 2, lossEvents: 1, duplicates: 1 });
});

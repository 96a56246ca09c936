import { describe, expect, test } from 'vitest';
import { RoundTrip } from './round-trip.ts';
import { ntpShort, ntpTime } from './rtcp.ts';

const second = 65_536;

describe('the round trip (RFC 3550 section 6.4.1)', () => {
  test('is the time since the sender report passed less what the phone held it', () => {
    const trip = new RoundTrip();
    trip.sent(0xb44db705, 1000);
    // The example of the RFC: held for 5.250 s, and 6.125 s in all.
    expect(trip.answered(0xb44db705, 5.25 * second, 12_375 - 5250)).toBeCloseTo(875, 6);
  });

  test('is known for each of the last reports, and for no older one', () => {
    const trip = new RoundTrip();
    for (let stamp = 1; stamp <= 9; stamp++) trip.sent(stamp, stamp * 1000);
    expect(trip.answered(2, 0, 10_000)).toBe(8000);
    expect(trip.answered(9, second / 2, 10_000)).toBe(500);
    expect(trip.answered(1, 0, 10_000)).toBeNull();
  });

  test('is not known where the phone has heard no sender report, or one that we know nothing of', () => {
    const trip = new RoundTrip();
    expect(trip.answered(0, 0, 1000)).toBeNull();
    expect(trip.answered(77, 0, 1000)).toBeNull();
  });

  test('is never below nothing, and what cannot be true is not told', () => {
    const trip = new RoundTrip();
    trip.sent(5, 1000);
    expect(trip.answered(5, second, 1990)).toBe(0);
    expect(trip.answered(5, 10 * second, 1990)).toBeNull();
    expect(trip.answered(5, 0, 100_000)).toBeNull();
  });
});

test('NTP times count from 1900, in 2^-32ths of a second, and their middle is what receivers repeat', () => {
  expect(ntpTime(0)).toEqual({ seconds: 2_208_988_800, fraction: 0 });
  expect(ntpTime(1_500)).toEqual({ seconds: 2_208_988_801, fraction: 2 ** 31 });
  expect(ntpTime(2_085_978_496_000 + 250)).toEqual({ seconds: 0, fraction: 2 ** 30 }); // 2036, the next era
  expect(ntpShort({ seconds: 0xb44db705, fraction: 0x20000000 })).toBe(0xb7052000);
});

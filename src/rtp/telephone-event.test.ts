import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digitEvent, eventDigit, formatTelephoneEvent, parseTelephoneEvent } from './index.ts';

describe('the payload of a telephone event (RFC 4733 §2.3)', () => {
  test('the example of RFC 4733 §5.1: key 1 at -10 dBm0, 1600 ticks, at its end', () => {
    const bytes = Uint8Array.of(1, 0x8a, 0x06, 0x40);
    expect(parseTelephoneEvent(bytes)).toEqual({ event: 1, end: true, volume: 10, duration: 1600 });
    expect(formatTelephoneEvent({ event: 1, end: true, volume: 10, duration: 1600 })).toEqual(bytes);
  });

  test('the reserved bit is ignored', () => {
    expect(parseTelephoneEvent(Uint8Array.of(5, 0x4a, 0, 80))).toEqual({
      event: 5,
      end: false,
      volume: 10,
      duration: 80,
    });
  });

  test('a payload that is too short holds none', () => {
    expect(parseTelephoneEvent(Uint8Array.of(1, 10, 0))).toBeNull();
  });

  test('a duration beyond the field is the longest', () => {
    expect(formatTelephoneEvent({ event: 0, end: false, volume: 0, duration: 70_000 })).toEqual(
      Uint8Array.of(0, 0, 0xff, 0xff),
    );
  });

  test('what is written is read', () => {
    const report = fc.record({
      event: fc.nat(255),
      end: fc.boolean(),
      volume: fc.nat(63),
      duration: fc.nat(65_535),
    });
    fc.assert(
      fc.property(report, (event) => {
        expect(parseTelephoneEvent(formatTelephoneEvent(event))).toEqual({ ...event });
      }),
    );
  });
});

test('the keys have codes 0 to 15 (RFC 4733 §3.2)', () => {
  const keys = [...'0123456789*#ABCD'];
  expect(keys.map(digitEvent)).toEqual(keys.map((_, code) => code));
  expect(keys.map((_, code) => eventDigit(code))).toEqual(keys);
  expect(digitEvent('d')).toBe(15);
  expect([digitEvent(''), digitEvent('12'), digitEvent('x'), eventDigit(16)]).toEqual([null, null, null, null]);
});

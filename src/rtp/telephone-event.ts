/** One report of an event (RFC 4733 §2.3). */
export interface TelephoneEvent {
  /** Code of the event, 0 to 255: 0 to 15 are the keys of `eventDigit`. */
  readonly event: number;
  /** The event is over; `duration` is its whole length. */
  readonly end: boolean;
  /** Power of the tone in -dBm0, 0 (loudest) to 63. */
  readonly volume: number;
  /** How long it has lasted, in ticks of the payload type's clock, 0 to 65535; counted from the packet's timestamp. */
  readonly duration: number;
}

/** Bytes of one report. */
const reportLength = 4;

/** The keys of a telephone in the order of their codes (RFC 4733 §3.2). */
const keys = '0123456789*#ABCD';

/** The report in a payload of `telephone-event`, the first where there are several; null where there is none whole. */
export function parseTelephoneEvent(payload: Uint8Array): TelephoneEvent | null {
  if (payload.length < reportLength) return null;
  return {
    event: payload[0]!,
    end: (payload[1]! & 0x80) !== 0,
    volume: payload[1]! & 0x3f,
    duration: (payload[2]! << 8) | payload[3]!,
  };
}

/** The payload of `telephone-event` that holds this one report. A duration beyond its field stays at the highest. */
export function formatTelephoneEvent({ event, end, volume, duration }: TelephoneEvent): Uint8Array {
  const ticks = Math.min(duration, 0xffff);
  return Uint8Array.of(event, (end ? 0x80 : 0) | (volume & 0x3f), ticks >> 8, ticks & 0xff);
}

/** The key of an event, `0` to `9`, `*`, `#`, `A` to `D`; null for events that are no keys. */
export function eventDigit(event: number): string | null {
  return keys[event] ?? null;
}

/** The event of a key, small letters too; null for what is no key. */
export function digitEvent(digit: string): number | null {
  const event = digit.length === 1 ? keys.indexOf(digit.toUpperCase()) : -1;
  return event < 0 ? null : event;
}

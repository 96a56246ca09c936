import { ContentType, type SipMessage, SipSyntaxError } from '../../sip/message/index.ts';
import type { Body } from './session-body.ts';

/** A key pressed on a phone. */
export interface KeyPress {
  /** `0` to `9`, `*`, `#`, `A` to `D`. */
  readonly digit: string;
  readonly durationMs: number;
}

const relayType = 'application/dtmf-relay';
const plainType = 'application/dtmf';

/** Keys by the codes of RFC 4733 §3.2, by which some phones name them. */
const keys = '0123456789*#ABCD';

/** Of a press that names no duration, and what is believed of one that does: shorter is not heard everywhere. ms. */
const usualDuration = 250;
const shortest = 50;
const longest = 5000;

/**
 * The key that an INFO names, `application/dtmf-relay` (`Signal=5`, `Duration=160`) or `application/dtmf` (the key
 * alone): in use everywhere and specified nowhere. Null where it is about something else, or about what is no key of a
 * telephone (a flash of the hook).
 */
export function keyPressOf(message: SipMessage): KeyPress | null {
  const type = typeOf(message);
  if (type !== relayType && type !== plainType) return null;
  const text = new TextDecoder().decode(message.body.subarray(0, 256));
  const field = (name: string) => new RegExp(`^\\s*${name}\\s*[=:]\\s*(\\S+)`, 'im').exec(text)?.[1];
  const signal = field('Signal') ?? (type === plainType ? text.trim() : '');
  const digit = /^\d\d?$/.test(signal) ? keys[Number(signal)] : signal.toUpperCase();
  if (digit?.length !== 1 || !keys.includes(digit)) return null;
  const duration = Number(field('Duration') ?? usualDuration);
  return {
    digit,
    durationMs: Number.isFinite(duration) ? Math.min(Math.max(duration, shortest), longest) : usualDuration,
  };
}

/** The body of an INFO that names a key. */
export function keyPressBody({ digit, durationMs }: KeyPress): Body {
  const text = `Signal=${digit}\r\nDuration=${Math.round(durationMs)}\r\n`;
  return { body: new TextEncoder().encode(text), contentType: relayType };
}

function typeOf({ headers }: SipMessage): string | null {
  try {
    const type = headers.first(ContentType);
    return type ? `${type.type}/${type.subtype}`.toLowerCase() : null;
  } catch (error) {
    if (error instanceof SipSyntaxError) return null;
    throw error;
  }
}

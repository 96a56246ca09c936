import { SipSyntaxError } from './errors.ts';

/** Character codes that the scanners look for. */
export const code = {
  tab: 0x09,
  lf: 0x0a,
  cr: 0x0d,
  space: 0x20,
  quote: 0x22,
  comma: 0x2c,
  slash: 0x2f,
  colon: 0x3a,
  semicolon: 0x3b,
  less: 0x3c,
  equals: 0x3d,
  greater: 0x3e,
  backslash: 0x5c,
} as const;

const alphanumeric = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const unreserved = `${alphanumeric}-_.!~*'()`;

/** Classes of characters (RFC 3261 section 25.1); each is a bit, `isOf` asks for one. */
export const charClass = {
  token: 1,
  /** Stands for itself in the user part of a URI. */
  user: 2,
  password: 4,
  /** Stands for itself in a URI parameter. */
  uriParam: 8,
  /** Host names; the underscore is no host's but occurs. */
  host: 16,
  /** Header parameter values that need no quotes: tokens and hosts. */
  bareValue: 32,
  digit: 64,
  /** In an IPv6 reference: address, IPv4 tail, zone. */
  ipv6: 128,
  /** Spaces, control characters and delimiters of URIs, which no URI holds. */
  notInUri: 256,
} as const;

const classes = new Uint16Array(128);
function define(bit: number, characters: string): void {
  for (let i = 0; i < characters.length; i++) classes[characters.charCodeAt(i)]! |= bit;
}
define(charClass.token, `${alphanumeric}-.!%*_+\`'~`);
define(charClass.user, `${unreserved}&=+$,;?/`);
define(charClass.password, `${unreserved}&=+$,`);
define(charClass.uriParam, `${unreserved}[]/:&+$`);
define(charClass.host, `${alphanumeric}-._`);
define(charClass.bareValue, `${alphanumeric}-.!%*_+\`'~[]:`);
define(charClass.digit, '0123456789');
define(charClass.ipv6, `${alphanumeric}:.%`);
define(charClass.notInUri, `<>"\x7f${String.fromCharCode(...Array(33).keys())}`);

/** Whether the character with this code is of `bit`, one of `charClass`. */
export function isOf(charCode: number, bit: number): boolean {
  return charCode < 128 && (classes[charCode]! & bit) !== 0;
}

/** Whether `text` from `start` to `end` is not empty and all of class `bit`. */
export function consistsOf(text: string, bit: number, start = 0, end = text.length): boolean {
  if (start >= end) return false;
  for (let at = start; at < end; at++) if (!isOf(text.charCodeAt(at), bit)) return false;
  return true;
}

export function isToken(text: string): boolean {
  return consistsOf(text, charClass.token);
}

/** The first position at or after `at` that is neither space nor tab. */
export function skipSpace(text: string, at: number): number {
  for (;;) {
    const c = text.charCodeAt(at);
    if (c !== code.space && c !== code.tab) return at;
    at++;
  }
}

/** The first position at or after `at` whose character cannot be in a token. */
export function skipToken(text: string, at: number): number {
  while (isOf(text.charCodeAt(at), charClass.token)) at++;
  return at;
}

/** `text` from `start` to `end` without spaces and tabs around it. */
export function trimmed(text: string, start = 0, end = text.length): string {
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isSpace(charCode: number): boolean {
  return charCode === code.space || charCode === code.tab;
}

/** The position behind the closing quote of the quoted string that begins at `at`. Throws SipSyntaxError. */
export function endOfQuoted(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === code.quote) return i + 1;
    if (c === code.backslash) i++;
  }
  throw new SipSyntaxError('a quote is never closed');
}

/** What the quoted string from `start` to `end` (quotes included) says. */
export function unquote(text: string, start: number, end: number): string {
  const inner = text.slice(start + 1, end - 1);
  if (!inner.includes('\\')) return inner;
  let plain = '';
  for (let i = 0; i < inner.length; i++) {
    if (inner.charCodeAt(i) === code.backslash) i++;
    plain += inner.charAt(i);
  }
  return plain;
}

/** `text` as a quoted string; quotes, backslashes and control characters become quoted pairs. */
export function quote(text: string): string {
  let quoted = '"';
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === code.quote || c === code.backslash || (c < code.space && c !== code.tab) || c === 0x7f) {
      quoted += `${text.slice(from, i)}\\`;
      from = i;
    }
  }
  return `${quoted}${text.slice(from)}"`;
}

/** The elements of a comma-separated list, empty ones left out; commas in quotes and angle brackets do not separate. */
export function splitList(text: string): string[] {
  if (!text.includes(',')) return text === '' ? [] : [text];
  const elements: string[] = [];
  for (let start = 0; start < text.length; ) {
    const end = endOfElement(text, start);
    const element = trimmed(text, start, end);
    if (element !== '') elements.push(element);
    start = end + 1;
  }
  return elements;
}

/** The position of the comma that ends the list element at `at`, or the text's end. */
export function endOfElement(text: string, at: number): number {
  while (at < text.length) {
    const c = text.charCodeAt(at);
    if (c === code.comma) return at;
    if (c === code.quote) {
      at = endOfQuoted(text, at);
    } else if (c === code.less) {
      const close = text.indexOf('>', at);
      at = close < 0 ? text.length : close + 1;
    } else {
      at++;
    }
  }
  return at;
}

/** The parts of a folded value, joined by one space each (RFC 3261 section 7.3.1). */
export function unfolded(text: string): string {
  let value = '';
  for (let start = 0; start <= text.length; ) {
    let lf = text.indexOf('\n', start);
    if (lf < 0) lf = text.length;
    const end = text.charCodeAt(lf - 1) === code.cr ? lf - 1 : lf;
    const part = trimmed(text, start, end);
    if (part !== '') value += value === '' ? part : ` ${part}`;
    start = lf + 1;
  }
  return value;
}

/**
 * The whole number that `text` from `start` to `end` writes in decimal digits. Throws SipSyntaxError when it is none,
 * or above `max` unless `clamp` makes it `max` then.
 */
export function parseNumber(text: string, max: number, clamp = false, start = 0, end = text.length): number {
  if (!consistsOf(text, charClass.digit, start, end)) throw new SipSyntaxError('not a number');
  let number = 0;
  for (let at = start; at < end; at++) {
    number = number * 10 + text.charCodeAt(at) - 48;
    if (number > max) {
      if (clamp) return max;
      throw new SipSyntaxError(`number above ${max}`);
    }
  }
  return number;
}

/**
 * Where `value` holds what no header value may: a CR or LF that could end its line (header injection), or a NUL outside a
 * quoted pair. -1 where it holds none.
 */
export function indexOfForbidden(value: string): number {
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c > code.cr) continue;
    if (c === code.cr || c === code.lf || (c === 0 && value.charCodeAt(i - 1) !== code.backslash)) return i;
  }
  return -1;
}

/** Throws Error when `value` holds what no header value may. */
export function assertOneLine(value: string): void {
  const at = indexOfForbidden(value);
  if (at >= 0) throw new Error(`a header value must not contain character ${value.charCodeAt(at)}`);
}

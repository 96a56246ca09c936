import { formatHost } from '../../base/index.ts';
import { SipSyntaxError } from './errors.ts';
import { charClass, code, consistsOf, isOf, parseNumber } from './grammar.ts';
import { noParams, type Params } from './params.ts';
import { percentDecode, percentEncode } from './percent.ts';

/** A SIP or SIPS URI (RFC 3261 section 19.1). A value: never changed, only derived from. */
export interface SipUri {
  readonly kind: 'sip';
  readonly scheme: 'sip' | 'sips';
  /** Without escapes. */
  readonly user: string | null;
  /** Without escapes. */
  readonly password: string | null;
  /** In lower case; IPv6 addresses without brackets. */
  readonly host: string;
  readonly port: number | null;
  /** Without escapes. */
  readonly params: Params;
  /** What follows "?", as written. */
  readonly headers: string | null;
}

/** A telephone number (RFC 3966). */
export interface TelUri {
  readonly kind: 'tel';
  /** As written: visual separators are kept. */
  readonly number: string;
  readonly params: Params;
}

/** A URI of a scheme that we do not know. */
export interface OtherUri {
  readonly kind: 'other';
  /** In lower case. */
  readonly scheme: string;
  /** The whole URI. */
  readonly text: string;
}

export type Uri = SipUri | TelUri | OtherUri;

/** Makes a SIP URI of its parts; an empty user is none. */
export function sipUri(parts: {
  readonly user?: string | null;
  readonly host: string;
  readonly port?: number | null;
  readonly scheme?: 'sip' | 'sips';
  readonly params?: Params;
}): SipUri {
  return {
    kind: 'sip',
    scheme: parts.scheme ?? 'sip',
    user: parts.user || null,
    password: null,
    host: parts.host.toLowerCase(),
    port: parts.port ?? null,
    params: parts.params ?? noParams,
    headers: null,
  };
}

/** Reads an absolute URI. Throws SipSyntaxError. */
export function parseUri(text: string): Uri {
  for (let i = 0; i < text.length; i++) {
    if (isOf(text.charCodeAt(i), charClass.notInUri)) {
      throw new SipSyntaxError('a URI with a character that must be escaped');
    }
  }
  if (text.startsWith('sip:')) return parseSipUri(text, 'sip', 4);
  const colon = text.indexOf(':');
  if (colon < 1) throw new SipSyntaxError('a URI without a scheme');
  const scheme = text.slice(0, colon).toLowerCase();
  if (scheme === 'sip' || scheme === 'sips') return parseSipUri(text, scheme, colon + 1);
  if (scheme === 'tel') return parseTelUri(text, colon + 1);
  if (!isScheme(scheme) || colon + 1 === text.length) throw new SipSyntaxError('bad URI');
  return { kind: 'other', scheme, text };
}

function parseSipUri(text: string, scheme: 'sip' | 'sips', start: number): SipUri {
  // The user part may hold ";", "?" and "/", so the "@" is looked for before them.
  const at = text.indexOf('@', start);
  let user: string | null = null;
  let password: string | null = null;
  if (at >= 0) {
    const colon = text.indexOf(':', start);
    const userEnd = colon >= 0 && colon < at ? colon : at;
    user = percentDecode(text.slice(start, userEnd)) || null;
    if (userEnd < at && user !== null) password = percentDecode(text.slice(userEnd + 1, at));
    start = at + 1;
  }
  const hostEnd = endOfHost(text, start);
  const host = hostOf(text, start, hostEnd);
  let port: number | null = null;
  let next = hostEnd;
  if (text.charCodeAt(next) === code.colon) {
    const portStart = next + 1;
    next = portStart;
    while (isOf(text.charCodeAt(next), charClass.digit)) next++;
    port = parsePort(text, portStart, next);
  }
  if (next === text.length) return { kind: 'sip', scheme, user, password, host, port, params: noParams, headers: null };
  const question = text.indexOf('?', next);
  const paramsEnd = question < 0 ? text.length : question;
  const params = parseUriParams(text, next, paramsEnd);
  const headers = question < 0 ? null : text.slice(question + 1);
  return { kind: 'sip', scheme, user, password, host, port, params, headers };
}

function parseTelUri(text: string, start: number): TelUri {
  const semicolon = text.indexOf(';', start);
  const end = semicolon < 0 ? text.length : semicolon;
  const number = text.slice(start, end);
  if (!isPhoneNumber(number)) throw new SipSyntaxError('bad telephone number');
  return { kind: 'tel', number, params: parseUriParams(text, end, text.length) };
}

/** Where the host (a name, an IPv4 address or an IPv6 reference) that begins at `at` ends. */
export function endOfHost(text: string, at: number): number {
  if (text.charAt(at) === '[') {
    const close = text.indexOf(']', at);
    return close < 0 ? text.length : close + 1;
  }
  while (isOf(text.charCodeAt(at), charClass.host)) at++;
  return at;
}

/** The host from `start` to `end`: in lower case, without brackets. Throws SipSyntaxError. */
export function hostOf(text: string, start: number, end: number): string {
  if (text.charAt(start) === '[') {
    const literal = text.slice(start + 1, end - 1);
    if (text.charAt(end - 1) !== ']' || !literal.includes(':') || !consistsOf(literal, charClass.ipv6)) {
      throw new SipSyntaxError('bad IPv6 address');
    }
    return literal.toLowerCase();
  }
  if (start === end) throw new SipSyntaxError('no host');
  return text.slice(start, end).toLowerCase();
}

/** The port (1 to 65535) from `start` to `end`. Throws SipSyntaxError. */
export function parsePort(text: string, start: number, end: number): number {
  const port = parseNumber(text, 65_535, false, start, end);
  if (port === 0) throw new SipSyntaxError('port 0');
  return port;
}

function parseUriParams(text: string, at: number, end: number): Params {
  if (at === end) return noParams;
  const params = new Map<string, string | null>();
  while (at < end) {
    if (text.charCodeAt(at) !== code.semicolon) throw new SipSyntaxError('";" expected in a URI');
    let next = text.indexOf(';', at + 1);
    if (next < 0 || next > end) next = end;
    const equals = text.indexOf('=', at + 1);
    const nameEnd = equals < 0 || equals > next ? next : equals;
    const name = percentDecode(text.slice(at + 1, nameEnd)).toLowerCase();
    if (name === '' && nameEnd < next) throw new SipSyntaxError('a URI parameter without a name');
    if (name !== '' && !params.has(name))
      params.set(name, nameEnd < next ? percentDecode(text.slice(nameEnd + 1, next)) : null);
    at = next;
  }
  return params.size === 0 ? noParams : params;
}

/** Writes a URI so that it can be read again; what must not stand for itself is escaped. */
export function formatUri(uri: Uri): string {
  switch (uri.kind) {
    case 'sip': {
      let text = `${uri.scheme}:`;
      if (uri.user !== null && uri.user !== '') {
        text += percentEncode(uri.user, charClass.user);
        if (uri.password !== null) text += `:${percentEncode(uri.password, charClass.password)}`;
        text += '@';
      }
      text += formatHost(uri.host);
      if (uri.port !== null) text += `:${uri.port}`;
      text += formatUriParams(uri.params);
      return uri.headers === null ? text : `${text}?${uri.headers}`;
    }
    case 'tel':
      return `tel:${uri.number}${formatUriParams(uri.params)}`;
    case 'other':
      return uri.text;
    default:
      return uri satisfies never;
  }
}

function formatUriParams(params: Params): string {
  let text = '';
  for (const [name, value] of params) {
    text += `;${percentEncode(name, charClass.uriParam)}`;
    if (value !== null) text += `=${percentEncode(value, charClass.uriParam)}`;
  }
  return text;
}

function isScheme(scheme: string): boolean {
  for (let i = 0; i < scheme.length; i++) {
    const c = scheme.charAt(i);
    const letter = c >= 'a' && c <= 'z';
    if (!letter && (i === 0 || !((c >= '0' && c <= '9') || c === '+' || c === '-' || c === '.'))) return false;
  }
  return true;
}

const phoneCharacters = '0123456789abcdefABCDEF*#-.()';

/** RFC 3966: digits, the letters of hexadecimal, "*", "#" and visual separators; a global number begins with "+". */
function isPhoneNumber(number: string): boolean {
  let digits = 0;
  for (let i = number.startsWith('+') ? 1 : 0; i < number.length; i++) {
    const place = phoneCharacters.indexOf(number.charAt(i));
    if (place < 0) return false;
    if (place < phoneCharacters.indexOf('-')) digits++;
  }
  return digits > 0;
}

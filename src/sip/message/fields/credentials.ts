import { SipSyntaxError } from '../errors.ts';
import { code, isToken, quote, skipSpace, skipToken } from '../grammar.ts';
import type { HeaderType } from '../header-type.ts';
import { assertToken, endOfValue, noParams, type Params, unquotedValue } from '../params.ts';

/** A challenge or an answer to one (RFC 3261 section 20.7, RFC 7616). */
export interface Credentials {
  /** `Digest` ... as received; schemes are compared without case. */
  readonly scheme: string;
  /** Unquoted. The bare token of schemes such as Bearer stands under the name "". */
  readonly params: Params;
}

function parseCredentials(text: string): Credentials {
  const schemeEnd = skipToken(text, 0);
  const start = skipSpace(text, schemeEnd);
  if (schemeEnd === 0 || (start === schemeEnd && start < text.length)) throw new SipSyntaxError('no scheme');
  const scheme = text.slice(0, schemeEnd);
  if (isBareToken(text, start)) return { scheme, params: new Map([['', text.slice(start)]]) };
  return { scheme, params: parseList(text, start) };
}

/** RFC 7235's token68: one word whose only "=" are at its end. */
function isBareToken(text: string, start: number): boolean {
  let end = text.length;
  while (end > start && text.charCodeAt(end - 1) === code.equals) end--;
  if (end === start) return false;
  for (let at = start; at < end; at++) {
    const c = text.charCodeAt(at);
    if (c === code.equals || c === code.comma || c === code.space || c === code.tab || c === code.quote) return false;
  }
  return true;
}

function parseList(text: string, at: number): Params {
  if (at >= text.length) return noParams;
  const params = new Map<string, string | null>();
  for (;;) {
    at = skipSpace(text, at);
    if (at >= text.length) return params;
    if (text.charCodeAt(at) === code.comma) {
      at++;
      continue;
    }
    const nameEnd = skipToken(text, at);
    const equals = skipSpace(text, nameEnd);
    if (nameEnd === at || text.charCodeAt(equals) !== code.equals) throw new SipSyntaxError('name=value expected');
    const name = text.slice(at, nameEnd).toLowerCase();
    const valueStart = skipSpace(text, equals + 1);
    const valueEnd = endOfValue(text, valueStart, code.comma);
    if (!params.has(name)) params.set(name, unquotedValue(text, valueStart, valueEnd));
    at = skipSpace(text, valueEnd);
    if (at < text.length && text.charCodeAt(at) !== code.comma) throw new SipSyntaxError('"," expected');
  }
}

/** Which values stand without quotes: RFC 7616 sections 3.3 and 3.4; phones refuse a quoted `algorithm` or `nc`. */
const bareInBoth = new Set(['algorithm', 'stale', 'charset', 'userhash', 'nc']);

function format({ scheme, params }: Credentials, bareQop: boolean): string {
  let text = assertToken(scheme);
  let separator = ' ';
  for (const [name, value] of params) {
    if (name === '') return `${text} ${value ?? ''}`;
    const bare = (bareInBoth.has(name) || (bareQop && name === 'qop')) && isToken(value ?? '');
    text += `${separator}${assertToken(name)}=${bare ? value : quote(value ?? '')}`;
    separator = ', ';
  }
  return text;
}

/** Challenges quote `qop`, a list; credentials do not: there it is the one chosen. */
function challengeHeader(name: string): HeaderType<Credentials> {
  return { name, compact: null, list: false, parse: parseCredentials, format: (value) => format(value, false) };
}

function credentialsHeader(name: string): HeaderType<Credentials> {
  return { name, compact: null, list: false, parse: parseCredentials, format: (value) => format(value, true) };
}

export const WwwAuthenticate = challengeHeader('WWW-Authenticate');
export const ProxyAuthenticate = challengeHeader('Proxy-Authenticate');
export const Authorization = credentialsHeader('Authorization');
export const ProxyAuthorization = credentialsHeader('Proxy-Authorization');

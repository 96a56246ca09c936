import { SipSyntaxError } from '../errors.ts';
import { charClass, isOf, isToken, parseNumber } from '../grammar.ts';
import type { HeaderType } from '../header-type.ts';
import { assertToken, formatParams, type Params, parseParams } from '../params.ts';

const maxSeconds = 0xffff_ffff;

/** A number; one above `max` is refused, or taken for `max` where `clamp` says so. */
function numberHeader(name: string, max: number, clamp: boolean, compact: string | null = null): HeaderType<number> {
  return { name, compact, list: false, parse: (text) => parseNumber(text, max, clamp), format: String };
}

/** Seconds, with a comment or parameters behind them that are of no use here. */
function leadingSeconds(name: string): HeaderType<number> {
  return {
    name,
    compact: null,
    list: false,
    parse: (text) => parseNumber(text, maxSeconds, true, 0, endOfDigits(text)),
    format: String,
  };
}

function endOfDigits(text: string): number {
  let end = 0;
  while (isOf(text.charCodeAt(end), charClass.digit)) end++;
  return end;
}

export const MaxForwards = numberHeader('Max-Forwards', 255, false);
/** RFC 5393 section 5.3.3. */
export const MaxBreadth = numberHeader('Max-Breadth', maxSeconds, true);
export const ContentLength = numberHeader('Content-Length', maxSeconds, false, 'l');
/** Numbers the reliable provisional responses of one dialog (RFC 3262 section 7.1). */
export const RSeq = numberHeader('RSeq', maxSeconds, false);
/** Seconds; more than 2^32-1 count as 2^32-1. */
export const Expires = numberHeader('Expires', maxSeconds, true);
/** Seconds. */
export const MinExpires = numberHeader('Min-Expires', maxSeconds, true);
/** Seconds (RFC 4028). */
export const MinSE = leadingSeconds('Min-SE');
/** Seconds; comment and parameters are not read. */
export const RetryAfter = leadingSeconds('Retry-After');

/** RFC 4028 section 4. */
export interface SessionExpiresValue {
  readonly seconds: number;
  /** `refresher`: uac or uas. */
  readonly params: Params;
}

export const SessionExpires: HeaderType<SessionExpiresValue> = {
  name: 'Session-Expires',
  compact: 'x',
  list: false,
  parse(text) {
    const end = endOfDigits(text);
    return { seconds: parseNumber(text, maxSeconds, true, 0, end), params: parseParams(text, end) };
  },
  format: ({ seconds, params }) => `${seconds}${formatParams(params)}`,
};

/** Identifies a call leg (RFC 3261 section 20.8); compared byte by byte. */
export const CallId: HeaderType<string> = {
  name: 'Call-ID',
  compact: 'i',
  list: false,
  parse(text) {
    if (text === '' || text.includes(' ') || text.includes('\t')) throw new SipSyntaxError('one word expected');
    return text;
  },
  format: (value) => value,
};

function tokenList(name: string, compact: string | null = null): HeaderType<string> {
  return {
    name,
    compact,
    list: true,
    parse(text) {
      if (!isToken(text)) throw new SipSyntaxError('a token expected');
      return text;
    },
    format: assertToken,
  };
}

export const Require = tokenList('Require');
export const ProxyRequire = tokenList('Proxy-Require');
export const Supported = tokenList('Supported', 'k');
export const Unsupported = tokenList('Unsupported');
/** Methods. */
export const Allow = tokenList('Allow');

/** Media ranges as written, parameters included: `application/sdp;q=0.5`. */
export const Accept: HeaderType<string> = {
  name: 'Accept',
  compact: null,
  list: true,
  parse: (text) => text,
  format: (value) => value,
};

import { SipSyntaxError } from '../errors.ts';
import { code, endOfQuoted, quote, skipSpace, trimmed, unquote } from '../grammar.ts';
import type { HeaderType } from '../header-type.ts';
import { formatParams, type Params, parseParams } from '../params.ts';
import { formatUri, parseUri, type Uri } from '../uri.ts';

/** A URI with a name for people and with parameters: From, To, Contact, Route ... (RFC 3261 section 20.10). */
export interface NameAddress {
  /** Without quotes and escapes; null where there is none. */
  readonly displayName: string | null;
  readonly uri: Uri;
  /** Of the header field, not of the URI. */
  readonly params: Params;
}

/** The tag parameter of a From or To value. */
export function tagOf(address: NameAddress): string | null {
  return address.params.get('tag') ?? null;
}

/**
 * Reads a name-addr or addr-spec. Parameters behind a bare URI belong to the header field (section 20.10), and unquoted
 * display names may hold what only quoted ones should. Throws SipSyntaxError.
 */
export function parseNameAddress(text: string): NameAddress {
  const start = skipSpace(text, 0);
  let less = start;
  let displayName: string | null = null;
  if (text.charCodeAt(start) === code.quote) {
    const end = endOfQuoted(text, start);
    displayName = unquote(text, start, end);
    less = skipSpace(text, end);
    if (text.charCodeAt(less) !== code.less) throw new SipSyntaxError('"<" expected behind the display name');
  } else if (text.charCodeAt(start) !== code.less) {
    less = text.indexOf('<', start);
    if (less < 0 || isBehindUri(text, start, less)) return parseBareAddress(text, start);
    displayName = trimmed(text, start, less);
    if (displayName.includes('"')) throw new SipSyntaxError('a quote within the display name');
  }
  const greater = text.indexOf('>', less);
  if (greater < 0) throw new SipSyntaxError('"<" is never closed');
  const uri = parseUri(trimmed(text, less + 1, greater));
  return { displayName, uri, params: parseParams(text, greater + 1) };
}

/** Whether the "<" at `less` belongs to a quoted parameter behind a bare URI: `sip:a@b;x="<"`. */
function isBehindUri(text: string, start: number, less: number): boolean {
  const quoteAt = text.indexOf('"', start);
  return quoteAt >= 0 && quoteAt < less && text.indexOf(';', start) < quoteAt && text.indexOf(':', start) < quoteAt;
}

function parseBareAddress(text: string, start: number): NameAddress {
  let end = start;
  for (; end < text.length; end++) {
    const c = text.charCodeAt(end);
    if (c === code.semicolon || c === code.space || c === code.tab) break;
  }
  return { displayName: null, uri: parseUri(text.slice(start, end)), params: parseParams(text, end) };
}

/** Writes `"display name" <uri>;params`. */
export function formatNameAddress({ displayName, uri, params }: NameAddress): string {
  const address = `<${formatUri(uri)}>${params.size === 0 ? '' : formatParams(params, isFeatureTag)}`;
  return displayName === null ? address : `${quote(displayName)} ${address}`;
}

const featureTags = new Set([
  ...['actor', 'application', 'audio', 'automata', 'class', 'control', 'data', 'description', 'duplex', 'events'],
  ...['extensions', 'language', 'methods', 'mobility', 'priority', 'schemes', 'text', 'type', 'video'],
]);

/** RFC 3840 section 9 wants the values of feature parameters in quotes, `methods="INVITE"`. */
function isFeatureTag(name: string): boolean {
  return name.startsWith('+') || featureTags.has(name);
}

function addressHeader(name: string, compact: string | null, list: boolean): HeaderType<NameAddress> {
  return { name, compact, list, parse: parseNameAddress, format: formatNameAddress };
}

export const From = addressHeader('From', 'f', false);
export const To = addressHeader('To', 't', false);
export const ReplyTo = addressHeader('Reply-To', null, false);
export const Route = addressHeader('Route', null, true);
export const RecordRoute = addressHeader('Record-Route', null, true);
/** RFC 3515. */
export const ReferTo = addressHeader('Refer-To', 'r', false);
/** RFC 3892. */
export const ReferredBy = addressHeader('Referred-By', 'b', false);
/** RFC 3327. */
export const Path = addressHeader('Path', null, true);
/** RFC 3325. */
export const PAssertedIdentity = addressHeader('P-Asserted-Identity', null, true);

/** A Contact is an address, or "*" in a REGISTER that removes every binding. */
export const Contact: HeaderType<NameAddress | '*'> = {
  name: 'Contact',
  compact: 'm',
  list: true,
  parse: (text) => (text === '*' ? '*' : parseNameAddress(text)),
  format: (value) => (value === '*' ? '*' : formatNameAddress(value)),
};

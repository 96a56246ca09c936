import type { Params } from './params.ts';
import { percentDecode } from './percent.ts';
import type { SipUri, TelUri, Uri } from './uri.ts';

/**
 * Whether two URIs are equivalent: RFC 3261 section 19.1.4, for telephone numbers RFC 3966 section 4. The relation is
 * not transitive (section 19.1.4 says so), so it makes no key.
 */
export function sameUri(a: Uri, b: Uri): boolean {
  if (a.kind === 'sip') return b.kind === 'sip' && sameSipUri(a, b);
  if (a.kind === 'tel') return b.kind === 'tel' && sameTelUri(a, b);
  return b.kind === 'other' && a.scheme === b.scheme && a.text.slice(a.scheme.length) === b.text.slice(b.scheme.length);
}

function sameSipUri(a: SipUri, b: SipUri): boolean {
  return (
    a.scheme === b.scheme &&
    a.user === b.user &&
    a.password === b.password &&
    a.host === b.host &&
    a.port === b.port &&
    sameSipParams(a.params, b.params) &&
    sameHeaders(a.headers, b.headers)
  );
}

/** Parameters that change where a request goes or what it is: present in one URI only, the URIs differ. */
const decisive = ['user', 'ttl', 'method', 'maddr', 'transport'];

function sameSipParams(a: Params, b: Params): boolean {
  if (decisive.some((name) => a.has(name) !== b.has(name))) return false;
  for (const [name, value] of a) if (b.has(name) && folded(value) !== folded(b.get(name))) return false;
  return true;
}

function sameHeaders(a: string | null, b: string | null): boolean {
  return a === b || headerSet(a) === headerSet(b);
}

/** The headers of a URI in a form in which their order does not matter; names are case-insensitive. */
function headerSet(headers: string | null): string {
  if (headers === null) return '';
  const fields = headers.split('&').map((field) => {
    const equals = field.indexOf('=');
    const name = equals < 0 ? field : field.slice(0, equals);
    return `${percentDecode(name).toLowerCase()}=${equals < 0 ? '' : percentDecode(field.slice(equals + 1))}`;
  });
  return fields.sort().join('\n');
}

function sameTelUri(a: TelUri, b: TelUri): boolean {
  if (digitsOf(a.number) !== digitsOf(b.number) || a.params.size !== b.params.size) return false;
  for (const [name, value] of a.params) {
    const other = b.params.get(name);
    if (other === undefined) return false;
    const isNumber = name === 'ext' || (name === 'phone-context' && value?.startsWith('+'));
    if (isNumber ? digitsOf(value ?? '') !== digitsOf(other ?? '') : folded(value) !== folded(other)) return false;
  }
  return true;
}

/** The number without its visual separators. */
function digitsOf(number: string): string {
  let digits = '';
  for (const character of number) if (!'-.()'.includes(character)) digits += character.toLowerCase();
  return digits;
}

function folded(value: string | null | undefined): string | null {
  return value?.toLowerCase() ?? null;
}

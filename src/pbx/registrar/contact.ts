import {
  Contact,
  formatUri,
  type NameAddress,
  noParams,
  type Params,
  Path,
  parseUri,
  SipError,
  type SipUri,
  withoutParam,
} from '../../sip/message/index.ts';
import type { Binding } from './location-store.ts';

/** What one Contact of a REGISTER says. */
export interface RegisteredContact {
  readonly uri: SipUri;
  /** The URI as text: the binding's `contact`. */
  readonly text: string;
  readonly key: string;
  readonly instance: string | null;
  /** 0 to 1000. */
  readonly q: number;
  /** Seconds; `null` without `expires`: then the Expires header counts. */
  readonly expires: number | null | 'malformed';
}

/** Reads a Contact of a REGISTER. Throws SipError 400 for a URI that no SIP request can be sent to. */
export function readContact({ uri, params }: NameAddress): RegisteredContact {
  if (uri.kind !== 'sip') throw new SipError(400, 'Contact Is No SIP URI');
  const text = formatUri(uri);
  const instance = withoutBrackets(params.get('+sip.instance') ?? '') || null;
  return { uri, text, key: keyOf(text, instance, params), instance, q: readQ(params), expires: readExpires(params) };
}

/**
 * Names a binding within its AOR: a phone that tells its instance keeps its place whatever its address (RFC 5626
 * §6), others are known by their URI. `reg-id` means nothing without an instance.
 */
function keyOf(text: string, instance: string | null, params: Params): string {
  if (instance === null) return text;
  const regId = params.get('reg-id');
  return regId && /^\d{1,10}$/.test(regId) ? `${instance};reg-id=${Number(regId)}` : instance;
}

/** `reg-id` as `keyOf` noted it. */
function regIdOf({ key, instance }: Binding): string | null {
  const prefix = `${instance};reg-id=`;
  return instance !== null && key.startsWith(prefix) ? key.slice(prefix.length) : null;
}

function withoutBrackets(instance: string): string {
  return instance.startsWith('<') && instance.endsWith('>') ? instance.slice(1, -1) : instance;
}

function readQ(params: Params): number {
  const text = params.get('q');
  if (!text || !/^[01](\.\d{0,3})?$/.test(text)) return 1000;
  return Math.min(1000, Math.round(Number(text) * 1000));
}

function readExpires(params: Params): number | null | 'malformed' {
  const text = params.get('expires');
  if (text === undefined) return null;
  return text !== null && /^\d+$/.test(text) ? Number(text) : 'malformed';
}

/** The Contact of a 200 to REGISTER: `seconds` left, and what the phone needs to know it for its own (RFC 3261 §10.3 step 8). */
export function formatContact(binding: Binding, uri: SipUri, seconds: number): string {
  const params = new Map<string, string | null>();
  if (binding.q !== 1000) params.set('q', String(binding.q / 1000));
  params.set('expires', String(seconds));
  if (binding.instance !== null) params.set('+sip.instance', `<${binding.instance}>`);
  const regId = regIdOf(binding);
  if (regId !== null) params.set('reg-id', regId);
  return Contact.format({ displayName: null, uri, params });
}

/**
 * Where a request to `binding` is addressed: its Request-URI, and its route set, first hop first (RFC 3327 §5.3).
 * Headers and method of the Contact have no place in a Request-URI (RFC 3261 §19.1.1).
 */
export function contactOf(binding: Binding): { readonly uri: SipUri; readonly route: readonly NameAddress[] } {
  const uri = parseUri(binding.contact);
  if (uri.kind !== 'sip') throw new Error(`${binding.contact} is no SIP URI`);
  return {
    uri: { ...uri, headers: null, params: uri.params.has('method') ? withoutParam(uri.params, 'method') : uri.params },
    route: binding.path.map((value) => Path.parse(value)),
  };
}

/** The contact as a value to compare with; throws SipSyntaxError or SipError for what is no contact. */
export function contactUri(text: string): SipUri {
  return readContact({ displayName: null, uri: parseUri(text), params: noParams }).uri;
}

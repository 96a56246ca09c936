import { type NameAddress, noParams, SipError, type SipRequest, sipUri } from '../../sip/message/index.ts';

/** The extension whose phone sends a request, or takes part in a call. */
export interface Person {
  readonly extension: string;
  readonly displayName: string | null;
  /** Whether it wants to be unknown to the others of its call (RFC 3323). */
  readonly anonymous: boolean;
}

/** Whom others are shown in the place of somebody who wants to be unknown (RFC 3323 §4.1.1.3). */
export const nobody = { number: 'anonymous', displayName: 'Anonymous' } as const;
const nowhere = 'anonymous.invalid';

/** What Privacy may ask for (RFC 3323 §4.2, RFC 3325 §9.3, RFC 7044 §10.1); each leg being a call of ours, all can be done. */
const known = new Set(['header', 'session', 'user', 'none', 'critical', 'id', 'history']);
const ofTheUser = new Set(['header', 'user', 'id']);

/**
 * Whether the user wants to be unknown to whom the request is for: by Privacy, or, as many phones do it, by its From
 * alone. `Privacy: none` wants it not to be so. Throws SipError 500 for a wish that is critical and that nobody knows.
 */
export function wantsAnonymity({ headers, from }: SipRequest): boolean {
  const wishes = headers
    .getAll('Privacy')
    .flatMap((value) => value.toLowerCase().split(/[;,]/))
    .map((wish) => wish.trim());
  if (wishes.includes('critical') && !wishes.every((wish) => known.has(wish))) {
    throw new SipError(500, 'Privacy Not Available');
  }
  if (wishes.includes('none')) return false;
  return wishes.some((wish) => ofTheUser.has(wish)) || (from.uri.kind === 'sip' && from.uri.host === nowhere);
}

/** What the other side, lamps and mailboxes are shown of somebody. */
export function shownAs({ extension, displayName, anonymous }: Person): {
  readonly number: string;
  readonly displayName: string | null;
} {
  return anonymous ? nobody : { number: extension, displayName };
}

/** The address that somebody is shown by; `host` is where it is called back. */
export function shownAddress(
  person: Person,
  { host, port }: { readonly host: string; readonly port: number | null },
): NameAddress {
  const { number: user, displayName } = shownAs(person);
  const at = person.anonymous ? { host: nowhere, port: null } : { host, port };
  return { displayName, uri: sipUri({ user, ...at }), params: noParams };
}

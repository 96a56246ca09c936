import { SipError } from '../../sip/message/index.ts';

/** How long subscriptions and publications live, in s. */
const shortest = 60;
const longest = 3600;

/**
 * The seconds to grant where `asked` are asked for, 0 for none at all. Throws SipError 423 with Min-Expires for a wish
 * that is too short (RFC 6665 §4.2.1.1, RFC 3903 §6 step 4).
 */
export function grantedExpires(asked: number | undefined): number {
  if (asked === undefined) return longest;
  if (asked > 0 && asked < shortest) {
    throw new SipError(423, 'Interval Too Brief', { headers: { 'Min-Expires': String(shortest) } });
  }
  return Math.min(asked, longest);
}

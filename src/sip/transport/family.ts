import { isIPv4, isIPv6 } from 'node:net';

/** The IP family of a numeric address; null for anything else (a host name). */
export function familyOf(address: string): 4 | 6 | null {
  if (isIPv4(address)) return 4;
  return isIPv6(address) ? 6 : null;
}

import type { ViaValue } from '../message/index.ts';

/**
 * Phones that give up where a challenge for SHA-256 stands beside the one for MD5, instead of passing over what they
 * don't know (RFC 8760 §2.4): baresip before 3.12, among it that of Debian 12.
 */
const stumblers: readonly RegExp[] = [/^baresip v(?:[0-2]\.|3\.(?:\d|1[01])\.)/];

/** SIPp before 3.7 gives up too. It says no User-Agent, but builds every branch of three numbers. */
const branchOfSipp = /^z9hG4bK-\d+-\d+-\d+$/;

/**
 * Browsers do all: JsSIP (3.13) and SIP.js (0.21) look at the first challenge only, and know MD5. What they call
 * themselves is up to the page that they are part of.
 */
const transportsOfBrowsers: ReadonlySet<string> = new Set(['WS', 'WSS']);

/** Whether the phone with this User-Agent, or with this Via of its own, can only be asked for MD5. */
export function knowsOnlyMd5(
  userAgent: string | undefined,
  via: Pick<ViaValue, 'transport' | 'params'> | undefined,
): boolean {
  if (via && transportsOfBrowsers.has(via.transport)) return true;
  if (userAgent !== undefined) return stumblers.some((stumbler) => stumbler.test(userAgent));
  return branchOfSipp.test(via?.params.get('branch') ?? '');
}

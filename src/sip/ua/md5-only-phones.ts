/**
 * Phones that give up where a challenge for SHA-256 stands beside the one for MD5, instead of passing over what they
 * don't know (RFC 8760 §2.4): baresip before 3.12, among it that of Debian 12.
 */
const stumblers: readonly RegExp[] = [/^baresip v(?:[0-2]\.|3\.(?:\d|1[01])\.)/];

/** Whether the phone with this User-Agent can only be asked for MD5, and for nothing beside it. */
export function knowsOnlyMd5(userAgent: string | undefined): boolean {
  return userAgent !== undefined && stumblers.some((stumbler) => stumbler.test(userAgent));
}

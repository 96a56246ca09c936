/**
 * Phones that give up where a challenge for SHA-256 stands beside the one for MD5, instead of passing over what they
 * don't know (RFC 8760 §2.4): baresip before 3.12, among it that of Debian 12.
 */
const stumblers: readonly RegExp[] = [/^baresip v(?:[0-2]\.|3\.(?:\d|1[01])\.)/];

/** SIPp before 3.7 gives up too. It says no User-Agent, but builds every branch of three numbers. */
const branchOfSipp = /^z9hG4bK-\d+-\d+-\d+$/;

/** Whether the phone with this User-Agent, or whose Via has this branch, can only be asked for MD5. */
export function knowsOnlyMd5(userAgent: string | undefined, branch: string | null | undefined): boolean {
  if (userAgent === undefined) return branch != null && branchOfSipp.test(branch);
  return stumblers.some((stumbler) => stumbler.test(userAgent));
}

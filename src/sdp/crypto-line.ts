import { isSrtpSuite, type SrtpKey, type SrtpSuite, srtpKeyLength } from '../rtp/index.ts';

/** One way to encrypt that a description offers, or takes: an a=crypto line (RFC 4568) that we can use. */
export interface CryptoLine {
  /** By which an answer says which line it takes. */
  readonly tag: number;
  readonly suite: SrtpSuite;
  /** Master key and salt of whoever wrote the line, in base64. */
  readonly key: string;
}

const shape = /^a=crypto:(\d{1,9}) (\S+) inline:([A-Za-z0-9+/]+={0,2})(?:\|(2\^\d{1,2}|\d+))?((?: \S+)*)$/i;

/** How many packets a key must be good for: more than five hours of talk, as nobody changes keys during a call. */
const minimumLifetime = 2 ** 20;

/** Session parameters that say nothing that we would have to act on (RFC 4568 sections 6.3.6 and 6.3.7). */
const harmless = /^(?:WSH=\d+|-\S+)$/i;

/**
 * Reads a line; null where we can't do what it asks: another suite or key method, several keys or a master key
 * identifier, a key that does not last, or a session parameter such as UNENCRYPTED_SRTP.
 */
export function parseCryptoLine(line: string): CryptoLine | null {
  const [, tag, name, key, lifetime, parameters] = shape.exec(line) ?? [];
  const suite = name?.toUpperCase() ?? '';
  if (key === undefined || !isSrtpSuite(suite) || !hasLength(key, srtpKeyLength(suite))) return null;
  const [base, exponent] = (lifetime ?? '2^48').split('^').map(Number);
  if ((exponent === undefined ? base! : base! ** exponent) < minimumLifetime) return null;
  if ((parameters ?? '').split(' ').some((parameter) => parameter !== '' && !harmless.test(parameter))) return null;
  return { tag: Number(tag), suite, key };
}

/** The key of a line, as it protects packets. */
export function srtpKeyOf({ suite, key }: CryptoLine): SrtpKey {
  return { suite, key: decode(key) };
}

/** Whether base64 text, with its padding or without, says so many bytes. */
function hasLength(base64: string, bytes: number): boolean {
  return base64.replace(/=+$/, '').length === Math.ceil((bytes * 4) / 3);
}

function decode(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

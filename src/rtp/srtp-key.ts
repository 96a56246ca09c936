import { createCipheriv } from 'node:crypto';

/** A crypto suite of SDES (RFC 4568 section 6.2, RFC 7714 section 14.1). */
export type SrtpSuite = keyof typeof suites;

/** A master key of one direction: whose packets it protects has chosen it. */
export interface SrtpKey {
  readonly suite: SrtpSuite;
  /** Master key and master salt, one behind the other, as in `inline:` of RFC 4568 (decoded). */
  readonly key: Uint8Array;
}

/** The two keys of one leg. */
export interface SrtpParameters {
  /** What the phone encrypts with. */
  readonly receive: SrtpKey;
  /** What we encrypt with. */
  readonly send: SrtpKey;
}

/** Lengths in bytes. Whatever the suite, AES-CM authenticates RTCP with 80 bits (RFC 4568 section 6.2.2). */
const suites = {
  AES_CM_128_HMAC_SHA1_80: { cipher: 'AES-CM', keyLength: 16, saltLength: 14, rtpTagLength: 10 },
  AES_CM_128_HMAC_SHA1_32: { cipher: 'AES-CM', keyLength: 16, saltLength: 14, rtpTagLength: 4 },
  AEAD_AES_128_GCM: { cipher: 'AES-GCM', keyLength: 16, saltLength: 12, rtpTagLength: 16 },
  AEAD_AES_256_GCM: { cipher: 'AES-GCM', keyLength: 32, saltLength: 12, rtpTagLength: 16 },
} as const;

export function isSrtpSuite(name: string): name is SrtpSuite {
  return Object.hasOwn(suites, name);
}

/** How many bytes `SrtpKey.key` has in this suite. */
export function srtpKeyLength(suite: SrtpSuite): number {
  return suites[suite].keyLength + suites[suite].saltLength;
}

export function sameSrtpKey(a: SrtpKey, b: SrtpKey): boolean {
  return a.suite === b.suite && a.key.length === b.key.length && a.key.every((byte, index) => byte === b.key[index]);
}

/** The keys that the packets of one direction are protected with, RTP or RTCP. */
export interface SessionKeys {
  readonly cipher: (typeof suites)[SrtpSuite]['cipher'];
  readonly encryption: Uint8Array;
  /** Of HMAC-SHA1; unused by AES-GCM. */
  readonly authentication: Uint8Array;
  readonly salt: Uint8Array;
  /** In bytes. */
  readonly tagLength: number;
}

const authenticationKeyLength = 20;
const rtcpTagLength = 10;

/**
 * Derives the session keys, once for the life of the master key (RFC 3711 section 4.3, RFC 7714 section 11).
 * @throws Error when the key has not the length of its suite
 */
export function deriveSessionKeys({ suite, key }: SrtpKey): { readonly rtp: SessionKeys; readonly rtcp: SessionKeys } {
  const { cipher, keyLength, saltLength, rtpTagLength } = suites[suite];
  if (key.length !== keyLength + saltLength) throw new Error(`${suite} takes ${keyLength + saltLength} bytes of key`);
  const masterKey = key.subarray(0, keyLength);
  const masterSalt = key.subarray(keyLength);
  const derive = (label: number, length: number): Uint8Array => {
    const counter = new Uint8Array(16);
    counter.set(masterSalt);
    counter[7]! ^= label;
    return createCipheriv(`aes-${keyLength * 8}-ctr`, masterKey, counter).update(new Uint8Array(length));
  };
  const keysFrom = (label: number, tagLength: number): SessionKeys => ({
    cipher,
    encryption: derive(label, keyLength),
    authentication: derive(label + 1, authenticationKeyLength),
    salt: derive(label + 2, saltLength),
    tagLength,
  });
  return {
    rtp: keysFrom(0, rtpTagLength),
    rtcp: keysFrom(3, cipher === 'AES-CM' ? rtcpTagLength : rtpTagLength),
  };
}

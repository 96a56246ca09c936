import { describe, expect, test } from 'vitest';
import { parseCryptoLine, srtpKeyOf } from './crypto-line.ts';

const key = 'WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz';
const line = (rest: string) => parseCryptoLine(`a=crypto:${rest}`);

describe('a line is read', () => {
  test.each([
    ['as in RFC 4568 section 9.1', `1 AES_CM_128_HMAC_SHA1_80 inline:${key}|2^20`],
    ['without a lifetime', `1 AES_CM_128_HMAC_SHA1_80 inline:${key}`],
    ['with a lifetime in digits', `1 AES_CM_128_HMAC_SHA1_80 inline:${key}|2147483648`],
    ['with a hint that may be passed over', `1 AES_CM_128_HMAC_SHA1_80 inline:${key}|2^31 WSH=128`],
    ['with a parameter that need not be known', `1 AES_CM_128_HMAC_SHA1_80 inline:${key} -X-OWN=1`],
    ['in small letters', `1 aes_cm_128_hmac_sha1_80 INLINE:${key}`],
  ])('%s', (_, rest) => {
    expect(line(rest)).toEqual({ tag: 1, suite: 'AES_CM_128_HMAC_SHA1_80', key });
  });

  test.each([
    ['AES_CM_128_HMAC_SHA1_32', 30],
    ['AEAD_AES_128_GCM', 28],
    ['AEAD_AES_256_GCM', 44],
  ] as const)('of suite %s with a key of %i bytes, padded or not', (suite, length) => {
    const bytes = new Uint8Array(length).fill(0xfe);
    const padded = Buffer.from(bytes).toString('base64');
    for (const text of [padded, padded.replaceAll('=', '')]) {
      const crypto = line(`999999999 ${suite} inline:${text}`);
      expect(crypto).toEqual({ tag: 999_999_999, suite, key: text });
      expect(srtpKeyOf(crypto!)).toEqual({ suite, key: bytes });
    }
  });
});

describe('a line is passed over', () => {
  test.each([
    ['of a suite that we do not know', `1 AES_256_CM_HMAC_SHA1_80 inline:${key}`],
    ['of another key method', `1 AES_CM_128_HMAC_SHA1_80 uri:${key}`],
    ['with a key that is too short', `1 AES_CM_128_HMAC_SHA1_80 inline:${key.slice(4)}`],
    ['with a key that is too long', `1 AES_CM_128_HMAC_SHA1_80 inline:${key}AAAA`],
    ['with a key of another suite', `1 AEAD_AES_256_GCM inline:${key}`],
    ['with a key that is no base64', `1 AES_CM_128_HMAC_SHA1_80 inline:${key.slice(1)}*`],
    ['with a master key identifier', `1 AES_CM_128_HMAC_SHA1_80 inline:${key}|1:4`],
    ['with a lifetime and a master key identifier', `1 AES_CM_128_HMAC_SHA1_80 inline:${key}|2^20|1:4`],
    ['with several keys', `1 AES_CM_128_HMAC_SHA1_80 inline:${key}|2^20|1:4;inline:${key}|2^20|2:4`],
    ['with a key that does not last', `1 AES_CM_128_HMAC_SHA1_80 inline:${key}|2^16`],
    ['without encryption', `1 AES_CM_128_HMAC_SHA1_80 inline:${key} UNENCRYPTED_SRTP`],
    ['without encryption of RTCP', `1 AES_CM_128_HMAC_SHA1_80 inline:${key} WSH=64 UNENCRYPTED_SRTCP`],
    ['without authentication', `1 AES_CM_128_HMAC_SHA1_80 inline:${key} UNAUTHENTICATED_SRTP`],
    ['with a key derivation rate', `1 AES_CM_128_HMAC_SHA1_80 inline:${key} KDR=1`],
    ['without a tag', `AES_CM_128_HMAC_SHA1_80 inline:${key}`],
    ['with nothing', ''],
  ])('%s', (_, rest) => {
    expect(line(rest)).toBeNull();
  });
});

import { describe, expect, test } from 'vitest';
import { deriveSessionKeys, isSrtpSuite, sameSrtpKey, srtpKeyLength } from './srtp-key.ts';

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex');

describe('the session keys', () => {
  test('are those of RFC 3711 appendix B.3', () => {
    const key = bytes('e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6');
    const { rtp } = deriveSessionKeys({ suite: 'AES_CM_128_HMAC_SHA1_80', key });
    expect(hex(rtp.encryption)).toBe('c61e7a93744f39ee10734afe3ff7a087');
    expect(hex(rtp.salt)).toBe('30cbbc08863d8c85d49db34a9ae1');
    expect(hex(rtp.authentication)).toBe('cebe321f6ff7716b6fd4ab49af256a156d38baa4');
  });

  test('of RTP and RTCP differ in every part', () => {
    const { rtp, rtcp } = deriveSessionKeys({ suite: 'AES_CM_128_HMAC_SHA1_32', key: new Uint8Array(30) });
    const parts = [rtp, rtcp].flatMap((keys) => [keys.encryption, keys.authentication, keys.salt].map(hex));
    expect(new Set(parts.map((part) => part.slice(0, 28))).size).toBe(6);
  });

  test.each([
    ['AES_CM_128_HMAC_SHA1_80', 30, 10, 10],
    ['AES_CM_128_HMAC_SHA1_32', 30, 4, 10],
    ['AEAD_AES_128_GCM', 28, 16, 16],
    ['AEAD_AES_256_GCM', 44, 16, 16],
  ] as const)('%s has a key of %i bytes and tags of %i and %i', (suite, length, rtpTag, rtcpTag) => {
    expect(srtpKeyLength(suite)).toBe(length);
    const { rtp, rtcp } = deriveSessionKeys({ suite, key: new Uint8Array(length) });
    expect([rtp.tagLength, rtcp.tagLength]).toEqual([rtpTag, rtcpTag]);
    expect(() => deriveSessionKeys({ suite, key: new Uint8Array(length - 1) })).toThrow(`takes ${length} bytes`);
    expect(() => deriveSessionKeys({ suite, key: new Uint8Array(length + 1) })).toThrow(`takes ${length} bytes`);
  });
});

test('suites are known by their registered names', () => {
  const names = ['AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_256_GCM', 'F8_128_HMAC_SHA1_80', 'AES_256_CM_HMAC_SHA1_80'];
  expect(names.map(isSrtpSuite)).toEqual([true, true, false, false]);
  expect(isSrtpSuite('toString')).toBe(false);
});

test('keys are the same when suite and bytes are', () => {
  const key = { suite: 'AES_CM_128_HMAC_SHA1_80', key: new Uint8Array(30) } as const;
  expect(sameSrtpKey(key, { ...key, key: new Uint8Array(30) })).toBe(true);
  expect(sameSrtpKey(key, { ...key, suite: 'AES_CM_128_HMAC_SHA1_32' })).toBe(false);
  expect(sameSrtpKey(key, { ...key, key: new Uint8Array(30).fill(1, 29) })).toBe(false);
  expect(sameSrtpKey(key, { ...key, key: new Uint8Array(31) })).toBe(false);
});

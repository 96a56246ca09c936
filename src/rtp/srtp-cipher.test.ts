import { createCipheriv, createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { AesCm } from './aes-cm.ts';
import { AesGcm } from './aes-gcm.ts';
import { headerLength } from './packet.ts';
import type { SrtpCipher } from './srtp-cipher.ts';
import type { SessionKeys } from './srtp-key.ts';

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replace(/\s/g, ''), 'hex'));
const hex = (data: Uint8Array | null) => data && Buffer.from(data).toString('hex');

const unused = new Uint8Array(20);

test('the key stream is that of RFC 3711 appendix B.2', () => {
  const keys: SessionKeys = {
    cipher: 'AES-CM',
    encryption: bytes('2b7e151628aed2a6abf7158809cf4f3c'),
    authentication: unused,
    salt: bytes('f0f1f2f3f4f5f6f7f8f9fafbfcfd'),
    tagLength: 10,
  };
  // Of SSRC 0, sequence number 0, and nothing but zeros: up to block 0xfeff.
  const packet = new Uint8Array(12 + 16 * 0xff00);
  packet[0] = 0x80;
  const stream = new AesCm(keys).protectRtp(packet, 12, 0).subarray(12);
  expect(hex(stream.subarray(0, 48))).toBe(
    'e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab41e95b3bb0a2e8dd477901e4fca894c0',
  );
  expect(hex(stream.subarray(16 * 0xfeff, 16 * 0xff00))).toBe('ec8cdf7398607cb0f2d21675ea9ea1e4');
});

describe.each([
  [
    'AEAD_AES_128_GCM (RFC 7714 sections 16.1 and 17.1)',
    '000102030405060708090a0b0c0d0e0f',
    `8040f17b8041f8d35501a0b2 f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833
     899d7f27beb16a9152cf765ee4390cce`,
    `81c8000d4d617273 63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b
     c84aa45896cf4d2fc5abf87245d9eade 800005d4`,
  ],
  [
    'AEAD_AES_256_GCM (RFC 7714 sections 16.2 and 17.2)',
    '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    `8040f17b8041f8d35501a0b2 32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b
     7aa3db36dfffd6b0f9bb7878d7a76c13`,
    `81c8000d4d617273 d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad
     1d1eb30c4446839f57ff6f6cb26ac3be 800005d4`,
  ],
])('%s', (_, key, protectedRtp, protectedRtcp) => {
  const cipher = new AesGcm({
    cipher: 'AES-GCM',
    encryption: bytes(key),
    authentication: unused,
    salt: bytes('517569642070726f2071756f'),
    tagLength: 16,
  });
  const rtp = bytes(
    '8040f17b8041f8d35501a0b2 47616c6c696120657374206f6d6e697320646976697361206 96e20706172746573207472 6573',
  );
  const rtcp = bytes(
    `81c8000d4d617273 4e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef`,
  );

  test('RTP', () => {
    expect(hex(cipher.protectRtp(rtp, 12, 0))).toBe(hex(bytes(protectedRtp)));
    expect(hex(cipher.unprotectRtp(bytes(protectedRtp), 12, 0))).toBe(hex(rtp));
    expect(cipher.unprotectRtp(bytes(protectedRtp), 12, 1)).toBeNull();
  });

  test('RTCP', () => {
    expect(hex(cipher.protectRtcp(rtcp, 0x5d4))).toBe(hex(bytes(protectedRtcp)));
    expect(cipher.rtcpIndex(bytes(protectedRtcp))).toBe(0x5d4);
    expect(hex(cipher.unprotectRtcp(bytes(protectedRtcp)))).toBe(hex(rtcp));
  });
});

const keysOf = (cipher: SessionKeys['cipher'], tagLength: number): SessionKeys => ({
  cipher,
  encryption: new Uint8Array(16).fill(1),
  authentication: new Uint8Array(20).fill(2),
  salt: new Uint8Array(cipher === 'AES-CM' ? 14 : 12).fill(3),
  tagLength,
});

/** As a phone sends RTCP that has negotiated UNENCRYPTED_SRTCP. */
function unencrypted({ cipher, encryption, authentication, salt }: SessionKeys, plain: Uint8Array, index: number) {
  const word = Buffer.alloc(4);
  word.writeUInt32BE(index);
  const readable = Buffer.concat([plain, word]);
  if (cipher === 'AES-CM') {
    const tag = createHmac('sha1', authentication).update(readable).digest();
    return new Uint8Array(Buffer.concat([readable, tag.subarray(0, 10)]));
  }
  const vector = Buffer.concat([Buffer.alloc(2), plain.subarray(4, 8), Buffer.alloc(2), word]);
  const gcm = createCipheriv(
    'aes-128-gcm',
    encryption,
    vector.map((byte, i) => byte ^ salt[i]!),
  );
  gcm.setAAD(readable);
  gcm.final();
  return new Uint8Array(Buffer.concat([plain, gcm.getAuthTag(), word]));
}

describe.each([
  ['AES-CM', 10],
  ['AES-CM', 4],
  ['AES-GCM', 16],
] as const)('%s, tag of %i bytes', (name, tag) => {
  const cipher: SrtpCipher = name === 'AES-CM' ? new AesCm(keysOf(name, tag)) : new AesGcm(keysOf(name, tag));

  test.each([
    ['no payload', '8000000100000002deadbeef'],
    ['one byte', '8000000100000002deadbeef ff'],
    ['15 contributing sources', `8f00000100000002deadbeef ${'00000001'.repeat(15)} aabbcc`],
    ['an extension', '9000000100000002deadbeef bede0001 10ff0000 aabbcc'],
    ['padding', 'a000000100000002deadbeef aabb 0002'],
  ])('all of the header stays readable, all behind it does not: %s', (_name, packet) => {
    const header = headerLength(bytes(packet));
    const sent = cipher.protectRtp(bytes(packet), header, 0);
    expect(sent.length).toBe(bytes(packet).length + tag);
    expect(hex(sent.subarray(0, header))).toBe(hex(bytes(packet).subarray(0, header)));
    if (bytes(packet).length > header) {
      expect(hex(sent.subarray(header, -tag))).not.toBe(hex(bytes(packet).subarray(header)));
    }
    expect(hex(cipher.unprotectRtp(sent, header, 0))).toBe(hex(bytes(packet)));
  });

  test('what is not genuine stays as it was', () => {
    const sent = cipher.protectRtp(bytes('8000000100000002deadbeef aabbccdd'), 12, 0);
    const before = hex(sent);
    expect(cipher.unprotectRtp(sent, 12, 7)).toBeNull();
    expect(hex(sent)).toBe(before);
    expect(cipher.unprotectRtp(sent.subarray(0, 12 + tag - 1), 12, 0)).toBeNull();
  });

  const ofRtcp = name === 'AES-CM' ? new AesCm(keysOf(name, 10)) : cipher;

  test('RTCP that is authenticated and not encrypted is understood (RFC 3711 section 3.4, RFC 7714 section 9.3)', () => {
    const plain = bytes('80c90001 deadbeef 00000000 11111111');
    const sent = unencrypted(keysOf(name, tag), plain, 5);
    expect(ofRtcp.rtcpIndex(sent)).toBe(5);
    const altered = sent.slice();
    altered[9]! ^= 1;
    expect(ofRtcp.unprotectRtcp(altered)).toBeNull();
    expect(hex(ofRtcp.unprotectRtcp(sent))).toBe(hex(plain));
  });
});

import { expect, test } from 'vitest';
import { maskSecrets } from './mask-secrets.ts';

test.each([
  [
    'digest responses and client nonces (RFC 7616 §3.4), in whatever case and form',
    'Authorization: Digest username="1001", nonce="n", uri="sip:pbx", response="abc123", cnonce = c0, nc=00000001\r\n' +
      'PROXY-AUTHORIZATION : digest RESPONSE = "d\\"e,f", realm="r"\r\n',
    'Authorization: Digest username="1001", nonce="n", uri="sip:pbx", response="***", cnonce = "***", nc=00000001\r\n' +
      'PROXY-AUTHORIZATION : digest RESPONSE = "***", realm="r"\r\n',
  ],
  [
    'those on folded lines (RFC 3261 §7.3.1)',
    'Authorization:\r\n Digest username="1001",\r\n\tresponse=\r\n "abc123"\r\nTo: <sip:a@b>\r\n',
    'Authorization:\r\n Digest username="1001",\r\n\tresponse=\r\n "***"\r\nTo: <sip:a@b>\r\n',
  ],
  [
    'a response whose quotes never end',
    'Authorization: Digest response="abc, def\r\n',
    'Authorization: Digest response="***"',
  ],
  ['other credentials', 'Authorization: Basic YWxhZGRpbg==\r\nTo: x\r\n', 'Authorization: Basic ***\r\nTo: x\r\n'],
  [
    "the server's proof",
    'Authentication-Info: rspauth="abc", qop=auth\r\n',
    'Authentication-Info: rspauth="***", qop=auth\r\n',
  ],
  [
    'passwords in URIs',
    'REGISTER sip:1001:secret@pbx SIP/2.0\r\nContact: <sips:1001:s3cret@[2001:db8::1]:5061>, <sip:1002@10.0.0.1:5060>\r\n',
    'REGISTER sip:1001:***@pbx SIP/2.0\r\nContact: <sips:1001:***@[2001:db8::1]:5061>, <sip:1002@10.0.0.1:5060>\r\n',
  ],
  [
    'keys in SDP (RFC 4568)',
    'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0|2^20|1:4;inline:bW9yZQ== FEC_ORDER=FEC_SRTP\r\na=ice-pwd:secret\r\nk=clear:x\r\n',
    'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:***;inline:*** FEC_ORDER=FEC_SRTP\r\na=ice-pwd:***\r\nk=***\r\n',
  ],
])('%s are masked', (_, text, masked) => {
  expect(maskSecrets(text).trimEnd()).toBe(masked.trimEnd());
});

test('all else stays as it is', () => {
  const text =
    'MESSAGE sip:1002@10.0.0.1:5060;transport=udp SIP/2.0\r\nWWW-Authenticate: Digest realm="r", nonce="n"\r\n' +
    'Contact: <sip:1001@10.0.0.2:5060>\r\n\r\nthe response=42, and my password is hunter2\r\nv=0\r\na=rtpmap:0 PCMU/8000\r\n';
  expect(maskSecrets(text)).toBe(text);
});

test.each(['sip:', 'Authorization: Digest response="', 'a=crypto: inline:', 'response=\r\n '])(
  'a message of nothing but %j costs no more than its length',
  (part) => {
    // Quadratic work would be thousands of millions of steps here and run into the test's time limit.
    expect(maskSecrets(part.repeat(100_000)).length).toBeGreaterThan(0);
    expect(maskSecrets(`Authorization: Digest ${part.repeat(100_000)}`).length).toBeGreaterThan(0);
  },
);

import { describe, expect, test } from 'vitest';
import { parseUri, type SipUri } from '../message/index.ts';
import { targetOf } from './resolve.ts';

const target = (text: string) => {
  const found = targetOf(parseUri(text) as SipUri);
  return found && `${found.transport} ${found.address.address} ${found.address.port}`;
};

describe('the target of a URI (RFC 3263 §4)', () => {
  test.each([
    ['sip:192.0.2.1', 'udp 192.0.2.1 5060'],
    ['sip:1001@192.0.2.1:5070', 'udp 192.0.2.1 5070'],
    ['sip:1001@192.0.2.1;transport=tcp', 'tcp 192.0.2.1 5060'],
    ['sip:1001@192.0.2.1;transport=TLS', 'tls 192.0.2.1 5061'],
    ['sip:1001@[2001:db8::1]:5062;transport=udp', 'udp 2001:db8::1 5062'],
    ['sips:1001@192.0.2.1', 'tls 192.0.2.1 5061'],
    ['sips:1001@192.0.2.1;transport=tcp', 'tls 192.0.2.1 5061'],
    ['sip:1001@192.0.2.1;transport=ws', 'ws 192.0.2.1 80'],
    ['sips:1001@192.0.2.1;transport=ws', 'wss 192.0.2.1 443'],
    ['sip:1001@192.0.2.1;maddr=192.0.2.66', 'udp 192.0.2.1 5060'],
  ])('%s is %s', (text, expected) => {
    expect(target(text)).toBe(expected);
  });

  test.each(['sip:1001@phone.example', 'sips:1001@192.0.2.1;transport=udp', 'sip:1001@192.0.2.1;transport=sctp'])(
    '%s has none',
    (text) => {
      expect(target(text)).toBeNull();
    },
  );

  test('a URI that names no transport takes the preferred one', () => {
    const uri = parseUri('sip:192.0.2.1') as SipUri;
    expect(targetOf(uri, { transport: 'tcp' })).toEqual({
      transport: 'tcp',
      address: { address: '192.0.2.1', port: 5060 },
    });
  });
});

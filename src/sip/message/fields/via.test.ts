import { describe, expect, test } from 'vitest';
import { SipSyntaxError } from '../errors.ts';
import { noParams, type Params } from '../params.ts';
import { Via, type ViaValue } from './via.ts';

const params = (entries: Record<string, string | null>): Params => new Map(Object.entries(entries));

describe('reading Via (RFC 3261 section 20.42)', () => {
  test.each<[string, ViaValue]>([
    ['SIP/2.0/UDP 192.0.2.1', { transport: 'UDP', host: '192.0.2.1', port: null, params: noParams }],
    [
      'SIP/2.0/tcp Example.COM:5070;Branch=z9hG4bKx;rport',
      { transport: 'TCP', host: 'example.com', port: 5070, params: params({ branch: 'z9hG4bKx', rport: null }) },
    ],
    [
      'SIP  / 2.0  / TCP     spindle.example.com   ;  branch  =   z9hG4bK9ikj8',
      { transport: 'TCP', host: 'spindle.example.com', port: null, params: params({ branch: 'z9hG4bK9ikj8' }) },
    ],
    ['sip/2.0/Carrier a : 5060', { transport: 'Carrier', host: 'a', port: 5060, params: noParams }],
    [
      'SIP/2.0/UDP [2001:DB8::9:1]:5060;received=[2001:db8::9:255]',
      { transport: 'UDP', host: '2001:db8::9:1', port: 5060, params: params({ received: '[2001:db8::9:255]' }) },
    ],
    [
      'SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255',
      { transport: 'UDP', host: '2001:db8::9:1', port: null, params: params({ received: '2001:db8::9:255' }) },
    ],
    [
      'SIP/2.0/WSS df7jal23ls0d.invalid',
      { transport: 'WSS', host: 'df7jal23ls0d.invalid', port: null, params: noParams },
    ],
  ])('%s', (text, expected) => {
    expect(Via.parse(text)).toEqual(expected);
    expect(Via.parse(Via.format(expected))).toEqual(expected);
  });

  test('another version of SIP is read, so that its 505 finds the way back', () => {
    expect(Via.parse('SIP/7.0/UDP c.example.com')).toMatchObject({ host: 'c.example.com' });
  });

  test.each([
    '',
    'SIP/2.0',
    'SIP/2.0/UDP',
    'SIP/2.0/ 192.0.2.1',
    'SIP/2.0/UDP ;branch=x',
    'HTTP/2.0/UDP h',
    'SIP//UDP h',
    'SIP/2.0/UDP h:0',
    'SIP/2.0/UDP h:x',
    'SIP/2.0/UDP h branch=x',
    'SIP/2.0/UDP [::1',
  ])('refuses %j', (text) => {
    expect(() => Via.parse(text)).toThrow(SipSyntaxError);
  });
});

test('a transport that is no token is never written', () => {
  expect(() => Via.format({ transport: 'UDP x', host: 'h', port: null, params: noParams })).toThrow(Error);
});

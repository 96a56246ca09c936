import { describe, expect, test } from 'vitest';
import { isLoopbackNetwork, isNetwork, isPublicAddress, NetworkList } from './cidr.ts';

describe('networks', () => {
  test.each(['10.0.0.0/8', '0.0.0.0/0', '192.0.2.7', '2001:db8::/32', '::1', '::/0', '192.0.2.7/32'])(
    '%s is one',
    (text) => {
      expect(isNetwork(text)).toBe(true);
    },
  );

  test.each([
    '',
    '10.0.0.0/33',
    '10.0.0/8',
    '::1/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    'localhost',
    '[::1]',
    '10.0.0.0/-1',
    'fe80::1%eth0',
  ])('%s is none', (text) => {
    expect(isNetwork(text)).toBe(false);
  });

  test('a list contains the addresses of its networks and no others', () => {
    const list = new NetworkList(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32']);
    expect(list.contains('10.255.0.1')).toBe(true);
    expect(list.contains('11.0.0.1')).toBe(false);
    expect(list.contains('192.0.2.7')).toBe(true);
    expect(list.contains('192.0.2.8')).toBe(false);
    expect(list.contains('2001:db8:1::1')).toBe(true);
    expect(list.contains('2001:db9::1')).toBe(false);
  });

  test('the lowest bits of a network written with host bits do not matter', () => {
    expect(new NetworkList(['10.1.2.3/8']).contains('10.9.9.9')).toBe(true);
  });

  test('an IPv4 address in IPv6 clothes is matched as IPv4', () => {
    expect(new NetworkList(['10.0.0.0/8']).contains('::ffff:10.0.0.1')).toBe(true);
    expect(new NetworkList(['10.0.0.0/8']).contains('::ffff:11.0.0.1')).toBe(false);
  });

  test('the zone of a link-local address does not matter', () => {
    expect(new NetworkList(['fe80::/10']).contains('fe80::1%eth0')).toBe(true);
  });

  test('what is no address is in no network', () => {
    expect(new NetworkList(['0.0.0.0/0', '::/0']).contains('phone.example.com')).toBe(false);
  });

  test('a list of what is no network cannot be made', () => {
    expect(() => new NetworkList(['10.0.0.0/8', 'home'])).toThrow(RangeError);
  });
});

describe('loopback', () => {
  test.each(['127.0.0.0/8', '127.0.0.1', '127.0.0.0/16', '::1', '::1/128'])('%s holds nothing else', (network) => {
    expect(isLoopbackNetwork(network)).toBe(true);
  });

  test.each(['127.0.0.0/7', '0.0.0.0/0', '10.0.0.0/8', '::1/64', '::/0', 'nonsense'])(
    '%s holds more or something else',
    (network) => {
      expect(isLoopbackNetwork(network)).toBe(false);
    },
  );
});

describe('public addresses', () => {
  test.each([
    '8.8.8.8',
    '100.128.0.1',
    '172.32.0.1',
    '192.169.0.1',
    '2a00:1450::1',
    '2606:4700::1111',
    '::ffff:8.8.8.8',
  ])('%s is public', (ip) => {
    expect(isPublicAddress(ip)).toBe(true);
  });

  test.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.1.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.5',
    '192.0.2.1',
    '198.51.100.9',
    '203.0.113.4',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fd00::1',
    'fe80::1%eth0',
    '2001:db8::1',
    'ff02::1',
    '::ffff:192.168.1.5',
    'pbx.example.com',
  ])('%s is not', (ip) => {
    expect(isPublicAddress(ip)).toBe(false);
  });
});

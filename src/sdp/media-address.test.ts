import { expect, test } from 'vitest';
import { ipVersion, isUnicast, isUnspecified } from './media-address.ts';

test.each([
  ['192.0.2.1', 4],
  ['0.0.0.0', 4],
  ['255.255.255.255', 4],
  ['::', 6],
  ['::1', 6],
  ['2001:db8::1', 6],
  ['2001:DB8:0:0:8:800:200C:417A', 6],
  ['fe80::', 6],
  ['::ffff:192.0.2.1', 6],
  ['256.0.0.1', null],
  ['192.0.2', null],
  ['192.0.2.1.5', null],
  ['192.0.2.01', null],
  ['1:2:3:4:5:6:7', null],
  ['1:2:3:4:5:6:7:8:9', null],
  ['1::2::3', null],
  ['1:2:3:4:5:6:7::8', null],
  ['12345::', null],
  ['::192.0.2.300', null],
  ['fe80::1%eth0', null],
  ['media.example.com', null],
  ['', null],
])('%s has IP version %s', (address, version) => {
  expect(ipVersion(address)).toBe(version);
});

test('multicast, broadcast and host names are no place to send media to', () => {
  expect(['224.2.1.1', '239.255.255.250', '255.255.255.255', 'ff02::1', 'example.com'].filter(isUnicast)).toEqual([]);
  expect(['192.0.2.1', '127.0.0.1', '2001:db8::1', '0.0.0.0', '::'].filter(isUnicast)).toHaveLength(5);
});

test('the unspecified address is known in every spelling', () => {
  expect(['0.0.0.0', '::', '0:0:0:0:0:0:0:0'].every(isUnspecified)).toBe(true);
  expect(['0.0.0.1', '::1', '10.0.0.0', ''].some(isUnspecified)).toBe(false);
});

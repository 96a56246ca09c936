import { describe, expect, test } from 'vitest';
import type { Flow } from '../sip/transport/index.ts';
import { configSchema } from './config-schema.ts';
import { advertiseFor, mediaAddressFor } from './own-address.ts';

const publicIp = '203.0.113.5';

/** What a peer is told, in SIP and in SDP, for our end `own` of the way to it. */
function told(config: Record<string, unknown>, own: string, peer: string): readonly [sip: string, sdp: string] {
  const settings = configSchema.parse(config);
  const [local, remote] = [
    { address: own, port: 5070 },
    { address: peer, port: 5060 },
  ];
  const advertised = advertiseFor(settings.sip)(local, remote);
  expect(advertised.port).toBe(local.port);
  return [advertised.address, mediaAddressFor(settings)({ local, remote } as Flow)];
}

describe('the address of ours that a peer is told', () => {
  test.each([
    ['a peer outside: the public one', { sip: { advertised_ip: publicIp } }, '10.0.0.1', '198.51.100.9', publicIp],
    ['a peer inside: ours', { sip: { advertised_ip: publicIp } }, '10.0.0.1', '10.9.9.9', '10.0.0.1'],
    ['a peer on this machine: ours', { sip: { advertised_ip: publicIp } }, '127.0.0.1', '127.0.0.1', '127.0.0.1'],
    ['without a public one: ours', {}, '10.0.0.1', '198.51.100.9', '10.0.0.1'],
    [
      'a peer in a network that the configuration adds: ours',
      { sip: { advertised_ip: publicIp, local_networks: ['100.64.0.0/10'] } },
      ...(['10.0.0.1', '100.64.3.3', '10.0.0.1'] as const),
    ],
    [
      'a peer of the other IP family: ours, for no way leads to the public one',
      { sip: { advertised_ip: publicIp } },
      ...(['2001:db8::1', '2001:db8::9', '2001:db8::1'] as const),
    ],
    [
      'a peer outside of the family of an IPv6 address: that',
      { sip: { advertised_ip: '2001:db8::5' } },
      ...(['fd00::1', '2001:db8:1::9', '2001:db8::5'] as const),
    ],
  ])('%s', (_name, config, own, peer, expected) => {
    expect(told(config, own, peer)).toEqual([expected, expected]);
  });

  test('media.advertised_ip goes before that of sip, in SDP only', () => {
    const config = { sip: { advertised_ip: publicIp }, media: { advertised_ip: '203.0.113.6' } };
    expect(told(config, '10.0.0.1', '198.51.100.9')).toEqual([publicIp, '203.0.113.6']);
  });
});

import { isIP } from 'node:net';
import type { Advertise, Flow } from '../sip/transport/index.ts';
import { NetworkList } from './cidr.ts';
import type { Config } from './config.ts';

/** What Via and Contact say of a listener, to each peer what it can reach. */
export function advertiseFor({ advertised_ip: publicAddress, local_networks: networks }: Config['sip']): Advertise {
  const ownAddress = ownAddressFor(publicAddress, networks);
  return (own, peer) => ({ address: ownAddress(own.address, peer.address), port: own.port });
}

/** What SDP says on a flow. */
export function mediaAddressFor({
  sip,
  media,
}: Pick<Config, 'sip' | 'media'>): (flow: Pick<Flow, 'local' | 'remote'>) => string {
  const ownAddress = ownAddressFor(media.advertised_ip ?? sip.advertised_ip, sip.local_networks);
  return ({ local, remote }) => ownAddress(local.address, remote.address);
}

/**
 * Which address of ours a peer is told: the public one, where there is one of the same family as our end of the way to
 * the peer, and the peer is in none of the local networks; else that end itself.
 */
function ownAddressFor(
  publicAddress: string | null,
  localNetworks: readonly string[],
): (own: string, peer: string) => string {
  const local = new NetworkList(localNetworks);
  return (own, peer) =>
    publicAddress === null || isIP(publicAddress) !== isIP(own) || local.contains(peer) ? own : publicAddress;
}

import { BlockList, isIP } from 'node:net';

/** A network in CIDR form, taken apart; a single address is a network of its own. */
interface Network {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** Reads `10.0.0.0/8`, `2001:db8::/32` or a single address; undefined when it is none of these. */
function parseNetwork(text: string): Network | undefined {
  const [address = '', length, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0 || address.includes('%')) return undefined;
  const bits = version === 4 ? 32 : 128;
  if (length !== undefined && !/^\d{1,3}$/.test(length)) return undefined;
  const prefix = length === undefined ? bits : Number(length);
  return prefix <= bits ? { address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' } : undefined;
}

/** Whether `text` is a network in CIDR form or a single IPv4 or IPv6 address (without brackets or zone). */
export function isNetwork(text: string): boolean {
  return parseNetwork(text) !== undefined;
}

/** A set of networks that can be asked whether an address lies in one of them. */
export class NetworkList {
  readonly #list = new BlockList();

  /** `networks` in CIDR form or single addresses; throws RangeError where one is neither. */
  constructor(networks: readonly string[]) {
    for (const text of networks) {
      const network = parseNetwork(text);
      if (!network) throw new RangeError(`not a network in CIDR form: ${text}`);
      this.#list.addSubnet(network.address, network.prefix, network.family);
    }
  }

  /** Whether `address` is in one of the networks. IPv4 written as `::ffff:192.0.2.1` counts as IPv4; what is no address is in none. */
  contains(address: string): boolean {
    const bare = address.split('%', 1)[0] ?? ''; // fe80::1%eth0: the zone says where, not who
    const version = isIP(bare);
    return version !== 0 && this.#list.check(bare, version === 4 ? 'ipv4' : 'ipv6');
  }
}

/** Whether every address of `network` is a loopback address; false for what is no network. */
export function isLoopbackNetwork(network: string): boolean {
  const parsed = parseNetwork(network);
  if (!parsed) return false;
  return parsed.prefix >= (parsed.family === 'ipv4' ? 8 : 128) && loopback.contains(parsed.address);
}

/**
 * Whether strangers on the Internet can reach `ip`: an address that the IANA special-purpose registries
 * (RFC 6890) list as globally reachable. False for wildcards and for what is no address.
 */
export function isPublicAddress(ip: string): boolean {
  return isIP(ip.split('%', 1)[0] ?? '') !== 0 && !notPublic.contains(ip);
}

const loopback = new NetworkList(['127.0.0.0/8', '::1']);

const notPublic = new NetworkList([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10', // carrier NAT, RFC 6598
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24', // documentation, RFC 5737
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3', // multicast, reserved, broadcast
  '::/127', // :: and ::1
  '64:ff9b:1::/48',
  '100::/64',
  '2001:db8::/32',
  '3fff::/20',
  'fc00::/7',
  'fe80::/10',
  'ff00::/8',
]);

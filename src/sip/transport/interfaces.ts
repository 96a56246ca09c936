import { createSocket } from 'node:dgram';
import { BlockList } from 'node:net';
import { networkInterfaces } from 'node:os';
import { familyOf } from './family.ts';

interface InterfaceAddress {
  readonly address: string;
  readonly prefix: number;
}

/** Whether `address` stands for all addresses of its family. */
export function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

/**
 * The addresses a listener on `address` is reached at: itself, or for a wildcard every address of that family that
 * the machine has now. IPv6 link-local ones are left out, they mean nothing without the name of an interface.
 */
export function expandWildcard(address: string): readonly string[] {
  if (!isWildcard(address)) return [address];
  return interfaceAddresses(familyOf(address)).map((entry) => entry.address);
}

function interfaceAddresses(family: 4 | 6 | null): readonly InterfaceAddress[] {
  const found = new Map<string, InterfaceAddress>();
  for (const entries of Object.values(networkInterfaces())) {
    for (const entry of entries ?? []) {
      if (entry.family !== `IPv${family}` || (entry.family === 'IPv6' && entry.scopeid !== 0)) continue;
      const prefix = Number(entry.cidr?.split('/')[1] ?? (family === 4 ? 32 : 128));
      found.set(entry.address, { address: entry.address, prefix });
    }
  }
  return [...found.values()];
}

/** Which of some of our addresses the way to a peer starts at. */
export class Routes {
  /** The networks that are reached directly, the narrowest first. */
  readonly #networks: readonly { readonly source: string; readonly members: BlockList }[];
  readonly #fallback: ReadonlyMap<4 | 6, string>;

  private constructor(
    networks: readonly { readonly source: string; readonly members: BlockList }[],
    fallback: ReadonlyMap<4 | 6, string>,
  ) {
    this.#networks = networks;
    this.#fallback = fallback;
  }

  /** Looks at the interfaces and at the default route; only `sources` will be chosen from. */
  static async discover(sources: readonly string[]): Promise<Routes> {
    const networks: { source: string; members: BlockList; prefix: number }[] = [];
    const fallback = new Map<4 | 6, string>();
    for (const family of [4, 6] as const) {
      const usable = sources.filter((source) => familyOf(source) === family);
      if (usable.length < 2) {
        if (usable[0]) fallback.set(family, usable[0]);
        continue;
      }
      for (const { address, prefix } of interfaceAddresses(family)) {
        if (!usable.includes(address)) continue;
        const members = new BlockList();
        members.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6');
        networks.push({ source: address, members, prefix });
      }
      const outward = await defaultSource(family);
      const first = usable.find((address) => !isLoopback(address)) ?? usable[0]!;
      fallback.set(family, outward && usable.includes(outward) ? outward : first);
    }
    return new Routes(
      networks.sort((a, b) => b.prefix - a.prefix),
      fallback,
    );
  }

  /** Our address for packets to `remote`; null when there is none of its family. */
  sourceFor(remote: string): string | null {
    const family = familyOf(remote);
    if (!family) return null;
    const name = family === 4 ? 'ipv4' : 'ipv6';
    const direct = this.#networks.find(
      ({ source, members }) => familyOf(source) === family && members.check(remote, name),
    );
    return direct?.source ?? this.#fallback.get(family) ?? null;
  }
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

/** The address that the default route leads out of. A UDP socket finds out by connecting, which sends nothing. */
function defaultSource(family: 4 | 6): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
  socket.once('error', () => socket.close(() => resolve(null)));
  // Addresses set aside for documentation (RFC 5737, RFC 3849): nowhere near, so only the default route covers them.
  socket.connect(9, family === 4 ? '198.51.100.1' : '2001:db8::1', () => {
    const { address } = socket.address();
    socket.close(() => resolve(address));
  });
  return promise;
}

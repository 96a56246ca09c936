/** An IP address and a port. IPv6 addresses stand without brackets. */
export interface Address {
  readonly address: string;
  readonly port: number;
}

/** `192.0.2.1:5060`, `[2001:db8::1]:5060`. */
export function formatAddress({ address, port }: Address): string {
  return `${formatHost(address)}:${port}`;
}

/** A host as URIs write it: IPv6 addresses in brackets. */
export function formatHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

export function sameAddress(a: Address, b: Address): boolean {
  return a.port === b.port && a.address === b.address;
}

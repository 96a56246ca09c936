/**
 * A host in one form for comparison: lower case, no brackets, zone or final dot, IPv6 addresses as RFC 5952 writes
 * them and IPv4 addresses mapped into IPv6 as IPv4.
 */
export function canonicalHost(host: string): string {
  let name = host.trim().toLowerCase();
  if (name.startsWith('[') && name.endsWith(']')) name = name.slice(1, -1);
  if (!name.includes(':')) return name.endsWith('.') ? name.slice(0, -1) : name;
  const zone = name.indexOf('%');
  if (zone >= 0) name = name.slice(0, zone);
  // The platform's URL parser is an IPv6 parser that is always at hand.
  const url = URL.parse(`http://[${name}]/`);
  return url ? unmapped(url.hostname.slice(1, -1)) : name;
}

/** `192.0.2.1` of `::ffff:c000:201` (RFC 4291 §2.5.5.2), else the address as it is. */
function unmapped(address: string): string {
  if (!address.startsWith('::ffff:')) return address;
  const [high, low, ...more] = address
    .slice(7)
    .split(':')
    .map((group) => Number.parseInt(group, 16));
  if (high === undefined || low === undefined || more.length > 0) return address;
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

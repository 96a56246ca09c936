/**
 * Whom a peer at this IP address is counted as: an IPv4 address for itself (also where it is written as
 * `::ffff:192.0.2.1`), an IPv6 address as its /64, since whoever has one address of it has all (RFC 6177). Link-local
 * addresses share one /64 and stand for themselves.
 */
export function sourceOf(address: string): string {
  if (!address.includes(':')) return address;
  const [bare = ''] = address.split('%', 1);
  const lower = bare.toLowerCase();
  if (lower.startsWith('::ffff:') && lower.includes('.')) return lower.slice('::ffff:'.length);
  if (/^fe[89ab]/.test(lower)) return lower;
  const [head = '', tail] = lower.split('::', 2);
  const first = head === '' ? [] : head.split(':');
  const last = tail ? tail.split(':') : [];
  const zeros = tail === undefined ? 0 : 8 - first.length - last.length;
  const network = [...first, ...Array<string>(zeros).fill('0'), ...last]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16));
  while (network.at(-1) === '0') network.pop();
  return `${network.join(':')}::/64`;
}

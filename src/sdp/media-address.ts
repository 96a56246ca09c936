const octet = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const ipv4 = new RegExp(`^${octet}(?:\\.${octet}){3}$`);
const group = /^[0-9a-f]{1,4}$/i;

/** 4 or 6 for a literal IP address, `null` for anything else (host names among them). */
export function ipVersion(address: string): 4 | 6 | null {
  if (ipv4.test(address)) return 4;
  return address.includes(':') && isIpv6(address) ? 6 : null;
}

/** `0.0.0.0` or `::`: nowhere to send to. From a phone it is the hold of RFC 2543. */
export function isUnspecified(address: string): boolean {
  return address === '0.0.0.0' || (address.includes(':') && /^[0:]+$/.test(address));
}

/** Whether media can go to one host at this address: a literal, and neither multicast nor broadcast. */
export function isUnicast(address: string): boolean {
  const version = ipVersion(address);
  if (version === 4) return Number.parseInt(address, 10) < 224;
  return version === 6 && !/^ff[0-9a-f]{2}:/i.test(address);
}

function isIpv6(address: string): boolean {
  const halves = address.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  const last = groups.at(-1);
  let length = groups.length;
  if (last?.includes('.') && !address.endsWith('::')) {
    if (!ipv4.test(last)) return false;
    groups.pop();
    length += 1;
  }
  return groups.every((part) => group.test(part)) && (halves.length === 2 ? length < 8 : length === 8);
}

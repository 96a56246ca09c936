const cookie = 0x2112a442;
const headerBytes = 20;
const bindingRequest = 0x0001;
const bindingSuccess = 0x0101;
const xorMappedAddress = 0x0020;

/** Whether a datagram on a SIP port is STUN (RFC 5389 §6): no SIP message begins with two zero bits and the cookie. */
export function isStun(bytes: Uint8Array): boolean {
  if (bytes.length < headerBytes || bytes[0]! > 3) return false;
  return view(bytes).getUint32(4) === cookie;
}

/**
 * The answer to a Binding request, the keepalive of RFC 5626 §4.4.2: it tells the phone its address as we see it.
 * `null` for anything else. `remote.address` is numeric.
 */
export function stunAnswer(
  bytes: Uint8Array,
  remote: { readonly address: string; readonly port: number },
): Uint8Array | null {
  const request = view(bytes);
  if (request.getUint16(0) !== bindingRequest || request.getUint16(2) !== bytes.length - headerBytes) return null;
  const address = addressBytes(remote.address);
  if (!address) return null;
  const answer = new Uint8Array(headerBytes + 8 + address.length);
  const out = view(answer);
  out.setUint16(0, bindingSuccess);
  out.setUint16(2, 8 + address.length);
  // Cookie and transaction id, which are also what the address is XORed with.
  answer.set(bytes.subarray(4, headerBytes), 4);
  out.setUint16(headerBytes, xorMappedAddress);
  out.setUint16(headerBytes + 2, 4 + address.length);
  answer[headerBytes + 5] = address.length === 4 ? 1 : 2;
  out.setUint16(headerBytes + 6, remote.port ^ (cookie >>> 16));
  for (let i = 0; i < address.length; i++) answer[headerBytes + 8 + i] = address[i]! ^ answer[4 + i]!;
  return answer;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The 4 or 16 bytes of a numeric address. */
function addressBytes(address: string): Uint8Array | null {
  if (!address.includes(':')) {
    const parts = address.split('.').map(Number);
    return parts.length === 4 ? Uint8Array.from(parts) : null;
  }
  const [head = '', tail] = address.split('%')[0]!.split('::');
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const bytes = new Uint8Array(16);
  bytes.set(left);
  bytes.set(right, 16 - right.length);
  return bytes;
}

function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 255];
  });
}

/** Shorter than any SIP message can be: a request line alone takes more. */
const shortestMessage = 16;

/**
 * Whether a datagram only keeps a NAT's pinhole open: empty, line ends (RFC 5626 §3.5.1 has them for streams, phones
 * send them over UDP too), zero bytes, or anything too short for a message.
 */
export function isKeepalive(bytes: Uint8Array): boolean {
  return bytes.length < shortestMessage;
}

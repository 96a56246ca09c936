import { SipError, type SipRequest, Via } from '../../sip/message/index.ts';

/** Whether a Via names one of our own listeners. */
export type IsOurs = (host: string, port: number, transport: string) => boolean;

/** 70 where the request has none, as many phones' (RFC 3261 §16.6 step 3). */
export function maxForwardsOf(request: SipRequest): number {
  const text = request.headers.get('Max-Forwards');
  return text === undefined ? 70 : Number(text);
}

/**
 * Refuses what has come too far, and what comes back to us and would go round for ever (RFC 3261 §16.3 steps 3 and 4,
 * RFC 5393). Throws SipError 483, 482.
 */
export function checkHops(request: SipRequest, isOurs: IsOurs): void {
  if (maxForwardsOf(request) === 0) throw new SipError(483, 'Too Many Hops');
  for (const [index, { host, port, transport, params }] of request.headers.all(Via).entries()) {
    // Ours always names its port.
    if (port === null || !isOurs(host, port, transport)) continue;
    // A phone behind a NAT may have our own private address; where it really is says `received`. Over UDP `rport`
    // says more: we send from where we listen, a phone on this machine from somewhere else. Alone they say nothing: a
    // NAT may show a phone as our public address.
    const rport = index === 0 && transport === 'UDP' ? Number(params.get('rport')) : 0;
    if (isOurs(params.get('received') ?? host, rport || port, transport)) throw new SipError(482, 'Loop Detected');
  }
}

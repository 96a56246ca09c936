import type { Address } from '../../base/index.ts';
import { type SipRequest, type SipUri, Via } from '../../sip/message/index.ts';
import type { Flow } from '../../sip/transport/index.ts';
import { canonicalHost } from '../directory/index.ts';

/**
 * Whether the phone that registers `contact` over `flow` is behind a NAT: its Contact names another host than the one
 * its request came from, and no proxy stands between (one Via, no Path) that could explain the difference.
 */
export function isBehindNat(request: SipRequest, contact: SipUri, flow: Flow): boolean {
  return (
    canonicalHost(contact.host) !== canonicalHost(flow.remote.address) &&
    request.headers.all(Via).length === 1 &&
    !request.headers.has('Path')
  );
}

/**
 * Where a phone that registers `contact` over `flow` is called: at the other end of the flow, which is what a NAT lets
 * through. Over UDP a phone may listen on another port than it registers from; its Contact is believed (RFC 3261
 * §10.3) where no NAT and no proxy can stand between: it names the host, and its only Via the host and port, that the
 * REGISTER came from.
 */
export function reachedAt(request: SipRequest, contact: SipUri, flow: Flow): Address {
  const { address, port } = flow.remote;
  const [via, ...others] = request.headers.all(Via);
  const ownTransport = contact.params.get('transport')?.toLowerCase() ?? 'udp';
  const direct =
    flow.transport === 'udp' &&
    ownTransport === 'udp' &&
    others.length === 0 &&
    !request.headers.has('Path') &&
    canonicalHost(contact.host) === canonicalHost(address) &&
    canonicalHost(via?.host ?? '') === canonicalHost(address) &&
    (via?.port ?? 5060) === port;
  return direct ? { address, port: contact.port ?? 5060 } : flow.remote;
}

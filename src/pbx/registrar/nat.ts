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

import { formatHost } from '../../base/index.ts';
import { formatUri, type SipRequest, type SipResponse } from '../message/index.ts';

/** What every branch of RFC 3261 begins with (§8.1.1.7); others come from RFC 2543 elements. */
export const branchCookie = 'z9hG4bK';

/** The name under which a response finds its client transaction (RFC 3261 §17.1.3). */
export function clientKey(branch: string, method: string): string {
  return `${branch} ${method}`;
}

export function clientKeyOf(response: SipResponse): string {
  return clientKey(response.topVia.params.get('branch') ?? '', response.cseq.method);
}

/**
 * The name under which a request finds its server transaction (RFC 3261 §17.2.3). An ACK is looked for under
 * `INVITE`, and so is a CANCEL when the transaction that it cancels is looked for.
 */
export function serverKeyOf(
  request: SipRequest,
  method = request.method === 'ACK' ? 'INVITE' : request.method,
): string {
  const via = request.topVia;
  const branch = via.params.get('branch');
  const sentBy = `${formatHost(via.host)}:${via.port ?? 5060}`;
  if (branch?.startsWith(branchCookie) && branch.length > branchCookie.length) return `${branch} ${sentBy} ${method}`;
  // RFC 2543: no branch to trust. The To tag is left out, because an ACK carries the one that our response made.
  return `${formatUri(request.uri)} ${request.callId} ${request.cseq.number} ${request.fromTag ?? ''} ${sentBy} ${branch ?? ''} ${method}`;
}

/** The same for one request that reached us by several ways (RFC 3261 §8.2.2.2). */
export function mergeKeyOf(request: SipRequest): string {
  return `${request.callId} ${request.fromTag ?? ''} ${request.cseq.number} ${request.method}`;
}

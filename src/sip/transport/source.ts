import type { Address } from '../../base/index.ts';
import { type SipRequest, Via, withParam } from '../message/index.ts';

/**
 * Writes into the request's topmost Via where it really came from (RFC 3261 §18.2.1, RFC 3581 §4): `received` when
 * the Via names another host or asks by `rport`, and `rport` when asked. Gives the address that UDP responses to it
 * go to: the source, but without `rport` the port that the Via names (RFC 3261 §18.2.2; some phones send from one
 * port and listen on another). A `maddr` is not followed: it would let a stranger aim our responses.
 */
export function markSource(request: SipRequest, source: Address): Address {
  const via = request.topVia;
  const asked = via.params.has('rport');
  if (asked || via.host !== source.address) {
    let params = withParam(via.params, 'received', source.address.split('%')[0]!);
    if (asked) params = withParam(params, 'rport', String(source.port));
    request.headers.removeFirst('Via');
    request.headers.prependValue(Via, { ...via, params });
  }
  if (asked) return source;
  const port = via.port ?? 5060;
  return port === source.port ? source : { address: source.address, port };
}

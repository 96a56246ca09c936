import { type NameAddress, noParams, type Uri, withoutParam } from '../message/index.ts';

/** The Request-URI and the Route of a request. */
export interface Addressed {
  readonly uri: Uri;
  readonly route: readonly NameAddress[];
}

/**
 * How a request to `target` by way of `routeSet`, first hop first, is addressed (RFC 3261 §12.2.1.1). A first hop
 * without `lr` is a strict router of RFC 2543: it is the Request-URI itself, and the target the last Route.
 */
export function addressed(target: Uri, routeSet: readonly NameAddress[]): Addressed {
  const first = routeSet[0]?.uri;
  if (first?.kind !== 'sip' || first.params.has('lr')) return { uri: target, route: routeSet };
  // Headers and method have no place in a Request-URI (RFC 3261 §19.1.1).
  const uri = { ...first, headers: null, params: withoutParam(first.params, 'method') };
  return { uri, route: [...routeSet.slice(1), { displayName: null, uri: target, params: noParams }] };
}

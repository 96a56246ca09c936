import type { Address } from '../../base/index.ts';
import type { SipUri } from '../message/index.ts';
import { familyOf } from './family.ts';
import type { TransportName } from './transport.ts';

/** Where and how a request leaves: what RFC 3263 makes of a URI. */
export interface Target {
  readonly transport: TransportName;
  readonly address: Address;
}

const ports: Readonly<Record<TransportName, number>> = { udp: 5060, tcp: 5060, tls: 5061, ws: 80, wss: 443 };

/**
 * The target of a URI whose host is a numeric address (RFC 3263 §4, without DNS): `null` for a host name, for a
 * transport that we don't know and for a SIPS URI that asks for one that can't be secure. `maddr` is not followed:
 * no request goes to a host that a stranger names beside the visible one. `defaults.transport` serves a SIP URI
 * that names no transport; RFC 3263 says UDP.
 */
export function targetOf(
  uri: SipUri,
  defaults: { readonly transport: TransportName } = { transport: 'udp' },
): Target | null {
  if (!familyOf(uri.host)) return null;
  const transport = transportOf(uri, defaults.transport);
  return transport && { transport, address: { address: uri.host, port: uri.port ?? ports[transport] } };
}

function transportOf(uri: SipUri, preferred: TransportName): TransportName | null {
  const named = uri.params.get('transport')?.toLowerCase();
  const secure = uri.scheme === 'sips';
  switch (named) {
    case undefined:
      return secure ? 'tls' : preferred;
    case 'udp':
      return secure ? null : 'udp';
    case 'tcp':
      return secure ? 'tls' : 'tcp';
    case 'tls':
      return 'tls';
    case 'ws':
      return secure ? 'wss' : 'ws';
    case 'wss':
      return 'wss';
    default:
      return null;
  }
}

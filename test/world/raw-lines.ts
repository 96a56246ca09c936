import type { RawPeer } from './raw-peer.ts';
import { exchangeIp } from './world.ts';

/** A request of a raw peer that says it is 1001, line by line. */
export function requestLines(
  peer: RawPeer,
  method: string,
  uri: string,
  options: {
    readonly via?: string;
    readonly from?: string;
    readonly to?: string;
    readonly callId?: string;
    readonly sequence?: number;
    readonly more?: readonly string[];
  } = {},
): readonly string[] {
  const { sequence = 1, more = [] } = options;
  return [
    `${method} ${uri} SIP/2.0`,
    `Via: ${options.via ?? `SIP/2.0/UDP ${peer.host};branch=z9hG4bK${method}${sequence}`}`,
    'Max-Forwards: 70',
    `From: ${options.from ?? `<sip:1001@${exchangeIp}>;tag=raw`}`,
    `To: ${options.to ?? `<${uri}>`}`,
    `Call-ID: ${options.callId ?? 'raw'}`,
    `CSeq: ${sequence} ${method}`,
    ...more,
  ];
}

/** Its INVITE to 1002; the session description follows. */
export function inviteLines(peer: RawPeer, options: Parameters<typeof requestLines>[3] = {}): readonly string[] {
  const more = [`Contact: <sip:1001@${peer.host}>`, 'Content-Type: application/sdp', ...(options.more ?? [])];
  return requestLines(peer, 'INVITE', `sip:1002@${exchangeIp}`, { ...options, more });
}

/** A Via of the peer with this branch. */
export function viaOf(peer: RawPeer, branch: string): string {
  return `SIP/2.0/UDP ${peer.host};branch=z9hG4bK${branch}`;
}

import { formatHost } from '../../../base/index.ts';
import { SipSyntaxError } from '../errors.ts';
import { charClass, code, isOf, skipSpace, skipToken } from '../grammar.ts';
import type { HeaderType } from '../header-type.ts';
import { assertToken, formatParams, type Params, parseParams } from '../params.ts';
import { endOfHost, hostOf, parsePort } from '../uri.ts';

/** Where a request came from and its response goes to (RFC 3261 section 20.42). */
export interface ViaValue {
  /** In upper case where we know it (UDP, TCP, TLS, WS ...), else as received. */
  readonly transport: string;
  /** In lower case; IPv6 addresses without brackets. */
  readonly host: string;
  readonly port: number | null;
  readonly params: Params;
}

const knownTransports = new Set(['UDP', 'TCP', 'TLS', 'SCTP', 'TLS-SCTP', 'WS', 'WSS', 'DTLS-UDP']);

function parseVia(text: string): ViaValue {
  const transportStart = text.startsWith('SIP/2.0/') ? 8 : endOfProtocol(text);
  const transportEnd = skipToken(text, transportStart);
  if (transportEnd === transportStart) throw new SipSyntaxError('no transport');
  const written = text.slice(transportStart, transportEnd);
  const upper = knownTransports.has(written) ? written : written.toUpperCase();
  const transport = knownTransports.has(upper) ? upper : written;

  const hostStart = skipSpace(text, transportEnd);
  if (hostStart === transportEnd) throw new SipSyntaxError('no space behind the transport');
  const hostEnd = endOfHost(text, hostStart);
  const host = hostOf(text, hostStart, hostEnd);
  let port: number | null = null;
  let at = skipSpace(text, hostEnd);
  if (text.charCodeAt(at) === code.colon) {
    const portStart = skipSpace(text, at + 1);
    at = portStart;
    while (isOf(text.charCodeAt(at), charClass.digit)) at++;
    port = parsePort(text, portStart, at);
  }
  return { transport, host, port, params: parseParams(text, at) };
}

/**
 * The position behind "SIP / 2.0 /", which may be written with spaces and in any case. Another version is not ours to
 * judge: its request gets a 505, which must find its way back.
 */
function endOfProtocol(text: string): number {
  const nameEnd = skipToken(text, 0);
  const versionStart = behindSlash(text, nameEnd);
  const versionEnd = skipToken(text, versionStart);
  if (text.slice(0, nameEnd).toUpperCase() !== 'SIP' || versionEnd === versionStart)
    throw new SipSyntaxError('not SIP');
  return behindSlash(text, versionEnd);
}

function behindSlash(text: string, at: number): number {
  at = skipSpace(text, at);
  if (text.charCodeAt(at) !== code.slash) throw new SipSyntaxError('"/" expected');
  return skipSpace(text, at + 1);
}

export const Via: HeaderType<ViaValue> = {
  name: 'Via',
  compact: 'v',
  list: true,
  parse: parseVia,
  format: ({ transport, host, port, params }) =>
    `SIP/2.0/${assertToken(transport)} ${formatHost(host)}${port === null ? '' : `:${port}`}${formatParams(params)}`,
};

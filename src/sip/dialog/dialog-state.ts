import { type Random, randomToken } from '../../base/index.ts';
import {
  Allow,
  Contact,
  type HeaderType,
  type NameAddress,
  RecordRoute,
  type SipRequest,
  type SipResponse,
  SipSyntaxError,
  Supported,
  type Uri,
  withParam,
} from '../message/index.ts';

/** What two user agents remember of each other (RFC 3261 §12): plain data, enough to go on with the dialog elsewhere. */
export interface DialogState {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** With its tag: the From of our requests. */
  readonly local: NameAddress;
  /** With its tag: the To of our requests. */
  readonly remote: NameAddress;
  /** The peer's Contact: the Request-URI of our requests. */
  remoteTarget: Uri;
  /** The proxies to go by, first hop first; fixed once the dialog is confirmed. */
  routeSet: readonly NameAddress[];
  /** Whether it was asked for by a SIPS URI, so that our Contact is one too. */
  readonly sips: boolean;
  /** CSeq number of our last request. */
  localSequence: number;
  /** CSeq number of the peer's last request; null before its first. */
  remoteSequence: number | null;
  /** Whether the request that made it was ours: then its Call-ID is too (RFC 3261 §14.1). */
  readonly openedByUs: boolean;
  /** What the peer can do. */
  peer: PeerCapabilities;
  /** Whether the peer has sent a REFER: reports of further ones are told apart by an id (RFC 3515 §2.4.6). */
  referred: boolean;
  /** Who confirms the session and when; null before the 2xx to its INVITE, and where no session timer runs. */
  session: SessionState | null;
}

/** What the two have agreed on session timers (RFC 4028). */
export interface SessionState {
  /** s */
  readonly interval: number;
  /** Who refreshes; null: the peer knows no session timers, and is asked now and then whether it is there. */
  readonly refresher: 'us' | 'peer' | null;
  /** The largest Min-SE that the peer has named, in s. */
  readonly minimum: number;
  /** Wall time in ms at which it ends unless it is refreshed before; without a refresher, when the peer is to be asked. */
  readonly deadline: number;
}

/** What a user agent has said of itself, last. */
export interface PeerCapabilities {
  /** Methods of its Allow; null as long as it has sent none. */
  readonly allow: readonly string[] | null;
  /** Option tags of its Supported, in lower case. */
  readonly supported: readonly string[];
}

/** What the sender of `message` says of itself; what it leaves out stays as `known`. */
export function capabilitiesOf(
  message: SipRequest | SipResponse,
  known: PeerCapabilities = { allow: null, supported: [] },
): PeerCapabilities {
  const allow = readable(message, Allow);
  const supported = readable(message, Supported)?.map((option) => option.toLowerCase());
  return { allow: allow ?? known.allow, supported: supported ?? known.supported };
}

/** The values of a field that is not vital; null where it is missing or can't be read. */
export function readable<T>({ headers }: SipRequest | SipResponse, type: HeaderType<T>): readonly T[] | null {
  if (!headers.has(type.name)) return null;
  try {
    return headers.all(type);
  } catch (error) {
    if (error instanceof SipSyntaxError) return null;
    throw error;
  }
}

/** The dialog that our answer to `request` makes (RFC 3261 §12.1.1). Throws SipSyntaxError without a usable Contact. */
export function dialogStateOfRequest(request: SipRequest, localTag: string): DialogState {
  const remoteTarget = contactOf(request) ?? request.from.uri;
  const routeSet = request.headers.all(RecordRoute);
  return {
    callId: request.callId,
    localTag,
    remoteTag: request.fromTag ?? '',
    local: tagged(request.to, localTag),
    remote: request.from,
    remoteTarget,
    routeSet,
    sips: isSips(request.uri) || isSips(routeSet[0]?.uri ?? remoteTarget),
    localSequence: 0,
    remoteSequence: request.cseq.number,
    openedByUs: false,
    peer: capabilitiesOf(request),
    referred: false,
    session: null,
  };
}

/**
 * The dialog that `response` to our `request` makes (RFC 3261 §12.1.2). Throws SipSyntaxError where the proxies to come
 * back by can't be read.
 */
export function dialogStateOfResponse(request: SipRequest, response: SipResponse): DialogState {
  return {
    callId: request.callId,
    localTag: request.fromTag ?? '',
    remoteTag: response.toTag ?? '',
    local: request.from,
    remote: response.to,
    remoteTarget: contactOf(response) ?? request.uri,
    routeSet: routeSetOf(response),
    sips: isSips(request.uri),
    localSequence: request.cseq.number,
    remoteSequence: null,
    openedByUs: true,
    peer: capabilitiesOf(response),
    referred: false,
    session: null,
  };
}

/** The proxies to the peer that has answered our request. Throws SipSyntaxError where they can't be read. */
export function routeSetOf(response: SipResponse): readonly NameAddress[] {
  return [...response.headers.all(RecordRoute)].reverse();
}

/** Whether every hop to this URI is to be encrypted (RFC 3261 §19.1). */
export function isSips(uri: Uri): boolean {
  return uri.kind === 'sip' && uri.scheme === 'sips';
}

/** Names a dialog among all of ours. */
export function dialogKey(callId: string, localTag: string, remoteTag: string): string {
  return `${callId} ${localTag} ${remoteTag}`;
}

export function newTag(random: Random): string {
  return randomToken(random, 10);
}

/** The peer's Contact. Throws SipSyntaxError for one of a request that can't be read; a peer that answers is reached without it. */
export function contactOf(message: SipRequest | SipResponse): Uri | null {
  try {
    const contact = message.headers.all(Contact)[0];
    return contact && contact !== '*' ? contact.uri : null;
  } catch (error) {
    if (message.kind === 'response' && error instanceof SipSyntaxError) return null;
    throw error;
  }
}

function tagged(address: NameAddress, tag: string): NameAddress {
  return { ...address, params: withParam(address.params, 'tag', tag) };
}

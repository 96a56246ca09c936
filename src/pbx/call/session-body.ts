import {
  formatSessionDescription,
  NoCommonMedia,
  parseSessionDescription,
  SdpError,
  type SessionDescription,
} from '../../sdp/index.ts';
import { ContentType, SipError, type SipMessage, SipSyntaxError } from '../../sip/message/index.ts';
import { findPart } from './multipart.ts';

/** A body as requests and responses carry it. */
export interface Body {
  readonly body: Uint8Array;
  readonly contentType: string;
}

const encoder = new TextEncoder();
const sdpType = 'application/sdp';
const identity = 'identity';

/** What a 415 to an INVITE says that can be taken (RFC 3261 §21.4.13). */
export const acceptable: Readonly<Record<string, string>> = { Accept: sdpType };

export function sdpBody(description: SessionDescription): Body {
  return { body: encoder.encode(formatSessionDescription(description)), contentType: sdpType };
}

/**
 * The session description that a message carries, by itself or as a part among others (RFC 5621 §3.1); null when it has
 * no body, or only one that may be passed over.
 * Throws SipError: 415 with Accept for another type of body, 400 when it makes no sense.
 */
export function sdpOf(message: SipMessage): SessionDescription | null {
  if (message.body.length === 0) return null;
  try {
    const coding = message.headers.get('Content-Encoding') ?? identity;
    if (coding.toLowerCase() !== identity) throw unsupported({ 'Accept-Encoding': identity });
    const type = message.headers.first(ContentType);
    const name = `${type?.type}/${type?.subtype}`.toLowerCase();
    if (name === sdpType) return parseSessionDescription(message.body);
    const boundary = name.startsWith('multipart/') && type?.params.get('boundary');
    const sdp = boundary ? findPart(new TextDecoder().decode(message.body), boundary, sdpType) : null;
    if (sdp) return parseSessionDescription(sdp.body);
    if (isOptional(message)) return null;
    throw unsupported(acceptable);
  } catch (error) {
    throw refusalOfMedia(error, 400);
  }
}

/** Whether the body may be passed over by whoever does not know its type (RFC 3261 §20.11). */
function isOptional({ headers }: SipMessage): boolean {
  return /;\s*handling\s*=\s*"?optional\b/i.test(headers.get('Content-Disposition') ?? '');
}

function unsupported(headers: Readonly<Record<string, string>>): SipError {
  return new SipError(415, 'Unsupported Media Type', { headers });
}

/** A fault of a session description as a refusal: `status` where it can't be read, 488 where nothing is in common. */
export function refusalOfMedia(error: unknown, status: 400 | 488 = 488): unknown {
  if (error instanceof SipSyntaxError)
    return new SipError(400, `Bad Content-Type (${error.message})`, { cause: error });
  if (error instanceof NoCommonMedia) return new SipError(488, error.reason ?? 'Not Acceptable Here', { cause: error });
  if (!(error instanceof SdpError)) return error;
  const reason = status === 400 ? `Bad Session Description (${error.message})` : 'Not Acceptable Here';
  return new SipError(status, reason, { cause: error });
}

import {
  formatSessionDescription,
  NoCommonMedia,
  parseSessionDescription,
  SdpError,
  type SessionDescription,
} from '../../sdp/index.ts';
import { ContentType, SipError, type SipMessage, SipSyntaxError } from '../../sip/message/index.ts';

/** A body as requests and responses carry it. */
export interface Body {
  readonly body: Uint8Array;
  readonly contentType: string;
}

const encoder = new TextEncoder();

export function sdpBody(description: SessionDescription): Body {
  return { body: encoder.encode(formatSessionDescription(description)), contentType: 'application/sdp' };
}

/**
 * The session description that a message carries, null when it has no body.
 * Throws SipError: 415 with Accept for another type of body, 400 when it makes no sense.
 */
export function sdpOf(message: SipMessage): SessionDescription | null {
  if (message.body.length === 0) return null;
  try {
    const type = message.headers.first(ContentType);
    if (`${type?.type}/${type?.subtype}`.toLowerCase() !== 'application/sdp') {
      throw new SipError(415, 'Unsupported Media Type', { headers: { Accept: 'application/sdp' } });
    }
    return parseSessionDescription(message.body);
  } catch (error) {
    throw refusalOfMedia(error, 400);
  }
}

/** A fault of a session description as a refusal: `status` where it can't be read, 488 where nothing is in common. */
export function refusalOfMedia(error: unknown, status: 400 | 488 = 488): unknown {
  if (error instanceof SipSyntaxError)
    return new SipError(400, `Bad Content-Type (${error.message})`, { cause: error });
  if (error instanceof NoCommonMedia) return new SipError(488, 'Not Acceptable Here', { cause: error });
  if (!(error instanceof SdpError)) return error;
  const reason = status === 400 ? `Bad Session Description (${error.message})` : 'Not Acceptable Here';
  return new SipError(status, reason, { cause: error });
}

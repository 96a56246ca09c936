import { SipSyntaxError } from './errors.ts';
import type { Frame, Framer } from './framer.ts';
import { code } from './grammar.ts';
import { answerableRequest, limits } from './parse.ts';

/**
 * Frames of a transport that delivers whole messages: each push is one SIP message (RFC 7118 §4.2), or line ends that
 * keep the connection alive (RFC 5626 §4.4.1). An empty push is nothing.
 */
export class MessageFramer implements Framer {
  readonly buffered = 0;
  #frame: Frame | null = null;

  push(message: Uint8Array): void {
    this.#frame = frameOf(message);
  }

  next(): Frame | null {
    const frame = this.#frame;
    this.#frame = null;
    return frame;
  }
}

function frameOf(bytes: Uint8Array): Frame | null {
  if (bytes.length === 0) return null;
  if (bytes.length > limits.streamBytes) {
    const request = answerableRequest(bytes);
    return { kind: 'error', error: new SipSyntaxError('message too large', { status: 513, request }) };
  }
  if (bytes.every((byte) => byte === code.cr || byte === code.lf)) return { kind: bytes.length < 4 ? 'pong' : 'ping' };
  return { kind: 'message', bytes };
}

import { Buffer } from 'node:buffer';
import { SipSyntaxError, type SyntaxStatus } from './errors.ts';
import { code, parseNumber, skipSpace, skipToken, unfolded } from './grammar.ts';
import { canonicalName } from './names.ts';
import { answerableRequest, limits } from './parse.ts';

/**
 * What stands on a stream: a message, CRLF CRLF that asks for a CRLF (RFC 5626 section 4.4.1), a single CRLF that is the
 * answer to it, or the fault after which nothing can be framed any more: answer it if it has a request, and close.
 */
export type Frame =
  | { readonly kind: 'message'; readonly bytes: Uint8Array }
  | { readonly kind: 'ping' }
  | { readonly kind: 'pong' }
  | { readonly kind: 'error'; readonly error: SipSyntaxError };

/** Makes frames of what arrives on a connection: call `next` until it returns null after each `push`. */
export interface Framer {
  /** Bytes that have come and are not handed out yet. */
  readonly buffered: number;
  push(chunk: Uint8Array): void;
  /** The next frame, null while none is complete. After an error there are no more. */
  next(): Frame | null;
}

const ping: Frame = { kind: 'ping' };
const pong: Frame = { kind: 'pong' };

const empty = Buffer.alloc(0);

/** A buffer up to this size outlives the messages in it. */
const keptBytes = 16_384;

/**
 * Cuts a byte stream into frames (RFC 3261 section 18.3). Every byte is looked at once, however the stream is fragmented.
 * A single CRLF at the end of what has come is a pong at once; when another follows later, the two make a ping all the
 * same.
 */
export class StreamFramer implements Framer {
  readonly #maxBytes: number;
  #buffer: Buffer = empty;
  /** The unread bytes are from `#start` to `#end`. */
  #start = 0;
  #end = 0;
  /** How far the head has been searched for its end, and where its current line begins. */
  #searched = 0;
  #lineStart = 0;
  /** The length of the frame whose head is complete; 0 while it is not. */
  #frameLength = 0;
  /** The last frame was a single CRLF. */
  #halfPing = false;
  #failed = false;

  constructor(options: { readonly maxBytes?: number } = {}) {
    this.#maxBytes = options.maxBytes ?? limits.streamBytes;
  }

  get buffered(): number {
    return this.#end - this.#start;
  }

  push(chunk: Uint8Array): void {
    if (this.#failed || chunk.length === 0) return;
    if (this.#end + chunk.length > this.#buffer.length) this.#makeRoom(chunk.length);
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  next(): Frame | null {
    if (this.#failed) return null;
    if (this.#frameLength === 0) {
      if (this.#searched === this.#start) {
        const frame = this.#blankLines();
        if (frame !== null) return frame;
        if (!this.#atHead()) return null;
      }
      const headEnd = this.#findHeadEnd();
      if (headEnd < 0) return this.buffered > this.#maxBytes ? this.#fail(513, 'message too large', this.#end) : null;
      const frame = this.#measure(headEnd);
      if (frame !== null) return frame;
    }
    if (this.buffered < this.#frameLength) return null;
    const bytes = Buffer.from(this.#buffer.subarray(this.#start, this.#start + this.#frameLength));
    this.#advance(this.#frameLength);
    return { kind: 'message', bytes };
  }

  /** Takes the blank lines before a message away; a frame where they are a ping or a pong. */
  #blankLines(): Frame | null {
    while (this.#start < this.#end) {
      const buffer = this.#buffer;
      const at = this.#start;
      if (buffer[at] === code.lf) {
        this.#advance(1);
        continue;
      }
      if (!isCrlf(buffer, at, this.#end)) return null;
      if (this.#halfPing) {
        this.#halfPing = false;
        this.#advance(2);
        return ping;
      }
      if (isCrlf(buffer, at + 2, this.#end)) {
        this.#advance(4);
        return ping;
      }
      this.#halfPing = true;
      this.#advance(2);
      return pong;
    }
    return null;
  }

  /** Whether what has come begins a message; a lone CR may still become a blank line. */
  #atHead(): boolean {
    if (this.buffered === 0 || (this.buffered === 1 && this.#buffer[this.#start] === code.cr)) return false;
    this.#halfPing = false;
    return true;
  }

  /** The position behind the empty line that ends the head, -1 while it has not come. */
  #findHeadEnd(): number {
    const buffer = this.#buffer;
    for (let at = this.#searched; at < this.#end; at++) {
      if (buffer[at] !== code.lf) continue;
      const length = at - this.#lineStart;
      if (length === 0 || (length === 1 && buffer[this.#lineStart] === code.cr)) return at + 1;
      this.#lineStart = at + 1;
    }
    this.#searched = this.#end;
    return -1;
  }

  /** Sets the length of the frame; an error frame where there is none or it is too large. */
  #measure(headEnd: number): Frame | null {
    try {
      const length = contentLengthOf(this.#buffer.toString('latin1', this.#start, headEnd));
      const total = headEnd - this.#start + length;
      if (total > this.#maxBytes) return this.#fail(513, 'message too large', headEnd);
      this.#frameLength = total;
      return null;
    } catch (error) {
      if (!(error instanceof SipSyntaxError)) throw error;
      return this.#fail(error.status, error.message, headEnd);
    }
  }

  #fail(status: SyntaxStatus, text: string, headEnd: number): Frame {
    const request = answerableRequest(Buffer.from(this.#buffer.subarray(this.#start, headEnd)));
    this.#failed = true;
    this.#buffer = empty;
    this.#start = 0;
    this.#end = 0;
    return { kind: 'error', error: new SipSyntaxError(text, { status, request }) };
  }

  #advance(count: number): void {
    this.#start += count;
    if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
      if (this.#buffer.length > keptBytes) this.#buffer = empty;
    }
    this.#searched = this.#start;
    this.#lineStart = this.#start;
    this.#frameLength = 0;
  }

  /** Moves the unread bytes to the front, into a larger buffer where they fill more than half of this one. */
  #makeRoom(count: number): void {
    const unread = this.buffered;
    const needed = unread + count;
    const shift = this.#start;
    let target = this.#buffer;
    if (needed > target.length / 2) target = Buffer.allocUnsafeSlow(Math.max(needed, 2 * target.length, 2_048));
    this.#buffer.copy(target, 0, shift, this.#end);
    this.#buffer = target;
    this.#start = 0;
    this.#end = unread;
    this.#searched -= shift;
    this.#lineStart -= shift;
  }
}

function isCrlf(buffer: Buffer, at: number, end: number): boolean {
  return at + 1 < end && buffer[at] === code.cr && buffer[at + 1] === code.lf;
}

/**
 * The Content-Length that a complete head states. Throws SipSyntaxError where there is none, or no single one, and where
 * another protocol is spoken: HTTP has a Content-Length too.
 */
function contentLengthOf(head: string): number {
  if (!/^[^\n]*SIP\//i.test(head)) throw new SipSyntaxError('not SIP');
  let length = -1;
  for (let start = head.indexOf('\n') + 1; start < head.length; ) {
    let lf = head.indexOf('\n', start);
    while (head.charCodeAt(lf + 1) === code.space || head.charCodeAt(lf + 1) === code.tab)
      lf = head.indexOf('\n', lf + 1);
    const value = contentLengthLine(head, start, lf);
    if (value >= 0) {
      if (length >= 0 && length !== value) throw new SipSyntaxError('more than one Content-Length');
      length = value;
    }
    start = lf + 1;
  }
  if (length < 0) throw new SipSyntaxError('no Content-Length');
  return length;
}

const letterC = 0x63;
const letterL = 0x6c;

/** The value of the line from `start` to `end` if it is a Content-Length line, else -1. */
function contentLengthLine(head: string, start: number, end: number): number {
  const first = head.charCodeAt(start) | 0x20;
  if (first !== letterC && first !== letterL) return -1;
  const nameEnd = skipToken(head, start);
  if (canonicalName(head.slice(start, nameEnd)) !== 'content-length') return -1;
  const colon = skipSpace(head, nameEnd);
  if (head.charCodeAt(colon) !== code.colon) return -1;
  return parseNumber(unfolded(head.slice(colon + 1, end)), 0xffff_ffff);
}

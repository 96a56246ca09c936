import { Buffer, isAscii, isUtf8 } from 'node:buffer';
import { SipSyntaxError, type SyntaxStatus } from './errors.ts';
import { CallId, ContentLength, CSeq, From, MaxForwards, To, Via } from './fields/index.ts';
import {
  charClass,
  code,
  consistsOf,
  indexOfForbidden,
  isToken,
  parseNumber,
  skipSpace,
  skipToken,
  trimmed,
  unfolded,
} from './grammar.ts';
import type { HeaderType } from './header-type.ts';
import { HeaderLine, Headers } from './headers.ts';
import { type SipMessage, SipRequest, SipResponse } from './message.ts';
import { headerName } from './names.ts';

/** What we are willing to read: sizes of whole messages and of a header line (folds and all) in bytes; header lines. */
export const limits = { datagramBytes: 65_536, streamBytes: 262_144, headers: 256, headerLineBytes: 8_192 } as const;

/** A fault that refuses the message; kept until enough has been read to answer it. */
interface Fault {
  readonly status: SyntaxStatus;
  readonly text: string;
}

/** A message as far as it could be read. */
interface Reading {
  readonly message: SipMessage | null;
  readonly fault: Fault | null;
  /** Where the body begins in the bytes. */
  readonly bodyStart: number;
}

/**
 * Reads one message: a datagram or whatever else holds exactly one, or with `stream` exactly the bytes of one frame.
 * `maxBytes` is the most that is read, by default what `limits` says for the one or the other. Start line, structure
 * and the fields that every message must have are checked; all else is read when asked for. Throws SipSyntaxError and
 * nothing else.
 */
export function parseMessage(
  bytes: Uint8Array,
  options: { readonly stream?: boolean; readonly maxBytes?: number } = {},
): SipMessage {
  const stream = options.stream === true;
  if (bytes.length > (options.maxBytes ?? (stream ? limits.streamBytes : limits.datagramBytes))) {
    throw new SipSyntaxError('message too large', { status: 513 });
  }
  const { message, fault, bodyStart } = readHead(bytes);
  const problem = fault ?? (message && readBody(message, bytes, bodyStart, stream));
  if (message === null || problem !== null) throw refusal(problem, message);
  return message;
}

/** The request that a head (without a body) holds, if it can be answered; for frames that never become complete. */
export function answerableRequest(head: Uint8Array): SipRequest | null {
  const { message } = readHead(head);
  return message?.kind === 'request' && isAnswerable(message) ? message : null;
}

function refusal(fault: Fault | null, message: SipMessage | null): SipSyntaxError {
  const request = message?.kind === 'request' && isAnswerable(message) ? message : null;
  return new SipSyntaxError(fault?.text ?? 'no message', { status: fault?.status ?? 400, request });
}

/** Whether a response can be made: a readable topmost Via, and the other fields that it copies, at least as text. */
function isAnswerable({ headers }: SipRequest): boolean {
  if (!headers.has('From') || !headers.has('To') || !headers.has('Call-ID') || !headers.has('CSeq')) return false;
  return faultOf(headers, Via, true) === null;
}

function readHead(bytes: Uint8Array): Reading {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let start = 0;
  while (buffer[start] === code.cr || buffer[start] === code.lf) start++; // RFC 3261 section 7.5
  const blankLine = buffer.indexOf('\r\n\r\n', start, 'latin1');
  const end = blankLine < 0 ? buffer.length : blankLine + 4;
  if (isAscii(buffer.subarray(start, end))) {
    const scan = new HeadScan(buffer.toString('latin1', start, end));
    return { message: scan.message, fault: scan.fault, bodyStart: start + scan.end };
  }
  // Characters and bytes differ: the end of the head must be found among the bytes.
  const headEnd = endOfHead(buffer, start);
  const head = buffer.subarray(start, headEnd);
  const scan = new HeadScan(isUtf8(head) ? head.toString('utf8') : head.toString('latin1'));
  return { message: scan.message, fault: scan.fault, bodyStart: headEnd };
}

/** The position behind the first empty line, or the end of the bytes. */
function endOfHead(buffer: Buffer, start: number): number {
  for (let lineStart = start; ; ) {
    const lf = buffer.indexOf(code.lf, lineStart);
    if (lf < 0) return buffer.length;
    if (lf === lineStart || (lf === lineStart + 1 && buffer[lineStart] === code.cr)) return lf + 1;
    lineStart = lf + 1;
  }
}

/** One pass over the head: lines are found, names recognised, values cut out; nothing is read of the values. */
class HeadScan {
  message: SipMessage | null = null;
  fault: Fault | null = null;
  /** Where the body begins. */
  end = 0;
  readonly #text: string;
  readonly #lines: HeaderLine[] = [];
  /** The `once` bits of the names met so far. */
  #met = 0;
  /** The text holds a NUL somewhere, so values must be searched for it. */
  readonly #hasNul: boolean;

  constructor(text: string) {
    this.#text = text;
    this.#hasNul = text.includes('\0');
    const startLineEnd = text.indexOf('\n');
    if (startLineEnd < 0) {
      this.fault = { status: 400, text: 'no complete line' };
      return;
    }
    this.#readLines(startLineEnd + 1);
    const lineEnd = text.charCodeAt(startLineEnd - 1) === code.cr ? startLineEnd - 1 : startLineEnd;
    if (lineEnd > limits.headerLineBytes) this.#refuse('start line too long');
    this.message = this.#readStartLine(text.slice(0, lineEnd));
    if (this.message && this.fault === null) this.fault = faultOfMessage(this.message);
  }

  #readLines(start: number): void {
    const text = this.#text;
    let nextCr = text.indexOf('\r', start);
    for (;;) {
      let lf = text.indexOf('\n', start);
      if (lf < 0) {
        this.end = text.length;
        this.#refuse('the head does not end with an empty line');
        return;
      }
      if (nextCr >= 0 && nextCr < start) nextCr = text.indexOf('\r', start);
      if (lf === start || (lf === start + 1 && nextCr === start)) {
        this.end = lf + 1;
        return;
      }
      let folded = false;
      let loneCr = false;
      for (;;) {
        if (nextCr >= 0 && nextCr < lf - 1) loneCr = true;
        const next = text.charCodeAt(lf + 1);
        if (next !== code.space && next !== code.tab) break;
        const more = text.indexOf('\n', lf + 1);
        if (more < 0) break;
        folded = true;
        if (nextCr >= 0 && nextCr <= lf) nextCr = text.indexOf('\r', lf);
        lf = more;
      }
      const end = nextCr === lf - 1 ? lf - 1 : lf;
      // A CR without LF might be a line end to somebody else.
      if (loneCr) this.#refuse('a CR without LF');
      else if (end - start > limits.headerLineBytes) this.#refuse('header line too long');
      else this.#readLine(start, end, folded);
      start = lf + 1;
    }
  }

  /** A line that has no name, or a name that is no token, is left out (RFC 3261 section 8.2.2). */
  #readLine(start: number, end: number, folded: boolean): void {
    const text = this.#text;
    const nameEnd = skipToken(text, start);
    const colon = skipSpace(text, nameEnd);
    if (nameEnd === start || text.charCodeAt(colon) !== code.colon) return;
    if (this.#lines.length === limits.headers) {
      this.#refuse('too many header lines');
      return;
    }

    const name = text.slice(start, nameEnd);
    const known = headerName(name);
    const value = folded ? unfolded(text.slice(colon + 1, end)) : trimmed(text, colon + 1, end);
    if (this.#hasNul && indexOfForbidden(value) >= 0) {
      this.#refuse('a NUL in a header line');
      return;
    }
    if (known !== undefined && known.once !== 0) {
      if ((this.#met & known.once) !== 0) this.#refuseContradiction(known.key, value);
      this.#met |= known.once;
    }
    this.#lines.push(new HeaderLine(name, known === undefined ? name.toLowerCase() : known.key, value));
  }

  #refuseContradiction(key: string, value: string): void {
    const first = this.#lines.find((line) => line.key === key);
    if (first?.value !== value) this.#refuse(`more than one ${key}`);
  }

  #readStartLine(line: string): SipMessage | null {
    const headers = Headers.of(this.#lines);
    const space = line.indexOf(' ');
    if (line.charCodeAt(3) === code.slash && line.slice(0, 3).toUpperCase() === 'SIP')
      return this.#readStatusLine(line, space, headers);
    // More spaces than the two that the grammar has do no harm (RFC 4475 sections 3.1.2.9 and 3.1.2.10).
    if (line.endsWith(' ')) line = trimmed(line);
    const lastSpace = line.lastIndexOf(' ');
    if (space < 1 || lastSpace === space) {
      this.#refuse('neither a request line nor a status line');
      return null;
    }
    const method = line.slice(0, space);
    const version = line.slice(lastSpace + 1);
    if (!isToken(method)) {
      this.#refuse('the method is not a token');
      return null;
    }
    if (version !== 'SIP/2.0') this.#refuseVersion(version);
    return new SipRequest({ method, uri: trimmed(line, space + 1, lastSpace), headers });
  }

  #readStatusLine(line: string, space: number, headers: Headers): SipMessage | null {
    const version = space < 0 ? line : line.slice(0, space);
    if (version !== 'SIP/2.0') this.#refuseVersion(version);
    const separator = line.charCodeAt(space + 4);
    if (space < 0 || (separator !== code.space && line.length !== space + 4)) {
      this.#refuse('bad status line');
      return null;
    }
    if (!consistsOf(line, charClass.digit, space + 1, space + 4)) {
      this.#refuse('bad status');
      return null;
    }
    const status = parseNumber(line, 999, false, space + 1, space + 4);
    if (status < 100 || status > 699) this.#refuse('bad status');
    const reason = line.slice(space + 5);
    if (indexOfForbidden(reason) >= 0) this.#refuse('bad reason phrase');
    return new SipResponse({ status, reason, headers });
  }

  #refuseVersion(version: string): void {
    if (version.toUpperCase() === 'SIP/2.0') return; // section 7.1: the name is case-insensitive
    const dot = version.indexOf('.');
    const isSip =
      version.slice(0, 4).toUpperCase() === 'SIP/' &&
      consistsOf(version, charClass.digit, 4, dot) &&
      consistsOf(version, charClass.digit, dot + 1);
    // Another version is known to be another version; what else is wrong with the message is not ours to judge.
    if (isSip) this.fault = { status: 505, text: `version ${version}` };
    else this.#refuse('not SIP');
  }

  #refuse(text: string): void {
    this.fault ??= { status: 400, text };
  }
}

/** What is wrong with the fields that every message must have (RFC 3261 section 8.1.1). Max-Forwards may be missing. */
function faultOfMessage(message: SipMessage): Fault | null {
  const { headers } = message;
  const fault =
    faultOf(headers, Via, true) ??
    faultOf(headers, From, true) ??
    faultOf(headers, To, true) ??
    faultOf(headers, CallId, true) ??
    faultOf(headers, CSeq, true) ??
    faultOf(headers, MaxForwards, false);
  if (fault !== null || message.kind === 'response') return fault;
  if (message.cseq.method !== message.method) return { status: 400, text: 'CSeq names another method' };
  try {
    message.uri;
    return null;
  } catch (error) {
    return faultFrom(error);
  }
}

function faultOf<T>(headers: Headers, type: HeaderType<T>, required: boolean): Fault | null {
  try {
    if (required) headers.require(type);
    else headers.first(type);
    return null;
  } catch (error) {
    return faultFrom(error);
  }
}

function faultFrom(error: unknown): Fault {
  if (!(error instanceof SipSyntaxError)) throw error;
  return { status: error.status, text: error.message };
}

/**
 * Cuts out the body. In a datagram it may be shorter than what came (the rest is ignored) but not longer, and without
 * Content-Length it is all that came; on a stream there must be a Content-Length (RFC 3261 section 18.3).
 */
function readBody(message: SipMessage, bytes: Uint8Array, start: number, stream: boolean): Fault | null {
  const fault = faultOf(message.headers, ContentLength, stream);
  if (fault !== null) return fault;
  const present = bytes.length - start;
  const length = message.headers.first(ContentLength) ?? present;
  if (length > present) return { status: 400, text: 'the body is shorter than Content-Length' };
  if (length > 0) message.body = bytes.subarray(start, start + length);
  return null;
}

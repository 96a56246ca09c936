import { SipSyntaxError } from './errors.ts';
import { To, tagOf } from './fields/index.ts';
import { HeaderLine, Headers } from './headers.ts';
import { type SipRequest, SipResponse } from './message.ts';
import { assertToken } from './params.ts';

/** What a response has beyond what its request determines. */
export interface ResponseOptions {
  readonly reason?: string;
  /** Put on To where the request has none and the status is above 100. */
  readonly toTag?: string | null;
  /** Further header fields. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly contentType?: string;
  /** Copies Record-Route: for responses that make a dialog (RFC 3261 section 12.1.1). */
  readonly recordRoute?: boolean;
}

/** The response to `request`, with the fields that RFC 3261 section 8.2.6 copies. */
export function createResponse(request: SipRequest, status: number, options: ResponseOptions = {}): SipResponse {
  const lines: HeaderLine[] = [];
  for (const line of request.headers.lines) {
    switch (line.key) {
      case 'via':
      case 'from':
      case 'call-id':
      case 'cseq':
        lines.push(line);
        break;
      case 'to':
        lines.push(status > 100 && options.toTag != null ? withTag(line, options.toTag) : line);
        break;
      case 'record-route':
        if (options.recordRoute) lines.push(line);
        break;
      case 'timestamp':
        if (status === 100) lines.push(line);
        break;
    }
  }
  const headers = Headers.of(lines);
  for (const name in options.headers) headers.set(name, options.headers[name]!);
  if (options.contentType !== undefined) headers.set('Content-Type', options.contentType);
  return new SipResponse({
    status,
    headers,
    ...(options.reason === undefined ? {} : { reason: options.reason }),
    ...(options.body === undefined ? {} : { body: options.body }),
  });
}

/** The To line with a tag. One that has a tag, or that cannot be read (then the answer is a 400), stays as it is. */
function withTag(line: HeaderLine, tag: string): HeaderLine {
  try {
    const [to] = line.values(To);
    // Behind a bare URI too, parameters belong to the header field: the tag can be appended to either form.
    if (to && tagOf(to) === null) return new HeaderLine(line.name, line.key, `${line.value};tag=${assertToken(tag)}`);
  } catch (error) {
    if (!(error instanceof SipSyntaxError)) throw error;
  }
  return line;
}

/** A To tag that is the same for each repetition of a request, without remembering it (RFC 3261 §8.2.7). */
export function statelessTag(request: SipRequest): string {
  const text = `${request.headers.get('Call-ID')} ${request.headers.get('CSeq')} ${request.headers.get('From')}`;
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return `r${(hash >>> 0).toString(36)}`;
}

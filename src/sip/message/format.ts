import { Buffer } from 'node:buffer';
import { assertOneLine } from './grammar.ts';
import type { SipMessage } from './message.ts';
import { headerName } from './names.ts';
import { assertToken } from './params.ts';

/** The bytes of a message. Content-Length is made from the body and stands last. Throws Error on header injection. */
export function formatMessage(message: SipMessage): Uint8Array {
  let head = startLine(message);
  for (const line of message.headers.lines) {
    if (line.key !== 'content-length') head += `${line.name}: ${line.value}\r\n`;
  }
  return joined(`${head}Content-Length: ${message.body.length}\r\n\r\n`, message.body);
}

/** Fields that the peer can do without. */
const dispensable = new Set([
  ...['accept', 'accept-encoding', 'accept-language', 'alert-info', 'allow', 'allow-events', 'call-info', 'date'],
  ...['error-info', 'in-reply-to', 'organization', 'priority', 'reply-to', 'server', 'subject', 'supported'],
  ...['timestamp', 'user-agent', 'warning'],
]);

/** As `formatMessage`, in fewer bytes: compact names, and without the fields that the peer can do without. */
export function formatCompact(message: SipMessage): Uint8Array {
  let head = startLine(message);
  for (const line of message.headers.lines) {
    if (line.key === 'content-length' || dispensable.has(line.key)) continue;
    head += `${headerName(line.key)?.compact ?? line.name}:${line.value}\r\n`;
  }
  return joined(`${head}l:${message.body.length}\r\n\r\n`, message.body);
}

function startLine(message: SipMessage): string {
  if (message.kind === 'request') {
    const { uriText } = message;
    for (let i = 0; i < uriText.length; i++) {
      if (uriText.charCodeAt(i) <= 0x20) throw new Error('a Request-URI must not contain spaces or control characters');
    }
    return `${assertToken(message.method)} ${uriText} SIP/2.0\r\n`;
  }
  assertOneLine(message.reason);
  return `SIP/2.0 ${message.status} ${message.reason}\r\n`;
}

function joined(head: string, body: Uint8Array): Uint8Array {
  if (body.length === 0) return Buffer.from(head, 'utf8');
  const headLength = Buffer.byteLength(head, 'utf8');
  const bytes = Buffer.allocUnsafe(headLength + body.length);
  bytes.write(head, 0, headLength, 'utf8');
  bytes.set(body, headLength);
  return bytes;
}

import { Buffer, isUtf8 } from 'node:buffer';
import { isOf } from './grammar.ts';

const percent = 0x25;

/**
 * Decodes %XX escapes (RFC 3261 section 19.1.2). Octets are read as UTF-8, or as Latin-1 where they are not UTF-8;
 * a "%" that begins no escape stands for itself.
 */
export function percentDecode(text: string): string {
  if (!text.includes('%')) return text;
  const source = Buffer.from(text, 'utf8');
  const decoded = Buffer.allocUnsafe(source.length);
  let length = 0;
  for (let i = 0; i < source.length; i++) {
    const high = source[i] === percent ? hex(source[i + 1]) : -1;
    const low = high < 0 ? -1 : hex(source[i + 2]);
    if (low < 0) {
      decoded[length++] = source[i]!;
    } else {
      decoded[length++] = high * 16 + low;
      i += 2;
    }
  }
  const octets = decoded.subarray(0, length);
  return isUtf8(octets) ? octets.toString('utf8') : octets.toString('latin1');
}

/** Escapes every character that is not of class `allowed`. */
export function percentEncode(text: string, allowed: number): string {
  let at = 0;
  while (at < text.length && isOf(text.charCodeAt(at), allowed)) at++;
  if (at === text.length) return text;
  let encoded = text.slice(0, at);
  for (const octet of Buffer.from(text.slice(at), 'utf8')) {
    if (isOf(octet, allowed)) encoded += String.fromCharCode(octet);
    else encoded += `%${octet.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

function hex(octet: number | undefined): number {
  if (octet === undefined) return -1;
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const letter = octet | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

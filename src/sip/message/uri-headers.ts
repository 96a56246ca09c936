import { canonicalName } from './names.ts';
import { percentDecode } from './percent.ts';
import type { Uri } from './uri.ts';

/** A header field that a URI asks for in the request to it (RFC 3261 §19.1.1), without escapes; null where it has none. */
export function uriHeader(uri: Uri, name: string): string | null {
  if (uri.kind !== 'sip' || uri.headers === null) return null;
  for (const field of uri.headers.split('&')) {
    const at = field.indexOf('=');
    if (at > 0 && canonicalName(percentDecode(field.slice(0, at))) === name.toLowerCase()) {
      return percentDecode(field.slice(at + 1));
    }
  }
  return null;
}

const hidden = '***';

// A field may go on over folded lines (RFC 3261 §7.3.1).
const credentialFields =
  /^((?:proxy-)?authorization|(?:proxy-)?authentication-info)([ \t]*:[ \t\r\n]*)([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)/gim;
const digestSecrets = /\b(response|cnonce|rspauth)([ \t\r\n]*=[ \t\r\n]*)(?:"(?:[^"\\]|\\[\s\S])*(?:"|$)|[^,\s]+)/gi;
// The lengths bound the search: without them a line of nothing but "sip:sip:sip:" would cost the square of its length.
const uriPasswords = /\b((?:sips?:|https?:\/\/)[^\s:@<>"]{0,256}):([^\s@<>"]{0,256})@/gi;
const sdpCrypto = /^a=crypto:[^\r\n]*/gim;
const sdpKeyLines = /^(k=|a=key-mgmt:|a=ice-pwd:)[^\r\n]*/gim;

/**
 * The text of a SIP message with its secrets replaced by `***`: digest responses and client nonces, other credentials,
 * passwords in URIs, keys in SDP. Everything else stays as it is, bodies of MESSAGE too.
 */
export function maskSecrets(message: string): string {
  return message
    .replace(
      credentialFields,
      (_, name: string, colon: string, value: string) => `${name}${colon}${maskCredentials(name, value)}`,
    )
    .replace(uriPasswords, `$1:${hidden}@`)
    .replace(sdpCrypto, (line) => line.replace(/inline:[^\s;]+/gi, `inline:${hidden}`))
    .replace(sdpKeyLines, `$1${hidden}`);
}

function maskCredentials(name: string, value: string): string {
  if (/^digest\s/i.test(value) || /-info$/i.test(name)) return value.replace(digestSecrets, `$1$2"${hidden}"`);
  const [scheme = ''] = value.split(/\s/, 1);
  return `${scheme} ${hidden}`;
}

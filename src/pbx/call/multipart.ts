/** One part of a multipart body (RFC 2046 §5.1). */
export interface BodyPart {
  /** In lower case, without parameters; `text/plain` where it does not say. */
  readonly type: string;
  /** What its own parts stand between, where it has some. */
  readonly boundary: string | null;
  readonly body: string;
}

/** How deep parts within parts are looked for; how many there may be. */
const deepest = 4;
const most = 32;

/**
 * The first part of this type, also within parts that have parts themselves (RFC 5621 §3.1 has it so that every user
 * agent must look there); null where there is none.
 */
export function findPart(body: string, boundary: string, type: string, depth = 1): BodyPart | null {
  const parts = partsOf(body, boundary).slice(0, most);
  const found = parts.find((part) => part.type === type);
  if (found) return found;
  for (const { body: inner, boundary: border } of parts) {
    const nested = border !== null && depth < deepest ? findPart(inner, border, type, depth + 1) : null;
    if (nested) return nested;
  }
  return null;
}

/** The parts of a multipart body, in order; what stands before the first and after the last boundary is no part. */
export function partsOf(body: string, boundary: string): readonly BodyPart[] {
  const text = `\n${body.replaceAll('\r\n', '\n')}`;
  const sections: string[] = [];
  const border = `\n--${boundary}`;
  let start = delimiterAt(text, border, 0);
  while (start >= 0) {
    const from = start + border.length;
    if (text.startsWith('--', from)) break;
    start = delimiterAt(text, border, from);
    sections.push(text.slice(from, start < 0 ? text.length : start));
  }
  return sections.map(readPart);
}

/** Where the next line is that is the boundary, and not one that only begins like it, as that of a part within may. */
function delimiterAt(text: string, border: string, from: number): number {
  for (let at = text.indexOf(border, from); at >= 0; at = text.indexOf(border, at + 1)) {
    const end = text.indexOf('\n', at + 1);
    const rest = text.slice(at + border.length, end < 0 ? text.length : end).trimEnd();
    if (rest === '' || rest === '--') return at;
  }
  return -1;
}

/** A section begins with what is left of its boundary's line; an empty line ends its header fields. */
function readPart(section: string): BodyPart {
  const lines = section.split('\n');
  const blank = lines.indexOf('', 1);
  const head = lines
    .slice(1, blank < 0 ? lines.length : blank)
    .join('\n')
    .replace(/\n[ \t]+/g, ' ');
  const [, type, params = ''] = /^(?:content-type|c)[ \t]*:[ \t]*([^; \t\n]+)(.*)$/im.exec(head) ?? [];
  const [, quoted, bare] = /;[ \t]*boundary[ \t]*=[ \t]*(?:"([^"]+)"|([^;" \t]+))/i.exec(params) ?? [];
  const body = blank < 0 ? '' : lines.slice(blank + 1).join('\r\n');
  const name = type?.toLowerCase() ?? 'text/plain';
  return { type: name, boundary: name.startsWith('multipart/') ? (quoted ?? bare ?? null) : null, body };
}

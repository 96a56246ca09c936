/** One part of a multipart body (RFC 2046 §5.1). */
export interface BodyPart {
  /** In lower case, without parameters; `text/plain` where it does not say. */
  readonly type: string;
  readonly body: string;
}

/** The parts of a multipart body, in order; what stands before the first and after the last boundary is no part. */
export function partsOf(body: string, boundary: string): readonly BodyPart[] {
  const [, ...sections] = `\n${body.replaceAll('\r\n', '\n')}`.split(`\n--${boundary}`);
  const end = sections.findIndex((section) => section.startsWith('--'));
  return (end < 0 ? sections : sections.slice(0, end)).map(readPart);
}

/** A section begins with what is left of its boundary's line; an empty line ends its header fields. */
function readPart(section: string): BodyPart {
  const lines = section.split('\n');
  const blank = lines.indexOf('', 1);
  const type = lines
    .slice(1, blank < 0 ? lines.length : blank)
    .map((line) => /^(?:content-type|c)[ \t]*:[ \t]*([^; \t]+)/i.exec(line)?.[1])
    .find((found) => found !== undefined);
  return { type: type?.toLowerCase() ?? 'text/plain', body: blank < 0 ? '' : lines.slice(blank + 1).join('\r\n') };
}

import { SipSyntaxError } from './errors.ts';
import { charClass, code, consistsOf, endOfQuoted, isToken, quote, skipSpace, skipToken, unquote } from './grammar.ts';

/** Parameters of a URI or of a header value: names in lower case; null where there is no "="; quoted values unquoted. */
export type Params = ReadonlyMap<string, string | null>;

export const noParams: Params = new Map();

/** `params` with `name` set to `value` (null: a parameter without value); its place is kept where it had one. */
export function withParam(params: Params, name: string, value: string | null): Params {
  return new Map(params).set(name.toLowerCase(), value);
}

/** `params` without `name`. */
export function withoutParam(params: Params, name: string): Params {
  const key = name.toLowerCase();
  if (!params.has(key)) return params;
  const rest = new Map(params);
  rest.delete(key);
  return rest;
}

/**
 * Reads the `;name=value` of a header value from `at` to the end of `text`. Empty parameters (`;;`) are skipped and the
 * first of a repeated name counts. Throws SipSyntaxError.
 */
export function parseParams(text: string, at: number): Params {
  let params: Map<string, string | null> | null = null;
  for (;;) {
    at = skipSpace(text, at);
    if (at >= text.length) return params ?? noParams;
    if (text.charCodeAt(at) !== code.semicolon) throw new SipSyntaxError('";" expected before a parameter');
    at = skipSpace(text, at + 1);
    const nameStart = at;
    at = skipToken(text, at);
    if (at === nameStart) {
      if (at >= text.length || text.charCodeAt(at) === code.semicolon) continue;
      throw new SipSyntaxError('bad parameter name');
    }
    const name = text.slice(nameStart, at).toLowerCase();
    at = skipSpace(text, at);
    let value: string | null = null;
    if (text.charCodeAt(at) === code.equals) {
      const valueStart = skipSpace(text, at + 1);
      at = endOfValue(text, valueStart, code.semicolon);
      value = unquotedValue(text, valueStart, at);
    }
    params ??= new Map();
    if (!params.has(name)) params.set(name, value);
  }
}

/** The end of the parameter value (quoted or not) that begins at `at`; `separator` or a space ends an unquoted one. */
export function endOfValue(text: string, at: number, separator: number): number {
  if (text.charCodeAt(at) === code.quote) return endOfQuoted(text, at);
  while (at < text.length) {
    const c = text.charCodeAt(at);
    if (c === separator || c === code.space || c === code.tab) break;
    at++;
  }
  return at;
}

/** The parameter value between `start` and `end`, without its quotes. */
export function unquotedValue(text: string, start: number, end: number): string {
  return text.charCodeAt(start) === code.quote ? unquote(text, start, end) : text.slice(start, end);
}

/** `;name=value...`, quoting what is neither token nor host, and every value whose name is `alwaysQuoted`. */
export function formatParams(params: Params, alwaysQuoted?: (name: string) => boolean): string {
  let text = '';
  for (const [name, value] of params) {
    text += `;${assertToken(name)}`;
    if (value !== null) {
      text += `=${consistsOf(value, charClass.bareValue) && !alwaysQuoted?.(name) ? value : quote(value)}`;
    }
  }
  return text;
}

/** `text` itself. Throws Error when it is no token: what we write must be readable again. */
export function assertToken(text: string): string {
  if (!isToken(text)) throw new Error(`"${text}" is not a token`);
  return text;
}

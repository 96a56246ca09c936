import { SipSyntaxError } from '../errors.ts';
import { code, skipSpace, skipToken } from '../grammar.ts';
import type { HeaderType } from '../header-type.ts';
import { assertToken, formatParams, type Params, parseParams } from '../params.ts';

/** What a body is (RFC 3261 section 20.15). */
export interface MediaType {
  /** In lower case. */
  readonly type: string;
  /** In lower case. */
  readonly subtype: string;
  readonly params: Params;
}

export const ContentType: HeaderType<MediaType> = {
  name: 'Content-Type',
  compact: 'c',
  list: false,
  parse(text) {
    const typeEnd = skipToken(text, 0);
    const slash = skipSpace(text, typeEnd);
    const subtypeStart = skipSpace(text, slash + 1);
    const subtypeEnd = skipToken(text, subtypeStart);
    if (typeEnd === 0 || text.charCodeAt(slash) !== code.slash || subtypeEnd === subtypeStart) {
      throw new SipSyntaxError('type/subtype expected');
    }
    return {
      type: text.slice(0, typeEnd).toLowerCase(),
      subtype: text.slice(subtypeStart, subtypeEnd).toLowerCase(),
      params: parseParams(text, subtypeEnd),
    };
  },
  format: ({ type, subtype, params }) => `${assertToken(type)}/${assertToken(subtype)}${formatParams(params)}`,
};

import { SipSyntaxError } from '../errors.ts';
import { charClass, isOf, isToken, parseNumber, skipSpace } from '../grammar.ts';
import type { HeaderType } from '../header-type.ts';
import { assertToken } from '../params.ts';

/** Orders the requests of a dialog and names their method (RFC 3261 section 20.16). */
export interface CSeqValue {
  /** Below 2^31. */
  readonly number: number;
  readonly method: string;
}

export const CSeq: HeaderType<CSeqValue> = {
  name: 'CSeq',
  compact: null,
  list: false,
  parse(text) {
    let end = 0;
    while (isOf(text.charCodeAt(end), charClass.digit)) end++;
    const number = parseNumber(text, 0x7fff_ffff, false, 0, end); // section 8.1.1.5
    const methodStart = skipSpace(text, end);
    const method = text.slice(methodStart);
    if (methodStart === end || !isToken(method)) throw new SipSyntaxError('a number and a method expected');
    return { number, method };
  },
  format: ({ number, method }) => `${number} ${assertToken(method)}`,
};

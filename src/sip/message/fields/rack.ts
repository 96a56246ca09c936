import { SipSyntaxError } from '../errors.ts';
import { parseNumber } from '../grammar.ts';
import type { HeaderType } from '../header-type.ts';
import { assertToken } from '../params.ts';

/** Which reliable provisional response a PRACK acknowledges (RFC 3262 section 7.2). */
export interface RAckValue {
  /** The RSeq of the response. */
  readonly response: number;
  /** Of its CSeq. */
  readonly sequence: number;
  readonly method: string;
}

const max = 0xffff_ffff;

export const RAck: HeaderType<RAckValue> = {
  name: 'RAck',
  compact: null,
  list: false,
  parse(text) {
    const [response = '', sequence = '', method = '', ...more] = text.split(/[ \t]+/);
    if (method === '' || more.length > 0) throw new SipSyntaxError('two numbers and a method expected');
    return { response: parseNumber(response, max, false), sequence: parseNumber(sequence, max, false), method };
  },
  format: ({ response, sequence, method }) => `${response} ${sequence} ${assertToken(method)}`,
};

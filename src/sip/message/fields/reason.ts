import { SipSyntaxError } from '../errors.ts';
import { skipToken } from '../grammar.ts';
import type { HeaderType } from '../header-type.ts';
import { assertToken, formatParams, type Params, parseParams } from '../params.ts';

/** Why a request or response was sent (RFC 3326). */
export interface ReasonValue {
  /** `SIP`, `Q.850` ... */
  readonly protocol: string;
  /** `cause` and `text`. */
  readonly params: Params;
}

export const Reason: HeaderType<ReasonValue> = {
  name: 'Reason',
  compact: null,
  list: true,
  parse(text) {
    const end = skipToken(text, 0);
    if (end === 0) throw new SipSyntaxError('no protocol');
    return { protocol: text.slice(0, end), params: parseParams(text, end) };
  },
  format: ({ protocol, params }) => assertToken(protocol) + formatParams(params, (name) => name === 'text'),
};

import { SipSyntaxError } from '../errors.ts';
import { skipToken } from '../grammar.ts';
import type { HeaderType } from '../header-type.ts';
import { assertToken, formatParams, type Params, parseParams } from '../params.ts';

/** Which event package a subscription is of (RFC 6665 section 8.2.1). */
export interface EventValue {
  /** With its templates: `dialog`, `presence.winfo`. Case-sensitive. */
  readonly type: string;
  /** `id` tells subscriptions of one dialog apart. */
  readonly params: Params;
}

export const Event: HeaderType<EventValue> = {
  name: 'Event',
  compact: 'o',
  list: false,
  parse(text) {
    const end = skipToken(text, 0);
    if (end === 0) throw new SipSyntaxError('an event package expected');
    return { type: text.slice(0, end), params: parseParams(text, end) };
  },
  format: ({ type, params }) => `${assertToken(type)}${formatParams(params)}`,
};

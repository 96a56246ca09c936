import { SipSyntaxError } from '../errors.ts';
import type { HeaderType } from '../header-type.ts';
import { formatParams, type Params, parseParams } from '../params.ts';

/** The dialog whose place a request is to take (RFC 3891 section 3). */
export interface ReplacesValue {
  readonly callId: string;
  /** Of the user agent that the request is sent to. */
  readonly toTag: string;
  readonly fromTag: string;
  /** Only as long as it has not been answered. */
  readonly earlyOnly: boolean;
}

export const Replaces: HeaderType<ReplacesValue> = {
  name: 'Replaces',
  compact: null,
  list: false,
  parse(text) {
    const end = text.includes(';') ? text.indexOf(';') : text.length;
    const callId = text.slice(0, end).trim();
    const params = parseParams(text, end);
    const toTag = params.get('to-tag');
    const fromTag = params.get('from-tag');
    if (callId === '' || !toTag || !fromTag) throw new SipSyntaxError('a Call-ID and two tags expected');
    return { callId, toTag, fromTag, earlyOnly: params.has('early-only') };
  },
  format({ callId, toTag, fromTag, earlyOnly }) {
    const params: Params = new Map([['to-tag', toTag] as const, ['from-tag', fromTag] as const]);
    return `${callId}${formatParams(params)}${earlyOnly ? ';early-only' : ''}`;
  },
};

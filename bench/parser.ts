import { Contact, formatMessage, parseMessage, Via } from '../src/sip/message/index.ts';
import { type Figure, microsPer } from './figures.ts';
import { sampleInvite } from './messages.ts';

/** Reading and writing messages. Header values are read when asked for, so a figure says what is asked. */
export function parser(): readonly Figure[] {
  const bytes = sampleInvite();
  const settings = `INVITE with SDP, ${bytes.length} bytes`;
  const figure = (what: string, value: number, more: string): Figure => ({
    part: 'parser',
    what,
    value,
    unit: 'µs',
    settings: `${settings}; ${more}`,
  });

  const parse = (): void => {
    const { topVia, callId, cseq, fromTag, toTag } = parseMessage(bytes);
    if (!topVia || !callId || !cseq || !fromTag || toTag !== null) throw new Error('not parsed');
  };
  const all = (): void => {
    const message = parseMessage(bytes);
    const via = message.topVia;
    if (!message.headers.all(Contact)[0] || !via || !message.from || !message.to) throw new Error('not parsed');
  };
  const relay = (): void => {
    const message = parseMessage(bytes);
    message.headers.prependValue(Via, message.topVia);
    if (formatMessage(message).length <= bytes.length) throw new Error('not written');
  };
  return [
    figure('parse', microsPer(parse), 'with the transaction key: top Via, Call-ID, CSeq, tags'),
    figure('parse', microsPer(all), 'with Via, Contact, From and To in full'),
    figure('parse, add a Via, write', microsPer(relay), 'as a relayed message'),
  ];
}

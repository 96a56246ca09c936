import fc from 'fast-check';
import { anyOctets, mutated, sipSoup, tortureTexts } from './arbitraries.ts';

/** Who sends it: somebody nobody knows, or a phone with calls of its own. */
export type Sender = 'stranger' | 'stranger by TCP' | 'alice' | 'bob' | 'carol';

/** Some bytes, and how they come. */
export interface Attack {
  readonly from: Sender;
  /** What is sent, given all that has passed between the exchange and the phones; Latin-1. */
  readonly text: (heard: readonly string[]) => string;
  /** Where a stream is cut into pieces, as a fraction of its length. */
  readonly cut: number;
  /** How long until the next, in ms. */
  readonly pause: number;
}

type Edit = (text: string, heard: readonly string[]) => string;

const methods = [
  ...['INVITE', 'ACK', 'BYE', 'CANCEL', 'OPTIONS', 'INFO', 'UPDATE', 'REGISTER', 'PRACK', 'REFER', 'MESSAGE', 'X'],
  ...['SUBSCRIBE', 'NOTIFY', 'PUBLISH'],
] as const;

const lineOf = (text: string, name: RegExp): string | undefined => text.split('\r\n').find((line) => name.test(line));

/** The same request under another method: what was once a re-INVITE asks to hang up. */
const renamed = fc.constantFrom(...methods).map(
  (method): Edit =>
    (text) =>
      text.replace(/^[A-Z]+ (?=sip)/, `${method} `).replace(/^(CSeq: *\d+) \w+/im, `$1 ${method}`),
);

const renumbered = fc.oneof(fc.constantFrom(0, 1, 2_147_483_647, 4_294_967_295, 4_294_967_296), fc.nat(200)).map(
  (number): Edit =>
    (text) =>
      text.replace(/^(CSeq:) *\d+/im, `$1 ${number}`),
);

/** A branch never seen: what was a repetition becomes a request of its own. */
const rebranched = fc.nat(0xffff).map(
  (number): Edit =>
    (text) =>
      text.replace(/branch=[^;\r]+/, `branch=z9hG4bK${number.toString(36)}x`),
);

const responded = fc.constantFrom(100, 180, 183, 200, 202, 302, 401, 407, 408, 481, 486, 487, 491, 503, 600, 699).map(
  (status): Edit =>
    (text) =>
      text.replace(/^SIP\/2\.0 \d+/, `SIP/2.0 ${status}`),
);

/** One line as another message has it: a dialog's To with another's Call-ID, say. */
const crossed = fc
  .record({
    name: fc.constantFrom(/^From:/i, /^To:/i, /^Call-ID:/i, /^CSeq:/i, /^Via:/i, /^Contact:/i, /^Authorization:/i),
    other: fc.nat(10_000),
  })
  .map(
    ({ name, other }): Edit =>
      (text, heard) => {
        const [own, foreign] = [lineOf(text, name), lineOf(heard[other % heard.length] ?? '', name)];
        return own !== undefined && foreign !== undefined ? text.replace(own, () => foreign) : text;
      },
  );

const untagged = fc.constantFrom(/^(To:[^\r]*);tag=[^;\r]+/im, /^(From:[^\r]*);tag=[^;\r]+/im).map(
  (pattern): Edit =>
    (text) =>
      text.replace(pattern, '$1'),
);

const added = fc
  .constantFrom(
    ...['Require: 100rel', 'Max-Forwards: 0', 'Route: <sip:198.51.100.1;lr>', 'Record-Route: <sip:198.51.100.2;lr>'],
    ...['Contact: <sip:victim@198.51.100.3>', 'Contact: *', 'Expires: 0', 'Path: <sip:198.51.100.4;lr>', 'Subject: x'],
    ...['Via: SIP/2.0/UDP 198.51.100.5;branch=z9hG4bKx', 'Content-Type: text/plain', 'Max-Breadth: 0', 'Reason: x'],
    ...['Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKself', 'Expires: 4294967295', 'Min-SE: 1', 'Event: dialog'],
    ...['Session-Expires: 1', 'Content-Disposition: x;handling=optional', 'Content-Type: multipart/mixed;boundary=x'],
    ...[
      'Replaces: 1;to-tag=2;from-tag=3',
      'Refer-To: <sip:198.51.100.6>',
      'Content-Encoding: gzip',
      'RAck: 1 1 INVITE',
    ],
  )
  .map(
    (line): Edit =>
      (text) =>
        text.replace('\r\n', `\r\n${line}\r\n`),
  );

const moved = fc.constantFrom('198.51.100.7', '10.0.0.1', '[2001:db8::1]', 'evil.example', '255.255.255.255', '').map(
  (host): Edit =>
    (text) =>
      text.replace(/10\.0\.0\.1\d/g, host),
);

/** A Content-Length that does not fit, is none, or stands there twice. */
const relengthed = fc.constantFrom('0', '1', '70000', '4294967296', '-1', 'x', '5\r\nl: 6', '\r\n ').map(
  (length): Edit =>
    (text) =>
      text.replace(/^Content-Length: *\d*/im, `Content-Length: ${length}`),
);

const compactNames: Readonly<Record<string, string>> = {
  via: 'v',
  from: 'f',
  to: 't',
  contact: 'm',
  'call-id': 'i',
  'content-length': 'l',
};

/** The same in another spelling: nothing may depend on it. */
const respelled = fc
  .constantFrom<Edit>(
    (text) => text.replace(/;/g, '\r\n\t;'),
    (text) => text.replace(/\r\n/g, '\n'),
    (text) => text.replace(/^[\w-]+(?=:)/gm, (name) => name.toLowerCase()),
    (text) =>
      text.replace(
        /^(Via|From|To|Contact|Call-ID|Content-Length)(?=:)/gim,
        (name) => compactNames[name.toLowerCase()] ?? name,
      ),
    (text) => text.replace(/: /g, ' :\t'),
  )
  .map((edit): Edit => edit);

/** The body as one part of several, within another. */
const wrapped = fc.constant<Edit>((text) => {
  const [head = '', body = ''] = text.split('\r\n\r\n', 2);
  const inner = `--i\r\nContent-Type: application/sdp\r\n\r\n${body}\r\n--i--`;
  const outer = `--o\r\nContent-Type: multipart/related;boundary=i\r\n\r\n${inner}\r\n--o--\r\n`;
  const fields = head.replace(/^Content-(Type|Length):.*\r?\n?/gim, '').trimEnd();
  return `${fields}\r\nContent-Type: multipart/mixed;boundary="o"\r\nContent-Length: ${outer.length}\r\n\r\n${outer}`;
});

const cutShort = fc.nat(9_999).map(
  (place): Edit =>
    (text) =>
      text.slice(0, Math.ceil((text.length * place) / 10_000)),
);

const flipped = fc.tuple(fc.nat(9_999), fc.nat(255)).map(
  ([place, octet]): Edit =>
    (text) => {
      const at = Math.floor((text.length * place) / 10_000);
      return text.slice(0, at) + String.fromCharCode(octet) + text.slice(at + 1);
    },
);

const edit = fc.oneof(
  { weight: 3, arbitrary: renamed },
  { weight: 3, arbitrary: renumbered },
  { weight: 4, arbitrary: rebranched },
  { weight: 2, arbitrary: responded },
  { weight: 3, arbitrary: crossed },
  { weight: 1, arbitrary: untagged },
  { weight: 2, arbitrary: added },
  { weight: 1, arbitrary: moved },
  { weight: 1, arbitrary: relengthed },
  { weight: 1, arbitrary: respelled },
  { weight: 1, arbitrary: wrapped },
  { weight: 1, arbitrary: cutShort },
  { weight: 1, arbitrary: flipped },
);

/** Something that has passed before, as it was or a little different. */
const echo = fc.record({ which: fc.nat(10_000), edits: fc.array(edit, { maxLength: 4 }) }).map(
  ({ which, edits }) =>
    (heard: readonly string[]) =>
      edits.reduce((text, change) => change(text, heard), heard[which % heard.length] ?? ''),
);

const fixed = (text: fc.Arbitrary<string>) => text.map((value) => () => value);

export const attack: fc.Arbitrary<Attack> = fc.record({
  from: fc.constantFrom<Sender>('stranger', 'stranger by TCP', 'alice', 'bob', 'carol'),
  text: fc.oneof(
    { weight: 12, arbitrary: echo },
    { weight: 1, arbitrary: fixed(fc.constantFrom(...tortureTexts)) },
    { weight: 1, arbitrary: fixed(mutated) },
    { weight: 1, arbitrary: fixed(sipSoup) },
    { weight: 1, arbitrary: fixed(anyOctets) },
  ),
  cut: fc.noBias(fc.nat(9_999)).map((place) => place / 10_000),
  pause: fc.oneof(fc.constant(0), fc.nat(50), fc.nat(40_000)),
});

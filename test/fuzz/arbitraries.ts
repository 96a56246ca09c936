import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';

/** Runs are the same each time; `FUZZ_SEED` and `FUZZ_RUNS` (a factor) look elsewhere and longer. */
export const runs = (count: number) => ({
  seed: Number(process.env['FUZZ_SEED'] ?? 4475),
  numRuns: Math.ceil(count * Number(process.env['FUZZ_RUNS'] ?? 1)),
});

const folder = new URL('../torture/', import.meta.url);

/** All torture messages, as Latin-1 text: one character an octet. */
export const tortureTexts: readonly string[] = ['rfc4475', 'rfc5118'].flatMap((name) =>
  readdirSync(new URL(`${name}/`, folder))
    .filter((file) => file.endsWith('.dat'))
    .sort()
    .map((file) => readFileSync(new URL(`${name}/${file}`, folder)).toString('latin1')),
);

export const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/** What parsers stumble over. */
const stumbles = [
  ...[
    '<',
    '>',
    '"',
    '\\',
    ';',
    ',',
    ':',
    '@',
    '%',
    '[',
    ']',
    '?',
    '=',
    '&',
    '*',
    '(',
    ')',
    '/',
    '+',
    '-',
    '.',
    ' ',
    '\t',
  ],
  ...['\r', '\n', '\r\n', '\r\n ', '\r\n\r\n', '\n\n', '\0', '\x7f', '\xff', '\xc3', '\xc3\xa9', '\xef\xbb\xbf'],
  ...[
    '""',
    '"\\"',
    '\\"',
    '<>',
    '%00',
    '%zz',
    '%',
    '::',
    '[::1]',
    '[',
    ':0',
    ':65536',
    ';=',
    ';;',
    ',,',
    '=;',
    ';tag=',
  ],
  ...['0', '-1', '4294967296', '99999999999999999999', '1e3', '0x10', '\u00a0', 'SIP/2.0', 'sip:', 'tel:', 'z9hG4bK'],
  ...['Via: ', 'v: ', 'From: ', 'To: ', 'Contact: *\r\n', 'l: 5\r\n', 'Content-Length: 0\r\n', 'CSeq: 1 INVITE\r\n'],
] as const;

const stumble = fc.constantFrom(...stumbles);

/** A place in a text, as a fraction of its length. */
const place = fc.noBias(fc.nat(9_999)).map((number) => number / 10_000);

/** One change to a text. */
const mutation = fc.record({
  at: place,
  remove: fc.oneof({ weight: 3, arbitrary: fc.nat(3) }, fc.nat(200)),
  insert: fc.oneof(
    { weight: 4, arbitrary: stumble },
    { weight: 1, arbitrary: fc.constant('') },
    { weight: 1, arbitrary: fc.tuple(stumble, fc.nat(300)).map(([text, count]) => text.repeat(count)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 8 }).map((octets) => Buffer.from(octets).toString('latin1')) },
  ),
});

/** A torture message with a few changes, or the head of one with the tail of another. */
export const mutated: fc.Arbitrary<string> = fc
  .record({
    text: fc.constantFrom(...tortureTexts),
    mutations: fc.array(mutation, { minLength: 1, maxLength: 6 }),
    splice: fc.option(fc.record({ other: fc.constantFrom(...tortureTexts), at: place }), {
      freq: 4,
    }),
  })
  .map(({ text, mutations, splice }) => {
    let result = text;
    if (splice)
      result = result.slice(0, result.length * splice.at) + splice.other.slice(splice.other.length * splice.at);
    for (const { at, remove, insert } of mutations) {
      const start = Math.floor(result.length * at);
      result = result.slice(0, start) + insert + result.slice(start + remove);
    }
    return result;
  });

const word = fc.constantFrom(
  'sip',
  'alice',
  'example.com',
  '192.0.2.1',
  '[2001:db8::1]',
  'UDP',
  '5060',
  'tag',
  'branch',
  '1',
  'x',
  'INVITE',
  'Müller',
);

/** Words and stumbling blocks in any order, most of them on one line. */
const soup = fc
  .tuple(fc.array(fc.oneof(word, stumble), { maxLength: 14 }), fc.nat(9))
  .map(([parts, luck]) => (luck === 0 ? parts : parts.filter((part) => !/[\r\n]/.test(part))).join(''));

const uri = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'sip:a@b',
      'sips:b:5061;lr',
      'tel:+1-2;ext=3',
      'sip:a:b@[::1]:1;x=y?h=v',
      'urn:x:y',
      'sip:%41@b',
    ),
  },
  soup.map((text) => `sip:${text}`),
  soup,
);

const value = fc.oneof(
  soup,
  uri,
  fc.tuple(soup, uri, soup).map(([name, address, params]) => `${name} <${address}>;${params}`),
  fc.tuple(soup, uri).map(([name, address]) => `"${name}" <${address}>;tag=1`),
  fc.tuple(word, soup).map(([host, params]) => `SIP/2.0/UDP ${host};branch=z9hG4bK1;${params}`),
  fc.tuple(fc.bigInt({ min: -1n, max: 1n << 64n }), word).map(([number, method]) => `${number} ${method}`),
  fc.tuple(word, soup).map(([scheme, params]) => `Digest ${scheme}="${params}", nc=00000001, x=${params}`),
);

const name = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.constantFrom(
      ...[
        'Via',
        'v',
        'Contact',
        'm',
        'Route',
        'Record-Route',
        'Path',
        'Content-Type',
        'c',
        'Expires',
        'Require',
        'Allow',
      ],
      ...[
        'Supported',
        'k',
        'Reason',
        'Authorization',
        'WWW-Authenticate',
        'Proxy-Authorization',
        'Retry-After',
        'Subject',
      ],
      ...['X-Unknown', 'Warning', 'Timestamp', 'User-Agent'],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('From', 'f', 'To', 't', 'Call-ID', 'i', 'CSeq', 'Max-Forwards', 'Content-Length', 'l'),
  },
);

const lineEnd = fc.oneof(
  { weight: 12, arbitrary: fc.constant('\r\n') },
  { weight: 1, arbitrary: fc.constantFrom('\n', '\r\n ', ' \r\n\t', '\r', '') },
);

const mandatory = [
  'Via: SIP/2.0/UDP h;branch=z9hG4bK1',
  'From: <sip:a@b>;tag=1',
  'To: <sip:c@d>',
  'Call-ID: 1',
  'CSeq: 1 INVITE',
];

/** The field with another value. */
const replaced = (index: number, text: string) => `${mandatory[index]?.split(':')[0]}: ${text}`;

/** Text in the shape of a SIP message whose parts are anything; most have the mandatory fields, so that they get far. */
export const sipSoup: fc.Arbitrary<string> = fc
  .record({
    start: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('INVITE sip:a@b SIP/2.0', 'SIP/2.0 200 OK', 'SIP/2.0 100 ') },
      uri.map((text) => `INVITE ${text} SIP/2.0`),
      fc.tuple(fc.constantFrom('SIP/2.0 200', 'SIP/2.0 999 ', 'SIP/2.0 180 '), soup).map((parts) => parts.join('')),
      soup,
    ),
    mandatory: fc.oneof(
      { weight: 4, arbitrary: fc.constant(mandatory) },
      {
        weight: 4,
        arbitrary: fc.tuple(fc.nat(4), value).map(([index, text]) => mandatory.with(index, replaced(index, text))),
      },
      { weight: 1, arbitrary: fc.shuffledSubarray(mandatory, { minLength: 4 }) },
    ),
    headers: fc.array(fc.tuple(name, fc.constantFrom(': ', ':', ' : ', ' '), value, lineEnd), { maxLength: 12 }),
    body: fc.oneof(fc.constant(''), soup),
  })
  .map(({ start, mandatory: fields, headers, body }) => {
    const lines = headers.map((parts) => parts.join('')).join('');
    const text = `${start}\r\n${fields.join('\r\n')}\r\n${lines}\r\n${body}`;
    return Buffer.from(text, 'utf8').toString('latin1');
  });

/** Octets with nothing around them, or in the place of a header's value or of all headers. */
export const anyOctets: fc.Arbitrary<string> = fc
  .tuple(fc.uint8Array({ maxLength: 600 }), fc.nat(3))
  .map(([octets, shape]) => {
    const text = Buffer.from(octets).toString('latin1');
    if (shape < 2) return text;
    if (shape === 2) return `INVITE sip:a@b SIP/2.0\r\n${text}\r\n\r\n`;
    return `INVITE sip:a@b SIP/2.0\r\n${mandatory.join('\r\n')}\r\nContact: ${text.replaceAll(/[\r\n]/g, '')}\r\n\r\n`;
  });

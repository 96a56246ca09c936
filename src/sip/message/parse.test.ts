import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { SipSyntaxError } from './errors.ts';
import { Contact, Expires, To } from './fields/index.ts';
import type { SipMessage } from './message.ts';
import { limits, parseMessage } from './parse.ts';

const mandatory = {
  Via: 'SIP/2.0/UDP pc33.example.com;branch=z9hG4bK1',
  From: '<sip:alice@example.com>;tag=a',
  To: '<sip:bob@example.com>',
  'Call-ID': 'x@pc33',
  CSeq: '1 OPTIONS',
};

type Fields = Record<string, string | readonly string[] | null>;

function text(fields: Fields = {}, body = '', startLine = 'OPTIONS sip:bob@example.com SIP/2.0'): string {
  const all: Fields = { ...mandatory, ...fields };
  let head = `${startLine}\r\n`;
  for (const [name, values] of Object.entries(all)) {
    for (const value of values === null ? [] : [values].flat()) head += `${name}: ${value}\r\n`;
  }
  return `${head}\r\n${body}`;
}

const parse = (message: string | Uint8Array, options?: { stream?: boolean }): SipMessage =>
  parseMessage(typeof message === 'string' ? Buffer.from(message) : message, options);

function refused(message: string | Uint8Array, options?: { stream?: boolean }): SipSyntaxError {
  try {
    parse(message, options);
  } catch (error) {
    expect(error).toBeInstanceOf(SipSyntaxError);
    return error as SipSyntaxError;
  }
  throw new Error('was read');
}

const body = (message: SipMessage) => Buffer.from(message.body).toString();

describe('start lines (RFC 3261 sections 7.1 and 7.2)', () => {
  test('a request', () => {
    const request = parse(text());
    expect(request).toMatchObject({ kind: 'request', method: 'OPTIONS', callId: 'x@pc33', fromTag: 'a', toTag: null });
    if (request.kind === 'request') expect(request.uri).toMatchObject({ user: 'bob', host: 'example.com' });
    expect(request.cseq).toEqual({ number: 1, method: 'OPTIONS' });
    expect(request.topVia.params.get('branch')).toBe('z9hG4bK1');
  });

  test.each<[string, number, string]>([
    ['SIP/2.0 200 OK', 200, 'OK'],
    ['SIP/2.0 183 Es läuft', 183, 'Es läuft'],
    ['SIP/2.0 100 ', 100, ''],
    ['SIP/2.0 100', 100, ''],
    ['sip/2.0 699 x', 699, 'x'],
  ])('the response %j', (line, status, reason) => {
    expect(parse(text({}, '', line))).toMatchObject({ kind: 'response', status, reason });
  });

  test.each([
    'SIP/2.0 99 x',
    'SIP/2.0 099 x',
    'SIP/2.0 700 x',
    'SIP/2.0 4294967301 x',
    'SIP/2.0 2x0 x',
    'SIP/2.0',
    'HTTP/1.1 200 OK',
    'SIP/2.0 200 O\rK',
    'SIP/2.0 200 O\0K',
    'OPTIONS sip:bob@exa\rmple.com SIP/2.0',
    'OPTIONS sip:bob@example.com',
    'OPTIONS',
    ' OPTIONS sip:bob@example.com SIP/2.0',
    'OPT(IONS sip:bob@example.com SIP/2.0',
    'OPTIONS sip:bob@example.com HTTP/1.1',
    'OPTIONS <sip:bob@example.com> SIP/2.0',
    'OPTIONS sip:bob@example.com; lr SIP/2.0',
    'OPTIONS  SIP/2.0',
  ])('%j is refused with 400', (line) => {
    expect(refused(text({}, '', line)).status).toBe(400);
  });

  test('surplus spaces of the request line are tolerated (RFC 4475 sections 3.1.2.9, 3.1.2.10)', () => {
    const request = parse(text({}, '', 'OPTIONS  sip:bob@example.com  SIP/2.0  '));
    expect(request).toMatchObject({ method: 'OPTIONS', uriText: 'sip:bob@example.com' });
  });

  test.each(['SIP/7.0', 'SIP/2.1', 'sip/1.0'])('%s gets 505 (section 21.5.6), whatever else is wrong', (version) => {
    const error = refused(text({ CSeq: '1 INVITE' }, '', `OPTIONS sip:bob@example.com ${version}`));
    expect(error).toMatchObject({ status: 505, request: { method: 'OPTIONS' } });
  });

  test('methods are case-sensitive', () => {
    expect(parse(text({ CSeq: '1 options' }, '', 'options sip:bob@example.com SIP/2.0'))).toMatchObject({
      method: 'options',
    });
    expect(refused(text({ CSeq: '1 options' })).status).toBe(400);
  });
});

describe('header lines (RFC 3261 section 7.3.1)', () => {
  test('folds become one space', () => {
    const { headers } = parse(text({ Subject: 'one  \r\n \t two\r\n\tthree', Server: '\r\n x' }));
    expect(headers.get('Subject')).toBe('one two three');
    expect(headers.get('Server')).toBe('x');
  });

  test('space may stand before the colon, and none behind it', () => {
    const { headers } = parse(text().replace('Call-ID: ', 'i \t:').replace('To: ', 'TO:'));
    expect(headers.get('Call-ID')).toBe('x@pc33');
    expect(headers.get('To')).toBe('<sip:bob@example.com>');
  });

  test('lines may end with LF alone', () => {
    const message = parse(text({ Subject: 'a\r\n b', 'Content-Length': '2' }, 'x\r\n').replaceAll('\r\n', '\n'));
    expect(message.headers.get('Subject')).toBe('a b');
    expect(refused(text({ 'Content-Length': '3' }, 'x\r\n').replaceAll('\r\n', '\n')).status).toBe(400);
  });

  test('an LF-only head ends at its own empty line, not at one of the body', () => {
    const message = parse(`${text().replaceAll('\r\n', '\n')}a\r\n\r\nb ü`);
    expect(body(message)).toBe('a\r\n\r\nb ü');
  });

  test('blank lines before the message are skipped (section 7.5)', () => {
    expect(parse(`\r\n\r\n${text({}, 'body')}`)).toMatchObject({ method: 'OPTIONS' });
    expect(body(parse(`\r\n\r\n${text({}, 'body')}`))).toBe('body');
  });

  test('names and values are kept as received, in order', () => {
    const message = parse(text({ 'x-OwN': ';;,,;;,;', Unknown: '' }));
    expect([...message.headers.entries()].slice(-2)).toEqual([
      ['x-OwN', ';;,,;;,;'],
      ['Unknown', ''],
    ]);
  });

  test('UTF-8 is read as UTF-8, other bytes as Latin-1; the body begins where it begins', () => {
    const utf8 = parse(text({ Subject: '\ufeffJürgen 😀' }, 'bödy'));
    expect(utf8.headers.get('Subject')).toBe('\ufeffJürgen 😀');
    expect(body(utf8)).toBe('bödy');
    const latin1 = parse(Buffer.from(text({ Subject: 'Jürgen' }, 'body'), 'latin1'));
    expect(latin1.headers.get('Subject')).toBe('Jürgen');
    expect(body(latin1)).toBe('body');
  });

  test('a line without a name is left out (section 8.2.2)', () => {
    const { headers } = parse(text().replace('\r\nVia', '\r\nnonsense\r\n: x\r\nA B: c\r\nVia'));
    expect([...headers.entries()].map(([name]) => name)).toEqual(Object.keys(mandatory));
  });

  test('a CR without LF in a line is refused, and never goes back in the answer', () => {
    const error = refused(text({ Subject: 'a\rVia: b' }));
    expect(error.status).toBe(400);
    expect([...error.request!.headers.entries()].join()).not.toContain('\r');
    expect(refused(text({ Subject: 'a\r\n b\rc' })).status).toBe(400);
  });

  test('a NUL is read in a quoted pair only; any value that is read can be written again', () => {
    const to = '"a\\\0b" <sip:bob@example.com>';
    const message = parse(text({ To: to }));
    expect(message.to.displayName).toBe('a\0b');
    expect(message.headers.setValue(To, message.to).set('To', to).get('To')).toBe(to);
    const error = refused(text({ Subject: 'a\0b' }));
    expect(error.request?.headers.has('Subject')).toBe(false);
  });

  test('a head without its empty line is refused', () => {
    expect(refused(text().slice(0, -2)).status).toBe(400);
    expect(refused('').request).toBeNull();
    expect(refused('\r\n\r\n').request).toBeNull();
    expect(refused('OPTIONS sip:bob@example.com SIP/2.0').request).toBeNull();
  });
});

describe('fields that every message must have (RFC 3261 section 8.1.1)', () => {
  test.each(Object.keys(mandatory))('without %s there is no answer', (name) => {
    expect(refused(text({ [name]: null }))).toMatchObject({ status: 400, request: null });
  });

  test.each<[Fields]>([
    [{ From: '"x <sip:alice@example.com>' }],
    [{ To: 'nobody' }],
    [{ CSeq: '4294967296 OPTIONS' }],
    [{ CSeq: '1 INVITE' }],
    [{ 'Call-ID': 'a b' }],
    [{ 'Max-Forwards': '256' }],
    [{ 'Max-Forwards': 'x' }],
    [{ CSeq: ['1 OPTIONS', '2 OPTIONS'] }],
    [{ To: ['<sip:bob@example.com>', '<sip:carol@example.com>'] }],
    [{ 'Content-Type': ['application/sdp', 'text/plain'] }],
  ])('%j is refused with a 400 that can be sent', (fields) => {
    const error = refused(text(fields));
    expect(error.status).toBe(400);
    expect(error.request?.topVia.host).toBe('pc33.example.com');
  });

  test('a broken Via leaves nowhere to answer to', () => {
    expect(refused(text({ Via: 'SIP/2.0/UDP' }))).toMatchObject({ status: 400, request: null });
  });

  test('a response is never answered', () => {
    expect(refused(text({ CSeq: 'x' }, '', 'SIP/2.0 200 OK'))).toMatchObject({ request: null });
  });

  test('Max-Forwards may be missing, and a line may be repeated word for word', () => {
    expect(parse(text()).headers.has('Max-Forwards')).toBe(false);
    expect(parse(text({ 'Call-ID': ['x@pc33', 'x@pc33'] })).callId).toBe('x@pc33');
  });

  test('all other fields are read when asked for', () => {
    const { headers } = parse(text({ Contact: '<nonsense', Expires: '99999999999999999999' }));
    expect(() => headers.first(Contact)).toThrow('bad Contact');
    expect(headers.first(Expires)).toBe(4_294_967_295);
  });
});

describe('bodies (RFC 3261 section 18.3)', () => {
  test('a datagram without Content-Length is body to its end', () => {
    expect(body(parse(text({}, 'to the end')))).toBe('to the end');
  });

  test('what a datagram holds beyond Content-Length is ignored', () => {
    expect(body(parse(text({ 'Content-Length': '2' }, 'to the end')))).toBe('to');
    expect(body(parse(text({ l: '0' }, 'to the end')))).toBe('');
  });

  test.each<[string | readonly string[]]>([['11'], ['-1'], ['x'], [''], ['1 0'], [['10', '9']]])(
    'Content-Length %j over ten bytes is refused with 400',
    (length) => {
      expect(refused(text({ 'Content-Length': length }, 'to the end'))).toMatchObject({
        status: 400,
        request: { method: 'OPTIONS' },
      });
    },
  );

  test('a compact and a long Content-Length that differ are refused', () => {
    expect(refused(text({ 'Content-Length': '10', l: '9' }, 'to the end')).status).toBe(400);
  });

  test('on a stream there must be a Content-Length', () => {
    expect(refused(text({}, 'x'), { stream: true }).status).toBe(400);
    expect(body(parse(text({ 'Content-Length': '1' }, 'x'), { stream: true }))).toBe('x');
  });

  test('binary bodies are kept byte for byte', () => {
    const binary = Uint8Array.from({ length: 256 }, (_, i) => i);
    const message = parse(Buffer.concat([Buffer.from(text()), binary]));
    expect(Array.from(message.body)).toEqual(Array.from(binary));
  });
});

describe('limits', () => {
  test('a message too large for its transport gets 513', () => {
    const large = text({}, 'x'.repeat(limits.datagramBytes));
    expect(refused(large).status).toBe(513);
    const length = String(limits.datagramBytes);
    expect(
      parse(text({ 'Content-Length': length }, 'x'.repeat(limits.datagramBytes)), { stream: true }).body,
    ).toHaveLength(limits.datagramBytes);
    expect(refused(text({}, 'x'.repeat(limits.streamBytes)), { stream: true }).status).toBe(513);
  });

  test('more header lines than 256 are refused', () => {
    const spare = limits.headers - Object.keys(mandatory).length;
    expect(parse(text({ X: new Array<string>(spare).fill('y') })).headers.getAll('X')).toHaveLength(spare);
    expect(refused(text({ X: new Array<string>(spare + 1).fill('y') })).status).toBe(400);
  });

  test('a longer header line than 8 KiB is refused, folded or not', () => {
    const room = limits.headerLineBytes - 'X: '.length;
    expect(parse(text({ X: 'y'.repeat(room) })).headers.get('X')).toHaveLength(room);
    expect(refused(text({ X: 'y'.repeat(room + 1) }))).toMatchObject({ status: 400, request: { method: 'OPTIONS' } });
    expect(refused(text({ X: `${'y'.repeat(room - 2)}\r\n y` })).status).toBe(400);
    expect(refused(text({}, '', `OPTIONS sip:${'b'.repeat(limits.headerLineBytes)}@h SIP/2.0`)).status).toBe(400);
  });
});

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  Contact,
  ContentType,
  canonicalName,
  createResponse,
  formatCompact,
  formatMessage,
  formatUri,
  type HeaderType,
  MaxForwards,
  type NameAddress,
  parseMessage,
  parseUri,
  RecordRoute,
  Require,
  Route,
  type SipMessage,
  SipRequest,
  SipSyntaxError,
  sameUri,
  tagOf,
  type Uri,
  Via,
} from '../../src/sip/message/index.ts';
import { type Facts, verdicts } from './verdicts.ts';

const bytesOf = (name: string): Uint8Array => readFileSync(new URL(`./${name}.dat`, import.meta.url));
const parseFile = (name: string): SipMessage => parseMessage(bytesOf(name));

const names = Object.keys(verdicts);
const accepted = names.filter((name) => verdicts[name]?.verdict === 'accept');

const acceptedRequests = accepted.filter((name) => {
  const verdict = verdicts[name];
  return verdict?.verdict === 'accept' && verdict.facts.status === undefined;
});

/** The message with its Content-Length replaced by what follows the headers. */
function withTrueLength(name: string): Uint8Array {
  const text = Buffer.from(bytesOf(name)).toString('latin1');
  const bodyAt = text.indexOf('\r\n\r\n') + 4;
  return Buffer.from(text.replace(/^Content-Length: \d+/m, `Content-Length: ${text.length - bodyAt}`), 'latin1');
}

function refusal(name: string): SipSyntaxError {
  try {
    parseFile(name);
  } catch (error) {
    if (error instanceof SipSyntaxError) return error;
    throw error;
  }
  throw new Error(`${name} was accepted`);
}

/** How each fact is read out of a message. */
const readers: { readonly [F in keyof Facts]-?: (message: SipMessage, expected: Facts[F]) => unknown } = {
  method: (message) => request(message).method,
  status: (message) => (message.kind === 'response' ? message.status : undefined),
  reason: (message) => (message.kind === 'response' ? message.reason : undefined),
  uri: (message) => formatUri(request(message).uri),
  uriKind: (message) => request(message).uri.kind,
  user: (message) => user(request(message).uri),
  password: (message) => sip(request(message).uri).password,
  host: (message) => sip(request(message).uri).host,
  port: (message) => sip(request(message).uri).port,
  uriHeaders: (message) => sip(request(message).uri).headers,
  fromName: (message) => message.from.displayName,
  fromUser: (message) => user(message.from.uri),
  fromTag: (message) => message.fromTag,
  fromParams: (message) => Object.fromEntries(message.from.params),
  toName: (message) => message.to.displayName,
  toUri: (message) => formatUri(message.to.uri),
  toTag: (message) => message.toTag,
  callId: (message) => message.callId,
  cseq: (message) => message.cseq.number,
  maxForwards: (message) => message.headers.first(MaxForwards) ?? null,
  vias: (message) =>
    message.headers.all(Via).map(({ transport, host, port }) => {
      if (port === null) return `${transport} ${host}`;
      return `${transport} ${host.includes(':') ? `[${host}]` : host}:${port}`;
    }),
  viaCount: (message) => message.headers.all(Via).length,
  branch: (message) => message.topVia.params.get('branch') ?? null,
  received: (message) => message.topVia.params.get('received') ?? null,
  contacts: (message) => contacts(message).map(({ uri }) => formatUri(uri)),
  contactUsers: (message) => contacts(message).map(({ uri }) => user(uri)),
  contactNames: (message) => contacts(message).map(({ displayName }) => displayName),
  contactParams: (message) => Object.fromEntries(contacts(message)[0]?.params ?? []),
  contactUriHeaders: (message) => contacts(message).map(({ uri }) => sip(uri).headers)[0],
  routes: (message) => message.headers.all(Route).map(({ uri }) => formatUri(uri)),
  recordRoutes: (message) => message.headers.all(RecordRoute).map(({ uri }) => formatUri(uri)),
  require: (message) => message.headers.all(Require),
  contentType: (message) => {
    const { type, subtype } = message.headers.require(ContentType);
    return `${type}/${subtype}`;
  },
  header: (message, expected) =>
    Object.fromEntries(Object.keys(expected ?? {}).map((name) => [name, message.headers.get(name)])),
  absent: (message, expected) => (expected ?? []).filter((name) => !message.headers.has(name)),
  body: (message) => message.body.length,
};

function request(message: SipMessage): SipRequest {
  if (message.kind === 'request') return message;
  throw new Error('a response has no request line');
}

function sip(uri: Uri) {
  if (uri.kind === 'sip') return uri;
  throw new Error(`${formatUri(uri)} is no SIP URI`);
}

const user = (uri: Uri): string | null => (uri.kind === 'sip' ? uri.user : null);

const contacts = (message: SipMessage): readonly NameAddress[] =>
  message.headers.all<NameAddress | '*'>(Contact as HeaderType<NameAddress | '*'>).filter((value) => value !== '*');

function read(message: SipMessage, expected: Facts): Partial<Record<keyof Facts, unknown>> {
  const seen: Partial<Record<keyof Facts, unknown>> = {};
  for (const fact of Object.keys(expected) as (keyof Facts)[]) {
    const reader = readers[fact] as (message: SipMessage, expected: unknown) => unknown;
    seen[fact] = reader(message, expected[fact]);
  }
  return seen;
}

/** What has to survive writing and reading: start line, body, every header line but Content-Length, which is rewritten. */
function essence(message: SipMessage) {
  const lines = [...message.headers.entries()].filter(([name]) => canonicalName(name) !== 'content-length');
  const start =
    message.kind === 'request'
      ? { method: message.method, uri: formatUri(message.uri) }
      : { status: message.status, reason: message.reason };
  return { kind: message.kind, ...start, lines, body: Buffer.from(message.body).toString('latin1') };
}

describe('the table of verdicts', () => {
  test('has one verdict for every file and one file for every verdict', () => {
    const files = ['rfc4475', 'rfc5118'].flatMap((folder) =>
      readdirSync(new URL(`./${folder}/`, import.meta.url)).map((file) => `${folder}/${file}`),
    );
    expect(files.filter((file) => !file.endsWith('.dat'))).toEqual([]);
    expect(files.map((file) => file.slice(0, -'.dat'.length)).sort()).toEqual([...names].sort());
  });

  test('holds all 49 messages of RFC 4475 and all 12 of RFC 5118', () => {
    expect(names.filter((name) => name.startsWith('rfc4475/'))).toHaveLength(49);
    expect(names.filter((name) => name.startsWith('rfc5118/'))).toHaveLength(12);
  });

  test('is about files whose CRLF line ends no tool has changed', () => {
    for (const name of names) {
      const text = Buffer.from(bytesOf(name)).toString('latin1');
      expect(text.replaceAll('\r\n', '').match(/[\r\n]/) === null || name === 'rfc4475/mpart01', name).toBe(true);
      expect(text, name).toContain('\r\n\r\n');
    }
  });
});

describe('torture messages', () => {
  test.each(Object.entries(verdicts))('%s', (name, expected) => {
    if (expected.verdict === 'accept') {
      expect(read(parseFile(name), expected.facts)).toEqual(expected.facts);
      return;
    }
    const error = refusal(name);
    if (expected.verdict === 'drop') {
      expect(error.request).toBeNull();
      return;
    }
    expect(error.status).toBe(expected.status);
    if (expected.answerable !== undefined) expect(error.request !== null).toBe(expected.answerable);
  });
});

describe('an accepted torture message', () => {
  test.each(accepted)('%s is the same message after writing and reading', (name) => {
    const message = parseFile(name);
    expect(essence(parseMessage(formatMessage(message)))).toEqual(essence(message));
  });

  test.each(accepted)('%s is the same message after writing and reading on a stream', (name) => {
    const message = parseFile(name);
    expect(essence(parseMessage(formatMessage(message), { stream: true }))).toEqual(essence(message));
  });

  test.each(accepted)('%s keeps what matters when it is written compactly', (name) => {
    const message = parseFile(name);
    const compact = parseMessage(formatCompact(message));
    expect(formatCompact(message).length).toBeLessThanOrEqual(formatMessage(message).length);
    const kept: Facts = { callId: '', cseq: 0, vias: [], fromTag: '', toTag: '', fromName: '', toUri: '', body: 0 };
    expect(read(compact, kept)).toEqual(read(message, kept));
    expect(compact.headers.all(Route)).toEqual(message.headers.all(Route));
    expect(contacts(compact)).toEqual(contacts(message));
  });

  test.each(accepted)('%s survives its values being read and set again', (name) => {
    const message = parseFile(name);
    const copy = message.clone();
    for (const type of [Via, Route, RecordRoute, Contact] as HeaderType<unknown>[]) {
      if (copy.headers.has(type.name)) copy.headers.setAll(type, message.headers.all(type));
    }
    const again = parseMessage(formatMessage(copy));
    expect(again.headers.all(Via)).toEqual(message.headers.all(Via));
    expect(again.headers.all(Route)).toEqual(message.headers.all(Route));
    expect(contacts(again)).toEqual(contacts(message));
  });

  test.each(acceptedRequests)('%s can be answered', (name) => {
    const message = request(parseFile(name));
    const response = createResponse(message, 200, { toTag: 'ours' });
    const arrived = parseMessage(formatMessage(response));
    expect(arrived.headers.all(Via)).toEqual(message.headers.all(Via));
    expect(arrived.callId).toBe(message.callId);
    expect(arrived.cseq).toEqual(message.cseq);
    expect(tagOf(arrived.from)).toBe(message.fromTag);
    expect(arrived.toTag).toBe(message.toTag ?? 'ours');
  });
});

describe('a refused torture request', () => {
  const answerable = names.filter((name) => {
    const verdict = verdicts[name];
    return verdict?.verdict === 'refuse' && verdict.answerable === true;
  });

  test.each(answerable)('%s carries what its response needs', (name) => {
    const error = refusal(name);
    expect(error.request).toBeInstanceOf(SipRequest);
    const response = createResponse(error.request as SipRequest, error.status, { toTag: 'ours' });
    const written = Buffer.from(formatMessage(response)).toString('latin1');
    expect(written.startsWith(`SIP/2.0 ${error.status} `)).toBe(true);
    for (const field of ['Via', 'From', 'To', 'Call-ID', 'CSeq']) expect(response.headers.has(field), field).toBe(true);
  });
});

test('escapes in URI parameters are undone once when URIs are compared (RFC 4475 section 3.1.1.3)', () => {
  const contact = contacts(parseFile('rfc4475/esc01'))[0];
  expect(contact && sameUri(contact.uri, parseUri('sip:caller@host5.example.net;lr;name=value%2541'))).toBe(true);
  expect(contact && sameUri(contact.uri, parseUri('sip:caller@host5.example.net;lr;name=valueA'))).toBe(false);
});

test('a null in a user part stays escaped when it is written (RFC 4475 section 3.1.1.4)', () => {
  const [one, two] = contacts(parseFile('rfc4475/escnull'));
  expect(one && formatUri(one.uri)).toBe('sip:%00@host5.example.com');
  expect(two && formatUri(two.uri)).toBe('sip:%00%00@host5.example.com');
  expect(one && two && sameUri(one.uri, two.uri)).toBe(false);
});

test('binary octets of a body arrive untouched (RFC 4475 section 3.1.1.11)', () => {
  const file = bytesOf('rfc4475/mpart01');
  const { body } = parseFile('rfc4475/mpart01');
  expect(Buffer.from(body).equals(file.subarray(file.length - 553))).toBe(true);
  expect(body.includes(0)).toBe(true);
});

test('the quotes that baddn lacks are there when its addresses are written again (RFC 4475 section 3.1.2.15)', () => {
  const message = parseFile('rfc4475/baddn');
  const response = createResponse(request(message), 200, { toTag: 'ours' });
  expect(response.from.displayName).toBe('Bell, Alexander');
  expect(response.to.displayName).toBe('Watson, Thomas');
});

describe('a datagram cut off before its headers end', () => {
  test.each(names.filter((name) => verdicts[name]?.verdict === 'accept'))('%s is no message', (name) => {
    const bytes = bytesOf(name);
    const end = Buffer.from(bytes).indexOf('\r\n\r\n');
    const cut = bytes.subarray(0, Math.floor(end * 0.7));
    let seen: unknown = null;
    try {
      seen = parseMessage(cut);
    } catch (error) {
      seen = error;
    }
    expect(seen).toBeInstanceOf(SipSyntaxError);
  });
});

describe('RFC 5118 bodies whose printed Content-Length is not theirs', () => {
  test.each([
    ['rfc5118/ipv6-in-sdp', 251, 'c=IN IP6 2001:db8::20'],
    ['rfc5118/mult-ip-in-sdp', 189, 'c=IN IP6 2001:db8::1'],
    ['rfc5118/ipv4-mapped-ipv6', 245, 'c=IN IP6 ::ffff:192.0.2.2'],
  ])('%s is whole once the length is right', (name, length, connection) => {
    const message = parseMessage(withTrueLength(name));
    expect(message.body.length).toBe(length);
    const lines = Buffer.from(message.body).toString('latin1').split('\r\n');
    expect(lines).toContain(connection);
    expect(lines.at(-2)).toBe('a=rtpmap:107 H263-1998/90000');
  });

  test('ipv6-in-sdp names IPv6 hosts in Request-URI, To, Via and Contact (section 4.6)', () => {
    const message = parseMessage(withTrueLength('rfc5118/ipv6-in-sdp'));
    expect(read(message, { host: '', toUri: '', vias: [], contacts: [], port: null })).toEqual({
      host: '2001:db8::10',
      port: null,
      toUri: 'sip:user@[2001:db8::10]',
      vias: ['UDP 2001:db8::20'],
      contacts: ['sip:caller@[2001:db8::20]'],
    });
  });
});

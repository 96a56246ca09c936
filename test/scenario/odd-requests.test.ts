import { describe, expect, test } from 'vitest';
import { plainSdp, RawPeer } from '../world/raw-peer.ts';
import { talk } from '../world/talk.ts';
import { exchangeIp, World } from '../world/world.ts';

// Requests as phones in the field write them, byte by byte: each begins a call, and it is talked and hung up in it.

const open = { config: { registrar: { auth: 'none' } } };
const phone = '10.0.0.50:5060';
const sdp = plainSdp('10.0.0.50');

const plain: Readonly<Record<string, string>> = {
  Via: `SIP/2.0/UDP ${phone};branch=z9hG4bKodd;rport`,
  'Max-Forwards': '70',
  From: `"Alice" <sip:1001@${exchangeIp}>;tag=a`,
  To: `<sip:1002@${exchangeIp}>`,
  'Call-ID': 'odd',
  CSeq: '1 INVITE',
  Contact: `<sip:1001@${phone}>`,
  'Content-Type': 'application/sdp',
  'Content-Length': String(sdp.length),
};

const compact: Readonly<Record<string, string>> = {
  Via: 'v',
  From: 'f',
  To: 't',
  'Call-ID': 'i',
  Contact: 'm',
  'Content-Type': 'c',
  'Content-Length': 'l',
};

const write = (
  fields: Readonly<Record<string, string>>,
  { uri = `sip:1002@${exchangeIp}`, separator = ': ', eol = '\r\n', body = sdp } = {},
): string => {
  const lines = Object.entries(fields).map(([name, value]) => `${name}${separator}${value}`);
  return [`INVITE ${uri} SIP/2.0`, ...lines, '', body].join(eol);
};

const but = (changes: Readonly<Record<string, string>>) => ({ ...plain, ...changes });
const without = (...names: readonly string[]) =>
  Object.fromEntries(Object.entries(plain).filter(([name]) => !names.includes(name)));
const renamed = (rename: (name: string) => string) =>
  Object.fromEntries(Object.entries(plain).map(([name, value]) => [rename(name), value]));
const contact = (value: string) => write(but({ Contact: value }));

const finals = ({ log }: RawPeer) => log.filter((entry) => entry !== 100);

describe('an INVITE is taken', () => {
  test.each<readonly [what: string, text: string, target?: string]>([
    ['as the RFC has it', write(plain)],
    ['with compact names', write(renamed((name) => compact[name] ?? name))],
    ['with names in small letters', write(renamed((name) => name.toLowerCase()))],
    ['with names in capital letters', write(renamed((name) => name.toUpperCase()))],
    ['with folded lines (RFC 3261 §7.3.1)', write(plain).replace(/;/g, '\r\n  ;')],
    ['without space behind the colon', write(plain, { separator: ':' })],
    ['with space before the colon', write(plain, { separator: ' \t:  ' })],
    ['with line ends of LF alone', write(plain, { eol: '\n' })],
    ['behind blank lines', `\r\n\r\n${write(plain)}`],
    ['without Max-Forwards', write(without('Max-Forwards'))],
    ['without Content-Length', write(without('Content-Length'))],
    ['with more behind the body than Content-Length says', `${write(plain)}and so on`],
    ['with header fields that nobody knows', write({ 'X-Odd': '"', 'P-Odd': ';;=,<', Odd: '', ...plain })],
    ['with a header field that we know, and that makes no sense', write(but({ 'Allow-Events': '<<', Date: 'soon' }))],
    ['with spaces in the Via', write(but({ Via: `SIP / 2.0 / UDP ${phone} ; branch = z9hG4bKodd ; rport` }))],
    ['without rport', write(but({ Via: `SIP/2.0/UDP ${phone};branch=z9hG4bKodd` }))],
    ['with a branch of RFC 2543', write(but({ Via: `SIP/2.0/UDP ${phone};branch=1` }))],
    ['with a display name that is no ASCII', write(but({ From: `"Älice 😀" <sip:1001@${exchangeIp}>;tag=a` }))],
    [
      'with a display name in quotes and backslashes',
      write(but({ From: `"A \\"l\\\\" <sip:1001@${exchangeIp}>;tag=a` })),
    ],
    ['with a display name without quotes', write(but({ From: `A lice <sip:1001@${exchangeIp}>;tag=a` }))],
    ['from an address without brackets', write(but({ From: `sip:1001@${exchangeIp};tag=a` }))],
    ['to a tel: URI', write(but({ To: '<tel:1002>' }), { uri: 'tel:1002' })],
    ['to user=phone with separators', write(plain, { uri: `sip:10-02@${exchangeIp};user=phone` })],
    ['to an escaped number', write(plain, { uri: `sip:%31002@${exchangeIp}` })],
    ['to a number with parameters', write(plain, { uri: `sip:1002;phone-context=x@${exchangeIp}` })],
    ['with ;ob', contact(`<sip:1001@${phone};ob>`), `sip:1001@${phone};ob`],
    ['with ;alias', contact(`<sip:1001@${phone};alias=10.0.0.50~5060~1>`), `sip:1001@${phone};alias=10.0.0.50~5060~1`],
    ['with a Contact without brackets', contact(`sip:1001@${phone}`), `sip:1001@${phone}`],
    ['with several Contacts', contact(`<sip:1001@${phone};x=1>, <sip:2@h>`), `sip:1001@${phone};x=1`],
    [
      'with feature parameters',
      contact(`"A" <sip:1001@${phone}>;+sip.instance="<urn:uuid:1>";q=0.5`),
      `sip:1001@${phone}`,
    ],
    ['without Contact', write(without('Contact')), `sip:1001@${exchangeIp}`],
    ['with the Contact *', contact('*'), `sip:1001@${exchangeIp}`],
    [
      'from a private address',
      write(but({ Via: 'SIP/2.0/UDP 192.168.1.5;branch=z9hG4bKodd;rport', Contact: '<sip:1001@192.168.1.5:5060>' })),
      'sip:1001@192.168.1.5:5060',
    ],
    [
      'from a host that exists nowhere',
      contact('<sip:1001@x.invalid;transport=ws>'),
      'sip:1001@x.invalid;transport=ws',
    ],
  ])('%s', async (_what, text = '', target = `sip:1001@${phone}`) => {
    await using world = await World.start(open);
    const bob = await world.registered('1002');
    await using raw = await RawPeer.open(world);
    raw.sendText(text);
    world.run(50);
    expect(bob.lastCall.remoteSdp).toContain('m=audio');
    raw.sendText(text);
    bob.lastCall.answer(200);
    world.run(50);
    expect(bob.calls).toHaveLength(1);
    expect(finals(raw)).toEqual([200]);
    raw.send([
      `ACK sip:1002@${exchangeIp} SIP/2.0`,
      `Via: SIP/2.0/UDP ${phone};branch=z9hG4bKack;rport`,
      `From: ${raw.response.headers.get('From')}`,
      `To: ${raw.response.headers.get('To')}`,
      'Call-ID: odd',
      'CSeq: 1 ACK',
    ]);
    world.run(40_000);
    expect(finals(raw)).toEqual([200]);
    bob.lastCall.hangUp();
    world.run(50);
    expect(raw.request('BYE').uriText).toBe(target);
    raw.answer('BYE', '200 OK');
    world.settles();
    expect(world.cdrs).toMatchObject([{ caller: '1001', callee: '1002', status: 'completed' }]);
  });
});

describe('an INVITE is refused', () => {
  test.each<readonly [what: string, status: number, text: string]>([
    ['whose body is shorter than Content-Length', 400, write(but({ 'Content-Length': String(sdp.length + 1) }))],
    ['with two Content-Lengths that differ', 400, write({ l: '5', ...plain })],
    ['with a negative Content-Length', 400, write(but({ 'Content-Length': '-1' }))],
    ['with a Content-Length of words', 400, write(but({ 'Content-Length': 'all' }))],
    ['with a Content-Length beyond any number', 400, write(but({ 'Content-Length': '9'.repeat(30) }))],
    ['whose CSeq names another method', 400, write(but({ CSeq: '1 BYE' }))],
    ['whose Request-URI makes no sense', 400, write(plain, { uri: 'sip:1002@[::1' })],
    ['in brackets', 400, write(plain, { uri: `<sip:1002@${exchangeIp}>` })],
    ['of another version', 505, write(plain).replace('SIP/2.0\r\n', 'SIP/3.0\r\n')],
    ['with a URI of another scheme', 416, write(plain, { uri: 'mailto:1002@pbx.example' })],
    ['with a session description of nonsense', 400, write(but({ 'Content-Length': '5' }), { body: 'hello' })],
    ['with one without audio', 488, write(without('Content-Length'), { body: sdp.replace('m=audio', 'm=video') })],
    [
      'with one of codecs that we do not carry',
      488,
      write(without('Content-Length'), { body: sdp.replace('0 8', '98') }),
    ],
    ['with a body of another type', 415, write(but({ 'Content-Type': 'text/plain' }))],
    ['with a body without type', 415, write(without('Content-Type'))],
  ])('%s: %d, and is no call', async (_what, status, text) => {
    await using world = await World.start(open);
    const bob = await world.registered('1002');
    await using raw = await RawPeer.open(world);
    raw.sendText(text);
    world.run(40_000);
    expect(new Set(finals(raw))).toEqual(new Set([status]));
    if (status === 415) expect(raw.response.headers.get('Accept')).toBe('application/sdp');
    expect(bob.calls).toEqual([]);
    world.settles();
  });
});

test('what only keeps a NAT open is no message and not answered: line ends, zero bytes, nothing', async () => {
  await using world = await World.start(open);
  await using raw = await RawPeer.open(world);
  for (const text of ['\r\n\r\n', '\r\n', '', '\0', '\0\0\0\0', 'jaK']) raw.sendText(text);
  world.run(1_000);
  expect(raw.log).toEqual([]);
  expect(world.exchange.transport.counters).toMatchObject({ keepalives: 6, malformed: 0, received: 0 });
});

test('what is escaped in a number is not eaten: %23 is the key # (RFC 3261 §19.1.2)', async () => {
  await using world = await World.start(open);
  await using raw = await RawPeer.open(world);
  raw.sendText(write(plain, { uri: `sip:*21%23@${exchangeIp}` }));
  world.run(50);
  expect(finals(raw)).toEqual([404]);
  world.settles();
  expect(world.cdrs).toMatchObject([{ callee: '*21#', sip_status: 404 }]);
});

describe('bodies', () => {
  const multipart = (...parts: readonly string[]) =>
    [...parts.flatMap((part) => ['--b', part]), '--b--', ''].join('\r\n');
  const part = (type: string, body: string) => [`Content-Type: ${type}`, '', body].join('\r\n');
  const location = part('application/pidf+xml', '<presence/>');
  const offer = part('application/sdp', sdp);
  const isup = part('application/isup;version=itu-t92+;base=itu-t92+', '\u0001\u0000');
  const within = part('multipart/alternative;boundary="b/in ner"', ['--b/in ner', offer, '--b/in ner--'].join('\r\n'));
  const mixed = { 'Content-Type': 'multipart/mixed;boundary=b' };

  const sending = async (fields: Readonly<Record<string, string>>, body: string) => {
    const world = await World.start(open);
    const bob = await world.registered('1002');
    const raw = await RawPeer.open(world);
    const { 'Content-Length': _, ...rest } = but(fields);
    raw.sendText(write(rest, { body }));
    world.run(300);
    return { world, bob, raw };
  };

  test.each([
    ['first', multipart(offer, location)],
    ['behind others (RFC 6442, RFC 3398)', multipart(location, isup, offer)],
    ['within another part', multipart(location, within)],
  ])('a session description that stands %s is the offer', async (_where, body) => {
    const { world, bob } = await sending(mixed, body);
    await using _world = world;
    expect(bob.lastCall.remoteSdp).toContain('m=audio');
    expect(bob.lastCall.invite.headers.get('Content-Type')).toBe('application/sdp');
    expect(new TextDecoder().decode(bob.lastCall.invite.body)).not.toContain('presence');
  });

  test.each([
    ['alone', { 'Content-Type': 'text/plain', 'Content-Disposition': 'render;handling=optional' }, 'hello'],
    ['in parts', { ...mixed, 'Content-Disposition': 'session; handling = "optional"' }, multipart(location)],
  ])('what may be passed over is, %s: an INVITE without an offer (RFC 3261 §20.11)', async (_how, fields, body) => {
    const { world, bob } = await sending(fields, body);
    await using _world = world;
    expect(bob.lastCall.invite.body).toHaveLength(0);
  });

  test.each(['render;handling=required', 'session', ''])('what may not is 415: %j', async (disposition) => {
    const { world, bob, raw } = await sending({ ...mixed, 'Content-Disposition': disposition }, multipart(location));
    await using _world = world;
    expect(finals(raw)).toEqual([415]);
    expect(bob.calls).toEqual([]);
  });

  test('a body of more than 32 KiB is 413, before anybody is asked who it is, and in a call too', async () => {
    await using world = await World.start();
    const { call, bob } = await talk(world);
    await using raw = await RawPeer.open(world);
    raw.sendText(write(without('Content-Length'), { body: sdp + 'a=x\r\n'.repeat(7_000) }));
    world.run(300);
    expect(raw.log).toEqual([413]);
    call.request('INFO', { body: 'x'.repeat(32_769), contentType: 'text/plain' });
    world.run(300);
    expect(call.last.status).toBe(413);
    call.request('INFO', { body: 'x'.repeat(32_768), contentType: 'text/plain' });
    world.run(300);
    expect(call.last.status).toBe(200);
    expect(bob.count('INFO')).toBe(1);
    call.hangUp();
    world.settles();
  });
});

import { describe, expect, test } from 'vitest';
import { answerChallenge } from '../../src/sip/ua/index.ts';
import { inviteLines, requestLines, viaOf } from '../world/raw-lines.ts';
import { plainSdp, RawPeer } from '../world/raw-peer.ts';
import { exchangeIp, passwordOf, World } from '../world/world.ts';

// What other people's stacks send, byte by byte: the phones of the other stories are made of our own.

const open = { config: { registrar: { auth: 'none' } } };

/** The raw peer has called, bob has answered and it has acknowledged. */
async function talking(options: Parameters<typeof inviteLines>[1] = {}) {
  const world = await World.start(open);
  const bob = await world.registered('1002');
  const raw = await RawPeer.open(world);
  raw.send(inviteLines(raw, options), plainSdp(raw.address.address));
  world.run(50);
  bob.lastCall.answer(200);
  world.run(50);
  const to = raw.response.headers.get('To') ?? '';
  raw.send(requestLines(raw, 'ACK', `sip:1002@${exchangeIp}`, { ...options, to, via: viaOf(raw, 'ack'), more: [] }));
  world.run(50);
  return { world, bob, raw, to };
}

describe('proxies between us and a peer (RFC 3261 §12.1, §12.2.1.1)', () => {
  test('of a caller: requests go by them in the order in which they are recorded', async () => {
    const more = [
      'Record-Route: <sip:p2.example;lr>, <sip:p1.example:5080;lr;x=y>',
      'Record-Route: <sip:p0.example;lr>',
    ];
    const { world, bob, raw } = await talking({ more });
    await using _ = world;
    expect(raw.response.headers.getAll('Record-Route').join(', ')).toBe(
      '<sip:p2.example;lr>, <sip:p1.example:5080;lr;x=y>, <sip:p0.example;lr>',
    );
    bob.lastCall.hangUp();
    world.run(50);
    const bye = raw.request('BYE');
    expect(bye.uriText).toBe(`sip:1001@${raw.host}`);
    expect(bye.headers.getAll('Route')).toEqual([
      '<sip:p2.example;lr>',
      '<sip:p1.example:5080;lr;x=y>',
      '<sip:p0.example;lr>',
    ]);
    raw.answer('BYE', '200 OK');
    world.settles();
  });

  test('of a callee: requests go by them in the reverse order', async () => {
    await using world = await World.start(open);
    const alice = await world.registered('1001');
    await using raw = await registered(world);
    const call = alice.call('1002');
    world.run(50);
    raw.answer(
      'INVITE',
      '200 OK',
      [
        'Record-Route: <sip:p2.example;lr>, <sip:p1.example;lr>',
        'Contact: <sip:me@10.9.9.9;x>',
        'Content-Type: application/sdp',
      ],
      plainSdp(raw.address.address),
    );
    world.run(50);
    const ack = raw.request('ACK');
    expect(ack.uriText).toBe('sip:me@10.9.9.9;x');
    expect(ack.headers.getAll('Route')).toEqual(['<sip:p1.example;lr>', '<sip:p2.example;lr>']);
    call.hangUp();
    world.run(50);
    expect(raw.request('BYE').headers.getAll('Route')).toEqual(['<sip:p1.example;lr>', '<sip:p2.example;lr>']);
    raw.answer('BYE', '200 OK');
    world.settles();
  });

  test('a strict router of RFC 2543 is the Request-URI, and the peer the last Route', async () => {
    const { world, bob, raw } = await talking({
      more: ['Record-Route: <sip:strict.example?x=y>, <sip:p1.example;lr>'],
    });
    await using _ = world;
    bob.lastCall.hangUp();
    world.run(50);
    const bye = raw.request('BYE');
    expect(bye.uriText).toBe('sip:strict.example');
    expect(bye.headers.getAll('Route')).toEqual(['<sip:p1.example;lr>', `<sip:1001@${raw.host}>`]);
    raw.answer('BYE', '200 OK');
    world.settles();
  });
});

/** A raw peer that has registered as 1002. */
async function registered(
  world: World,
  options: { readonly contact?: string; readonly via?: string; readonly port?: number } = {},
): Promise<RawPeer> {
  const raw = await RawPeer.open(world, '10.0.0.50', options.port);
  const contact = `Contact: ${options.contact ?? `<sip:1002@${raw.host}>`}`;
  const from = `<sip:1002@${exchangeIp}>`;
  const via = options.via ? { via: options.via } : {};
  raw.send(
    requestLines(raw, 'REGISTER', `sip:${exchangeIp}`, { from: `${from};tag=r`, to: from, more: [contact], ...via }),
  );
  world.run(50);
  expect(raw.log).toEqual([200]);
  return raw;
}

describe('a phone on the machine of the exchange is no loop', () => {
  test.each([
    ['where its Via names our port, and rport another', 'udp', `SIP/2.0/UDP ${exchangeIp}:5060;rport;branch=z9hG4bK1`],
    ['where its Via names no port', 'udp', `SIP/2.0/UDP ${exchangeIp};rport;branch=z9hG4bK1`],
    ['where its Via names no port', 'tcp', `SIP/2.0/TCP ${exchangeIp};branch=z9hG4bK1`],
  ] as const)('%s, over %s', async (_where, transport, via) => {
    await using world = await World.start(open);
    const bob = await world.registered('1002');
    await using raw = await RawPeer.open(world, exchangeIp, 40_000, transport);
    raw.send(inviteLines(raw, { via }), plainSdp(exchangeIp));
    world.run(50);
    expect(raw.log).toEqual([100]);
    bob.lastCall.answer(486);
    world.run(50);
    expect(raw.log).toEqual([100, 486]);
    world.settles();
  });
});

describe('a phone that is called at another port than it registers from (RFC 3261 §10.3)', () => {
  test('hears calls where its Contact says, if nothing stands between', async () => {
    await using world = await World.start(open);
    const alice = await world.registered('1001');
    await using _registering = await registered(world, { port: 40_000, contact: '<sip:1002@10.0.0.50:5070>' });
    await using listening = await RawPeer.open(world, '10.0.0.50', 5070);
    const call = alice.call('1002');
    world.run(50);
    listening.answer('INVITE', '486 Busy Here');
    world.run(50);
    expect(call.statuses).toEqual([486]);
    expect(world.network.toNobody).toEqual([]);
    world.settles();
  });

  test.each([
    [
      'its Via names another port than it came from',
      'SIP/2.0/UDP 10.0.0.50:5070;rport;branch=z9hG4bKr',
      '10.0.0.50:5070',
    ],
    ['its Via names another host', 'SIP/2.0/UDP 192.168.1.9:40000;rport;branch=z9hG4bKr', '10.0.0.50:5070'],
    ['its Contact names another host', 'SIP/2.0/UDP 10.0.0.50:40000;rport;branch=z9hG4bKr', '192.168.1.9:5070'],
    [
      'a proxy has passed it on',
      'SIP/2.0/UDP 10.0.0.50:40000;rport;branch=z9hG4bKp, SIP/2.0/UDP 10.0.0.50:5070;branch=z9hG4bKr',
      '10.0.0.50:5070',
    ],
  ])('is called where it registers from when %s', async (_why, via, host) => {
    await using world = await World.start(open);
    const alice = await world.registered('1001');
    await using raw = await registered(world, { port: 40_000, contact: `<sip:1002@${host}>`, via });
    const call = alice.call('1002');
    world.run(50);
    expect(raw.request('INVITE').uriText).toBe(`sip:1002@${host}`);
    raw.answer('INVITE', '486 Busy Here');
    world.run(50);
    expect(call.statuses).toEqual([486]);
    world.run(40_000);
    expect(world.network.toNobody).toEqual([]);
  });
});

describe('credentials', () => {
  test.each([
    ['as to a proxy', 'Proxy-Authorization', 2],
    ['with the CSeq of the request that was challenged', 'Authorization', 1],
  ])('%s are accepted', async (_how, header, sequence) => {
    await using world = await World.start();
    await using raw = await RawPeer.open(world);
    const uri = `sip:${exchangeIp}`;
    const to = `<sip:1001@${exchangeIp}>`;
    const more = [`Contact: <sip:1001@${raw.host}>`];
    raw.send(requestLines(raw, 'REGISTER', uri, { to, more }));
    world.run(50);
    const credentials = answerChallenge(
      raw.response.headers.getAll('WWW-Authenticate'),
      { method: 'REGISTER', uri },
      { username: '1001', password: passwordOf('1001') },
      world.random,
    );
    const via = viaOf(raw, 'again');
    raw.send(requestLines(raw, 'REGISTER', uri, { to, via, sequence, more: [...more, `${header}: ${credentials}`] }));
    world.run(50);
    expect(raw.log).toEqual([401, 200]);
  });
});

describe('bodies', () => {
  async function offering(contentType: readonly string[], body: string) {
    const world = await World.start(open);
    const bob = await world.registered('1002');
    const raw = await RawPeer.open(world);
    const more = [`Contact: <sip:1001@${raw.host}>`, ...contentType];
    raw.send(requestLines(raw, 'INVITE', `sip:1002@${exchangeIp}`, { more }), body);
    world.run(50);
    return { world, bob, raw };
  }

  test('a session description among other parts is the offer (RFC 5621 §3.1)', async () => {
    const parts = [
      '--x',
      'Content-Type: application/pidf+xml',
      '',
      '<presence/>',
      '--x',
      'Content-Type: application/sdp',
    ];
    const body = [...parts, '', plainSdp('10.0.0.50'), '--x--', ''].join('\r\n');
    const { world, bob } = await offering(['Content-Type: multipart/mixed; boundary="x"'], body);
    await using _ = world;
    expect(bob.lastCall.remoteSdp).toContain('m=audio');
    expect(bob.lastCall.invite.headers.get('Content-Type')).toBe('application/sdp');
  });

  test.each([
    ['parts without one', ['Content-Type: multipart/mixed;boundary=x'], 'Accept', 'application/sdp'],
    ['parts without a boundary', ['Content-Type: multipart/mixed'], 'Accept', 'application/sdp'],
    ['no type', [], 'Accept', 'application/sdp'],
    ['a compressed one', ['Content-Type: application/sdp', 'Content-Encoding: gzip'], 'Accept-Encoding', 'identity'],
  ])('%s: 415 (RFC 3261 §8.2.3)', async (_what, contentType, header, accepted) => {
    const { world, raw } = await offering(contentType, 'x');
    await using _ = world;
    expect(raw.log).toEqual([415]);
    expect(raw.response.headers.get(header)).toBe(accepted);
  });
});

test('of two audio lines, one for SRTP, the plain one is taken, and the callee is offered one line', async () => {
  await using world = await World.start(open);
  const bob = await world.registered('1002');
  await using raw = await RawPeer.open(world);
  const offer = plainSdp('10.0.0.50').replace('m=audio', 'm=audio 40010 RTP/SAVP 0\r\nm=audio');
  raw.send(inviteLines(raw), offer);
  world.run(50);
  const lines = (sdp: string) => sdp.match(/^m=.*/gm)?.map((line) => line.replace(/ 1\d{4} /, ' n '));
  expect(lines(bob.lastCall.remoteSdp ?? '')).toEqual(['m=audio n RTP/AVP 0 8 111 9 110 101']);
  bob.lastCall.answer(200);
  world.run(50);
  const answer = new TextDecoder().decode(raw.response.body);
  expect(lines(answer)).toEqual(['m=audio 0 RTP/SAVP 0', 'm=audio n RTP/AVP 0 8']);
});

describe('requests that belong in a dialog, sent outside (RFC 3261 §12.2.2)', () => {
  test.each([
    ['BYE', 481],
    ['INFO', 481],
    ['UPDATE', 481],
    ['PRACK', 481],
    ['NOTIFY', 405],
  ])('%s is %d', async (method, status) => {
    await using world = await World.start(open);
    await using raw = await RawPeer.open(world);
    raw.send(requestLines(raw, method, `sip:1002@${exchangeIp}`));
    world.run(50);
    expect(raw.log).toEqual([status]);
  });
});

test('over UDP an INVITE too long for one packet stays on UDP, with compact names and without what can be spared', async () => {
  await using world = await World.start({ config: { registrar: { auth: 'none' }, media: { codec_priority: ['*'] } } });
  const alice = await world.registered('1001');
  await using raw = await registered(world);
  const codecs = Array.from({ length: 31 }, (_, index) => [96 + index, `some-codec-${index}/8000`] as const);
  alice.call('1002', { sdp: alice.media.describe({ codecs: [[0, 'PCMU/8000'], ...codecs] }) });
  world.run(50);
  const { headers, body } = raw.request('INVITE');
  expect(body.length).toBeGreaterThan(1_000);
  const names = [...headers.entries()].map(([name]) => name);
  expect(names).toEqual(['v', 'Max-Forwards', 'f', 't', 'i', 'CSeq', 'c', 'm', 'x', 'l']);
});

test.each([
  ['no tag', ''],
  ['another tag', ';tag=early'],
])('a phone that describes its session in a 183 with %s, and nothing in its 200, has answered', async (_what, tag) => {
  await using world = await World.start(open);
  const alice = await world.registered('1001');
  await using raw = await registered(world);
  const call = alice.call('1002');
  world.run(50);
  const to = `To: ${raw.request('INVITE').headers.get('To')}`;
  raw.answer('INVITE', '183 Session Progress', [`${to}${tag}`, 'Content-Type: application/sdp'], plainSdp('10.0.0.50'));
  world.run(50);
  raw.answer('INVITE', '200 OK', [`${to};tag=final`]);
  world.run(50);
  expect(call.statuses).toEqual([183, 200]);
  expect(raw.request('ACK').toTag).toBe('final');
  call.hangUp();
  world.run(50);
  raw.answer('BYE', '200 OK');
  world.settles();
});

test.each([
  [
    'compact names, bare addresses, an odd Call-ID',
    'f: sip:1001@10.0.0.1;tag=x',
    't:sip:1002@10.0.0.1',
    'm:sip:10.0.0.50;ob',
  ],
  ['a telephone number', 'From: <tel:1001>;tag=x', 'To: tel:1002', 'm: <sip:1001@10.0.0.50:5060;transport=UDP>'],
  ['no tag and no Contact', 'From: "A \\"B\\" ü" <sip:1001@10.0.0.1>', 'To: Bob <sip:1002@10.0.0.1>', 'k: timer'],
])('a call with %s', async (_what, ...lines) => {
  await using world = await World.start(open);
  const bob = await world.registered('1002');
  await using raw = await RawPeer.open(world);
  const via = `v: SIP/2.0/UDP ${raw.host};branch=z9hG4bK1,SIP/2.0/TCP 192.0.2.9;branch=z9hG4bK0`;
  const more = ['i: "<odd>"@[x]:?', 'CSeq: 0   INVITE', 'c:application/SDP'];
  raw.send(['INVITE SIP:1002@10.0.0.1 SIP/2.0', via, ...lines, ...more], plainSdp('10.0.0.50'));
  world.run(50);
  expect(bob.lastCall.invite.from.uri).toMatchObject({ user: '1001' });
  bob.lastCall.answer(200);
  world.run(50);
  expect(raw.log).toEqual([100, 200]);
  expect(raw.response.headers.getAll('Via').join(',')).toBe(via.slice(3));
  const to = `To: ${raw.response.headers.get('To')}`;
  // With the branch of the INVITE, as careless scripts have it.
  raw.send(['ACK sip:whoever SIP/2.0', via, lines[0] ?? '', to, 'i: "<odd>"@[x]:?', 'CSeq: 0 ACK'], '');
  raw.send(['BYE sip:whoever SIP/2.0', via, lines[0] ?? '', to, 'i: "<odd>"@[x]:?', 'CSeq: 1 BYE'], '');
  world.run(50);
  expect(raw.log).toEqual([100, 200, 200]);
  expect(world.cdrs).toMatchObject([{ caller: '1001', callee: '1002', status: 'completed' }]);
  world.settles();
});

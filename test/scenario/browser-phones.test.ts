import { describe, expect, test } from 'vitest';
import type { TransportName } from '../../src/sip/transport/index.ts';
import { plainSdp, RawPeer } from '../world/raw-peer.ts';
import { heardWhenBothSpeak, ringing, talk } from '../world/talk.ts';
import { exchangeIp, exchangePorts, MemoryBindings, World } from '../world/world.ts';

const open = { config: { registrar: { auth: 'none' } } };
/** Less can not be offered, so that a phone that refuses it is not asked again. */
const plainest = { media: { codec_priority: ['pcmu', 'pcma'] } };
const host = 'df7jal23ls0d.invalid';
const contact = `<sip:r3nh8w2q@${host};transport=ws>`;

/** What JsSIP sends, field for field but for its User-Agent. */
function request(name: TransportName, method: string, uri: string, number: string, more: readonly string[] = []) {
  return [
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/${name.toUpperCase()} ${host};branch=z9hG4bK${method}`,
    'Max-Forwards: 69',
    `To: <${method === 'REGISTER' ? `sip:${number}@${exchangeIp}` : uri}>`,
    `From: <sip:${number}@${exchangeIp}>;tag=9kdlm3`,
    `Call-ID: ${method}-1`,
    `CSeq: 1 ${method}`,
    'Supported: path,gruu,outbound',
    ...more,
  ];
}

const registration = (name: TransportName, number = '1002') =>
  request(name, 'REGISTER', `sip:${exchangeIp}`, number, [
    `Contact: ${contact};+sip.instance="<urn:uuid:8f2a7c1e-0b1d-4c55-9d0e-1a2b3c4d5e6f>";reg-id=1;expires=600`,
    'Expires: 600',
    'Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY',
  ]);

describe.each(['ws', 'wss'] as const)('a phone in a browser, over %s', (name) => {
  test('registers from a host that does not exist, and is called over its connection (RFC 7118 §5)', async () => {
    await using world = await World.start(open);
    const alice = await world.registered('1001');
    await using browser = await RawPeer.open(world, '10.0.0.50', 5060, name);
    browser.send(registration(name));
    world.run(50);
    expect(browser.log).toEqual([200]);
    expect(browser.response.topVia).toMatchObject({ transport: name.toUpperCase(), host, port: null });
    expect(browser.response.topVia.params.get('received')).toBe('10.0.0.50');
    expect(browser.response.headers.get('Contact')).toMatch(/^<sip:r3nh8w2q@df7jal23ls0d\.invalid;transport=ws>/);
    expect(browser.response.headers.get('Contact')).toContain('expires=600');

    const call = alice.call('1002');
    world.run(50);
    const invite = browser.request('INVITE');
    expect(invite.uriText).toBe(contact.slice(1, -1));
    expect(invite.topVia).toMatchObject({
      transport: name.toUpperCase(),
      host: exchangeIp,
      port: exchangePorts[name],
    });
    expect(invite.headers.get('Contact')).toBe(`<sip:1001@${exchangeIp}:${exchangePorts[name]};transport=ws>`);
    browser.answer(
      'INVITE',
      '200 OK',
      [`Contact: ${contact.replace('ws>', 'ws;ob>')}`, 'Content-Type: application/sdp'],
      plainSdp('10.0.0.50'),
    );
    world.run(50);
    expect(call.statuses).toEqual([200]);
    expect(browser.request('ACK').uriText).toBe(`sip:r3nh8w2q@${host};transport=ws;ob`);
    call.hangUp();
    world.run(50);
    browser.answer('BYE', '200 OK');
    expect(world.network.toNobody).toEqual([]);
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed', callee_ip: '10.0.0.50' }]);
  });

  test('calls, and is answered over its connection', async () => {
    await using world = await World.start(open);
    const bob = await world.registered('1002');
    await using browser = await RawPeer.open(world, '10.0.0.50', 5060, name);
    const more = [`Contact: ${contact}`, 'Content-Type: application/sdp', 'Session-Expires: 90'];
    browser.send(request(name, 'INVITE', `sip:1002@${exchangeIp}`, '1001', more), plainSdp('10.0.0.50'));
    world.run(50);
    bob.lastCall.answer(180);
    world.run(50);
    bob.lastCall.answer(200);
    world.run(50);
    expect(browser.log).toEqual([100, 180, 200]);
    expect(browser.response.headers.get('Contact')).toBe(
      `<sip:1002@${exchangeIp}:${exchangePorts[name]};transport=ws>`,
    );
    const ack = request(name, 'ACK', `sip:1002@${exchangeIp}:${exchangePorts[name]};transport=ws`, '1001');
    browser.send(
      ack
        .map((line) => (line.startsWith('To:') ? `To: ${browser.response.headers.get('To')}` : line))
        .map((line) => line.replace('ACK-1', 'INVITE-1')),
    );
    world.run(50);
    bob.lastCall.hangUp();
    world.run(50);
    expect(browser.request('BYE').uriText).toBe(contact.slice(1, -1));
    browser.answer('BYE', '200 OK');
    world.run(50);
    expect(world.network.toNobody).toEqual([]);
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed', caller_ip: '10.0.0.50', terminated_by: 'callee' }]);
  });

  test('asks what can be done, and is told', async () => {
    await using world = await World.start(open);
    await using browser = await RawPeer.open(world, '10.0.0.50', 5060, name);
    browser.send(request(name, 'OPTIONS', `sip:${exchangeIp}`, '1001'));
    world.run(50);
    expect(browser.log).toEqual([200]);
    world.settles();
  });

  test('that offers what is said over DTLS is refused with 488: its media is not carried yet', async () => {
    await using world = await World.start(open);
    const bob = await world.registered('1002');
    await using browser = await RawPeer.open(world, '10.0.0.50', 5060, name);
    const offer = [
      'v=0',
      'o=- 4711 2 IN IP4 127.0.0.1',
      's=-',
      't=0 0',
      'a=group:BUNDLE 0',
      'm=audio 54321 UDP/TLS/RTP/SAVPF 111 0 8 110',
      'c=IN IP4 10.0.0.50',
      'a=ice-ufrag:abcd',
      'a=ice-pwd:0123456789abcdef01234567',
      `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`,
      'a=setup:actpass',
      'a=mid:0',
      'a=rtcp-mux',
      'a=rtpmap:111 opus/48000/2',
      'a=rtpmap:110 telephone-event/48000',
      '',
    ].join('\r\n');
    const more = [`Contact: ${contact}`, 'Content-Type: application/sdp'];
    browser.send(request(name, 'INVITE', `sip:1002@${exchangeIp}`, '1001', more), offer);
    world.run(50);
    expect(browser.log).toEqual([100, 488]);
    expect(bob.calls).toEqual([]);
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'failed', sip_status: 488 }]);
  });

  test('whose answer to what can be carried is 488: the caller hears it', async () => {
    await using world = await World.start({ config: { ...open.config, ...plainest } });
    const alice = await world.registered('1001');
    await using browser = await RawPeer.open(world, '10.0.0.50', 5060, name);
    browser.send(registration(name));
    world.run(50);
    const call = alice.call('1002');
    world.run(50);
    browser.answer('INVITE', '488 Not Acceptable Here');
    world.run(50);
    if (name === 'wss') {
      // It may have disliked the keys beside plain media, and is asked again without them.
      expect(call.statuses).toEqual([]);
      browser.answer('INVITE', '488 Not Acceptable Here');
      world.run(50);
    }
    expect(call.statuses).toEqual([488]);
    world.settles();
  });

  test('an INVITE that has been here before is 482', async () => {
    await using world = await World.start(open);
    const bob = await world.registered('1002');
    await using browser = await RawPeer.open(world, '10.0.0.50', 5060, name);
    const loop = `Via: SIP/2.0/${name.toUpperCase()} ${exchangeIp}:${exchangePorts[name]};branch=z9hG4bKonce`;
    const more = [loop, `Contact: ${contact}`, 'Content-Type: application/sdp'];
    browser.send(request(name, 'INVITE', `sip:1002@${exchangeIp}`, '1001', more), plainSdp('10.0.0.50'));
    world.run(50);
    expect(browser.log.at(-1)).toBe(482);
    expect(bob.calls).toEqual([]);
    world.settles();
  });
});

test('two browsers write to each other', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001', { transport: 'wss' });
  const bob = await world.registered('1002', { transport: 'ws' });
  alice.send('MESSAGE', `sip:1002@${exchangeIp}`, { headers: { 'Content-Type': 'text/plain' }, body: 'lunch?' });
  world.run(200);
  const message = bob.heard.findLast((heard) => heard.kind === 'request' && heard.method === 'MESSAGE');
  expect(new TextDecoder().decode(message?.body)).toBe('lunch?');
  expect(message?.topVia.transport).toBe('WS');
  expect(world.network.toNobody).toEqual([]);
  world.settles();
});

test('by a SIPS URI over a secure WebSocket, our Contact is one too, with transport=ws (RFC 7118 §5.2.2)', async () => {
  await using world = await World.start(open);
  const bob = await world.registered('1002');
  await using browser = await RawPeer.open(world, '10.0.0.50', 5060, 'wss');
  const more = [`Contact: <sips:r3nh8w2q@${host};transport=ws>`, 'Content-Type: application/sdp'];
  browser.send(request('wss', 'INVITE', `sips:1002@${exchangeIp}`, '1001', more), plainSdp('10.0.0.50'));
  world.run(50);
  bob.lastCall.answer(180);
  world.run(50);
  expect(browser.response.headers.get('Contact')).toBe(`<sips:1002@${exchangeIp}:5067;transport=ws>`);
});

describe('a browser that goes', () => {
  test('while its phone rings: the caller hears 480 at once, and the binding is gone', async () => {
    await using world = await World.start();
    const { alice, bob, call } = await ringing(world, { bob: { transport: 'wss' } });
    world.network.disconnect(bob.address);
    world.run(50);
    expect(call.statuses).toEqual([180, 480]);
    expect(world.events).toContainEqual(expect.objectContaining({ type: 'registration.removed', cause: 'flow_lost' }));
    const again = alice.call('1002');
    world.run(50);
    expect(again.statuses).toEqual([480]);
    expect(world.network.toNobody).toEqual([]);
    world.settles();
    expect(world.cdrs).toMatchObject([
      { status: 'failed', termination_reason: 'unreachable', sip_status: 480 },
      { status: 'failed', termination_reason: 'unreachable', sip_status: 480 },
    ]);
  });

  test('while it calls: the phone that rings stops', async () => {
    await using world = await World.start();
    const { alice, bob } = await ringing(world, { alice: { transport: 'ws' } });
    world.network.disconnect(alice.address);
    world.run(50);
    expect(bob.log.at(-1)).toBe('CANCEL');
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'cancelled', terminated_by: 'caller' }]);
  });

  test('for good while it talks: the other hangs up, and nothing is left', async () => {
    await using world = await World.start();
    const { bob, call } = await talk(world, { bob: { transport: 'ws' } });
    world.network.disconnect(bob.address);
    world.run(1000);
    world.network.partition(bob.address);
    call.request('INFO', { body: 'x' });
    world.run(100);
    expect(call.last.status).toBe(500);
    call.hangUp();
    world.run(100);
    expect(call.last.status).toBe(200);
    expect(world.network.toNobody).toEqual([]);
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'caller' }]);
  });

  test.each(['ws', 'wss'] as const)(
    'while it talks, and registers anew over %s: hold, INFO and BYE find it on the new connection',
    async (transport) => {
      await using world = await World.start();
      const talking = await talk(world, { bob: { transport } });
      const { bob, call, answered } = talking;
      const before = bob.flow.id;
      world.network.disconnect(bob.address);
      world.run(1000);
      bob.register();
      world.run(100);
      expect(bob.registration).toBe(200);
      expect(bob.flow.id).not.toBe(before);
      call.request('INFO', { body: 'x' });
      world.run(100);
      expect(call.last.status).toBe(200);
      call.reinvite({ direction: 'sendonly' });
      world.run(100);
      expect(call.last.status).toBe(200);
      expect(answered.remoteSdp).toContain('a=sendonly');
      call.reinvite({ direction: 'sendrecv' });
      world.run(100);
      expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
      call.hangUp();
      world.run(100);
      expect(bob.log.at(-1)).toBe('BYE');
      expect(world.network.toNobody).toEqual([]);
      world.settles();
      expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
    },
  );

  test('without a word is found out within 45 s, and so is not called in vain', async () => {
    await using world = await World.start({ streamLimits: { ping: 30_000, pong: 15_000 } });
    const alice = await world.registered('1001');
    const bob = await world.registered('1002', { transport: 'wss' });
    // Alive and silent it keeps its binding for as long as it said.
    world.run(600_000);
    expect(world.exchange.registrar.registered('1002')).toBe(true);
    world.network.partition(bob.address);
    world.run(45_000);
    expect(world.exchange.registrar.registered('1002')).toBe(false);
    const call = alice.call('1002');
    world.run(50);
    expect(call.statuses).toEqual([480]);
    world.settles();
  });

  test('and comes back as a new page of the same instance is called there alone', async () => {
    await using world = await World.start();
    const alice = await world.registered('1001');
    const instance = ';+sip.instance="<urn:uuid:8f2a7c1e-0b1d-4c55-9d0e-1a2b3c4d5e6f>";reg-id=1';
    const [before, after] = [
      await world.phone('1002', { transport: 'wss' }),
      await world.phone('1002', { transport: 'wss' }),
    ];
    for (const page of [before, after]) {
      page.register({ contact: page.contact + instance });
      world.run(100);
      expect(page.registration).toBe(200);
    }
    expect(world.exchange.registrar.count).toBe(2);
    // The old page's connection is found lost only now.
    world.network.disconnect(before.address);
    world.run(100);
    const call = alice.call('1002');
    world.run(50);
    expect(before.calls).toEqual([]);
    after.lastCall.answer(486);
    world.run(50);
    expect(call.statuses).toEqual([486]);
    world.settles();
  });
});

test('the exchange restarts: browsers are called when they have registered again, and no name is looked for', async () => {
  const bindings = new MemoryBindings();
  await using before = await World.start({ bindings });
  await before.registered('1002', { transport: 'ws' });
  before.settles();
  await using world = await World.start({ bindings });
  const alice = await world.registered('1001');
  const tooEarly = alice.call('1002');
  world.run(100);
  expect(tooEarly.statuses).toEqual([480]);
  const bob = await world.registered('1002', { transport: 'ws' });
  const call = alice.call('1002');
  world.run(50);
  bob.lastCall.answer(486);
  world.run(50);
  expect(call.statuses).toEqual([486]);
  expect(world.network.toNobody).toEqual([]);
  world.settles();
});

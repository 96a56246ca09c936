import { describe, expect, test } from 'vitest';
import type { SipRequest } from '../../src/sip/message/index.ts';
import type { Phone } from '../world/phone.ts';
import { RawPeer } from '../world/raw-peer.ts';
import { exchangeIp, World } from '../world/world.ts';

type Wishes = NonNullable<Parameters<Phone['send']>[2]>;

/** Sends a MESSAGE and gives the status of its answer. */
function write(world: World, phone: Phone, to: string, body: string, wishes: Wishes = {}): number | undefined {
  const before = phone.statuses('MESSAGE').length;
  const headers = { 'Content-Type': 'text/plain', ...wishes.headers };
  phone.send('MESSAGE', to.includes(':') ? to : `sip:${to}@${exchangeIp}`, { ...wishes, headers, body });
  world.run(200);
  return phone.statuses('MESSAGE').slice(before).at(-1);
}

/** The MESSAGEs that a phone has received. */
const received = (phone: Phone): readonly SipRequest[] =>
  phone.heard.filter((message) => message.kind === 'request' && message.method === 'MESSAGE') as SipRequest[];

const text = ({ body }: SipRequest): string => new TextDecoder().decode(body);

async function stage(world: World) {
  return { alice: await world.registered('1001'), bob: await world.registered('1002') };
}

describe('MESSAGE between extensions (RFC 3428)', () => {
  test('arrives as it was written, under the number of who has written it', async () => {
    await using world = await World.start({
      config: {
        extensions: [
          { number: '1001', password: 'pw1001', display_name: 'Alice' },
          { number: '1002', password: 'pw1002' },
        ],
      },
    });
    const { alice, bob } = await stage(world);
    const headers = {
      'Content-Type': 'text/html;charset=utf-8',
      Subject: 'lunch',
      Expires: '60',
      'X-Secret': 'no',
      'P-Asserted-Identity': '<sip:9999@x>',
    };
    expect(write(world, alice, '1002', '<b>um zwölf?</b>', { headers })).toBe(200);
    const [message] = received(bob);
    expect(received(bob)).toHaveLength(1);
    expect(text(message!)).toBe('<b>um zwölf?</b>');
    expect(message?.headers.get('From')).toMatch(new RegExp(`^"?Alice"? <sip:1001@${exchangeIp}>;tag=`));
    expect(message?.headers.get('To')).toBe(`<sip:1002@${exchangeIp}>`);
    expect(message?.headers.get('Content-Type')).toBe('text/html;charset=utf-8');
    expect(message?.headers.get('Subject')).toBe('lunch');
    expect(message?.headers.get('Expires')).toBe('60');
    expect(message?.headers.has('X-Secret')).toBe(false);
    expect(message?.headers.has('P-Asserted-Identity')).toBe(false);
    expect(message?.headers.has('Contact')).toBe(false);
    expect([...world.exchange.messages.outcomes]).toContainEqual(['delivered', 1]);
    world.settles();
  });

  test('Max-Forwards is one less; 0 is refused', async () => {
    await using world = await World.start({ config: { registrar: { auth: 'none' } } });
    const { bob } = await stage(world);
    await using peer = await RawPeer.open(world);
    for (const [index, hops] of [
      [1, 7],
      [2, 0],
    ] as const) {
      peer.send([
        `MESSAGE sip:1002@${exchangeIp} SIP/2.0`,
        `Via: SIP/2.0/UDP ${peer.host};branch=z9hG4bK${index};rport`,
        `Max-Forwards: ${hops}`,
        `From: <sip:1001@${exchangeIp}>;tag=f`,
        `To: <sip:1002@${exchangeIp}>`,
        `Call-ID: hops${index}`,
        'CSeq: 1 MESSAGE',
      ]);
      world.run(50);
    }
    expect(peer.log).toEqual([200, 483]);
    expect(received(bob).map(({ headers }) => headers.get('Max-Forwards'))).toEqual(['6']);
    world.settles();
  });

  test('a From that is not the own number is corrected', async () => {
    await using world = await World.start();
    const { alice, bob } = await stage(world);
    await using peer = await RawPeer.open(world);
    const lie = (cseq: number, more: readonly string[] = []) =>
      peer.send([
        `MESSAGE sip:1002@${exchangeIp} SIP/2.0`,
        `Via: SIP/2.0/UDP ${peer.host};branch=z9hG4bK${cseq};rport`,
        'Max-Forwards: 70',
        `From: "The boss" <sip:1000@${exchangeIp}>;tag=f`,
        `To: <sip:1002@${exchangeIp}>`,
        'Call-ID: lie',
        `CSeq: ${cseq} MESSAGE`,
        ...more,
      ]);
    lie(1);
    world.run(50);
    lie(2, [`Authorization: ${alice.credentialsFor(peer.response, 'MESSAGE', `sip:1002@${exchangeIp}`)}`]);
    world.run(50);
    expect(peer.log).toEqual([401, 200]);
    expect(received(bob)[0]?.from).toMatchObject({ displayName: null, uri: { user: '1001' } });
    world.settles();
  });

  test('reaches every phone of the extension; the first that takes it answers, once', async () => {
    await using world = await World.start();
    const { alice, bob: desk } = await stage(world);
    const mobile = await world.registered('1002', { transport: 'tcp' });
    desk.habits.onMessage = 486;
    expect(write(world, alice, '1002', 'hello')).toBe(200);
    expect([desk, mobile].map((phone) => received(phone).length)).toEqual([1, 1]);
    mobile.habits.onMessage = 202;
    desk.habits.onMessage = 'silent';
    expect(write(world, alice, '1002', 'again')).toBe(202);
    world.settles();
    expect(alice.statuses('MESSAGE').filter((status) => status !== 401)).toEqual([200, 202]);
  });

  test('that somebody is writing passes too (RFC 3994)', async () => {
    await using world = await World.start();
    const { alice, bob } = await stage(world);
    const body = '<isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing"><state>active</state></isComposing>';
    const headers = { 'Content-Type': 'application/im-iscomposing+xml' };
    expect(write(world, alice, '1002', body, { headers })).toBe(200);
    expect(text(received(bob)[0]!)).toBe(body);
    world.settles();
  });

  test('a repetition is answered again and not delivered twice', async () => {
    await using world = await World.start({ network: { duplicate: 1 } });
    const { alice, bob } = await stage(world);
    expect(write(world, alice, '1002', 'once')).toBe(200);
    expect(received(bob)).toHaveLength(1);
    world.settles();
  });

  test.each([1, 2, 3, 4, 5, 6])(
    'through a network that loses a fifth: once or not at all, and the answer says so (seed %i)',
    async (seed) => {
      await using world = await World.start({
        seed,
        network: { loss: 0.2, duplicate: 0.05, delay: { min: 5, max: 80 } },
      });
      const bob = await world.phone('1002');
      for (let tries = 0; tries < 5 && bob.registration !== 200; tries++) {
        bob.register();
        world.run(40_000);
      }
      const alice = await world.phone('1001');
      for (let index = 0; index < 10; index++) {
        write(world, alice, '1002', `note ${index}`);
        world.run(40_000);
      }
      const texts = received(bob).map(text);
      expect(new Set(texts).size).toBe(texts.length);
      const outcomes = new Map(world.exchange.messages.outcomes);
      expect(texts.length).toBeGreaterThanOrEqual(outcomes.get('delivered') ?? 0);
      expect(outcomes.get('delivered')).toBeGreaterThan(6);
      world.settles();
    },
  );
});

describe('a MESSAGE that does not arrive', () => {
  test.each([
    ['an unknown number', '9999', 404],
    ['another host', 'sip:1002@elsewhere.example', 404],
    ['an extension without a phone', '1003', 480],
  ])('%s: refused', async (_, to, status) => {
    await using world = await World.start({ users: ['1001', '1002', '1003'] });
    const { alice } = await stage(world);
    expect(write(world, alice, to, 'hello')).toBe(status);
    expect([...world.exchange.messages.outcomes]).toContainEqual(['unreachable', 1]);
    world.settles();
  });

  test.each([
    [486, 486],
    [405, 480],
    [501, 501],
    [401, 500],
    [503, 500],
    [302, 404],
    [408, 480],
    [603, 603],
  ])('every phone refuses with %i: %i', async (said, heard) => {
    await using world = await World.start();
    const { alice, bob } = await stage(world);
    bob.habits.onMessage = said;
    expect(write(world, alice, '1002', 'hello')).toBe(heard);
    expect(received(bob)).toHaveLength(1);
    world.settles();
  });

  test('a type that no phone reads: 415, with what the phone has said that it reads', async () => {
    await using world = await World.start({ config: { registrar: { auth: 'none' } } });
    const alice = await world.registered('1001');
    await using bob = await RawPeer.open(world);
    bob.send([
      `REGISTER sip:${exchangeIp} SIP/2.0`,
      `Via: SIP/2.0/UDP ${bob.host};branch=z9hG4bKr;rport`,
      'Max-Forwards: 70',
      `From: <sip:1002@${exchangeIp}>;tag=f`,
      `To: <sip:1002@${exchangeIp}>`,
      'Call-ID: registration',
      'CSeq: 1 REGISTER',
      `Contact: <sip:1002@${bob.host}>`,
    ]);
    world.run(50);
    expect(write(world, alice, '1002', 'hello')).toBeUndefined();
    bob.answer('MESSAGE', '415 Unsupported Media Type', ['Accept: text/html']);
    world.run(50);
    expect(alice.statuses('MESSAGE')).toEqual([415]);
    expect(alice.heard.at(-1)?.headers.get('Accept')).toBe('text/html');
    world.settles();
  });

  test('no phone answers: 480 while the sender still waits, and never 408', async () => {
    await using world = await World.start();
    const { alice, bob } = await stage(world);
    bob.habits.onMessage = 'silent';
    write(world, alice, '1002', 'hello');
    world.run(23_000);
    expect(alice.statuses('MESSAGE')).toEqual([401]);
    world.run(2000);
    expect(alice.statuses('MESSAGE')).toEqual([401, 480]);
    world.settles();
    expect(alice.statuses('MESSAGE')).toEqual([401, 480]);
  });

  test('without credentials nothing is delivered, and the answer does not tell who exists', async () => {
    await using world = await World.start();
    const { bob } = await stage(world);
    await using stranger = await RawPeer.open(world);
    for (const to of ['1002', '9999']) {
      stranger.send([
        `MESSAGE sip:${to}@${exchangeIp} SIP/2.0`,
        `Via: SIP/2.0/UDP ${stranger.host};branch=z9hG4bK${to};rport`,
        'Max-Forwards: 70',
        `From: <sip:1001@${exchangeIp}>;tag=f`,
        `To: <sip:${to}@${exchangeIp}>`,
        `Call-ID: ${to}`,
        'CSeq: 1 MESSAGE',
      ]);
      world.run(50);
    }
    expect(stranger.log).toEqual([401, 401]);
    expect(received(bob)).toEqual([]);
    world.settles();
  });

  test('one that has been here before is refused: 482', async () => {
    await using world = await World.start();
    const { alice, bob } = await stage(world);
    alice.send('MESSAGE', `sip:1002@${exchangeIp}`, {
      headers: { Via: `SIP/2.0/UDP ${exchangeIp}:5060;branch=z9hG4bKonce` },
    });
    world.run(100);
    expect(alice.statuses('MESSAGE')).toEqual([482]);
    expect(received(bob)).toEqual([]);
    world.settles();
  });
});

describe('how long a MESSAGE may be', () => {
  test.each([
    ['udp', 1300, 200],
    ['udp', 1301, 413],
    ['tcp', 1301, 200],
    ['tcp', 65_536, 200],
    ['tcp', 65_537, 413],
  ] as const)('over %s, %i bytes: %i', async (transport, length, status) => {
    await using world = await World.start();
    const alice = await world.phone('1001', { transport });
    const bob = await world.registered('1002', { transport: 'tcp' });
    expect(write(world, alice, '1002', 'x'.repeat(length))).toBe(status);
    expect(received(bob).map(({ body }) => body.length)).toEqual(status === 200 ? [length] : []);
    world.settles();
  });

  test('to a phone that is reached over UDP only: 413, unless another takes it', async () => {
    await using world = await World.start();
    const alice = await world.phone('1001', { transport: 'tcp' });
    const desk = await world.registered('1002');
    expect(write(world, alice, '1002', 'x'.repeat(1301))).toBe(413);
    const mobile = await world.registered('1002', { transport: 'tcp' });
    expect(write(world, alice, '1002', 'x'.repeat(1301))).toBe(200);
    expect([desk, mobile].map((phone) => received(phone).length)).toEqual([0, 1]);
    world.settles();
  });
});

import { describe, expect, test } from 'vitest';
import type { Flow, StreamLimits, TransportName } from '../../src/sip/transport/index.ts';
import { heardWhenBothSpeak, talk } from '../world/talk.ts';
import { exchangeIp, World } from '../world/world.ts';

/** The bounds that a real exchange has. */
const streamLimits = { handshake: 10_000, message: 15_000, idle: 180_000 };

/** A peer that writes what it likes into a connection, and what it hears. */
class Hostile {
  readonly flow: Flow;
  heard = '';

  constructor(flow: Flow) {
    this.flow = flow;
  }

  static async connect(world: World, address: string, transport: TransportName = 'tcp'): Promise<Hostile> {
    const own = world.network.transport(transport, { address, port: 0 });
    let peer: Hostile | null = null;
    // Only the bytes are of interest: what of them is a message, the exchange is asked.
    world.network.onDeliver((_from, to, bytes) => {
      if (to.address === address && peer && to.port !== 5060) peer.heard += Buffer.from(bytes).toString('latin1');
    });
    await own.listen({ onBytes: () => {}, onUnframable: () => {} });
    const flow = own.flowTo({ address: exchangeIp, port: transport === 'tls' ? 5061 : 5060 });
    peer = new Hostile(flow!);
    return peer;
  }

  say(text: string): void {
    this.flow.send(Buffer.from(text, 'latin1'));
  }
}

const request = (method = 'OPTIONS', more: readonly string[] = ['Content-Length: 0'], body = ''): string =>
  [
    `${method} sip:${exchangeIp} SIP/2.0`,
    'Via: SIP/2.0/TCP 10.0.9.1;branch=z9hG4bKh',
    `From: <sip:x@${exchangeIp}>;tag=x`,
    `To: <sip:${exchangeIp}>`,
    'Call-ID: hostile',
    `CSeq: 1 ${method}`,
    ...more,
    '',
    body,
  ].join('\r\n');

/** Alice and Bob talk over TCP and TLS; `unharmed` says whether they still do, and new calls are made. */
async function besieged(limits: Partial<StreamLimits> = {}) {
  const world = await World.start({
    users: ['1001', '1002', '1003'],
    streamLimits: { ...streamLimits, ...limits },
    config: { media: { rtp_timeout: 3600 } },
  });
  const talking = await talk(world, { alice: { transport: 'tcp' }, bob: { transport: 'tls' } });
  const carol = await world.registered('1003', { transport: 'tcp' });
  const unharmed = () => {
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    talking.call.request('INFO', { body: 'Signal=1', contentType: 'application/dtmf-relay' });
    world.run(100);
    expect(talking.call.last.status).toBe(200);
    const call = carol.call('1002');
    world.run(100);
    talking.bob.lastCall.answer(486);
    world.run(100);
    expect(call.statuses).toEqual([486]);
    expect(world.events.filter(({ type }) => type === 'registration.removed')).toEqual([]);
  };
  return { world, talking, unharmed };
}

describe('a connection', () => {
  test.each<readonly [what: string, text: string, status: number | null]>([
    ['that speaks HTTP', `GET /phone.cfg HTTP/1.1\r\nHost: ${exchangeIp}\r\n\r\n`, null],
    ['that posts by HTTP', 'POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na=b', null],
    ['that begins TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', null],
    ['of garbage with an end', `${'\xff\x00\x1b'.repeat(100)}\r\n\r\n`, null],
    ['with a head that does not end', `OPTIONS sip:x SIP/2.0\r\n${'A: b\r\n'.repeat(50_000)}`, null],
    ['with a line that does not end', `OPTIONS sip:${'x'.repeat(300_000)}`, null],
    ['without Content-Length', request('INVITE', []), 400],
    ['with a negative Content-Length', request('INVITE', ['Content-Length: -1']), 400],
    ['with two Content-Lengths that differ', request('INVITE', ['Content-Length: 0', 'l: 5']), 400],
    ['with a Content-Length of words', request('INVITE', ['Content-Length: some']), 400],
    ['with a Content-Length beyond all bounds', request('INVITE', ['Content-Length: 4000000000']), 513],
    ['with a Content-Length beyond any number', request('INVITE', [`Content-Length: ${'9'.repeat(40)}`]), 400],
  ])('%s is closed at once', async (_what, text, status) => {
    const { world, unharmed } = await besieged();
    await using _world = world;
    const peer = await Hostile.connect(world, '10.0.9.1');
    peer.say(text + request('OPTIONS'));
    world.run(100);
    expect(peer.flow.closed).toBe(true);
    if (status === null) expect(peer.heard).toMatch(/^(SIP\/2\.0 (400|505|513) |$)/);
    else expect(peer.heard).toMatch(new RegExp(`^SIP/2\\.0 ${status} `));
    expect(peer.heard.match(/^SIP\/2\.0 /gm)?.length ?? 0).toBeLessThanOrEqual(1);
    unharmed();
  });

  test.each<readonly [what: string, text: string]>([
    ['says nothing', ''],
    ['says half a message', request('INVITE', ['Content-Length: 100'], 'v=0')],
    ['says half a head', request().slice(0, 100)],
  ])('that %s is closed after 15 s', async (_what, text) => {
    const { world, unharmed } = await besieged();
    await using _world = world;
    const peer = await Hostile.connect(world, '10.0.9.1');
    peer.say(text);
    world.run(14_000);
    expect(peer.flow.closed).toBe(false);
    unharmed();
    world.run(2_000);
    expect(peer.flow.closed).toBe(true);
    expect(peer.heard).toBe('');
  });

  test('of one byte a second is closed after 15 s, be it the first message or the second', async () => {
    const { world, unharmed } = await besieged();
    await using _world = world;
    const [first, second] = [await Hostile.connect(world, '10.0.9.1'), await Hostile.connect(world, '10.0.9.2')];
    second.say(request());
    world.run(1_000);
    expect(second.heard).toMatch(/^SIP\/2\.0 200 /);
    let last = 0;
    for (let i = 0; i < 60; i++) {
      for (const peer of [first, second]) if (!peer.flow.closed) peer.say(request()[i]!);
      world.run(1_000);
      if (!first.flow.closed || !second.flow.closed) last = i;
    }
    expect(last).toBeLessThanOrEqual(16);
    unharmed();
  });

  test('whose messages are split at every byte, or come by the hundred at once, is answered each of them', async () => {
    const { world, unharmed } = await besieged();
    await using _world = world;
    const text = request();
    const slow = await Hostile.connect(world, '10.0.9.1');
    for (let at = 1; at < text.length; at++) {
      slow.say(text.slice(0, at));
      world.run(1);
      slow.say(text.slice(at));
      world.run(1);
    }
    expect(slow.heard.match(/^SIP\/2\.0 200 /gm)).toHaveLength(text.length - 1);
    const fast = await Hostile.connect(world, '10.0.9.2');
    fast.say(
      Array.from({ length: 100 }, (_, i) =>
        text.replace('z9hG4bKh', `z9hG4bKh${i}`).replace(': hostile', `: h${i}`),
      ).join('\r\n\r\n'),
    );
    world.run(1_000);
    expect(fast.heard.match(/^SIP\/2\.0 200 /gm)).toHaveLength(100);
    unharmed();
  });
});

test.each([
  ['one address, or two', 2, {}, 2_000],
  ['a thousand addresses', 1_000, { connections: 500 }, 500],
])(
  'thousands of connections of %s make room for each other, and never push out those of phones',
  async (_of, hosts, limits, most) => {
    const { world, unharmed } = await besieged(limits);
    await using _world = world;
    const flows: Flow[] = [];
    for (let i = 0; i < 3_000; i++) {
      const address = `10.8.${(i % hosts) >> 8}.${(i % hosts) & 255}`;
      const own = world.network.transport('tcp', { address, port: 0 });
      await own.listen({ onBytes: () => {}, onUnframable: () => {} });
      flows.push(own.flowTo({ address: exchangeIp, port: 5060 })!);
      if (i % 50 === 0) world.run(20);
    }
    const open = () => flows.filter(({ closed }) => !closed).length;
    world.run(100);
    expect(open()).toBeLessThanOrEqual(most);
    expect(open()).toBeGreaterThan(0.9 * most);
    unharmed();
    world.run(16_000);
    expect(open()).toBe(0);
    unharmed();
  },
);

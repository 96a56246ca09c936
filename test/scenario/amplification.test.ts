import { expect, test } from 'vitest';
import { plainSdp, RawPeer } from '../world/raw-peer.ts';
import { exchangeIp, World } from '../world/world.ts';

const victim = '198.51.100.9';

/** As short as a request can be that asks for an answer. */
const shortest = (method: string, changes: Readonly<Record<string, string>> = {}): string => {
  const lines: Readonly<Record<string, string>> = {
    v: 'SIP/2.0/UDP h;branch=z9hG4bKb;rport',
    f: '<sip:a@h>;tag=t',
    t: '<sip:b@h>',
    i: 'i',
    CSeq: `1 ${method}`,
    ...changes,
  };
  const head = Object.entries(lines).map(([name, value]) => `${name}:${value}`);
  return [`${method} sip:1002@${exchangeIp} SIP/2.0`, ...head, '\r\n'].join('\r\n');
};

/** What one datagram of a stranger brings forth, in ten minutes. */
async function echoOf(text: string): Promise<{ readonly statuses: readonly unknown[]; readonly factor: number }> {
  await using world = await World.start();
  await world.registered('1002');
  await using stranger = await RawPeer.open(world);
  let sent = 0;
  world.exchange.transport.tap((direction, { remote }, bytes) => {
    if (direction === 'out' && remote.address !== '10.0.0.11') sent += bytes.length;
  });
  stranger.sendText(text);
  world.run(600_000);
  return { statuses: stranger.log, factor: sent / text.length };
}

// The challenge for two algorithms is 480 bytes: 3.8 times the shortest request that there is, 0.6 times an INVITE of a phone.
test.each([
  ['INVITE', 401, {}],
  ['REGISTER', 401, {}],
  ['OPTIONS', 200, {}],
  ['BYE', 481, { t: '<sip:b@h>;tag=x' }],
  ['CANCEL', 481, {}],
  ['INFO', 481, {}],
  ['SUBSCRIBE', [405, 401, 489], {}],
  ['PUBLISH', [405, 401, 489], {}],
  ['FROBNICATE', 501, {}],
  ['INVITE', 420, { Require: 'x' }],
  ['INVITE', 483, { 'Max-Forwards': '0' }],
  ['INVITE', 400, { 'Max-Forwards': '256' }],
  ['INVITE', 400, { 'Max-Forwards': '-1' }],
  ['INVITE', 400, { l: '9' }],
  ['INVITE', 482, { v: `SIP/2.0/UDP h;branch=z9hG4bKb;rport,SIP/2.0/UDP ${exchangeIp}:5060;branch=z9hG4bKa` }],
])(
  'a stranger that sends one %s hears one %s, once, and less than four times as many bytes',
  async (method, status, changes) => {
    const { statuses, factor } = await echoOf(shortest(method, changes));
    expect(statuses).toHaveLength(1);
    expect([status].flat()).toContain(statuses[0]);
    expect(factor).toBeLessThan(4);
  },
);

test.each([
  ['a response', `SIP/2.0 200 OK\r\n${shortest('INVITE').split('\r\n').slice(1).join('\r\n')}`],
  ['an ACK', shortest('ACK')],
  ['an ACK in no dialog', shortest('ACK', { t: '<sip:b@h>;tag=x' })],
  ['an ACK that makes no sense', shortest('ACK', { 'Max-Forwards': 'x' })],
  ['a request without Via', shortest('INVITE').replace(/^v:.*\r\n/m, '')],
  ['a request with a Via that makes no sense', shortest('INVITE', { v: 'SIP/2.0/UDP' })],
  ['a request without Call-ID', shortest('INVITE').replace(/^i:.*\r\n/m, '')],
  ['what is no SIP', 'GET / HTTP/1.1\r\nHost: pbx.example\r\n\r\n'],
  ['line ends', '\r\n\r\n'],
  ['nothing', ''],
])('%s is not answered', async (_what, text) => {
  const { statuses, factor } = await echoOf(text);
  expect(statuses).toEqual([]);
  expect(factor === 0 || text === '').toBe(true);
});

test('a response goes where the request came from, whatever host, maddr or received its Via names', async () => {
  await using world = await World.start();
  await using stranger = await RawPeer.open(world);
  const vias = [
    `SIP/2.0/UDP ${victim}:5060;branch=z9hG4bK1`,
    `SIP/2.0/UDP ${stranger.host};branch=z9hG4bK2;maddr=${victim}`,
    `SIP/2.0/UDP ${stranger.host};branch=z9hG4bK3;received=${victim};rport=5060`,
    `SIP/2.0/TCP ${victim}:5060;branch=z9hG4bK4`,
    `SIP/2.0/UDP ${stranger.host};branch=z9hG4bK5;ttl=255,SIP/2.0/UDP ${victim};branch=z9hG4bK0`,
    'SIP/2.0/UDP victim.example:5060;branch=z9hG4bK6',
  ];
  for (const [i, v] of vias.entries()) stranger.sendText(shortest('INVITE', { v, i: `i${i}` }));
  world.run(600_000);
  expect(stranger.log).toEqual(vias.map(() => 401));
  expect(world.network.toNobody).toEqual([]);
});

test('a phone that registers our own address calls us in a circle of one: 482 to us, and the caller hears 480', async () => {
  await using world = await World.start({ config: { registrar: { auth: 'none' } } });
  const alice = await world.registered('1001');
  await using mirror = await RawPeer.open(world, exchangeIp, 5070);
  mirror.send([
    `REGISTER sip:${exchangeIp} SIP/2.0`,
    `Via: SIP/2.0/UDP ${mirror.host};branch=z9hG4bKm`,
    `From: <sip:1002@${exchangeIp}>;tag=m`,
    `To: <sip:1002@${exchangeIp}>`,
    'Call-ID: mirror',
    'CSeq: 1 REGISTER',
    `Contact: <sip:1002@${exchangeIp}:5060>`,
  ]);
  world.run(100);
  expect(mirror.log).toEqual([200]);
  let invites = 0;
  world.exchange.transport.watch((direction, message) => {
    if (direction === 'in' && message.kind === 'request' && message.method === 'INVITE') invites++;
  });
  const call = alice.call('1002');
  world.run(1_000);
  expect(invites).toBe(2);
  expect(call.statuses).toHaveLength(1);
  expect(call.statuses[0]).toBeGreaterThanOrEqual(400);
  world.settles();
  expect(world.cdrs).toHaveLength(1);
});

test('a spiral through another exchange ends when Max-Forwards is used up, each round one call', async () => {
  await using world = await World.start({ users: ['1001', '1002', '1003'], config: { registrar: { auth: 'none' } } });
  const alice = await world.registered('1001');
  const mirror = await world.registered('1002');
  const hops: number[] = [];
  mirror.habits.onInvite = 'silent';
  const around = () => {
    const last = mirror.calls.at(-1);
    if (last?.direction !== 'in' || hops.length === mirror.calls.length) return;
    const hop = last.invite.headers.get('Max-Forwards') ?? '';
    hops.push(Number(hop));
    mirror.call('1002', { headers: { 'Max-Forwards': hop }, sdp: plainSdp(mirror.address) });
  };
  const call = alice.call('1002', { headers: { 'Max-Forwards': '5' } });
  for (let i = 0; i < 20; i++) {
    world.run(100);
    around();
  }
  expect(hops.filter((hop) => hop >= 0)).toEqual([4, 3, 2, 1, 0]);
  expect(call.statuses).toEqual([]);
  call.cancel();
  world.run(200_000);
});

test('a request without Max-Forwards goes on with 69; one of 255 with no more than it had', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  bob.habits.onInvite = 486;
  alice.call('1002');
  world.run(50);
  expect(bob.lastCall.invite.headers.get('Max-Forwards')).toBe('69');
  alice.call('1002', { headers: { 'Max-Forwards': '255' } });
  world.run(50);
  expect(Number(bob.lastCall.invite.headers.get('Max-Forwards'))).toBeLessThanOrEqual(254);
  world.settles();
});

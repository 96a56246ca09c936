import { expect, test } from 'vitest';
import { RawPeer } from '../world/raw-peer.ts';
import { heardWhenBothSpeak, talk } from '../world/talk.ts';
import { exchangeIp, MemoryBindings, World, type WorldOptions } from '../world/world.ts';

const users = ['1001', '1002', '1003', '1004'];

/** A request of somebody whom nobody knows. */
const request = (method: string, name: string | number, from: string): string =>
  [
    `${method} sip:1002@${exchangeIp} SIP/2.0`,
    `Via: SIP/2.0/UDP ${from};branch=z9hG4bK${name};rport`,
    `From: <sip:6666@${exchangeIp}>;tag=${name}`,
    `To: <sip:1002@${exchangeIp}>`,
    `Call-ID: ${name}`,
    `CSeq: 1 ${method}`,
    `Contact: <sip:6666@${from}>`,
    'Content-Length: 0',
    '\r\n',
  ].join('\r\n');

/** An exchange with a call of Alice and Bob, and strangers at `hosts` addresses; `counts` says what they have heard. */
async function besieged(hosts: number, options: WorldOptions = {}) {
  const world = await World.start({ users, ...options });
  const talking = await talk(world);
  const strangers: RawPeer[] = [];
  for (let i = 0; i < hosts; i++) strangers.push(await RawPeer.open(world, `10.9.${i >> 8}.${i & 255}`));
  const counts = () => {
    const all: Record<string, number> = {};
    for (const status of strangers.flatMap(({ log }) => log)) all[status] = (all[status] ?? 0) + 1;
    return all;
  };
  let sent = 0;
  /** `rate` requests a second, for `ms`. */
  const flood = (method: string, rate: number, ms: number, meanwhile: () => void = () => {}) => {
    for (let waited = 0; waited < ms; waited += 10) {
      for (let i = 0; i < rate / 100; i++) {
        const stranger = strangers[sent % hosts]!;
        stranger.sendText(request(method, sent++, stranger.host));
      }
      world.run(10);
      meanwhile();
    }
  };
  return { world, talking, strangers, counts, flood };
}

test.each([
  ['INVITE', 'one address', 1],
  ['INVITE', 'three hundred addresses', 300],
  ['OPTIONS', 'three hundred addresses', 300],
  ['REGISTER', 'three hundred addresses', 300],
])(
  '10,000 %s a second from %s: calls of known phones go on and begin, and nothing grows',
  { timeout: 60_000 },
  async (method, _where, hosts) => {
    const { world, talking, counts, flood } = await besieged(hosts);
    await using _world = world;
    const [carol, dave] = [await world.registered('1003'), await world.registered('1004')];
    const quiet = world.clock.pending;
    let [most, timers] = [0, 0];
    const watch = () => {
      most = Math.max(most, world.exchange.transactions.size.server);
      timers = Math.max(timers, world.clock.pending - quiet);
    };
    flood(method, 10_000, 1_000, watch);
    const call = carol.call('1004');
    flood(method, 10_000, 200, watch);
    expect(call.statuses).toEqual([]);
    dave.lastCall.answer(200);
    flood(method, 10_000, 300, watch);
    expect(call.state).toBe('talking');
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    // The call that began leaves its INVITE and the challenge behind; strangers are forgotten, save the answers to OPTIONS.
    expect(most).toBeLessThan(method === 'OPTIONS' ? 7_000 : 10);
    expect(timers).toBeLessThan(method === 'OPTIONS' ? 14_000 : 40);
    const { 503: told = 0, ...answers } = counts();
    expect(told).toBeGreaterThan(50);
    expect(told).toBeLessThan(300);
    const answered = Object.values(answers).reduce((sum, count) => sum + count, 0);
    expect(answered).toBeLessThan(7_000);
    expect(world.exchange.transactions.overload.dropped).toBe(15_000 - answered - told);

    talking.call.hangUp();
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed' }, { status: 'completed' }]);
    expect(Object.values(counts()).reduce((sum, count) => sum + count, 0)).toBe(answered + told);
  },
);

test('while one address floods, a phone that comes from another registers and calls', async () => {
  const { world, flood, strangers } = await besieged(1);
  await using _world = world;
  const carol = await world.phone('1003');
  flood('INVITE', 10_000, 500);
  carol.register();
  flood('INVITE', 10_000, 100);
  expect(carol.registration).toBe(200);
  strangers[0]!.heard.length = 0;
  world.run(10_000);
  flood('INVITE', 100, 10);
  expect(strangers[0]!.log).toEqual([401]);
});

test('503 names when to try again, and its ACK is of no interest', async () => {
  await using world = await World.start({ overloadLimits: { serverTransactions: 0 } });
  await using stranger = await RawPeer.open(world);
  for (const method of ['INVITE', 'ACK', 'ACK', 'OPTIONS']) stranger.sendText(request(method, 'x', stranger.host));
  world.run(60_000);
  expect(stranger.log).toEqual([503, 503]);
  expect(Number(stranger.response.headers.get('Retry-After'))).toBeGreaterThanOrEqual(5);
  expect(stranger.response.toTag).not.toBeNull();
  expect(world.leftovers()).toMatchObject({ 'server transactions': 0, timers: 0 });
});

test('when too many transactions are remembered what belongs to calls goes on, and nobody else is let in', async () => {
  const { world, talking, strangers } = await besieged(1, { overloadLimits: { serverTransactions: 12 } });
  await using _world = world;
  const carol = await world.registered('1003');
  for (let i = 0; i < 12; i++) {
    carol.register({ contact: null });
    world.run(10);
  }
  expect(world.exchange.transactions.size.server).toBe(12);
  strangers[0]!.sendText(request('INVITE', 'late', strangers[0]!.host));
  world.run(100);
  expect(strangers[0]!.log).toEqual([503]);
  const { alice, bob, call } = talking;
  call.reinvite({ direction: 'sendonly' });
  world.run(100);
  expect(call.last.status).toBe(200);
  bob.lastCall.hangUp();
  world.run(100);
  expect(alice.log.at(-1)).toBe('BYE');
  expect(bob.log.at(-1)).toBe(200);
  world.settles();
});

test('when too many requests of ours are on their way, a phone counts as one that can not be reached', async () => {
  await using world = await World.start({ users, overloadLimits: { clientTransactions: 1 } });
  const [alice, bob] = [await world.registered('1001'), await world.registered('1002')];
  const first = alice.call('1002');
  world.run(50);
  bob.lastCall.answer(180);
  const carol = await world.registered('1003');
  const second = carol.call('1002');
  world.run(50);
  expect(first.statuses).toEqual([180]);
  expect(second.statuses).toEqual([480]);
  expect(bob.calls).toHaveLength(1);
  expect(world.exchange.transactions.overload.withheld).toBe(1);
  bob.lastCall.answer(486);
  world.settles();
});

test('of malformed requests no more are answered than 100 a second, after the first 500', async () => {
  const { world, strangers, counts } = await besieged(1);
  await using _world = world;
  const broken = request('OPTIONS', 'x', strangers[0]!.host).replace('CSeq', 'Max-Forwards: 999\r\nCSeq');
  for (let i = 0; i < 2_000; i++) strangers[0]!.sendText(broken);
  world.run(10);
  expect(counts()).toEqual({ 400: 500 });
  world.run(1_000);
  for (let i = 0; i < 2_000; i++) strangers[0]!.sendText(broken);
  world.run(10);
  expect(counts()).toEqual({ 400: 601 });
});

test('where phones were registered before our restart they are no strangers after it', async () => {
  const bindings = new MemoryBindings();
  const address = '10.0.0.77';
  {
    await using world = await World.start({ bindings });
    await world.registered('1001', { address });
  }
  await using world = await World.start({ bindings, overloadLimits: { strangers: { perSecond: 0, burst: 0 } } });
  const [alice, bob] = [await world.phone('1001', { address }), await world.phone('1002')];
  for (const phone of [alice, bob]) phone.register();
  world.run(100);
  expect([alice.registration, bob.registration]).toEqual([200, 503]);
});

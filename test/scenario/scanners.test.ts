import { describe, expect, test } from 'vitest';
import { Guesser } from '../world/guesser.ts';
import { RawPeer } from '../world/raw-peer.ts';
import { exchangeIp, World } from '../world/world.ts';

const methods = [
  'REGISTER',
  'INVITE',
  'OPTIONS',
  'SUBSCRIBE',
  'MESSAGE',
  'PUBLISH',
  'REFER',
  'NOTIFY',
  'INFO',
  'NONSENSE',
];

/** What a scanner hears of `user`, but for what is different each time or was its own. */
async function heardOf(user: string, method: string, wrongPassword: boolean): Promise<readonly string[]> {
  await using world = await World.start({ users: ['1001', '1002'] });
  await world.registered('1001');
  await using scanner = await Guesser.open(world);
  const heard: string[] = [];
  const note = (text: string) =>
    heard.push(
      text
        .replaceAll(`sip:${user}@`, 'sip:USER@')
        .replace(/(?<=\r\nTo: .*;tag=)\w+/, 'TAG')
        .replaceAll(/nonce="[0-9a-f]{56}"/g, 'nonce="NONCE"'),
    );
  world.network.onDeliver((from, to, bytes) => {
    if (from.address !== exchangeIp || to.address !== scanner.peer.address.address) return;
    note(`${world.clock.now()} ${Buffer.from(bytes)}`);
  });
  scanner.ask(user, { method });
  for (let i = 0; wrongPassword && i < 4; i++) {
    scanner.guess(user, 'wrong', { method });
    world.run(20_000);
  }
  world.settles();
  return heard;
}

describe('users can not be told from strangers', () => {
  test.each(methods)('by %s without credentials, byte for byte', async (method) => {
    const [registered, known, stranger] = await Promise.all(
      ['1001', '1002', '1777'].map((user) => heardOf(user, method, false)),
    );
    expect(registered?.length).toBeGreaterThan(0);
    expect(known).toEqual(registered);
    expect(stranger).toEqual(registered);
  });

  test.each(methods)('by %s with a wrong password, byte for byte and at the same times', async (method) => {
    const [registered, known, stranger] = await Promise.all(
      ['1001', '1002', '1777'].map((user) => heardOf(user, method, true)),
    );
    expect(registered?.length).toBeGreaterThan(1);
    expect(known).toEqual(registered);
    expect(stranger).toEqual(registered);
  });

  test('a ping is answered with 200, without credentials', async () => {
    await using world = await World.start();
    await using peer = await Guesser.open(world);
    expect(peer.ask('1777', { method: 'OPTIONS' })?.status).toBe(200);
    world.settles();
  });
});

describe('a known scanner hears nothing', () => {
  test.each(['udp', 'tcp', 'tls'] as const)(
    'over %s, whatever it asks; whoever else is there is answered',
    async (transport) => {
      await using world = await World.start();
      await using scanner = await Guesser.open(world, { transport });
      const headers = ['User-Agent: friendly-scanner'];
      for (const method of methods) expect(scanner.ask('1001', { method, headers })).toBeNull();
      world.run(60_000);
      expect(scanner.peer.heard).toEqual([]);
      expect(world.exchange.guard.figures).toMatchObject({ scannersDropped: methods.length, bans: 0 });
      expect(world.exchange.transactions.size.server).toBe(0);
      expect(scanner.ask('1001', { headers: ['User-Agent: Phone/1.0'] })?.status).toBe(401);
      world.settles();
    },
  );

  test('nor to what would be answered with 400, 505 or 416', async () => {
    await using world = await World.start();
    await using peer = await RawPeer.open(world);
    const via = `Via: SIP/2.0/UDP ${peer.host};branch=z9hG4bK1;rport`;
    const rest = [`From: <sip:a@b>;tag=f`, `To: <sip:a@b>`, 'Call-ID: c', 'CSeq: 1 OPTIONS', 'Max-Forwards: 70'];
    for (const agent of ['Phone/1.0', 'sipcli/v1.8']) {
      const fields = [via, ...rest, `User-Agent: ${agent}`];
      peer.send([`OPTIONS sip:${exchangeIp} SIP/2.0`, ...fields.map((line) => line.replace('1 OPTIONS', '1 INVITE'))]);
      peer.send([`OPTIONS sip:${exchangeIp} SIP/3.0`, ...fields]);
      peer.send([`OPTIONS mailto:a@b SIP/2.0`, ...fields.map((line) => line.replace('bK1', `bK2${agent.length}`))]);
      world.run(100);
      expect(peer.log).toEqual([400, 505, 416]);
    }
    world.settles();
  });

  test("also by the addresses of SIPVicious and of nmap's probe", async () => {
    await using world = await World.start();
    await using peer = await RawPeer.open(world);
    const addresses = [
      ['From: "sipvicious"<sip:100@1.1.1.1>;tag=313a', 'To: "sipvicious"<sip:100@1.1.1.1>'],
      ['From: <sip:nm@nm>;tag=root', 'To: <sip:nm2@nm2>'],
    ];
    for (const [index, lines] of addresses.entries()) {
      peer.send([
        `OPTIONS sip:100@${exchangeIp} SIP/2.0`,
        `Via: SIP/2.0/UDP ${peer.host};branch=z9hG4bK-${index};rport`,
        ...lines,
        `Call-ID: ${index}`,
        'CSeq: 1 OPTIONS',
        'Max-Forwards: 70',
      ]);
    }
    world.run(60_000);
    expect(peer.heard).toEqual([]);
    expect(world.exchange.guard.figures.scannersDropped).toBe(2);
    world.settles();
  });
});

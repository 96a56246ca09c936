import { describe, expect, test } from 'vitest';
import { RawPeer } from '../world/raw-peer.ts';
import { MemoryBindings, World } from '../world/world.ts';

// REGISTERs as phones in the field write them, byte by byte.

const open = { config: { registrar: { auth: 'none', max_contacts: 3 } } };
const phone = '10.0.0.50:5060';
const contact = `<sip:1002@${phone}>`;

/** A REGISTER of 1002 with these header lines besides those that each must have. */
function registerText(lines: readonly string[], { callId = 'reg', cseq = 1, eol = '\r\n' } = {}): string {
  const head = [
    'REGISTER sip:10.0.0.1 SIP/2.0',
    `Via: SIP/2.0/UDP ${phone};branch=z9hG4bK${callId}${cseq};rport`,
    'From: <sip:1002@10.0.0.1>;tag=r',
    'To: <sip:1002@10.0.0.1>',
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} REGISTER`,
  ];
  return [...head, ...lines, 'Content-Length: 0', '', ''].join(eol);
}

async function registering() {
  const world = await World.start(open);
  const raw = await RawPeer.open(world);
  let cseq = 0;
  /** Status of the answer, and the Contacts that it lists. */
  const register = (lines: readonly string[], options: Parameters<typeof registerText>[1] = {}) => {
    cseq = options.cseq ?? cseq + 1;
    raw.sendText(registerText(lines, { ...options, cseq }));
    world.run(20);
    const { status, headers } = raw.response;
    return { status, contacts: headers.getAll('Contact'), headers };
  };
  return { world, raw, register };
}

describe('a Contact is taken', () => {
  test.each<readonly [what: string, lines: readonly string[], listed: string, uri: string]>([
    ['as the RFC has it', [`Contact: ${contact}`], `${contact};expires=3600`, `sip:1002@${phone}`],
    ['without brackets', [`Contact: sip:1002@${phone};expires=120`], `${contact};expires=120`, `sip:1002@${phone}`],
    ['by its compact name', [`m: ${contact}`], `${contact};expires=3600`, `sip:1002@${phone}`],
    ['in a folded line', [`contact:\r\n  ${contact}\r\n\t;expires=90`], `${contact};expires=90`, `sip:1002@${phone}`],
    [
      'with expires of its own beside the header field',
      [`Contact: ${contact};expires=200`, 'Expires: 600'],
      `${contact};expires=200`,
      `sip:1002@${phone}`,
    ],
    [
      'with that of the header field',
      [`Contact: ${contact}`, 'Expires: 600'],
      `${contact};expires=600`,
      `sip:1002@${phone}`,
    ],
    ['with an expires of nonsense', [`Contact: ${contact};expires=x`], `${contact};expires=3600`, `sip:1002@${phone}`],
    ['with q', [`Contact: ${contact};q=0.25`], `${contact};q=0.25;expires=3600`, `sip:1002@${phone}`],
    ['with a q of nonsense', [`Contact: ${contact};q=7`], `${contact};expires=3600`, `sip:1002@${phone}`],
    ['with ;ob', [`Contact: <sip:1002@${phone};ob>`], `<sip:1002@${phone};ob>;expires=3600`, `sip:1002@${phone};ob`],
    [
      'with ;alias',
      [`Contact: <sip:1002@${phone};alias=1.2.3.4~5~1>`],
      `<sip:1002@${phone};alias=1.2.3.4~5~1>;expires=3600`,
      `sip:1002@${phone};alias=1.2.3.4~5~1`,
    ],
    [
      'with parameters that nobody knows',
      [`Contact: "B" <sip:1002@${phone};x=%23;y>;+sip.ice;+org.linphone.specs="lime";methods="INVITE"`],
      `<sip:1002@${phone};x=%23;y>;expires=3600`,
      `sip:1002@${phone};x=%23;y`,
    ],
    [
      'with method and headers in its URI, which no Request-URI has',
      [`Contact: <sip:1002@${phone};method=INVITE?Subject=x>`],
      `<sip:1002@${phone};method=INVITE?Subject=x>;expires=3600`,
      `sip:1002@${phone}`,
    ],
  ])('%s', async (_what, lines, listed, uri) => {
    const { world, raw, register } = await registering();
    await using _world = world;
    expect(register(lines)).toMatchObject({ status: 200, contacts: [listed] });
    const alice = await world.registered('1001');
    alice.call('1002');
    world.run(50);
    expect(raw.request('INVITE').uriText).toBe(uri);
    raw.answer('INVITE', '486 Busy Here');
    world.settles();
  });
});

describe('a REGISTER is refused, and changes nothing', () => {
  test.each<readonly [what: string, status: number, lines: readonly string[]]>([
    ['* without Expires', 400, ['Contact: *']],
    ['* with another Expires than 0', 400, ['Contact: *', 'Expires: 60']],
    ['* beside another Contact', 400, [`Contact: *, ${contact}`, 'Expires: 0']],
    ['a tel: Contact', 400, ['Contact: <tel:1002>']],
    ['a Contact that makes no sense', 400, ['Contact: <sip:1002@[::1>']],
    ['too short an interval', 423, [`Contact: ${contact};expires=10`]],
    ['four Contacts where three may be', 403, [1, 2, 3, 4].map((n) => `Contact: <sip:1002@10.0.0.${n}0>`)],
    ['an extension that we do not do', 420, [`Contact: ${contact}`, 'Require: gruu']],
  ])('%s: %d', async (_what, status, lines) => {
    const { world, register } = await registering();
    await using _world = world;
    register([`Contact: <sip:1002@10.0.0.50:5070>`]);
    const refused = register(lines);
    expect(refused.status).toBe(status);
    if (status === 423) expect(refused.headers.get('Min-Expires')).toBe('60');
    if (status === 420) expect(refused.headers.get('Unsupported')).toBe('gruu');
    expect(register([]).contacts).toEqual([expect.stringContaining('10.0.0.50:5070')]);
  });
});

test('of several Contacts with q each is kept, and the preferred is called first', async () => {
  const { world, register } = await registering();
  await using _world = world;
  await using preferred = await RawPeer.open(world, '10.0.0.50', 5072);
  const uris = ['sip:1002@10.0.0.50:5070', 'sip:1002@10.0.0.50:5072', 'sip:1002@10.0.0.50:5071'];
  const [q5, q9, q1] = ['0.5', '0.9', '0.1'].map((q, i) => `<${uris[i]}>;q=${q}`);
  expect(register([`Contact: ${q5}, ${q9}`, `m: ${q1}`]).contacts).toEqual([
    `${q5};expires=3600`,
    `${q9};expires=3600`,
    `${q1};expires=3600`,
  ]);
  const called: string[] = [];
  world.exchange.transport.watch((direction, message) => {
    if (direction === 'out' && message.kind === 'request' && message.method === 'INVITE') called.push(message.uriText);
  });
  const alice = await world.registered('1001');
  const call = alice.call('1002');
  world.run(50);
  expect(called).toEqual(['sip:1002@10.0.0.50:5072', 'sip:1002@10.0.0.50:5070', 'sip:1002@10.0.0.50:5071']);
  expect(preferred.log).toEqual(['INVITE']);
  call.cancel();
  world.run(200_000);
});

test('REGISTERs of one Call-ID have an order: an older one is 500, the same again is answered and done once', async () => {
  const { world, register } = await registering();
  await using _world = world;
  const added = () => world.events.filter(({ type }) => type === 'registration.added').length;
  expect(register([`Contact: ${contact}`], { cseq: 5 }).status).toBe(200);
  expect(register([`Contact: ${contact}`, 'Expires: 0'], { cseq: 4 }).status).toBe(500);
  expect(register([]).contacts).toHaveLength(1);
  world.run(40_000);
  expect(register([`Contact: ${contact};expires=60`], { cseq: 5 }).contacts).toEqual([`${contact};expires=3560`]);
  expect(added()).toBe(1);
  // A phone that has restarted begins to count anew, under another Call-ID.
  expect(register([`Contact: ${contact};expires=90`], { callId: 'reboot', cseq: 1 }).contacts).toEqual([
    `${contact};expires=90`,
  ]);
  expect(added()).toBe(1);
});

test('a phone leaves by 0, in the Contact or in Expires, for one Contact or all', async () => {
  const { world, register } = await registering();
  await using _world = world;
  const [one, two] = ['<sip:1002@10.0.0.50:5070>', '<sip:1002@10.0.0.50:5071>'];
  register([`Contact: ${one}, ${two}`]);
  expect(register([`Contact: ${one};expires=0`, 'Expires: 3600']).contacts).toEqual([`${two};expires=3600`]);
  register([`Contact: ${one}`]);
  expect(register([`Contact: ${two}`, 'Expires: 0']).contacts).toEqual([`${one};expires=3600`]);
  expect(register(['Contact: *', 'Expires: 0']).contacts).toEqual([]);
  const alice = await world.registered('1001');
  const call = alice.call('1002');
  world.run(50);
  expect(call.statuses).toEqual([480]);
  world.settles();
});

test('what a phone has registered is there after our restart, q, instance and all', async () => {
  const bindings = new MemoryBindings();
  const line = `Contact: ${contact};q=0.3;+sip.instance="<urn:uuid:1>";reg-id=2;expires=600`;
  const listed = `${contact};q=0.3;expires=600;+sip.instance="<urn:uuid:1>";reg-id=2`;
  {
    await using world = await World.start({ ...open, bindings });
    await using raw = await RawPeer.open(world);
    raw.sendText(registerText([line]));
    world.run(20);
    expect(raw.response.headers.getAll('Contact')).toEqual([listed]);
  }
  await using world = await World.start({ ...open, bindings });
  await using raw = await RawPeer.open(world);
  raw.sendText(registerText([], { cseq: 2 }));
  world.run(20);
  expect(raw.response.headers.getAll('Contact')).toEqual([listed]);
  const alice = await world.registered('1001');
  alice.call('1002');
  world.run(50);
  expect(raw.request('INVITE').uriText).toBe(`sip:1002@${phone}`);
  raw.answer('INVITE', '486 Busy Here');
  world.settles();
});

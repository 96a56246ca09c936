import { describe, expect, test } from 'vitest';
import type { TransportName } from '../../src/sip/transport/index.ts';
import { answerChallenge } from '../../src/sip/ua/index.ts';
import { plainSdp, RawPeer } from '../world/raw-peer.ts';
import { heardWhenBothSpeak, talk } from '../world/talk.ts';
import { Wiretap } from '../world/wiretap.ts';
import { exchangeIp, passwordOf, World } from '../world/world.ts';

// Faults that other exchanges have had, so that this one has them never.

const open = { config: { registrar: { auth: 'none' } } };

/** Alice calls Bob, whose phone says only what the test writes. */
async function calledRaw() {
  const world = await World.start(open);
  const alice = await world.registered('1001');
  const bob = await RawPeer.open(world);
  bob.send([
    `REGISTER sip:${exchangeIp} SIP/2.0`,
    `Via: SIP/2.0/UDP ${bob.host};branch=z9hG4bKreg`,
    `From: <sip:1002@${exchangeIp}>;tag=r`,
    `To: <sip:1002@${exchangeIp}>`,
    'Call-ID: reg',
    'CSeq: 1 REGISTER',
    `Contact: <sip:1002@${bob.host}>`,
  ]);
  world.run(50);
  const call = alice.call('1002');
  world.run(50);
  return { world, alice, bob, call, to: `To: ${bob.request('INVITE').headers.get('To')}` };
}

const sdpLine = 'Content-Type: application/sdp';

test('a callee that answers without Contact is acknowledged and hung up where it was called (RFC 3261 §12.1.2)', async () => {
  const { world, bob, call } = await calledRaw();
  await using _world = world;
  bob.answer('INVITE', '200 OK', [sdpLine], plainSdp('10.0.0.50'));
  world.run(50);
  expect(call.statuses).toEqual([200]);
  expect(bob.request('ACK').uriText).toBe(`sip:1002@${bob.host}`);
  call.hangUp();
  world.run(50);
  expect(bob.request('BYE').uriText).toBe(`sip:1002@${bob.host}`);
  bob.answer('BYE', '200 OK');
  world.settles();
});

describe('a callee whose final response has no To tag', () => {
  test('is a call when it answers: ACK and BYE go without one, and its own BYE is taken (RFC 3261 §12.1.2)', async () => {
    const { world, alice, bob, call, to } = await calledRaw();
    await using _world = world;
    bob.answer('INVITE', '180 Ringing', [to]);
    world.run(50);
    bob.answer('INVITE', '200 OK', [to, sdpLine, `Contact: <sip:1002@${bob.host}>`], plainSdp('10.0.0.50'));
    world.run(50);
    expect(call.statuses).toEqual([180, 200]);
    expect(call.last.toTag).not.toBeNull();
    const ack = bob.request('ACK');
    expect(ack.toTag).toBeNull();
    bob.send([
      `BYE ${bob.request('INVITE').headers.get('Contact')?.replace(/[<>]/g, '')} SIP/2.0`,
      `Via: SIP/2.0/UDP ${bob.host};branch=z9hG4bKbye`,
      `From: ${ack.headers.get('To')}`,
      `To: ${ack.headers.get('From')}`,
      `Call-ID: ${ack.callId}`,
      'CSeq: 1 BYE',
    ]);
    world.run(50);
    expect(bob.response.status).toBe(200);
    expect(alice.log.at(-1)).toBe('BYE');
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'callee' }]);
  });

  test('is a refusal when it refuses', async () => {
    const { world, bob, call, to } = await calledRaw();
    await using _world = world;
    bob.answer('INVITE', '486 Busy Here', [to]);
    world.run(50);
    expect(call.statuses).toEqual([486]);
    expect(call.last.toTag).not.toBeNull();
    expect(bob.log.at(-1)).toBe('ACK');
    world.settles();
  });
});

test('the ACK of the 401 that comes after the INVITE with credentials, or again, disturbs no call', async () => {
  await using world = await World.start();
  const bob = await world.registered('1002');
  await using alice = await RawPeer.open(world);
  const uri = `sip:1002@${exchangeIp}`;
  const lines = (method: string, sequence: number, branch: string, more: readonly string[] = []) => [
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/UDP ${alice.host};branch=z9hG4bK${branch}`,
    `From: <sip:1001@${exchangeIp}>;tag=a`,
    `To: <${uri}>`,
    'Call-ID: c',
    `CSeq: ${sequence} ${method}`,
    ...more,
  ];
  const body = [`Contact: <sip:1001@${alice.host}>`, sdpLine];
  const finals = () => alice.log.filter((entry) => entry !== 100);
  alice.send(lines('INVITE', 1, 'one', body), plainSdp('10.0.0.50'));
  world.run(10);
  const challenges = alice.response.headers.getAll('WWW-Authenticate');
  const account = { username: '1001', password: passwordOf('1001') };
  const credentials = answerChallenge(challenges, { method: 'INVITE', uri }, account, world.random);
  alice.send(lines('INVITE', 2, 'two', [...body, `Authorization: ${credentials}`]), plainSdp('10.0.0.50'));
  alice.send(lines('ACK', 1, 'one'));
  world.run(50);
  bob.lastCall.answer(180);
  world.run(50);
  alice.send(lines('ACK', 1, 'one'));
  world.run(40_000);
  expect(finals()).toEqual([401, 180]);
  bob.lastCall.answer(200);
  alice.send(lines('ACK', 1, 'one'));
  world.run(50);
  expect(finals()).toEqual([401, 180, 200]);
  expect(world.exchange.calls.byState()).toMatchObject({ ACTIVE: 1 });
  world.settles();
});

test('an INVITE that is repeated while it rings, when it is refused and when that is acknowledged is one call', async () => {
  await using world = await World.start(open);
  const bob = await world.registered('1002');
  await using alice = await RawPeer.open(world);
  const lines = (method: string, to = `<sip:1002@${exchangeIp}>`) => [
    `${method} sip:1002@${exchangeIp} SIP/2.0`,
    `Via: SIP/2.0/UDP ${alice.host};branch=z9hG4bKsame`,
    `From: <sip:1001@${exchangeIp}>;tag=a`,
    `To: ${to}`,
    'Call-ID: c',
    `CSeq: 1 ${method}`,
  ];
  const invite = () =>
    alice.send([...lines('INVITE'), `Contact: <sip:1001@${alice.host}>`, sdpLine], plainSdp('10.0.0.50'));
  for (let i = 0; i < 3; i++) {
    invite();
    world.run(200);
  }
  bob.lastCall.answer(486);
  world.run(50);
  invite();
  world.run(50);
  alice.send(lines('ACK', alice.response.headers.get('To') ?? ''));
  world.run(50);
  invite();
  world.run(1_000);
  expect(bob.calls).toHaveLength(1);
  expect(new Set(alice.log)).toEqual(new Set([100, 486]));
  world.settles();
  expect(world.cdrs).toHaveLength(1);
});

test('a 200 that the callee repeats changes nothing of the session: one answer, the same ports, both are heard', async () => {
  await using world = await World.start();
  const talking = await talk(world);
  const ports = world.media.usage();
  const answered = talking.bob.lastCall;
  const before = talking.call.remoteSdp;
  for (let i = 0; i < 5; i++) answered.answer(200);
  world.run(100);
  expect(talking.bob.count('ACK')).toBe(6);
  expect(talking.call.statuses).toEqual([200]);
  expect(talking.call.remoteSdp).toBe(before);
  expect(world.media.usage()).toEqual(ports);
  expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
  talking.call.hangUp();
  world.settles();
});

test('calls one after the other and side by side between the same two phones do not know each other', async () => {
  await using world = await World.start();
  const first = await talk(world);
  first.call.hangUp();
  world.run(50);
  const [second, third] = [first.alice.call('1002'), first.alice.call('1002')];
  world.run(50);
  for (const call of first.bob.calls.slice(1)) call.answer(200);
  world.run(50);
  expect([second.state, third.state]).toEqual(['talking', 'talking']);
  second.hangUp();
  world.run(40_000);
  expect(first.bob.calls.map(({ state }) => state)).toEqual(['over', 'over', 'talking']);
  expect(third.state).toBe('talking');
  third.hangUp();
  world.settles();
  expect(world.cdrs).toHaveLength(3);
  expect(new Set(world.cdrs.flatMap((cdr) => [cdr.call_id, cdr.caller_sip_call_id, cdr.callee_sip_call_id])).size).toBe(
    9,
  );
});

test('each side hears BYE under the Call-ID of its own dialog, and BYE under that of the other side is 481', async () => {
  await using world = await World.start();
  const { alice, bob, call, answered } = await talk(world);
  expect(call.callId).not.toBe(answered.callId);
  alice.send('BYE', `sip:1002@${exchangeIp}`, {
    callId: answered.callId,
    fromTag: call.localTag,
    to: `<sip:1002@${exchangeIp}>;tag=${call.remoteTag}`,
  });
  world.run(50);
  expect(alice.log.at(-1)).toBe(481);
  expect([call.state, answered.state]).toEqual(['talking', 'talking']);
  call.hangUp();
  world.run(50);
  expect(bob.log.at(-1)).toBe('BYE');
  expect(answered.requests.at(-1)?.callId).toBe(answered.callId);
  expect(alice.log.at(-1)).toBe(200);
  world.settles();
});

test.each<readonly [TransportName, number, string]>([
  ['udp', 5060, ''],
  ['tcp', 5060, ';transport=tcp'],
  ['tls', 5061, ';transport=tls'],
])('a phone on %s is told the listener that its connection belongs to', async (transport, port, param) => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002', { transport });
  const call = alice.call('1002');
  world.run(50);
  const { invite } = bob.lastCall;
  expect(invite.topVia).toMatchObject({ transport: transport.toUpperCase(), host: exchangeIp, port });
  expect(invite.headers.get('Contact')).toBe(`<sip:1001@${exchangeIp}${port === 5060 ? ':5060' : ':5061'}${param}>`);
  bob.lastCall.answer(200);
  world.run(50);
  expect(call.last.headers.get('Contact')).toBe(`<sip:1002@${exchangeIp}:5060>`);
  bob.lastCall.hangUp();
  world.run(50);
  expect(alice.log.at(-1)).toBe('BYE');
  world.settles();
});

test.each([5060, 5061, 5999])(
  'our own address in Route, on port %i, leads nowhere: the call is as without it',
  async (port) => {
    await using world = await World.start();
    const alice = await world.registered('1001');
    const bob = await world.registered('1002');
    const wire = new Wiretap(world.network);
    const call = alice.call('1002', { headers: { Route: `<sip:${exchangeIp}:${port};lr>, <sip:10.0.0.99:5060;lr>` } });
    world.run(50);
    expect(bob.lastCall.invite.headers.has('Route')).toBe(false);
    bob.lastCall.answer(200);
    world.run(50);
    expect(call.state).toBe('talking');
    call.hangUp();
    world.settles();
    expect(wire.between(exchangeIp, exchangeIp)).toEqual([]);
    expect(world.network.toNobody).toEqual([]);
  },
);

test('what is asked in a call that is over is 481, by either side and whatever the method', async () => {
  await using world = await World.start();
  const { alice, bob, call, answered } = await talk(world);
  call.hangUp();
  world.run(50);
  for (const method of ['BYE', 'INFO', 'OPTIONS', 'UPDATE', 'INVITE']) {
    call.request(method);
    answered.request(method);
    world.run(50);
    expect([method, alice.log.at(-1), bob.log.at(-1)]).toEqual([method, 481, 481]);
  }
  world.settles();
});

test('a callee whose session is at 0.0.0.0, port 9, is sent nothing, and not a line is logged for its packets', async () => {
  const lines: string[] = [];
  const note = (message: string) => lines.push(message);
  const log = { debug: note, info: note, warning: note, error: note, child: () => log };
  await using world = await World.start({ log });
  const sdp = plainSdp('0.0.0.0', 9);
  const talking = await talk(world, { answer: sdp });
  const before = lines.length;
  for (let i = 0; i < 500; i++) talking.alice.media.say('anybody there?', talking.call.remoteSdp ?? '');
  world.run(100);
  expect(lines.slice(before)).toEqual([]);
  talking.call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([{ rtp: { caller: { packets_received: 500 }, callee: { packets_sent: 0 } } }]);
});

test('session descriptions that name our own media ports send nothing round in circles', async () => {
  await using world = await World.start({ mediaNetwork: { delay: 1 } });
  const talking = await talk(world);
  const { bob, call, answered } = talking;
  const portIn = (sdp: string | null) => Number(/^m=audio (\d+)/m.exec(sdp ?? '')?.[1]);
  const [toAlice, toBob] = [portIn(call.remoteSdp), portIn(answered.remoteSdp)];
  bob.habits.agrees = false;
  call.reinvite({ sdp: plainSdp(exchangeIp, toBob) });
  world.run(50);
  answered.agree(answered.waiting.pop()!, { sdp: plainSdp(exchangeIp, toAlice) });
  world.run(50);
  expect(call.last.status).toBe(200);
  const { sent } = world.media.totals();
  bob.media.say('round and round', answered.remoteSdp ?? '');
  world.run(10);
  expect(world.media.totals().sent).toBe(sent);
  call.hangUp();
  world.settles();
});

import { expect, test } from 'vitest';
import type { SipMessage } from '../../src/sip/message/index.ts';
import { Wiretap } from '../world/wiretap.ts';
import { exchangeIp, World } from '../world/world.ts';

/** What names one side's dialog and transactions. */
function tracesOf({ callId, fromTag, toTag, topVia }: SipMessage): readonly string[] {
  return [callId, fromTag, toTag, topVia.params.get('branch')].filter((trace) => typeof trace === 'string');
}

test('each side has a dialog of its own, and no byte of one side tells of the other (RFC 7092)', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  const wire = new Wiretap(world.network);
  const mediaPort = (phone: typeof alice) => String(phone.media.local.port);

  const call = alice.call('1002', {
    headers: { 'User-Agent': 'AlicePhone/7', 'X-Secret': 'alice-secret', 'P-Asserted-Identity': '<sip:alice-pai@x>' },
  });
  world.run(50);
  const ringing = bob.lastCall;
  ringing.answer(180, { headers: { 'User-Agent': 'BobPhone/9', Server: 'BobPhone/9' } });
  world.run(50);
  ringing.answer(200, { headers: { Server: 'BobPhone/9', 'X-Secret': 'bob-secret' } });
  world.run(50);
  call.reinvite({ direction: 'sendonly' });
  world.run(50);
  ringing.request('INFO', { body: 'Signal=1', contentType: 'application/dtmf-relay' });
  world.run(50);
  call.hangUp();
  world.run(50);

  const [aliceHeard, bobHeard] = [wire.to(alice.address), wire.to(bob.address)];
  expect(bobHeard.filter((text) => /digest/i.test(text))).toEqual([]);
  const ofAlice = new Set([alice.address, mediaPort(alice), 'AlicePhone', 'alice-secret', 'alice-pai', call.localTag]);
  const ofBob = new Set([bob.address, mediaPort(bob), 'BobPhone', 'bob-secret', ringing.localTag]);
  for (const message of alice.heard) for (const trace of tracesOf(message)) ofAlice.add(trace);
  for (const message of bob.heard) for (const trace of tracesOf(message)) ofBob.add(trace);
  for (const trace of ofAlice) expect(bobHeard.filter((text) => text.includes(trace))).toEqual([]);
  for (const trace of ofBob) expect(aliceHeard.filter((text) => text.includes(trace))).toEqual([]);

  // Both descriptions name us in c= and o=, each with a port pair and a session id of its own.
  const [offer, answer] = [ringing.invite, call.responses.find(({ status }) => status === 200)!];
  const [offered, answered] = [offer, answer].map(({ body }) => new TextDecoder().decode(body)) as [string, string];
  for (const sdp of [offered, answered]) {
    expect(sdp).toMatch(new RegExp(`^o=- \\d+ 1 IN IP4 ${exchangeIp}\r$`, 'm'));
    expect(sdp).toMatch(new RegExp(`^c=IN IP4 ${exchangeIp}\r$`, 'm'));
  }
  const lines = /^(?:o=|m=audio).*$/gm;
  expect(offered.match(lines)?.[0]).not.toBe(answered.match(lines)?.[0]);
  expect(offered.match(lines)?.[1]).not.toBe(answered.match(lines)?.[1]);

  world.settles();
  expect(world.cdrs).toMatchObject([
    { caller_sip_call_id: call.callId, callee_sip_call_id: ringing.callId, caller_ip: alice.address },
  ]);
});

test('the INVITE to the callee has one Via and one Contact, ours, and no Record-Route', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  alice.call('1002', { headers: { 'Record-Route': '<sip:10.9.9.9;lr>' } });
  world.run(50);
  const { headers } = bob.lastCall.invite;
  expect(headers.getAll('Via')).toHaveLength(1);
  expect(headers.get('Via')).toContain(`SIP/2.0/UDP ${exchangeIp}:5060;branch=z9hG4bK`);
  expect(headers.getAll('Contact')).toEqual([`<sip:1001@${exchangeIp}:5060>`]);
  expect(headers.has('Record-Route')).toBe(false);
  bob.lastCall.answer(486);
  world.settles();
  expect(world.network.toNobody).toEqual([]);
});

test('the caller hears 100 within 200 ms, before the callee has said anything (RFC 3261 §17.2.1)', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  alice.call('1002');
  world.run(200);
  expect(alice.count(100)).toBe(1);
  expect(alice.heard.at(-1)?.toTag).toBeNull();
  bob.lastCall.answer(486);
  world.settles();
});

test('our Allow, Supported and Contact go with the answer, and no method is listed that is not done', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  bob.habits.onInvite = 'answer';
  const call = alice.call('1002');
  world.run(100);
  for (const { headers } of [call.last, bob.lastCall.invite]) {
    const allow = headers.get('Allow')?.split(', ');
    const done = ['INVITE', 'ACK', 'CANCEL', 'BYE', 'OPTIONS', 'INFO', 'PRACK', 'UPDATE'];
    expect(allow).toEqual(expect.arrayContaining(done));
    expect(allow).not.toContain('FROBNICATE');
    expect(headers.get('Supported')).toContain('100rel');
  }
  expect(call.last.headers.get('Contact')).toBe(`<sip:1002@${exchangeIp}:5060>`);
  call.hangUp();
  world.settles();
});

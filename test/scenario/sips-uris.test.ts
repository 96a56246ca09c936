import { describe, expect, test } from 'vitest';
import { requestLines } from '../world/raw-lines.ts';
import { plainSdp, RawPeer } from '../world/raw-peer.ts';
import { exchangeIp, World } from '../world/world.ts';

const open = { config: { registrar: { auth: 'none' } } };

describe('SIPS URIs (RFC 3261 §8.1.1.8, §12.1.1)', () => {
  test('who calls by one over TLS, or has one for its Contact, finds one in our Contact', async () => {
    await using world = await World.start(open);
    const bob = await world.registered('1002', { transport: 'tls' });
    await using raw = await RawPeer.open(world, '10.0.0.50', 5061, 'tls');
    const via = `SIP/2.0/TLS ${raw.host};branch=z9hG4bKs`;
    const call = requestLines(raw, 'INVITE', `sips:1002@${exchangeIp}`, {
      via,
      more: [`Contact: <sips:1001@${raw.host}>`, 'Content-Type: application/sdp'],
    });
    raw.send(call, plainSdp('10.0.0.50'));
    world.run(50);
    bob.lastCall.answer(180);
    world.run(50);
    expect(raw.response.headers.get('Contact')).toBe(`<sips:1002@${exchangeIp}:5061>`);
    expect(bob.lastCall.invite.headers.get('Contact')).toBe(`<sip:1001@${exchangeIp}:5061;transport=tls>`);
  });

  test('a phone whose Contact is one is called by it, from one', async () => {
    await using world = await World.start(open);
    const alice = await world.registered('1001');
    const bob = await world.phone('1002', { transport: 'tls' });
    bob.register({ contact: `<sips:1002@${bob.address}:5060>` });
    world.run(50);
    alice.call('1002');
    world.run(50);
    expect(bob.lastCall.invite.uriText).toBe(`sips:1002@${bob.address}:5060`);
    expect(bob.lastCall.invite.headers.get('Contact')).toBe(`<sips:1001@${exchangeIp}:5061>`);
    bob.lastCall.answer(486);
    world.settles();
  });

  test('over UDP there is none to give', async () => {
    await using world = await World.start(open);
    const bob = await world.registered('1002');
    await using raw = await RawPeer.open(world);
    const more = [`Contact: <sip:1001@${raw.host}>`, 'Content-Type: application/sdp'];
    raw.send(requestLines(raw, 'INVITE', `sips:1002@${exchangeIp}`, { more }), plainSdp('10.0.0.50'));
    world.run(50);
    bob.lastCall.answer(180);
    world.run(50);
    expect(raw.response.headers.get('Contact')).toBe(`<sip:1002@${exchangeIp}:5060>`);
  });
});

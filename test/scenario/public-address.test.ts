import { describe, expect, test } from 'vitest';
import { talk } from '../world/talk.ts';
import { Wiretap } from '../world/wiretap.ts';
import { exchangeIp, World } from '../world/world.ts';

const publicIp = '203.0.113.5';
// Bindings behind a NAT end before the world settles, and with them the OPTIONS that keep them alive.
const registrar = { nat_max_expires: 60 };
const config = { media: { advertised_ip: publicIp }, sip: { local_networks: ['10.0.0.0/8'] }, registrar };

/** The addresses in o= and c=. */
const addressesIn = (sdp: string | null) => (sdp ?? '').match(/(?<=^[oc]=.*IN IP4 )\S+/gm);

test('each phone is told the media address that it can reach: the public one outside, ours inside', async () => {
  await using world = await World.start({ config });
  const inside = await world.registered('1001');
  const outside = await world.registered('1002', { address: '198.51.100.20' });

  const out = inside.call('1002');
  world.run(50);
  expect(addressesIn(outside.lastCall.remoteSdp)).toEqual([publicIp, publicIp]);
  outside.lastCall.answer(200);
  world.run(50);
  expect(addressesIn(out.remoteSdp)).toEqual([exchangeIp, exchangeIp]);
  out.hangUp();
  world.run(50);

  const inward = outside.call('1001');
  world.run(50);
  const answered = inside.lastCall;
  expect(addressesIn(answered.remoteSdp)).toEqual([exchangeIp, exchangeIp]);
  answered.answer(200);
  world.run(50);
  expect(addressesIn(inward.remoteSdp)).toEqual([publicIp, publicIp]);
  // A later description names the same address.
  answered.reinvite({ direction: 'sendonly' });
  world.run(50);
  expect(addressesIn(inward.remoteSdp)).toEqual([publicIp, publicIp]);
  expect(addressesIn(answered.remoteSdp)).toEqual([exchangeIp, exchangeIp]);
  inward.hangUp();
  world.settles();
  expect(world.cdrs).toHaveLength(2);
});

test('who calls us by our public address calls us', async () => {
  await using world = await World.start({ config });
  const inside = await world.registered('1001');
  const outside = await world.registered('1002', { address: '198.51.100.20' });
  inside.habits.onInvite = 486;
  const call = outside.call(`sip:1001@${publicIp}`);
  world.run(50);
  expect(call.statuses).toEqual([486]);
  world.settles();
  expect(world.network.toNobody).toEqual([]);
});

test('a phone that its NAT shows as our public address and port is no loop, nor is one that has our private address', async () => {
  await using world = await World.start({ config });
  const inside = await world.registered('1001');
  inside.habits.onInvite = 486;
  for (const where of [
    { address: publicIp, contact: '10.0.0.20:5060' },
    { address: '198.51.100.20', contact: `${exchangeIp}:5060` },
  ]) {
    const phone = await world.registered('1002', where);
    const call = phone.call('1001');
    world.run(50);
    expect(call.statuses).toEqual([486]);
  }
  world.settles();
});

/** The address in c=. */
const connectionIn = (sdp: string | null) => /^c=IN IP4 (\S+)/m.exec(sdp ?? '')?.[1];

test('a phone that leaves the building is told the public address in the next description, and one that comes back ours', async () => {
  await using world = await World.start({ config });
  const { alice, bob, call, answered } = await talk(world);
  const [originAtFirst] = /^o=.*/m.exec(call.remoteSdp ?? '') ?? [];
  expect(connectionIn(call.remoteSdp)).toBe(exchangeIp);
  const outside = await world.phone('1001', { address: '198.51.100.20' });
  outside.calls.push(call);
  call.moveTo(outside);
  call.reinvite({ sdp: outside.media.describe({}) });
  world.run(100);
  expect(connectionIn(call.remoteSdp)).toBe(publicIp);
  // The session is the same (RFC 8866 §5.2), only its version has risen.
  const [originNow] = /^o=.*/m.exec(call.remoteSdp ?? '') ?? [];
  expect(originNow?.split(' ').toSpliced(2, 1)).toEqual(originAtFirst?.split(' ').toSpliced(2, 1));
  expect(originNow).not.toBe(originAtFirst);
  expect(connectionIn(answered.remoteSdp)).toBe(exchangeIp);
  call.moveTo(alice);
  call.request('INFO', { body: 'x' });
  world.run(100);
  answered.reinvite({ direction: 'sendonly' });
  world.run(100);
  expect(answered.last.status).toBe(200);
  expect(connectionIn(call.remoteSdp)).toBe(exchangeIp);
  answered.hangUp();
  world.run(100);
  expect(alice.log.at(-1)).toBe('BYE');
  expect(bob.statuses('BYE')).toEqual([200]);
  world.settles();
});

/**
 * Every host of ours in what a phone was sent: in the Via of requests, in the From of those that begin a dialog (later
 * ones repeat the phone's own words), in Contact (in a 200 to REGISTER it is the phone's), in o= and c=.
 */
function hostsIn(messages: readonly string[]): ReadonlySet<string> {
  const hosts = messages.flatMap((text) => {
    const isResponse = text.startsWith('SIP/2.0');
    const via = isResponse ? [] : [...text.matchAll(/^Via: SIP\/2\.0\/\w+ ([^:;]+)/gm)];
    const from = isResponse || /^To: .*;tag=/m.test(text) ? [] : [...text.matchAll(/^From: .*?@([^:;>]+)/gm)];
    const contact = /^CSeq: \d+ REGISTER/m.test(text)
      ? []
      : [...text.matchAll(/^Contact: .*?<sips?:(?:[^@>]*@)?([^:;>]+)/gm)];
    const sdp = [...text.matchAll(/^[oc]=.*IN IP4 (\S+)\r/gm)];
    return [...via, ...from, ...contact, ...sdp].map((match) => match[1]!);
  });
  return new Set(hosts);
}

describe.each(['udp', 'tcp', 'tls'] as const)('Via, Contact, From and SDP of every message over %s', (transport) => {
  const outside = { address: '198.51.100.20', contact: '192.168.1.20:5060' };

  test.each([
    ['inside', { transport }, { transport, ...outside }],
    ['outside', { transport, ...outside }, { transport }],
  ])('name us as the phone can reach us, when the one %s calls the other', async (_name, alice, bob) => {
    await using world = await World.start({
      config: { sip: { advertised_ip: publicIp, local_networks: ['10.0.0.0/8'] }, registrar },
    });
    const wire = new Wiretap(world.network);
    const talking = await talk(world, { alice, bob });
    // After the challenge, the INVITE with credentials and the answer: changes from both sides, and OPTIONS.
    talking.call.reinvite({ direction: 'sendonly' });
    world.run(100);
    talking.answered.reinvite({});
    world.run(100);
    expect([talking.call.last.status, talking.answered.last.status]).toEqual([200, 200]);
    world.run(40_000);
    talking.answered.hangUp();
    world.run(100);
    for (const phone of world.phones) {
      const expected = phone.address === outside.address ? publicIp : exchangeIp;
      expect(hostsIn(wire.to(phone.address))).toEqual(new Set([expected]));
    }
    expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
    world.settles();
  });
});

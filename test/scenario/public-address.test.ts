import { expect, test } from 'vitest';
import { exchangeIp, World } from '../world/world.ts';

const publicIp = '203.0.113.5';
const config = { media: { advertised_ip: publicIp }, sip: { local_networks: ['10.0.0.0/8'] } };

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

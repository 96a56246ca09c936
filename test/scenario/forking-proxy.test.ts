import { expect, test } from 'vitest';
import { alaw, PhoneMedia, payloadTypesOf } from '../world/phone-media.ts';
import { World } from '../world/world.ts';

// Behind the one Contact stands a proxy that rings several phones: one INVITE, responses with several To tags.

async function worldWithProxy() {
  const world = await World.start();
  const alice = await world.registered('1001');
  const proxy = await world.registered('1002');
  const second = new PhoneMedia(world.sockets, '10.0.0.77', alaw);
  const call = alice.call('1002');
  world.run(50);
  return { world, alice, proxy, second, call, branch: proxy.lastCall };
}

test('several early dialogs of one branch ring as one (RFC 3261 §12.1.2)', async () => {
  const { world, call, branch } = await worldWithProxy();
  await using _ = world;
  branch.answer(180, { tag: 'one' });
  world.run(10);
  branch.answer(180, { tag: 'two' });
  world.run(10);
  branch.answer(183, { tag: 'two' });
  world.run(10);
  branch.answer(200, { tag: 'two' });
  world.run(50);
  expect(call.statuses).toEqual([180, 183, 200]);
  expect(new Set(call.responses.filter(({ status }) => status > 100).map(({ toTag }) => toTag)).size).toBe(1);
  call.hangUp();
  world.settles();
  expect(world.cdrs).toHaveLength(1);
});

test('the first 2xx is the call; each further one is acknowledged and hung up (RFC 3261 §13.2.2.4)', async () => {
  const { world, proxy, call, branch } = await worldWithProxy();
  await using _ = world;
  for (const tag of ['one', 'two', 'three']) branch.answer(200, { tag });
  world.run(100);
  expect(call.statuses).toEqual([200]);
  const toTags = (method: string) =>
    proxy.heard.flatMap((message) => (message.kind === 'request' && message.method === method ? [message.toTag] : []));
  expect(toTags('ACK')).toEqual(['one', 'two', 'three']);
  expect(toTags('BYE')).toEqual(['two', 'three']);

  world.run(2000);
  branch.remoteTag = proxy.heard[0]?.fromTag ?? branch.remoteTag;
  call.hangUp();
  world.run(100);
  expect(toTags('BYE')).toEqual(['two', 'three', 'one']);
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'caller', duration: 2 }]);
});

test('each repeated 2xx is answered with the ACK of its own dialog', async () => {
  const { world, proxy, branch, call } = await worldWithProxy();
  await using _ = world;
  branch.answer(200, { tag: 'one' });
  branch.answer(200, { tag: 'two' });
  branch.answer(200, { tag: 'one' });
  branch.answer(200, { tag: 'two' });
  world.run(100);
  const acks = proxy.heard.filter((message) => message.kind === 'request' && message.method === 'ACK');
  expect(acks.map(({ toTag }) => toTag)).toEqual(['one', 'two', 'one', 'two']);
  expect(acks[0]?.topVia.params.get('branch')).toBe(acks[2]?.topVia.params.get('branch'));
  expect(acks[0]?.topVia.params.get('branch')).not.toBe(acks[1]?.topVia.params.get('branch'));
  call.hangUp();
  world.settles();
});

test('one plays, another answers without having been heard: its own answer counts', async () => {
  const { world, proxy, second, call, branch, alice } = await worldWithProxy();
  await using _ = world;
  branch.answer(183, { tag: 'one', sdp: proxy.media.describe() });
  world.run(10);
  branch.answer(183, { tag: 'two', sdp: second.describe() });
  world.run(10);
  const early = call.responses.find(({ status }) => status === 183);
  branch.answer(200, { tag: 'two', sdp: null });
  world.run(50);
  expect(call.last.status).toBe(200);
  expect(call.last.toTag).not.toBe(early?.toTag);
  expect(payloadTypesOf(call.remoteSdp ?? '')).toEqual([8, 101]);
  alice.media.say('hello', call.remoteSdp ?? '', 8);
  world.run(50);
  expect(second.heardText).toEqual(['hello']);
  expect(proxy.media.heardText).toEqual([]);
  call.hangUp();
  world.settles();
});

test('one plays, another answers, and its description comes in the 200', async () => {
  const { world, proxy, second, call, branch, alice } = await worldWithProxy();
  await using _ = world;
  branch.answer(183, { tag: 'one', sdp: proxy.media.describe() });
  world.run(10);
  branch.answer(200, { tag: 'two', sdp: second.describe() });
  world.run(50);
  alice.media.say('hello', call.remoteSdp ?? '', 8);
  world.run(50);
  expect(second.heardText).toEqual(['hello']);
  call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([{ codec: 'PCMA' }]);
});

test('a 2xx of a further fork after the call has ended is acknowledged and hung up all the same', async () => {
  const { world, proxy, call, branch } = await worldWithProxy();
  await using _ = world;
  branch.answer(200, { tag: 'one' });
  world.run(100);
  call.hangUp();
  world.run(100);
  branch.answer(200, { tag: 'late' });
  world.run(100);
  expect(proxy.heard.slice(-2).map(({ toTag }) => toTag)).toEqual(['late', 'late']);
  expect(proxy.log.slice(-2)).toEqual(['ACK', 'BYE']);
  world.settles();
  expect(world.cdrs).toHaveLength(1);
});

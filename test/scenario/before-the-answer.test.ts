import { expect, test } from 'vitest';
import { ringing } from '../world/talk.ts';
import { World } from '../world/world.ts';

test('requests in an early dialog: what can wait is put off with 500 and Retry-After, OPTIONS and UPDATE are answered', async () => {
  await using world = await World.start();
  const { alice, bob, call } = await ringing(world);
  call.remoteTag = call.last.toTag;
  for (const [method, status] of [
    ['INVITE', 500],
    ['INFO', 500],
    ['OPTIONS', 200],
    ['UPDATE', 200],
    ['REFER', 500],
  ] as const) {
    call.request(method, method === 'INVITE' ? { body: alice.media.describe(), contentType: 'application/sdp' } : {});
    world.run(100);
    expect([method, alice.statuses(method).at(-1)]).toEqual([method, status]);
    if (status === 500) expect(call.last.headers.has('Retry-After')).toBe(true);
  }
  bob.lastCall.answer(200);
  world.run(100);
  expect(call.last).toMatchObject({ status: 200 });
  expect(bob.log.at(-1)).toBe('ACK');
  call.hangUp();
  world.run(100);
  expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
  world.settles();
});

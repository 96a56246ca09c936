import { expect, test } from 'vitest';
import { World } from '../../../test/world/world.ts';
import { Event, SipError } from '../message/index.ts';
import type { NotifiedState } from './index.ts';

test('a subscription that is still to be allowed is pending, then active; a refresh may be refused', async () => {
  await using world = await World.start();
  const { userAgent } = world.exchange;
  let standing: NotifiedState['standing'] = 'pending';
  let allowed = true;
  const heard: string[] = [];
  let allow = (): void => {};
  userAgent.handle('SUBSCRIBE', (transaction) => {
    const subscription = userAgent.receiveSubscribe(transaction, {
      event: transaction.request.headers.require(Event),
      contactUser: 'somebody',
      headers: {},
      interval: 1000,
      pace: (send) => void world.clock.after(0, send),
      user: {
        state: () => ({ standing, body: new Uint8Array(0), contentType: 'text/plain' }),
        onRefresh: () => {
          if (!allowed) throw new SipError(403);
          return 600;
        },
        onNotified: (outcome) => heard.push(outcome),
        onEnd: (end) => heard.push(end),
      },
    });
    subscription.begin(600);
    allow = () => {
      standing = 'active';
      subscription.notify();
    };
  });
  const alice = await world.phone('1001');
  const watch = alice.subscribe('1002', 'dialog');
  world.run(100);
  expect(watch.last).toMatchObject({ state: 'pending', expires: 600 });
  allow();
  world.run(100);
  expect(watch.last).toMatchObject({ state: 'active', expires: 600 });
  allowed = false;
  watch.subscribe();
  world.run(100);
  expect(watch.statuses).toEqual([200, 403]);
  world.run(600_000);
  expect(watch.last).toMatchObject({ state: 'terminated', reason: 'timeout' });
  world.settles();
  expect(heard).toEqual(['confirmed', 'confirmed', 'timeout', 'confirmed']);
});

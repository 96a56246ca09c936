import { describe, expect, test } from 'vitest';
import { unsubscribe } from '../world/lamp.ts';
import { exchangeIp, World } from '../world/world.ts';

const summary = (waiting: 'yes' | 'no', counts: string): string =>
  `Messages-Waiting: ${waiting}\r\nMessage-Account: sip:1001@${exchangeIp}\r\nVoice-Message: ${counts}\r\n`;

describe('messages waiting (RFC 3842)', () => {
  test('a phone is told what is in its mailbox, and when that changes', async () => {
    await using world = await World.start();
    const alice = await world.phone('1001');
    const { messageWaiting } = world.exchange;
    const watch = alice.subscribe('1001', 'message-summary', {
      headers: { Accept: 'application/simple-message-summary' },
    });
    world.run(100);
    expect(watch.last).toMatchObject({ state: 'active', contentType: 'application/simple-message-summary' });
    expect(watch.last.body).toBe(summary('no', '0/0 (0/0)'));
    messageWaiting.set('1001', { new: 2, old: 8, urgentNew: 1 });
    messageWaiting.set('1002', { new: 7, old: 0 });
    world.run(100);
    expect(watch.last.body).toBe(summary('yes', '2/8 (1/0)'));
    messageWaiting.set('1001', { new: 0, old: 8 });
    world.run(100);
    expect(watch.last.body).toBe(summary('no', '0/8 (0/0)'));
    messageWaiting.set('1001', { new: 0, old: 0 });
    world.run(2000);
    expect(watch.last.body).toBe(summary('no', '0/0 (0/0)'));
    expect(watch.notifications).toHaveLength(4);
    unsubscribe(world, watch);
    world.settles();
  });

  test('the number that one calls for messages stands for the own mailbox; that of a colleague is refused', async () => {
    await using world = await World.start();
    world.exchange.messageWaiting.set('1001', { new: 1, old: 0 });
    const alice = await world.phone('1001');
    const [messages, nosy] = ['*97', '1002'].map((target) =>
      alice.subscribe(target, 'message-summary', { expires: 0 }),
    );
    world.run(100);
    expect(messages?.statuses).toEqual([200]);
    expect(messages?.last.body).toBe(summary('yes', '1/0 (0/0)'));
    expect(nosy?.statuses).toEqual([403]);
    world.settles();
  });
});

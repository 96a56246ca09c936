import { expect, test } from 'vitest';
import { World } from '../world/world.ts';

test('two phones register, talk through our relay, and the caller hangs up', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');

  const call = alice.call('1002');
  world.run(100);
  expect(bob.log).toContain('INVITE');
  const ringing = bob.lastCall;
  ringing.answer(180);
  world.run(100);
  ringing.answer(200);
  world.run(100);
  expect(call.statuses).toEqual([180, 200]);
  expect(bob.count('ACK')).toBe(1);

  alice.media.say('hello bob', call.remoteSdp ?? '');
  bob.media.say('hello alice', ringing.remoteSdp ?? '');
  world.run(20);
  expect(bob.media.heardText).toEqual(['hello bob']);
  expect(alice.media.heardText).toEqual(['hello alice']);

  world.run(3000);
  call.hangUp();
  world.run(100);
  expect(call.last.status).toBe(200);
  expect(bob.log.at(-1)).toBe('BYE');
  expect(world.cdrs).toMatchObject([
    {
      caller: '1001',
      callee: '1002',
      status: 'completed',
      termination_reason: 'normal',
      terminated_by: 'caller',
      billsec: 3,
      sip_status: 200,
      q850_cause: 16,
      codec: 'PCMU',
      rtp: { caller: { packets_received: 1, packets_sent: 1 }, callee: { packets_received: 1, packets_sent: 1 } },
    },
  ]);
  world.settles();
});

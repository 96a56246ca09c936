import { expect, test } from 'vitest';
import { type Log, silentLog } from '../../src/base/index.ts';
import type { Phone } from '../world/phone.ts';
import { called, talk, unacknowledged } from '../world/talk.ts';
import { World } from '../world/world.ts';

/** Notes when, in ms from now, each 200 to INVITE reaches the phone. */
function answersAt(world: World, phone: Phone): readonly number[] {
  const start = world.clock.now();
  const times: number[] = [];
  world.network.onDeliver((_from, to, bytes) => {
    const text = new TextDecoder().decode(bytes);
    if (to.address !== phone.address || !/^SIP\/2\.0 200/.test(text) || !/^CSeq: \d+ INVITE/im.test(text)) return;
    times.push(world.clock.now() - start);
  });
  return times;
}

test.each(['udp', 'tcp'] as const)(
  'a caller that never acknowledges hears the 200 again and again over %s, then BYE (RFC 3261 section 13.3.1.4)',
  async (transport) => {
    await using world = await World.start();
    const { alice, bob } = await called(world, { alice: { transport } });
    alice.habits.acks = false;
    const times = answersAt(world, alice);
    bob.lastCall.answer(200);
    world.run(31_999);
    expect(times).toEqual([0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    expect(alice.log).not.toContain('BYE');
    expect(world.cdrs).toEqual([]);

    world.run(100);
    expect(alice.count('BYE')).toBe(1);
    expect(bob.count('BYE')).toBe(1);
    expect(bob.lastCall.requests.at(-1)?.headers.get('Reason')).toMatch(/^Q\.850;cause=102;/);
    expect(world.cdrs).toMatchObject([
      {
        status: 'failed',
        termination_reason: 'error',
        terminated_by: 'system',
        sip_status: 200,
        q850_cause: 102,
        billsec: 32,
      },
    ]);
    world.settles();
    expect(times).toHaveLength(11);
  },
);

test('a missing ACK is told in the log after 5 s, with where the answer went and where the ACK should lead', async () => {
  const lines: [string, unknown][] = [];
  const log: Log = { ...silentLog, warning: (...line) => lines.push([line[0], line[1]]), child: () => log };
  await using world = await World.start({ log });
  const headers = { 'Record-Route': '<sip:proxy.example;lr>' };
  const { call } = await unacknowledged(world, { headers, alice: { contact: '192.168.1.5:5060' } });
  world.run(4800);
  const told = () => lines.filter(([message]) => message === 'the caller has not acknowledged the answer');
  expect(told()).toEqual([]);
  world.run(200);
  expect(told()).toMatchObject([
    [
      expect.any(String),
      {
        leg: 'caller',
        contact: 'sip:1001@192.168.1.5:5060',
        route: ['sip:proxy.example;lr'],
        sent_to: '10.0.0.11:5060',
      },
    ],
  ]);
  call.ack();
  world.run(100);
  call.hangUp();
  world.settles();
  // One that has acknowledged is not complained of.
  const next = world.phones[0]!.call('1002');
  world.phones[0]!.habits.acks = true;
  world.run(50);
  world.phones[1]!.lastCall.answer(200);
  world.run(10_000);
  expect(told()).toHaveLength(1);
  next.hangUp();
  world.settles();
});

test('a late ACK ends the repetitions and the call goes on', async () => {
  await using world = await World.start();
  const { alice, bob, call } = await called(world);
  alice.habits.acks = false;
  const times = answersAt(world, alice);
  bob.lastCall.answer(200);
  world.run(2000);
  call.ack();
  world.run(60_000 - 5000);
  expect(times).toEqual([0, 500, 1500]);
  expect(world.cdrs).toEqual([]);
  call.hangUp();
  world.run(100);
  expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'caller' }]);
  world.settles();
});

test('the caller hangs up before its ACK: the repetitions stop, the callee was acknowledged and hears BYE', async () => {
  await using world = await World.start();
  const { alice, bob, call } = await called(world);
  alice.habits.acks = false;
  const times = answersAt(world, alice);
  bob.lastCall.answer(200);
  world.run(100);
  call.hangUp();
  world.run(10_000);

  expect(times).toEqual([0]);
  expect(call.last.status).toBe(200);
  expect(call.last.cseq.method).toBe('BYE');
  expect(bob.log.slice(-3)).toEqual(['INVITE', 'ACK', 'BYE']);
  expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'caller', q850_cause: 16 }]);
  world.settles();
});

test('the callee hangs up before the caller acknowledges: the BYE waits for the ACK (RFC 3261 section 15)', async () => {
  await using world = await World.start();
  const { alice, bob, call } = await unacknowledged(world);
  bob.lastCall.hangUp();
  world.run(3000);
  expect(bob.statuses('BYE')).toEqual([200]);
  expect(alice.log).not.toContain('BYE');
  expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'callee' }]);

  call.ack();
  world.run(10);
  expect(alice.log.at(-1)).toBe('BYE');
  world.settles();
});

test('the callee hangs up and the caller never acknowledges: the BYE waits for 64 T1', async () => {
  await using world = await World.start();
  const { alice, bob } = await unacknowledged(world);
  bob.lastCall.hangUp();
  world.run(31_800);
  expect(alice.log).not.toContain('BYE');
  world.run(200);
  expect(alice.log.at(-1)).toBe('BYE');
  expect(world.cdrs).toMatchObject([{ status: 'completed', termination_reason: 'normal', terminated_by: 'callee' }]);
  world.settles();
});

test('a 200 that the callee repeats is acknowledged each time with the same ACK', async () => {
  await using world = await World.start();
  const { alice, bob, call, answered } = await talk(world);
  answered.answer(200);
  world.run(100);
  answered.answer(200);
  world.run(100);

  const acks = bob.heard.filter((message) => message.kind === 'request' && message.method === 'ACK');
  expect(acks).toHaveLength(3);
  expect(new Set(acks.map((ack) => ack.headers.get('Via'))).size).toBe(1);
  expect(alice.statuses('INVITE')).toEqual([401, 200]);
  call.hangUp();
  world.settles();
});

test('a 200 of another fork after the answer is acknowledged and hung up, the call goes on (RFC 3261 section 13.2.2.4)', async () => {
  await using world = await World.start();
  const { bob, call, answered } = await talk(world);
  answered.answer(200, { tag: 'another-fork' });
  world.run(100);

  const [ack, bye] = bob.heard.slice(-2);
  expect(ack).toMatchObject({ method: 'ACK', toTag: 'another-fork' });
  expect(bye).toMatchObject({ method: 'BYE', toTag: 'another-fork' });
  expect(world.cdrs).toEqual([]);
  call.hangUp();
  world.run(100);
  expect(bob.heard.at(-1)).toMatchObject({ method: 'BYE', toTag: answered.localTag });
  world.settles();
});

test('what a fork that nobody waits for asks is answered', async () => {
  await using world = await World.start();
  const { bob, call, answered } = await talk(world);
  bob.habits.agrees = false;
  answered.answer(200, { tag: 'another-fork' });
  world.run(100);
  const fork = answered.localTag;
  const from = (bob.heard.at(-1)?.headers.get('To') ?? '').replace(fork, 'another-fork');
  answered.request('INVITE', { headers: { From: from } });
  answered.request('BYE', { headers: { From: from } });
  world.run(100);
  expect(bob.statuses('INVITE')).toEqual([481]);
  expect(bob.statuses('BYE')).toEqual([200]);
  bob.habits.agrees = true;
  call.hangUp();
  world.settles();
});

test('the ACK was lost and the caller already asks for a change: the change counts as the ACK', async () => {
  await using world = await World.start();
  const { alice, call } = await unacknowledged(world);
  const times = answersAt(world, alice);
  alice.habits.acks = true;
  call.reinvite({ direction: 'sendonly' });
  world.run(60_000 - 5000);
  expect(times).toHaveLength(1);
  expect(world.cdrs).toEqual([]);
  call.hangUp();
  world.run(100);
  expect(world.cdrs).toMatchObject([{ status: 'completed' }]);
  world.settles();
});

test('our ACK was lost and a change has been made since: the repeated 200 is still acknowledged', async () => {
  await using world = await World.start({ network: { delay: { min: 10, max: 10 } } });
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  const call = alice.call('1002');
  world.run(200);
  const answered = bob.lastCall;
  answered.answer(200);
  world.run(15);
  world.network.partition(bob.address);
  world.run(10);
  world.network.heal(bob.address);
  expect(bob.log).not.toContain('ACK');

  call.reinvite({ direction: 'sendonly' });
  world.run(100);
  expect(bob.log.slice(-2)).toEqual(['INVITE', 'ACK']);
  answered.answer(200);
  world.run(100);
  expect(bob.heard.at(-1)).toMatchObject({ method: 'ACK', cseq: { number: answered.invite.cseq.number } });
  call.hangUp();
  world.settles();
});

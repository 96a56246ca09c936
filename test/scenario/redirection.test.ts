import { expect, test } from 'vitest';
import { alaw } from '../world/phone-media.ts';
import { called, forked } from '../world/talk.ts';
import { exchangeIp, World } from '../world/world.ts';

const users = ['1001', '1002', '1003', '1004'];
const toCarol = { headers: { Contact: `<sip:1003@${exchangeIp}>` } };

test('a 302 to a number of ours is followed', async () => {
  await using world = await World.start({ users });
  const carol = await world.registered('1003');
  const { bob, call } = await called(world);
  bob.lastCall.answer(302, toCarol);
  world.run(50);
  carol.lastCall.answer(180);
  world.run(50);
  carol.lastCall.answer(200);
  world.run(50);
  expect(call.statuses).toEqual([180, 200]);
  call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([
    { caller: '1001', callee: '1002', callee_ip: carol.address, callee_sip_call_id: carol.lastCall.callId },
  ]);
});

test('a 302 to a foreign host is 404, and no packet goes there', async () => {
  await using world = await World.start({ users });
  const { bob, call } = await called(world);
  bob.lastCall.answer(302, { headers: { Contact: '<sip:1003@192.0.2.7>, <sip:+15550100@carrier.example>' } });
  world.run(50);
  expect(call.statuses).toEqual([404]);
  world.settles();
  expect(world.network.toNobody).toEqual([]);
  expect(world.cdrs).toMatchObject([{ status: 'failed', termination_reason: 'unreachable', sip_status: 404 }]);
});

test.each([
  ['to a number of ours that is not registered is 480', `<sip:1003@${exchangeIp}>`, 480],
  ['that names one such number among strangers is 480', `<sip:1003@192.0.2.7>, <sip:1003@${exchangeIp}>`, 480],
  ['to a number that we do not have is 404', `<sip:1999@${exchangeIp}>`, 404],
])('a 302 %s', async (_, contact, status) => {
  await using world = await World.start({ users });
  const { bob, call } = await called(world);
  bob.lastCall.answer(302, { headers: { Contact: contact } });
  world.run(50);
  expect(call.statuses).toEqual([status]);
  world.settles();
  expect(world.cdrs).toMatchObject([
    { termination_reason: 'unreachable', sip_status: status, terminated_by: 'callee' },
  ]);
});

test('a 302 that names one number twice calls it once', async () => {
  await using world = await World.start({ users });
  const { bob, call } = await called(world);
  const carol = await world.registered('1003');
  bob.lastCall.answer(302, { headers: { Contact: `<sip:1003@${exchangeIp}>, <sip:1003@${exchangeIp};user=phone>` } });
  world.run(50);
  expect(carol.calls).toHaveLength(1);
  call.cancel();
  world.settles();
});

test('several Contacts of a 300 ring together', async () => {
  await using world = await World.start({ users });
  const others = [await world.registered('1003'), await world.registered('1004')];
  const { bob, call } = await called(world, { headers: { 'Max-Breadth': '4' } });
  bob.lastCall.answer(300, { headers: { Contact: `<sip:1003@${exchangeIp}>, <sip:1004@${exchangeIp}>` } });
  world.run(50);
  for (const other of others) expect(other.lastCall.invite.headers.get('Max-Breadth')).toBe('2');
  others[1]!.lastCall.answer(200);
  world.run(50);
  expect(call.statuses).toEqual([200]);
  call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([{ callee_ip: others[1]!.address }]);
});

test('phones that redirect in a circle are each called once', async () => {
  await using world = await World.start({ users });
  const carol = await world.registered('1003');
  const { bob, call } = await called(world);
  bob.lastCall.answer(302, toCarol);
  world.run(50);
  carol.lastCall.answer(302, { headers: { Contact: `<sip:1002@${exchangeIp}>` } });
  world.run(50);
  expect(call.statuses).toEqual([404]);
  expect(bob.calls).toHaveLength(1);
  expect(carol.calls).toHaveLength(1);
  world.settles();
});

test('a 302 whose Contact can not be read leads nowhere', async () => {
  await using world = await World.start({ users });
  const { bob, call } = await called(world);
  bob.lastCall.answer(302, { headers: { Contact: '<sip:@@@>' } });
  world.run(50);
  expect(call.statuses).toEqual([404]);
  world.settles();
  expect(world.cdrs).toMatchObject([{ sip_status: 404, terminated_by: 'callee' }]);
});

test('a redirection of one phone leaves the others ringing', async () => {
  await using world = await World.start({ users });
  const carol = await world.registered('1003');
  const { desk, mobile, call } = await forked(world);
  mobile.lastCall.answer(180);
  desk.lastCall.answer(302, toCarol);
  world.run(50);
  expect(carol.calls).toHaveLength(1);
  mobile.lastCall.answer(200);
  world.run(50);
  expect(call.statuses).toEqual([180, 200]);
  expect(carol.log).not.toContain('CANCEL');
  carol.lastCall.answer(180);
  world.run(50);
  expect(carol.log).toContain('CANCEL');
  call.hangUp();
  world.settles();
});

test('a phone that plays early media and then redirects: the next one is offered the same, and answers anew', async () => {
  await using world = await World.start({ users });
  const carol = await world.registered('1003', { codecs: alaw });
  const { bob, call } = await called(world);
  bob.lastCall.answer(183, { sdp: bob.media.describe() });
  world.run(50);
  const early = call.last;
  bob.lastCall.answer(302, toCarol);
  world.run(50);
  carol.lastCall.answer(200);
  world.run(50);
  expect(call.statuses).toEqual([183, 200]);
  expect(call.last.toTag).not.toBe(early.toTag);
  expect(call.remoteSdp).toContain('PCMA');
  call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'completed', codec: 'PCMA', callee_ip: carol.address }]);
});

test('a chain of redirections is followed ten times and no further', async () => {
  const numbers = Array.from({ length: 14 }, (_, index) => String(2000 + index));
  await using world = await World.start({ users: ['1001', ...numbers] });
  const alice = await world.registered('1001');
  const phones = [];
  for (const number of numbers) phones.push(await world.registered(number));
  const call = alice.call('2000');
  world.run(50);
  for (const [index, phone] of phones.entries()) {
    if (phone.calls.length === 0) break;
    phone.lastCall.answer(302, { headers: { Contact: `<sip:${2001 + index}@${exchangeIp}>` } });
    world.run(20);
  }
  expect(call.statuses).toEqual([404]);
  expect(phones.filter(({ calls }) => calls.length > 0)).toHaveLength(11);
  world.settles();
});

test('a refusal that names a Contact is no redirection', async () => {
  await using world = await World.start({ users });
  const carol = await world.registered('1003');
  const { bob, call } = await called(world);
  bob.lastCall.answer(486, toCarol);
  world.run(50);
  expect(call.statuses).toEqual([486]);
  expect(carol.calls).toEqual([]);
  world.settles();
});

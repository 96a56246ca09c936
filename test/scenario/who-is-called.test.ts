import { expect, test } from 'vitest';
import { exchangeIp, World } from '../world/world.ts';

test('an unknown extension is 404, and a call all the same', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const call = alice.call('1999');
  world.run(50);
  expect(call.statuses).toEqual([404]);
  expect(call.last.headers.get('Reason')).toMatch(/^Q\.850;cause=1;/);
  world.settles();
  expect(world.cdrs).toMatchObject([
    {
      caller: '1001',
      callee: '1999',
      status: 'failed',
      termination_reason: 'unreachable',
      terminated_by: 'system',
      sip_status: 404,
      q850_cause: 1,
      callee_ip: null,
      callee_sip_call_id: null,
      answer_time: null,
      setup_time_ms: null,
      codec: null,
    },
  ]);
  const ofCalls = world.events.map(({ type }) => type).filter((type) => type.startsWith('call.'));
  expect(ofCalls).toEqual(['call.started', 'call.ended']);
});

test('an extension without a phone is 480', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const call = alice.call('1002');
  world.run(50);
  expect(call.statuses).toEqual([480]);
  world.settles();
  expect(world.cdrs).toMatchObject([
    { status: 'failed', termination_reason: 'unreachable', terminated_by: 'system', sip_status: 480, q850_cause: 20 },
  ]);
});

test('a foreign host is 404, and no packet ever goes there', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const call = alice.call('sip:1002@192.0.2.99:5099');
  const named = alice.call('sip:1002@other.example');
  world.run(1000);
  expect(call.statuses).toEqual([404]);
  expect(named.statuses).toEqual([404]);
  world.settles();
  expect(world.network.toNobody).toEqual([]);
  expect(world.cdrs).toHaveLength(2);
});

test('every name of ours leads to the same extension', async () => {
  await using world = await World.start({ config: { sip: { domains: ['pbx.example'] } } });
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  const dialled = [
    'sip:1002@sip-pbx',
    'sip:1002@PBX.example',
    `sip:1002@${exchangeIp}:5060;transport=udp`,
    'sip:1002;phone-context=x@pbx.example',
  ];
  for (const uri of dialled) {
    alice.call(uri);
    world.run(50);
    bob.lastCall.answer(486);
    world.run(50);
  }
  expect(bob.calls).toHaveLength(dialled.length);
  world.settles();
  expect(world.cdrs.map(({ callee }) => callee)).toEqual(dialled.map(() => '1002'));
});

test('a tel: URI is a number of ours, with or without separators (RFC 3966 §3)', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  for (const uri of ['tel:1002', 'tel:10-02;phone-context=sip-pbx', `sip:(10)02@${exchangeIp};user=phone`]) {
    const call = alice.call(uri);
    world.run(50);
    expect(call.statuses).toEqual([]);
    bob.lastCall.answer(486);
    world.run(50);
    expect(call.statuses).toEqual([486]);
  }
  expect(bob.calls).toHaveLength(3);
  world.settles();
});

test('a URI of a scheme that we do not know is 416 and no call', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const call = alice.call('mailto:bob@example.com');
  world.run(50);
  expect(call.statuses).toEqual([416]);
  world.settles();
  expect(world.cdrs).toEqual([]);
});

test('an extension may call itself: its other phones ring', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const desk = await world.registered('1001');
  const call = alice.call('1001');
  world.run(50);
  desk.lastCall.answer(200);
  world.run(50);
  expect(call.state).toBe('talking');
  call.hangUp();
  world.settles();
  expect(world.cdrs).toMatchObject([{ caller: '1001', callee: '1001', status: 'completed' }]);
});

test('hosts that a caller or a callee names are never sent anything: Route, Record-Route, Contact, Via', async () => {
  await using world = await World.start();
  const alice = await world.registered('1001');
  const bob = await world.registered('1002');
  const elsewhere = '<sip:x@192.0.2.66:5099;lr>';
  const call = alice.call('1002', {
    headers: { Route: elsewhere, 'Record-Route': elsewhere, 'Call-Info': elsewhere, 'Alert-Info': elsewhere },
  });
  world.run(50);
  bob.lastCall.answer(180, { headers: { Contact: elsewhere } });
  world.run(50);
  bob.lastCall.answer(200, { headers: { Contact: elsewhere, 'Record-Route': elsewhere } });
  world.run(50);
  expect(call.statuses).toEqual([180, 200]);
  expect(bob.log.at(-1)).toBe('ACK');
  bob.lastCall.hangUp();
  world.run(50);
  expect(alice.log.at(-1)).toBe('BYE');
  world.settles();
  expect(world.network.toNobody).toEqual([]);
});

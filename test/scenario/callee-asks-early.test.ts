import { describe, expect, test } from 'vitest';
import { plainSdp, RawPeer } from '../world/raw-peer.ts';
import { called } from '../world/talk.ts';
import { exchangeIp, World } from '../world/world.ts';

// The callee's phone rings and asks something before it has answered: in its early dialog (RFC 3261 §12.1.2).

async function worldWithRinging(...tags: readonly string[]) {
  const world = await World.start();
  const { alice, bob, call } = await called(world);
  const branch = bob.lastCall;
  if (tags.length === 0) branch.answer(180);
  for (const tag of tags) branch.answer(180, { tag });
  world.run(50);
  return { world, alice, bob, call, branch };
}

test('OPTIONS and UPDATE are answered, what can wait is put off, an INVITE crosses ours, a BYE has nothing to end', async () => {
  const { world, alice, bob, call, branch } = await worldWithRinging();
  await using _ = world;
  for (const [method, status] of [
    ['OPTIONS', 200],
    ['UPDATE', 200],
    ['INFO', 500],
    // RFC 3261 §14.2: our own INVITE is in progress.
    ['INVITE', 491],
    ['REFER', 500],
    // RFC 3261 §15: the callee must not send BYE in an early dialog.
    ['BYE', 481],
  ] as const) {
    branch.request(method, method === 'INVITE' ? { body: bob.media.describe(), contentType: 'application/sdp' } : {});
    world.run(100);
    expect([method, bob.statuses(method)]).toEqual([method, [status]]);
    expect(branch.last.headers.has('Contact')).toBe(method === 'UPDATE');
    expect(branch.last.headers.has('Retry-After')).toBe(method === 'INFO' || method === 'REFER');
  }
  expect(alice.log.filter((entry) => typeof entry === 'string')).toEqual([]);
  branch.answer(200);
  world.run(100);
  expect(call.statuses).toEqual([180, 200]);
  expect(bob.log.at(-1)).toBe('ACK');
  branch.request('INFO');
  world.run(100);
  expect(bob.statuses('INFO')).toEqual([500, 200]);
  branch.hangUp();
  world.run(100);
  expect(bob.statuses('BYE')).toEqual([481, 200]);
  expect(alice.log.at(-1)).toBe('BYE');
  world.settles();
  expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'callee' }]);
});

test('the sequence of its requests goes on in the answered call (RFC 3261 §12.2.2)', async () => {
  const { world, bob, call, branch } = await worldWithRinging();
  await using _ = world;
  branch.request('OPTIONS', { headers: { CSeq: '700 OPTIONS' } });
  world.run(50);
  branch.answer(200);
  world.run(50);
  for (const sequence of [699, 701]) branch.request('OPTIONS', { headers: { CSeq: `${sequence} OPTIONS` } });
  world.run(50);
  expect(bob.statuses('OPTIONS')).toEqual([200, 500, 200]);
  call.hangUp();
  world.settles();
});

describe('the early dialog ends', () => {
  const stillThere = (world: World) => world.exchange.userAgent.dialogs;

  test('when the phone refuses, with that of the caller', async () => {
    const { world, bob, branch } = await worldWithRinging('one', 'two');
    await using _ = world;
    expect(stillThere(world)).toBe(3);
    branch.answer(486);
    branch.request('OPTIONS', { headers: { From: `<sip:1002@${exchangeIp}>;tag=one` } });
    world.run(50);
    expect(stillThere(world)).toBe(0);
    expect(bob.statuses('OPTIONS')).toEqual([481]);
    world.settles();
  });

  test('when the caller gives up', async () => {
    const { world, call, bob, branch } = await worldWithRinging();
    await using _ = world;
    bob.habits.obeysCancel = false;
    call.cancel();
    world.run(50);
    expect(stillThere(world)).toBe(0);
    branch.answer(180, { tag: 'late' });
    branch.request('OPTIONS');
    world.run(50);
    expect(bob.statuses('OPTIONS')).toEqual([481]);
    expect(stillThere(world)).toBe(0);
    world.settles();
  });

  test('when another of the same INVITE is answered', async () => {
    const { world, bob, call, branch } = await worldWithRinging('one', 'two');
    await using _ = world;
    branch.answer(200, { tag: 'two' });
    world.run(50);
    expect(stillThere(world)).toBe(2);
    branch.answer(180, { tag: 'three' });
    for (const tag of ['one', 'three', 'two']) {
      branch.request('OPTIONS', { headers: { From: `<sip:1002@${exchangeIp}>;tag=${tag}` } });
      world.run(50);
    }
    expect(bob.statuses('OPTIONS')).toEqual([481, 481, 200]);
    call.hangUp();
    world.settles();
  });

  test('when a proxy says with 199 that it is gone (RFC 6228 §4)', async () => {
    const { world, bob, call, branch } = await worldWithRinging('one', 'two');
    await using _ = world;
    branch.answer(199, { tag: 'one' });
    for (const tag of ['one', 'two']) {
      branch.request('OPTIONS', { headers: { From: `<sip:1002@${exchangeIp}>;tag=${tag}` } });
      world.run(50);
    }
    expect(bob.statuses('OPTIONS')).toEqual([481, 200]);
    call.cancel();
    world.settles();
  });

  test('and of one INVITE there are 32 at most', async () => {
    const tags = Array.from({ length: 100 }, (_, index) => `fork${index}`);
    const { world, call, branch } = await worldWithRinging(...tags);
    await using _ = world;
    expect(stillThere(world)).toBe(33);
    branch.answer(200, { tag: 'fork99' });
    world.run(50);
    expect(call.statuses).toEqual([180, 200]);
    expect(stillThere(world)).toBe(2);
    call.hangUp();
    world.settles();
  });
});

describe('proxies that it names', () => {
  async function worldWithRaw() {
    const world = await World.start({ config: { registrar: { auth: 'none' } } });
    const alice = await world.registered('1001');
    const raw = await RawPeer.open(world);
    raw.send([
      `REGISTER sip:${exchangeIp} SIP/2.0`,
      `Via: SIP/2.0/UDP ${raw.host};branch=z9hG4bKreg`,
      'Max-Forwards: 70',
      `From: <sip:1002@${exchangeIp}>;tag=reg`,
      `To: <sip:1002@${exchangeIp}>`,
      'Call-ID: reg',
      'CSeq: 1 REGISTER',
      `Contact: <sip:1002@${raw.host}>;expires=600`,
    ]);
    world.run(50);
    const call = alice.call('1002');
    world.run(50);
    return { world, raw, call };
  }

  test('in the 200 are those to go by, whatever the 180 has said (RFC 3261 §13.2.2.4)', async () => {
    const { world, raw, call } = await worldWithRaw();
    await using _ = world;
    raw.answer('INVITE', '180 Ringing', ['Record-Route: <sip:p1.example;lr>', 'Contact: <sip:early@10.9.9.9>']);
    world.run(50);
    const answer = ['Record-Route: <sip:p2.example;lr>', 'Contact: <sip:final@10.9.9.9>'];
    raw.answer('INVITE', '200 OK', [...answer, 'Content-Type: application/sdp'], plainSdp(raw.address.address));
    world.run(50);
    const ack = raw.request('ACK');
    expect([ack.uriText, ack.headers.getAll('Route')]).toEqual(['sip:final@10.9.9.9', ['<sip:p2.example;lr>']]);
    call.hangUp();
    world.run(50);
    expect(raw.request('BYE').headers.getAll('Route')).toEqual(['<sip:p2.example;lr>']);
    raw.answer('BYE', '200 OK');
    world.settles();
  });

  test('and that can not be read make no dialog, but it rings', async () => {
    const { world, raw, call } = await worldWithRaw();
    await using _ = world;
    raw.answer('INVITE', '180 Ringing', ['Record-Route: <<<']);
    world.run(50);
    expect(call.statuses).toEqual([180]);
    expect(world.exchange.userAgent.dialogs).toBe(1);
    raw.answer('INVITE', '486 Busy Here');
    world.run(50);
    expect(call.statuses).toEqual([180, 486]);
    world.settles();
  });
});

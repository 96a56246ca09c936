import { describe, expect, test } from 'vitest';
import type { Phone } from '../world/phone.ts';
import { plainSdp } from '../world/raw-peer.ts';
import { called, directionIn, forked, heardWhenBothSpeak, talk } from '../world/talk.ts';
import { Wiretap } from '../world/wiretap.ts';
import { exchangeIp, World } from '../world/world.ts';

// The flows of RFC 3665, each by the number of its section: to each of the two phones the exchange is the other one, and
// the proxies and registrar of the figures.

/** Methods and statuses in both directions between a phone and the exchange, in the order of arrival; `>` is the phone's. */
function flowOf(world: World, phone: Phone): readonly string[] {
  const flow: string[] = [];
  world.network.onDeliver((from, to, bytes) => {
    const [first = '', second = ''] = new TextDecoder().decode(bytes).split(' ', 2);
    const said = first === 'SIP/2.0' ? second : first;
    if (from.address === phone.address && to.address === exchangeIp) flow.push(`> ${said}`);
    if (to.address === phone.address && from.address === exchangeIp) flow.push(`< ${said}`);
  });
  return flow;
}

const challenged = ['> INVITE', '< 401', '> ACK', '> INVITE'];

describe('2: registration', () => {
  async function unregistered() {
    const world = await World.start();
    const bob = await world.phone('1002');
    return { world, bob, flow: flowOf(world, bob) };
  }
  const contacts = ({ registrationResponse }: Phone) => registrationResponse?.headers.getAll('Contact') ?? [];

  test('2.1: successful new registration: challenged, then accepted', async () => {
    const { world, bob, flow } = await unregistered();
    await using _ = world;
    bob.register();
    world.run(50);
    expect(flow).toEqual(['> REGISTER', '< 401', '> REGISTER', '< 200']);
    expect(contacts(bob)).toHaveLength(1);
    expect(contacts(bob)[0]).toMatch(/;expires=\d+/);
  });

  test('2.2: update of the contact list: a second contact is listed with the first', async () => {
    const { world, bob } = await unregistered();
    await using _ = world;
    bob.register();
    world.run(50);
    bob.register({ contact: '<sip:1002@10.0.0.11:5090>' });
    world.run(50);
    expect(contacts(bob).join()).toContain('10.0.0.11:5060');
    expect(contacts(bob).join()).toContain('10.0.0.11:5090');
  });

  test('2.3: request for the current contact list changes nothing', async () => {
    const { world, bob } = await unregistered();
    await using _ = world;
    bob.register();
    world.run(50);
    const before = contacts(bob).map((contact) => contact.replace(/;expires=\d+/, ''));
    bob.register({ contact: null });
    world.run(50);
    expect(bob.registration).toBe(200);
    expect(contacts(bob).map((contact) => contact.replace(/;expires=\d+/, ''))).toEqual(before);
  });

  test('2.4: cancellation of the registration: no contact is left, and calls are 480', async () => {
    const { world, bob } = await unregistered();
    await using _ = world;
    bob.register();
    world.run(50);
    bob.register({ contact: '*', expires: 0 });
    world.run(50);
    expect(bob.registration).toBe(200);
    expect(contacts(bob)).toEqual([]);
    const alice = await world.registered('1001');
    const call = alice.call('1002');
    world.run(50);
    expect(call.statuses).toEqual([480]);
    world.settles();
  });

  test('2.5: unsuccessful registration: the wrong password is challenged anew', async () => {
    await using world = await World.start();
    const bob = await world.phone('1002', { password: 'wrong' });
    const flow = flowOf(world, bob);
    bob.register();
    world.run(50);
    expect(flow).toEqual(['> REGISTER', '< 401', '> REGISTER', '< 401']);
    expect(bob.registration).toBe(401);
  });
});

describe('3: session establishment', () => {
  async function watched() {
    const world = await World.start();
    const alice = await world.registered('1001');
    const bob = await world.registered('1002');
    return { world, alice, bob, toAlice: flowOf(world, alice), toBob: flowOf(world, bob) };
  }

  async function ringing() {
    const watching = await watched();
    const { world, alice, bob } = watching;
    const call = alice.call('1002');
    world.run(50);
    bob.lastCall.answer(180);
    world.run(250);
    return { ...watching, call, answered: bob.lastCall };
  }

  test('3.1 to 3.3: successful, with authentication: ringing, answer, both ways audio, and the callee hangs up', async () => {
    const talking = await ringing();
    const { world, answered, toAlice, toBob } = talking;
    await using _ = world;
    answered.answer(200);
    world.run(50);
    expect(heardWhenBothSpeak(world, talking)).toEqual(['alice', 'bob']);
    answered.hangUp();
    world.run(50);
    expect(toAlice).toEqual([...challenged, '< 100', '< 180', '< 200', '> ACK', '< BYE', '> 200']);
    expect(toBob).toEqual(['< INVITE', '> 180', '> 200', '< ACK', '> BYE', '< 200']);
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed', terminated_by: 'callee' }]);
  });

  test('3.4: with the first hop dead: timer B ends the attempt, and the phone that is there is called', async () => {
    await using world = await World.start();
    const { mobile: alive, call } = await forked(world, { deskIsDead: true });
    world.run(950);
    alive.lastCall.answer(180);
    world.run(33_000);
    expect(call.statuses).toEqual([180]);
    alive.lastCall.answer(200);
    world.run(50);
    expect(call.statuses).toEqual([180, 200]);
    call.hangUp();
    world.settles();
    expect(world.cdrs).toMatchObject([{ status: 'completed', callee_ip: alive.address }]);
  });

  test('3.5: through a device that stands in the way of all signalling and media: nothing of one side reaches the other', async () => {
    await using world = await World.start();
    const wire = new Wiretap(world.network);
    const { alice, bob, call } = await talk(world);
    call.hangUp();
    world.settles();
    for (const [one, other] of [
      [alice, bob],
      [bob, alice],
    ] as const) {
      expect(wire.to(one.address).filter((text) => text.includes(other.address))).toEqual([]);
      expect(wire.between(other.address, one.address)).toEqual([]);
    }
  });

  test('3.6: by redirection, and with the session description in the ACK', async () => {
    await using world = await World.start({ users: ['1001', '1002', '1003'] });
    const carol = await world.registered('1003');
    const { alice, bob, call } = await called(world, { offer: null });
    const toBob = flowOf(world, bob);
    bob.lastCall.answer(302, { headers: { Contact: `<sip:1003@${exchangeIp}>` } });
    world.run(50);
    expect(toBob).toEqual(['> 302', '< ACK']);
    expect(carol.lastCall.invite.body).toHaveLength(0);
    carol.lastCall.answer(180);
    carol.lastCall.answer(200);
    world.run(50);
    expect(call.statuses).toEqual([180, 200]);
    const ack = carol.heard.findLast((message) => message.kind === 'request' && message.method === 'ACK');
    expect(ack?.body.length).toBeGreaterThan(0);
    expect(heardWhenBothSpeak(world, { alice, bob: carol, call, answered: carol.lastCall })).toEqual(['alice', 'bob']);
    call.hangUp();
    world.settles();
  });

  test('3.7: re-INVITE with another IP address: media goes there, and back from there', async () => {
    await using world = await World.start();
    const talking = await talk(world);
    const { alice, bob, call, answered } = talking;
    const moved = world.sockets.open({ address: '10.0.0.99', port: 40_000 }, (bytes) => {
      heard.push(new TextDecoder().decode(bytes.subarray(12)));
    });
    const heard: string[] = [];
    const before = answered.remoteSdp;
    answered.reinvite({ sdp: plainSdp('10.0.0.99') });
    world.run(50);
    expect(answered.last.status).toBe(200);
    expect(directionIn(call.remoteSdp)).toBe('sendrecv');
    alice.media.say('to the new place', call.remoteSdp ?? '');
    world.run(50);
    expect(heard).toEqual(['to the new place']);
    expect(bob.media.heardText).toEqual([]);
    // What the other phone is told has not changed: our address stays.
    expect(answered.remoteSdp?.match(/^[cm]=.*$/gm)?.[0]).toBe(before?.match(/^[cm]=.*$/gm)?.[0]);
    moved?.close();
    call.hangUp();
    world.settles();
  });

  test('3.8: unsuccessful, no answer: the caller gives up', async () => {
    const { world, call, toAlice, toBob } = await ringing();
    await using _ = world;
    call.cancel();
    world.run(50);
    expect(toAlice).toEqual([...challenged, '< 100', '< 180', '> CANCEL', '< 200', '< 487', '> ACK']);
    expect(toBob).toEqual(['< INVITE', '> 180', '< CANCEL', '> 200', '> 487', '< ACK']);
    world.settles();
  });

  test.each([
    ['3.9: unsuccessful, busy', 486],
    ['3.11: unsuccessful, temporarily unavailable', 480],
  ])('%s', async (_name, status) => {
    const { world, alice, bob, toAlice, toBob } = await watched();
    await using _ = world;
    const call = alice.call('1002');
    world.run(50);
    bob.lastCall.answer(status);
    world.run(50);
    expect(call.statuses).toEqual([status]);
    expect(toAlice).toEqual([...challenged, '< 100', `< ${status}`, '> ACK']);
    expect(toBob).toEqual(['< INVITE', `> ${status}`, '< ACK']);
    world.settles();
  });

  test('3.10: unsuccessful, no response from the phone: 408 after 64·T1, and no CANCEL to the one that never said a word', async () => {
    const { world, alice, bob, toAlice, toBob } = await watched();
    await using _ = world;
    world.network.partition(bob.address);
    const call = alice.call('1002');
    world.run(40_000);
    expect(call.statuses).toEqual([408]);
    expect(toAlice.slice(-2)).toEqual(['< 408', '> ACK']);
    world.network.heal(bob.address);
    world.settles();
    expect(toBob).toEqual([]);
    expect(world.cdrs).toMatchObject([{ status: 'no_answer', sip_status: 408 }]);
  });
});

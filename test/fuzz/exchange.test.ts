// Invariant: whatever bytes arrive at the running exchange, by UDP or TCP, from strangers or from its own phones, it
// throws nothing, goes on with the calls of others and connects new ones, sends nothing to anybody who has not sent it
// something, and when all is over nothing is left: no call, dialog, transaction, port, timer.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { complainingLog } from '../support/complaining-log.ts';
import type { Phone } from '../world/phone.ts';
import { exchangeIp, World } from '../world/world.ts';
import { bytesOf, runs } from './arbitraries.ts';
import { type Attack, attack, type Sender } from './attacks.ts';

const users = ['1001', '1002', '1003', '1004', '1005'];

/** The exchange in the middle of its work, and what has been said so far. */
class Scene {
  readonly world: World;
  readonly complaints: string[];
  readonly heard: string[] = [];
  readonly strays: string[] = [];
  readonly #senders: Readonly<Record<Sender, Phone>>;
  readonly #dave: Phone;
  readonly #erin: Phone;

  static async begin(auth: 'digest' | 'none'): Promise<Scene> {
    const complaints: string[] = [];
    const log = complainingLog((text) => complaints.push(text));
    const config = { media: { rtp_timeout: 3600 }, registrar: { auth } };
    const world = await World.start({ users, log, config, network: { delay: { min: 5, max: 5 } } });
    const known = new Set<string>();
    const scene = new Scene(world, complaints, known, {
      alice: await world.phone('1001'),
      bob: await world.phone('1002'),
      carol: await world.phone('1003', { transport: 'tcp' }),
      dave: await world.phone('1004'),
      erin: await world.phone('1005', { transport: 'tcp' }),
      stranger: await world.phone('6666'),
      'stranger by TCP': await world.phone('6667', { transport: 'tcp' }),
    });
    for (const { address } of world.phones) known.add(address);
    scene.#liven();
    return scene;
  }

  private constructor(
    world: World,
    complaints: string[],
    known: ReadonlySet<string>,
    phones: Readonly<Record<Sender | 'dave' | 'erin', Phone>>,
  ) {
    this.world = world;
    this.complaints = complaints;
    this.#senders = phones;
    this.#dave = phones.dave;
    this.#erin = phones.erin;
    world.network.onDeliver((from, to, bytes) => {
      if (from.address === exchangeIp && !known.has(to.address)) this.strays.push(to.address);
      // Dave and Erin are left in peace: nobody else knows the names of their dialogs.
      if ([from, to].some(({ address }) => address === phones.dave.address || address === phones.erin.address)) return;
      if (this.heard.length < 200) this.heard.push(Buffer.from(bytes).toString('latin1'));
    });
  }

  /** Everybody registers, some watch each other and write to each other; a call is talking, one is ringing, one has failed, one has been changed, and Dave talks to Erin. */
  #liven(): void {
    const { alice, bob, carol, stranger } = this.#senders;
    for (const phone of [alice, bob, carol, this.#dave, this.#erin]) phone.register();
    this.world.run(100);
    this.#connectGoodPhones();
    alice.subscribe('1003', 'dialog').subscribe();
    carol.subscribe('1001', 'presence', { expires: 0 });
    bob.subscribe('1002', 'message-summary');
    bob.send('PUBLISH', `sip:1002@${exchangeIp}`, {
      headers: { Event: 'presence', 'Content-Type': 'application/pidf+xml' },
      body: '<presence xmlns="urn:ietf:params:xml:ns:pidf"><tuple id="a"><status><basic>open</basic></status></tuple></presence>',
    });
    alice.send('MESSAGE', `sip:1002@${exchangeIp}`, { headers: { 'Content-Type': 'text/plain' }, body: 'hello' });
    stranger.call('1001');
    stranger.send('OPTIONS', `sip:${exchangeIp}`);
    alice.call('1099');
    const call = alice.call('1003');
    this.world.run(50);
    carol.lastCall.answer(180);
    carol.lastCall.answer(200);
    this.world.run(50);
    call.reinvite({ direction: 'sendonly' });
    this.world.run(50);
    call.request('INFO', { body: 'Signal=1', contentType: 'application/dtmf-relay' });
    bob.call('1003').cancel();
    this.world.run(50);
    bob.call('1001');
    this.world.run(50);
    alice.lastCall.answer(183, { sdp: alice.media.describe() });
    this.world.run(50);
  }

  attack({ from, text, cut, pause }: Attack): void {
    const { flow } = this.#senders[from];
    const bytes = bytesOf(text(this.heard));
    const place = flow.reliable ? Math.floor(bytes.length * cut) : 0;
    if (place > 0) flow.send(bytes.subarray(0, place));
    flow.send(bytes.subarray(place));
    this.world.run(pause);
  }

  #connectGoodPhones(): void {
    const call = this.#dave.call('1005');
    this.world.run(100);
    this.#erin.lastCall.answer(200);
    this.world.run(100);
    expect(call.statuses).toEqual([200]);
  }

  /** Dave and Erin notice nothing: their call is as it was, ends when they want, and another can be made. */
  checkGoodPhones(): void {
    const call = this.#dave.lastCall;
    expect(call.state).toBe('talking');
    expect(this.#erin.lastCall.state).toBe('talking');
    expect(this.#erin.log.filter((entry) => entry === 'INFO' || entry === 'BYE')).toEqual([]);
    call.request('INFO', { body: 'Signal=2', contentType: 'application/dtmf-relay' });
    this.world.run(100);
    expect(call.last.status).toBe(200);
    call.hangUp();
    this.world.run(100);
    expect(call.last.status).toBe(200);
    expect(this.#erin.lastCall.state).toBe('over');
    this.#connectGoodPhones();
  }

  /** Ends all that is still going on, and looks for what is left when the last registration has expired. */
  checkNothingIsLeft(): void {
    const { exchange, clock, network } = this.world;
    exchange.calls.shutDown();
    this.world.run(300_000);
    this.world.run(7_300_000);
    expect(Object.entries(this.world.leftovers()).filter(([, count]) => count > 0)).toEqual([]);
    expect(exchange.registrar.count).toBe(0);
    expect(clock.pending).toBe(0);
    expect(this.complaints).toEqual([]);
    expect(exchange.transport.counters.defects).toBe(0);
    expect(this.strays).toEqual([]);
    const known = new Set(this.world.phones.map(({ address }) => address));
    const lost = network.toNobody.filter(({ from, to }) => from.address === exchangeIp && !known.has(to.address));
    expect(lost).toEqual([]);
  }

  /** Every call that began has ended, once. */
  checkRecords(): void {
    const ids = (type: string) =>
      this.world.events.flatMap((event) => (event.type === type && 'call' in event ? [event.call.callId] : []));
    expect(ids('call.ended').toSorted()).toEqual(ids('call.started').toSorted());
    expect(new Set(ids('call.ended')).size).toBe(this.world.cdrs.length);
  }
}

/** Without it what is made up gets further. */
const authentication = fc.constantFrom('digest' as const, 'none' as const);

test('a running exchange endures whatever arrives', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(authentication, fc.array(attack, { minLength: 1, maxLength: 40 }), async (auth, attacks) => {
      const scene = await Scene.begin(auth);
      await using _world = scene.world;
      for (const each of attacks) scene.attack(each);
      scene.checkGoodPhones();
      scene.checkNothingIsLeft();
      scene.checkRecords();
    }),
    runs(150),
  );
});

import { describe, expect, test } from 'vitest';
import { payloadType } from '../../src/rtp/index.ts';
import { codec, engines, setUp } from './engine-stage.ts';

describe.each(engines)('every media engine: %s', (_, open) => {
  test('two phones that share a codec hear each other, byte for byte, each under its own number', async () => {
    const opus = { name: 'opus', clockRate: 48_000, channels: 2, fmtp: null };
    await using stage = await setUp(open(), {
      a: { codecs: [{ ...opus, payloadType: 96, receivedAs: 97 }] },
      b: { codecs: [{ ...opus, payloadType: 111, receivedAs: 112 }] },
    });
    const { alice, bob, portA, portB, session, finish, settle } = stage;
    const fromAlice = alice.speak(portA, { payloadType: 97, marker: true });
    const fromBob = bob.speak(portB, { payloadType: 112 });
    await settle();
    expect([...bob.heard, ...alice.heard].map(payloadType)).toEqual([111, 96]);
    expect(bob.heard[0]?.subarray(2)).toEqual(fromAlice.subarray(2));
    expect(alice.heard[0]?.subarray(2)).toEqual(fromBob.subarray(2));
    const { legs } = await finish(session);
    expect(legs).toMatchObject([
      { counters: { packetsReceived: 1, packetsSent: 1 } },
      { counters: { packetsReceived: 1, packetsSent: 1 } },
    ]);
    expect(session.counters()).toEqual(legs.map(({ counters }) => counters));
  });

  test('a phone on hold is sent nothing, and hears again when it is resumed', async () => {
    await using stage = await setUp(open());
    const { alice, bob, portA, portB, update, settle } = stage;
    await update({ b: { send: false } });
    alice.speak(portA);
    bob.speak(portB);
    await settle();
    expect([alice.heard.length, bob.heard.length]).toEqual([1, 0]);
    await update();
    alice.speak(portA);
    await settle();
    expect(bob.heard).toHaveLength(1);
  });

  test('silence of both sides is told', async () => {
    await using stage = await setUp(open(), { spec: { idleTimeout: 2000 } });
    const { clock, heard, settle } = stage;
    clock.advance(1999);
    await settle();
    expect(heard.idle).toBe(0);
    clock.advance(1);
    await settle();
    expect(heard.idle).toBe(1);
  });

  test('the quality of both legs is told every 5 s from the answer, and at the end in all', async () => {
    await using stage = await setUp(open());
    const { alice, bob, portA, portB, heard, pass, update, session, finish } = stage;
    const speak = () => {
      for (let i = 0; i < 10; i++) {
        alice.speak(portA);
        bob.speak(portB);
      }
    };
    await pass(6, speak);
    expect(heard.quality).toEqual([]);
    await update({ spec: { answered: true } });
    await pass(5, speak);
    const leg = { codec: 'PCMU', received: { packets: 50, lost: 0, mos: expect.closeTo(4.41, 2) }, sent: null };
    expect(heard.quality).toMatchObject([{ legs: [leg, leg] }]);
    expect(heard.oneWay).toEqual([]);
    const { legs } = await finish(session);
    const inAll = { codec: 'PCMU', received: { mos: expect.closeTo(4.41, 2) }, rttMs: null };
    expect(legs).toMatchObject([{ quality: inAll }, { quality: inAll }]);
  });

  test('a phone that is not heard after the answer is told', async () => {
    await using stage = await setUp(open(), { spec: { answered: true } });
    const { alice, bob, portA, heard, pass } = stage;
    await pass(5, () => alice.speak(portA));
    const { address, port } = bob.local;
    expect(heard.oneWay).toMatchObject([{ leg: 1, reason: 'no_packets', named: { address, port } }]);
  });

  test('a phone that does not encrypt as it has agreed to is told as such', async () => {
    const key = { suite: 'AES_CM_128_HMAC_SHA1_80', key: new Uint8Array(30).fill(7) } as const;
    await using stage = await setUp(open(), { a: { srtp: { receive: key, send: key } }, spec: { answered: true } });
    const { alice, bob, portA, portB, heard, pass } = stage;
    await pass(5, () => {
      alice.speak(portA);
      bob.speak(portB);
    });
    expect(heard.oneWay).toMatchObject([{ leg: 0, reason: 'srtp_mismatch' }]);
    expect(bob.heard).toEqual([]);
  });

  test('a leg alone is there already, and somebody comes to it', async () => {
    await using stage = await setUp(open(), { b: null });
    const { alice, bob, portA, portB, update, settle } = stage;
    alice.speak(portA);
    bob.speak(portB);
    await settle();
    expect(alice.heard).toEqual([]);
    await update();
    const said = alice.speak(portA);
    bob.speak(portB);
    await settle();
    expect(bob.heard).toEqual([said]);
    expect(alice.heard).toHaveLength(1);
  });

  test('a port that is not leased, or serves another session, is refused and all stays as it was', async () => {
    await using stage = await setUp(open());
    const { engine, alice, bob, portA, here, phone, connect, session, settle } = stage;
    const other = await connect(phone(3), phone(4));
    const leg = (port: { address: string; port: number }) => ({
      port,
      remote: null,
      signalling: null,
      send: true,
      codecs: [codec('PCMU', 0)],
      ptime: null,
    });
    for (const port of [{ address: here, port: 9 }, { ...portA, address: '203.0.113.77' }, other.portA]) {
      const spec = { id: 'call-1', legs: [leg(portA), leg(port)] as const, idleTimeout: null, answered: false };
      expect(() => session.update(spec)).toThrow(Error);
      expect(() => engine.start(spec, { onIdle: () => {} })).toThrow(Error);
    }
    const spec = { id: 'call-1', legs: [leg(portA), leg(portA)] as const, idleTimeout: null, answered: false };
    expect(() => session.update(spec)).toThrow(Error);
    const said = alice.speak(portA);
    await settle();
    expect(bob.heard).toEqual([said]);
  });

  test('ports are leased once, counted, refused when none is left, and given again when they are released', async () => {
    const { engine, here, settle } = open(4);
    const pairs = Array.from({ length: 4 }, () => engine.lease(here)!);
    expect(new Set(pairs.map(({ port }) => port)).size).toBe(4);
    expect(pairs.every(({ port, address }) => port % 2 === 0 && address === here)).toBe(true);
    expect([engine.usage(), engine.lease(here)]).toEqual([{ total: 8, inUse: 8 }, null]);
    engine.release(pairs[2]!);
    engine.release(pairs[2]!);
    expect(engine.usage().inUse).toBe(6);
    await settle();
    expect(engine.lease(here)).toEqual(pairs[2]);
    await engine.close();
  });

  test('when it ends nothing goes on, its ports serve another session, and the totals remain', async () => {
    await using stage = await setUp(open());
    const { engine, alice, bob, portA, portB, session, finish, connect, clock, settle } = stage;
    alice.speak(portA);
    await settle();
    await finish(session);
    alice.speak(portA);
    await settle();
    expect(bob.heard).toHaveLength(1);
    const { session: next } = await connect(alice, bob, { a: { port: portA }, b: { port: portB } });
    alice.speak(portA);
    await settle();
    expect(bob.heard).toHaveLength(2);
    await finish(next);
    for (const port of [portA, portB]) engine.release(port);
    clock.advance(1000);
    await settle();
    expect(engine.totals()).toEqual({ received: 2, sent: 2, lost: 0 });
    expect(engine.usage().inUse).toBe(0);
  });
});

import { describe, expect, test } from 'vitest';
import { MemorySockets, type PortPair } from '../../src/media/index.ts';
import { finish, relays, setUp } from './relay-stage.ts';

describe.each(relays)('the life of sessions and ports in every relay: %s', (_, open) => {
  describe('updates', () => {
    test('a leg moves to another port and its counters go on', async () => {
      await using stage = setUp(open);
      const { alice, bob, portA, portB, ports, here, update, session, settle } = stage;
      alice.speak(portA);
      await settle();
      const moved = ports.lease(here)!;
      update({ a: { port: moved } });
      alice.speak(portA);
      const heard = alice.speak(moved);
      const back = bob.speak(portB);
      await settle();
      expect([bob.heard.length, bob.heard[1], alice.heard]).toEqual([2, heard, [back]]);
      expect(session.counters()[0]).toMatchObject({ packetsReceived: 2, packetsSent: 1 });
    });

    test('legs may change places', async () => {
      await using stage = setUp(open);
      const { alice, bob, portA, portB, update, settle } = stage;
      update({ a: { port: portB }, b: { port: portA } });
      const sent = [alice.speak(portB), bob.speak(portA)];
      await settle();
      expect([bob.heard, alice.heard]).toEqual([[sent[0]], [sent[1]]]);
    });

    test('a port that is not leased, or serves another leg, is refused and all stays as it was', async () => {
      await using stage = setUp(open);
      const { alice, bob, portA, portB, here, phone, connect, update, settle } = stage;
      const other = connect(phone(3), phone(4));
      const cannot = [{ address: here, port: 9 }, { address: '203.0.113.77', port: portA.port }, portB, other.portA];
      for (const port of cannot) {
        expect(() => update({ a: { port } })).toThrow(Error);
      }
      expect(() => connect(alice, bob, { a: { port: portA } })).toThrow(Error);
      const sent = alice.speak(portA);
      await settle();
      expect(bob.heard).toEqual([sent]);
    });
  });

  describe('the end', () => {
    test('nothing is relayed any more and the last counters are told', async () => {
      await using stage = setUp(open, { idleTimeout: 60_000 });
      const { alice, bob, portA, portB, session, update, clock, settle } = stage;
      alice.speak(portA);
      await settle();
      const told = await finish(session);
      expect(told).toMatchObject([{ packetsReceived: 1 }, { packetsSent: 1 }]);
      alice.speak(portA);
      bob.speak(portB);
      alice.report(portA);
      await settle();
      expect([bob.heard.length, bob.heardRtcp.length, alice.heard.length]).toEqual([1, 0, 0]);
      update();
      alice.speak(portA);
      await settle();
      expect(bob.heard).toHaveLength(1);
      expect(session.counters()).toEqual(told);
      expect(await finish(session)).toEqual(told);
      expect(clock.pending).toBe(0);
    });

    test('the ports stay leased until released, and may serve the next session before', async () => {
      await using stage = setUp(open);
      const { alice, bob, portA, portB, session, ports, connect, settle } = stage;
      await finish(session);
      expect(ports.usage().inUse).toBe(4);
      connect(alice, bob, { a: { port: portA }, b: { port: portB } });
      const sent = alice.speak(portA);
      await settle();
      expect(bob.heard).toEqual([sent]);
    });

    test('closing the relay ends every session and closes every port', async () => {
      await using stage = setUp(open, { idleTimeout: 60_000 });
      const { alice, bob, portA, relay, ports, sockets, here, clock, idle, settle } = stage;
      await relay.close();
      alice.speak(portA);
      await settle();
      expect(bob.heard).toEqual([]);
      expect(ports.lease(here)).toBeNull();
      expect([clock.pending, idle()]).toEqual([0, 0]);
      const port = sockets.open(portA, () => {});
      expect(port).not.toBeNull();
      port?.close();
    });
  });

  describe('silence', () => {
    test('of both sides is told after the idle timeout, once', async () => {
      await using stage = setUp(open, { idleTimeout: 60_000 });
      stage.clock.advance(59_999);
      expect(stage.idle()).toBe(0);
      stage.clock.advance(1);
      expect(stage.idle()).toBe(1);
      stage.clock.advance(200_000);
      expect(stage.idle()).toBe(1);
    });

    test.each(['RTP of one side', 'RTCP of one side'])('is broken by %s', async (what) => {
      await using stage = setUp(open, { idleTimeout: 60_000 });
      const { bob, portB, clock, idle, settle } = stage;
      clock.advance(50_000);
      if (what === 'RTP of one side') bob.speak(portB);
      else bob.report(portB);
      await settle();
      clock.advance(59_999);
      expect(idle()).toBe(0);
      clock.advance(1);
      expect(idle()).toBe(1);
    });

    test('is not broken by strangers and noise', async () => {
      await using stage = setUp(open, { a: { remote: null, signalling: null }, idleTimeout: 60_000 });
      const { alice, portA, clock, idle, settle } = stage;
      clock.advance(50_000);
      alice.speak(portA);
      alice.sendRaw(Uint8Array.of(1, 2, 3), portA);
      await settle();
      clock.advance(10_000);
      expect(idle()).toBe(1);
    });

    test('does not count on hold, and counts from the moment of resuming', async () => {
      await using stage = setUp(open, { idleTimeout: 60_000 });
      const { update, clock, idle } = stage;
      clock.advance(50_000);
      update({ idleTimeout: null });
      clock.advance(3_600_000);
      expect(idle()).toBe(0);
      update({ idleTimeout: 60_000 });
      clock.advance(59_999);
      expect(idle()).toBe(0);
      clock.advance(1);
      expect(idle()).toBe(1);
    });

    test('is told again after an update, and an update alone is no sign of life', async () => {
      await using stage = setUp(open, { idleTimeout: 60_000 });
      const { update, clock, idle } = stage;
      clock.advance(30_000);
      update();
      clock.advance(30_000);
      expect(idle()).toBe(1);
      update();
      clock.advance(60_000);
      expect(idle()).toBe(2);
    });
  });

  describe('leases', () => {
    test('are even ports with the odd one above, bound at once, and counted in ports', async () => {
      await using stage = setUp(open);
      const { ports, sockets, here } = stage;
      const before = ports.usage();
      const pair = ports.lease(here)!;
      expect(pair.address).toBe(here);
      expect(pair.port % 2).toBe(0);
      expect(sockets.open(pair, () => {})).toBeNull();
      expect(sockets.open({ ...pair, port: pair.port + 1 }, () => {})).toBeNull();
      expect(ports.usage()).toEqual({ total: before.total, inUse: before.inUse + 2 });
    });

    test('are refused when none is left; a released one is given again rather than refusing', async () => {
      await using stage = setUp(open, {}, 6);
      const { ports, here } = stage;
      const pairs: PortPair[] = [];
      for (let pair = ports.lease(here); pair; pair = ports.lease(here)) pairs.push(pair);
      expect(pairs.length).toBeLessThanOrEqual(ports.usage().total / 2 - 2);
      expect(new Set(pairs.map((pair) => pair.port)).size).toBe(pairs.length);
      const last = pairs.at(-1)!;
      ports.release(last);
      expect(ports.lease(here)).toEqual(last);
      expect(ports.lease(here)).toBeNull();
    });

    test('are used again as late as possible', async () => {
      await using stage = setUp(open);
      const { ports, here } = stage;
      const first = ports.lease(here)!;
      ports.release(first);
      const next = Array.from({ length: 50 }, () => ports.lease(here)?.port);
      expect(next).not.toContain(first.port);
    });

    test('are closed when released, even under a running session, and releasing twice is harmless', async () => {
      await using stage = setUp(open);
      const { ports, sockets, alice, bob, portA, portB, session, settle } = stage;
      ports.release({ ...portA, address: '203.0.113.77' });
      expect(ports.usage().inUse).toBe(4);
      ports.release(portA);
      ports.release(portA);
      expect(ports.usage().inUse).toBe(2);
      const port = sockets.open(portA, () => {});
      expect(port).not.toBeNull();
      alice.speak(portA);
      bob.speak(portB);
      await settle();
      expect([alice.heard, bob.heard]).toEqual([[], []]);
      expect(session.counters()[0]).toMatchObject({ packetsReceived: 0, undeliverable: 1 });
      port?.close();
    });

    test('that are closed under a session: what its user says is counted as what is relayed would be', async () => {
      await using stage = setUp(open, { a: { send: false } });
      const { ports, bob, portA, portB, session, settle } = stage;
      ports.release(portA);
      session.send(0, bob.speak(portB));
      await settle();
      expect(session.counters()[0]).toMatchObject({ held: 2, undeliverable: 0, packetsSent: 0 });
    });

    test('skip a port that another program holds', async () => {
      await using stage = setUp(open);
      const { ports, sockets, here } = stage;
      const pair = ports.lease(here)!;
      const held = sockets.open({ address: here, port: pair.port + 3 }, () => {});
      const next = ports.lease(here)!;
      expect(next.port).not.toBe(pair.port + 2);
      const half = sockets.open({ address: here, port: pair.port + 2 }, () => {});
      expect(half).not.toBeNull();
      half?.close();
      held?.close();
    });

    test('are refused for an address that is not ours, and for that no port is blamed', async () => {
      await using stage = setUp(open, {}, 3);
      const { ports, here } = stage;
      const elsewhere = 'not-an-address';
      if (stage.sockets instanceof MemorySockets) stage.sockets.behave({ unbindable: [elsewhere] });
      expect(ports.lease(elsewhere)).toBeNull();
      expect(ports.lease(here)).not.toBeNull();
    });
  });
});

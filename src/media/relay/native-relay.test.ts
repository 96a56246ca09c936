import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { builtAddon } from '../../../test/support/native-addon.ts';
import { type Log, SystemClock, silentLog, VirtualClock } from '../../base/index.ts';
import { formatRtp, StreamStatistics, sequenceNumber } from '../../rtp/index.ts';
import { DgramSockets } from './dgram-sockets.ts';
import { NativeRelay, type NativeRelayOptions } from './native-relay.ts';
import { openRelay } from './open-relay.ts';
import { PlainRelay } from './plain-relay.ts';
import type { RelayLegSpec, RelayUser } from './relay.ts';

const addon = builtAddon();

const packet = (sequenceNumber: number, size = 160): Uint8Array =>
  formatRtp({
    payloadType: 0,
    sequenceNumber,
    timestamp: 160 * sequenceNumber,
    ssrc: 1,
    payload: new Uint8Array(size),
  });

/** A session between two phones, whose ports are any that are free. */
function setUp(options: Partial<NativeRelayOptions> = {}, here = '127.0.0.1', user: RelayUser = { onIdle: () => {} }) {
  const clock = new VirtualClock();
  const relay = new NativeRelay({ addon: addon!, clock, log: silentLog, frozen: true, realTime: false, ...options });
  const sockets = new DgramSockets();
  const heard: Uint8Array[] = [];
  const phone = sockets.open({ address: here, port: 0 }, (bytes) => heard.push(Uint8Array.from(bytes)))!;
  const free = (): RelayLegSpec => {
    for (let port = 30_000; ; port += 2) {
      const pair = { address: here, port };
      if (relay.open(pair) === 'opened') {
        const remote = { ...phone.local, rtcpPort: 0 };
        return { port: pair, remote, signalling: here, payloadTypes: new Map([[0, 0]]), send: true };
      }
    }
  };
  const legs = [free(), free()] as const;
  const session = relay.start({ id: 'call-1', legs, idleTimeout: null }, user);
  return {
    relay,
    session,
    legs,
    phone,
    heard,
    [Symbol.asyncDispose]: async () => {
      await relay.close();
      phone.close();
    },
  };
}

/** The like of a leg, on ports of its own. */
function another(relay: NativeRelay, leg: RelayLegSpec): RelayLegSpec {
  const pair = { ...leg.port };
  while (relay.open(pair) !== 'opened') pair.port += 2;
  return { ...leg, port: pair };
}

describe.skipIf(addon === null)('the native relay', () => {
  test('drops and counts what JavaScript is too slow to take, and relays it all the same', async () => {
    const tapped: Uint8Array[] = [];
    const user = { onIdle: () => {}, onRtp: (_: number, bytes: Uint8Array) => tapped.push(Uint8Array.from(bytes)) };
    await using stage = setUp({ tapBytes: 16_384 }, '127.0.0.1', user);
    const { relay, session, legs, phone } = stage;
    const copied = legs.map((leg) => ({ ...leg, copied: true })) as unknown as typeof legs;
    session.update({ id: 'call-1', legs: copied, idleTimeout: null });
    for (let number = 0; number < 100; number++) phone.send(packet(number), legs[0].port);
    phone.send(packet(1000), legs[1].port);
    // The event loop has had no turn: nothing has been taken yet.
    const settled = relay.settle();
    const until = performance.now() + 5000;
    const sent = () => session.counters()[0].packetsSent + session.counters()[1].packetsSent;
    while (sent() < 101 && performance.now() < until);
    const [a, b] = session.counters();
    await settled;
    expect([a.packetsSent, b.packetsSent]).toEqual([1, 100]);
    // A leg takes a quarter of the room, so that others are heard too: each packet 24 bytes and its 172, in whole words of eight.
    expect([a.tapDropped, b.tapDropped]).toEqual([100 - 20, 0]);
    const taken = [...Array.from({ length: 20 }, (_, number) => packet(number)), packet(1000)];
    expect(tapped.sort((x, y) => sequenceNumber(x) - sequenceNumber(y))).toEqual(taken);
  });

  test('counts as undeliverable what it is given to send faster than the network takes it', async () => {
    await using stage = setUp({ sendBytes: 4096 });
    const { relay, session } = stage;
    for (let number = 0; number < 5; number++) session.send(0, packet(number, 4096));
    await relay.settle();
    expect(session.counters()[0]).toMatchObject({ packetsSent: 0, undeliverable: 5 });
  });

  test('counts every stream as the plain relay does (RFC 3550 appendix A)', async () => {
    const step = fc.record({
      // Mostly the next packet; else a loss, a late or doubled one, a restart, another source.
      ahead: fc.oneof(fc.constant(1), fc.integer({ min: -130, max: 130 }), fc.integer({ min: -32_768, max: 32_767 })),
      ssrc: fc.oneof({ weight: 20, arbitrary: fc.constant(1) }, fc.constant(2)),
      ms: fc.integer({ min: 0, max: 60 }),
    });
    const steps = fc.array(step, { minLength: 1, maxLength: 80 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 65_535 }), steps, async (first, stream) => {
        await using stage = setUp();
        const { relay, session, legs, phone } = stage;
        const expected = new StreamStatistics();
        let [now, sequenceNumber] = [0, first];
        for (const { ahead, ssrc, ms } of stream) {
          sequenceNumber = (sequenceNumber + ahead) & 0xffff;
          const timestamp = (160 * sequenceNumber) >>> 0;
          const bytes = formatRtp({ payloadType: 0, sequenceNumber, timestamp, ssrc, payload: new Uint8Array(8) });
          now += ms;
          relay.advance(ms);
          phone.send(bytes, legs[0].port);
          await relay.settle();
          expected.push(bytes, now, 8000);
        }
        const [{ packetsReceived, packetsLost, lossEvents, duplicates, jitterMs }] = session.counters();
        const { packets, lost } = expected;
        expect({ packetsReceived, packetsLost, lossEvents, duplicates }).toEqual({
          packetsReceived: packets,
          packetsLost: lost,
          lossEvents: expected.lossEvents,
          duplicates: expected.duplicates,
        });
        if (expected.jitterMs === null) expect(jitterMs).toBeNull();
        else expect(jitterMs).toBeCloseTo(expected.jitterMs, 6);
      }),
      { numRuns: 40 },
    );
  });

  test('relays over IPv6, to a port that it has learned', async () => {
    await using stage = setUp({}, '::1');
    const { relay, session, legs, phone } = stage;
    phone.send(packet(1), legs[0].port);
    await relay.settle();
    expect(session.counters()).toMatchObject([{ latched: phone.local, packetsReceived: 1 }, { packetsSent: 1 }]);
  });

  test('gives no session what had come for nobody', async () => {
    await using stage = setUp();
    const { relay, session, legs, phone } = stage;
    const moved = { address: '127.0.0.1', port: legs[1].port.port + 2 };
    while (relay.open(moved) !== 'opened') moved.port += 2;
    phone.send(packet(1), moved);
    session.update({ id: 'call-1', legs: [{ ...legs[0], port: moved }, legs[1]], idleTimeout: null });
    phone.send(packet(2), moved);
    await relay.settle();
    expect(session.counters()[0].packetsReceived).toBe(1);
  });

  test('tells the time of a packet as the clock that it was made with does', async () => {
    const clock = new SystemClock();
    const times: number[] = [];
    const user = { onIdle: () => {}, onRtcp: (_: number, __: Uint8Array, at: number) => times.push(at) };
    await using stage = setUp({ clock, frozen: false }, '127.0.0.1', user);
    const { relay, legs, phone } = stage;
    const before = clock.now();
    const { address, port } = legs[0].port;
    phone.send(Uint8Array.of(0x80, 201, 0, 1, 0, 0, 0, 1), { address, port: port + 1 });
    await relay.settle();
    expect(times).toHaveLength(1);
    expect(times[0]).toBeGreaterThanOrEqual(before - 1);
    expect(times[0]).toBeLessThanOrEqual(clock.now() + 1);
  });

  test('lets JavaScript hear together what comes within 4 ms, and the first of it at once', async () => {
    const clock = new VirtualClock();
    const tapped: number[] = [];
    const first = Promise.withResolvers<void>();
    const onRtp = (_: number, bytes: Uint8Array): void => {
      tapped.push(sequenceNumber(bytes));
      first.resolve();
    };
    await using stage = setUp({ clock, frozen: false }, '127.0.0.1', { onIdle: () => {}, onRtp });
    const { session, legs, phone } = stage;
    session.update({ id: 'call-1', legs: [{ ...legs[0], copied: true }, legs[1]], idleTimeout: null });
    clock.advance(10);
    phone.send(packet(1), legs[0].port);
    await first.promise;
    for (const number of [2, 3]) phone.send(packet(number), legs[0].port);
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    while (session.counters()[0].packetsReceived < 3) await turn();
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(tapped).toEqual([1]);
    while (tapped.length < 3) {
      clock.advance(4);
      await turn();
    }
    expect(tapped).toEqual([1, 2, 3]);
  });

  test('many sessions come and go, each with counters of its own', async () => {
    await using stage = setUp({ threads: 2 });
    const { relay, session, legs, phone } = stage;
    session.end(() => {});
    const ends: number[] = [];
    for (let call = 0; call < 300; call++) {
      const next = relay.start({ id: `call-${call}`, legs, idleTimeout: null }, { onIdle: () => {} });
      next.send(0, packet(call));
      next.end(([a]) => ends.push(a.packetsSent));
    }
    await relay.settle();
    expect(ends).toEqual(Array(300).fill(1));
    expect(relay.totals()).toEqual({ received: 0, sent: 300, lost: 0 });
    phone.send(packet(1), legs[0].port);
  });

  test('what a user throws is an uncaught exception, and keeps nobody from hearing what there is for him', async () => {
    const user: RelayUser = {
      onIdle: () => {},
      onRtcp: () => {
        throw new Error('thrown by the user');
      },
    };
    await using stage = setUp({}, '127.0.0.1', user);
    const { relay, session, legs, phone } = stage;
    const other = relay.start({ id: 'call-2', legs: [another(relay, legs[0]), null], idleTimeout: null }, user);
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const thrown: unknown[] = [];
    process.on('uncaughtException', (error) => thrown.push(error));
    const ended = new Promise((resolve) => other.end(resolve));
    const { address, port } = legs[0].port;
    for (let i = 0; i < 2; i++) phone.send(Uint8Array.of(0x80, 201, 0, 1, 0, 0, 0, 1), { address, port: port + 1 });
    // The event loop has had no turn: of all this it hears in one.
    const until = performance.now() + 5000;
    while (session.counters()[0].rtcpReceived < 2 && performance.now() < until);
    await ended;
    await relay.settle();
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
    const error = { message: 'thrown by the user' };
    expect(thrown).toMatchObject([error, error]);
  });

  test('a user may close the relay while it hears of a packet', async () => {
    const heard: number[] = [];
    let close = (): void => {};
    const user: RelayUser = {
      onIdle: () => {},
      onRtp: (_, bytes) => {
        heard.push(sequenceNumber(bytes));
        close();
      },
    };
    await using stage = setUp({}, '127.0.0.1', user);
    const { relay, session, legs, phone } = stage;
    session.update({ id: 'call-1', legs: [{ ...legs[0], copied: true }, legs[1]], idleTimeout: null });
    const ended = new Promise<void>((resolve) => {
      close = () => resolve(relay.close());
    });
    for (let number = 1; number < 20; number++) phone.send(packet(number), legs[0].port);
    await ended;
    session.send(0, packet(1));
    await relay.settle();
    expect(heard).toEqual([1]);
  });

  test('a thread that is ended in the midst of it takes the relay’s threads with it', async () => {
    const script = `
      const { NativeRelay } = await import(${JSON.stringify(new URL('native-relay.ts', import.meta.url).href)});
      const { loadNativeAddon } = await import(${JSON.stringify(new URL('native-addon.ts', import.meta.url).href)});
      const { SystemClock, silentLog } = await import(${JSON.stringify(new URL('../../base/index.ts', import.meta.url).href)});
      const { parentPort } = await import('node:worker_threads');
      const { addon } = loadNativeAddon();
      const relay = new NativeRelay({ addon, clock: new SystemClock(), log: silentLog, threads: 2 });
      parentPort.postMessage('running');`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`));
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    expect(await worker.terminate()).toBe(1);
  });
});

describe('the relay that is opened', () => {
  const kept = (): { readonly log: Log; readonly lines: unknown[] } => {
    const lines: unknown[] = [];
    return { lines, log: { ...silentLog, warning: (message, fields) => lines.push([message, fields]) } };
  };

  test('is the plain one where there is no native one, which is told once', async () => {
    const { log, lines } = kept();
    const clock = new VirtualClock();
    const opened = openRelay({ clock, log }, () => ({ addon: null, reason: 'not built' }));
    expect([opened.name, opened.relay instanceof PlainRelay]).toEqual(['plain-relay', true]);
    expect(lines).toEqual([
      ['no native relay: the plain relay takes its place, at a higher cost for each packet', { reason: 'not built' }],
    ]);
    await opened.relay.close();
  });

  test('is the plain one where the threads of the native one cannot run', async () => {
    const { log, lines } = kept();
    class Relay {
      constructor() {
        throw new Error('no thread, or no descriptors, for the relay');
      }
    }
    const clock = new VirtualClock();
    const broken = { Relay, counterChunk: 64 } as unknown as NonNullable<typeof addon>;
    const opened = openRelay({ clock, log }, () => ({ addon: broken }));
    expect([opened.name, lines.length]).toEqual(['plain-relay', 1]);
    await opened.relay.close();
  });

  test.skipIf(addon === null)('is the native one where it is built', async () => {
    const opened = openRelay({ clock: new VirtualClock(), log: silentLog });
    expect([opened.name, opened.relay instanceof NativeRelay]).toEqual(['native-relay', true]);
    await opened.relay.close();
  });
});

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { noNativeRelay } from '../../src/media/relay/open-relay.ts';
import { stereoHeader } from '../../src/media/sound/wav-header.ts';
import { formatTelephoneEvent, payloadType } from '../../src/rtp/index.ts';
import { channelsOf } from '../support/memory-disk.ts';
import { measure, tone } from '../support/signals.ts';
import { codec, setUp, workersOverMemory } from './engine-stage.ts';
import { events, fastEvents, heardAs, opus, pcmu, say } from './speech.ts';

/** The pairs of two calls: with two workers, each call's are with another. */
async function twoCalls() {
  const ground = workersOverMemory();
  const stage = await setUp(ground);
  const carol = stage.phone(3);
  const dave = stage.phone(4);
  const second = await stage.connect(carol, dave);
  return { stage, carol, dave, second };
}

describe('media workers', () => {
  test('a call costs three messages: start, update when it is answered, end; ports go in batches', async () => {
    await using stage = await setUp(workersOverMemory(500, 1));
    const { engine, session, update, finish, connect, phone, started, settle, clock, portA, portB } = stage;
    const others = [];
    for (let n = 0; n < 20; n++) others.push(await connect(phone(10 + n), phone(50 + n)));
    await update();
    await finish(session);
    for (const other of others) {
      await other.update();
      await finish(other.session);
    }
    for (const pair of [portA, portB, ...others.flatMap((other) => [other.portA, other.portB])]) engine.release(pair);
    clock.advance(100);
    await settle();
    const heard = started[0]!.heard;
    const count = (type: string): number => heard.filter((message) => message === type).length;
    expect([count('start'), count('update'), count('end')]).toEqual([21, 21, 21]);
    expect(count('ports')).toBeLessThan(21);
    expect(engine.usage().inUse).toBe(0);
  });

  test('calls are spread over them, and the legs of one call stay together', async () => {
    await using stage = await setUp(workersOverMemory());
    const { engine, connect, phone } = stage;
    for (let n = 0; n < 9; n++) await connect(phone(10 + n), phone(50 + n));
    expect(engine.workers()).toMatchObject([{ sessions: 5 }, { sessions: 5 }]);
  });

  test('legs of two calls, with two workers, are joined by a transfer: both hear, the numbers of each phone hold', async () => {
    const { stage, carol, second } = await twoCalls();
    await using _ = stage;
    const { engine, alice, portA, session, finish, settle, started } = stage;
    await finish(session);
    await finish(second.session);
    const numbered = (payloadType: number, receivedAs: number) => [codec('opus', payloadType, { receivedAs })];
    const joined = await stage.connect(alice, carol, {
      a: { port: portA, codecs: numbered(96, 97) },
      b: { port: second.portA, codecs: numbered(111, 112) },
    });
    const before = engine.usage().inUse;
    const said = alice.speak(portA, { payloadType: 97 });
    const answer = carol.speak(second.portA, { payloadType: 112 });
    alice.report(portA);
    await settle();
    expect(carol.heard.map((packet) => packet[1])).toEqual([111]);
    expect(alice.heard.map((packet) => packet[1])).toEqual([96]);
    expect(carol.heard[0]?.subarray(2)).toEqual(said.subarray(2));
    expect(alice.heard[0]?.subarray(2)).toEqual(answer.subarray(2));
    expect(carol.heardRtcp).toHaveLength(1);
    const { legs } = await finish(joined.session);
    const heard = { packetsReceived: 1, packetsSent: 1 };
    expect(legs).toMatchObject([{ counters: { ...heard, rtcpReceived: 1 } }, { counters: { ...heard, rtcpSent: 1 } }]);
    expect(started.length).toBe(2);
    expect(engine.usage().inUse).toBe(before - 4);
  });

  test('where the legs are with two workers, quality is told of both, and silence by whoever has the phone', async () => {
    const { stage, carol, second } = await twoCalls();
    await using _ = stage;
    const { alice, portA, session, finish, pass } = stage;
    await finish(session);
    await finish(second.session);
    const pair = { a: { port: portA }, b: { port: second.portA } };
    const answered = { spec: { answered: true } };
    const joined = await stage.connect(alice, carol, { ...pair, ...answered });
    await pass(5, () => {
      for (let i = 0; i < 10; i++) alice.speak(portA);
    });
    expect(joined.heard.quality).toMatchObject([{ legs: [{ received: { packets: 50 } }, { received: null }] }]);
    const { address, port } = carol.local;
    expect(joined.heard.oneWay).toMatchObject([{ leg: 1, named: { address, port }, signalling: address }]);

    // On hold nobody has to be heard, in either half.
    await joined.update({ a: { ...pair.a, send: false }, b: { ...pair.b, expected: false }, ...answered });
    await pass(5, () => {});
    expect(joined.heard.oneWay).toHaveLength(1);
    const { legs } = await finish(joined.session);
    expect(legs).toMatchObject([{ quality: { received: { mos: expect.closeTo(4.41, 2) } } }, { quality: {} }]);
  });

  test('one that dies loses its calls, and they are told; the other goes on, and a new one takes new calls', async () => {
    const { stage, carol, dave, second } = await twoCalls();
    await using _ = stage;
    const { engine, started, heard, session, finish, alice, bob, phone, connect, clock, settle, portA, portB } = stage;
    started[0]!.die();
    await settle();
    expect(heard.lost).toHaveLength(1);
    expect(second.heard.lost).toEqual([]);
    expect(engine.workers().map(({ state }) => state)).toEqual(['down', 'running']);
    expect((await finish(session)).legs).toHaveLength(2);
    for (const pair of [portA, portB]) engine.release(pair);
    carol.speak(second.portA);
    await settle();
    expect(dave.heard).toHaveLength(1);

    const during = await connect(phone(5), phone(6));
    expect(during.heard.lost).toEqual([]);
    clock.advance(1000);
    await settle();
    expect(engine.workers()).toMatchObject([
      { state: 'running', restarts: 1, sessions: 0 },
      { state: 'running', restarts: 0, sessions: 2 },
    ]);
    const next = await connect(alice, bob);
    alice.speak(next.portA);
    await settle();
    expect(bob.heard).toHaveLength(1);
    expect(engine.workers()[0]).toMatchObject({ sessions: 1 });
  });

  test('the log says once that all of them do without the native relay, that one was lost, and that it runs again', async () => {
    await using stage = await setUp(workersOverMemory());
    const { started, clock, settle, lines } = stage;
    await settle();
    expect(lines).toEqual([noNativeRelay]);
    started[1]!.die();
    await settle();
    clock.advance(1000);
    await settle();
    expect(lines.slice(1)).toEqual(['a media worker was lost', 'a media worker runs again']);
  });

  test('a call that rings while its worker dies is carried by the next one', async () => {
    await using stage = await setUp(workersOverMemory(500, 1));
    const { engine, here, alice, bob, started, clock, settle, connect } = stage;
    const [portA, portB] = [engine.lease(here)!, engine.lease(here)!];
    started[0]!.die();
    await settle();
    clock.advance(1000);
    await settle();
    await connect(alice, bob, { a: { port: portA }, b: { port: portB } });
    alice.speak(portA);
    await settle();
    expect(bob.heard).toHaveLength(1);
  });

  test('one that does not answer for 5 s is given up', async () => {
    await using stage = await setUp(workersOverMemory());
    const { engine, started, heard, clock, settle } = stage;
    started[0]!.hang();
    for (let second = 0; second < 7; second++) {
      clock.advance(1000);
      await settle();
    }
    expect(heard.lost).toEqual(['it does not answer']);
    expect(stage.lost).toEqual(['plain-relay-1: it does not answer']);
    expect(engine.workers()[0]!.restarts).toBe(1);
    expect(engine.workers()[1]!.restarts).toBe(0);
  });

  test('a pause lies between the deaths of one that cannot live, and the pause grows', async () => {
    const ground = workersOverMemory(500, 1);
    const { started, clock, settle, engine } = ground;
    await settle();
    const pauses: number[] = [];
    for (let death = 0; death < 4; death++) {
      const before = started.length;
      started.at(-1)!.die();
      await settle();
      let waited = 0;
      while (started.length === before) {
        clock.advance(50);
        waited += 50;
        await settle();
      }
      pauses.push(waited);
    }
    expect(pauses).toEqual([200, 400, 800, 1600]);
    await engine.close();
  });

  test('no port is leased of one that is down while it is the only one', async () => {
    const ground = workersOverMemory(500, 1);
    const { started, settle, engine, here } = ground;
    await settle();
    started[0]!.die();
    await settle();
    expect(engine.lease(here)).toBeNull();
    await engine.close();
  });

  test('the recording of a worker that dies is closed by the control process', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'recordings-'));
    try {
      const file = join(folder, 'a.wav');
      await using stage = await setUp(workersOverMemory(500, 1), { spec: { recording: { file, paused: false } } });
      // What it had written, its last sample in part.
      await writeFile(`${file}.part`, Buffer.concat([stereoHeader(8000, 0), new Uint8Array(4 * 4000 + 3)]));
      stage.started[0]!.die();
      await stage.settle();
      const { recordings } = await stage.finish(stage.session);
      expect(recordings).toMatchObject([{ file, durationMs: 500, status: 'repaired' }]);
      expect(channelsOf(await readFile(file)).left).toHaveLength(4000);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('a port that its worker cannot open after all loses the call, whose end is told all the same', async () => {
    await using stage = await setUp(workersOverMemory(500, 1));
    const { engine, here, sockets, phone, connect, finish } = stage;
    const [portA, portB] = [engine.lease('192.0.2.11')!, engine.lease(here)!];
    const thief = sockets.open(portA, () => {});
    const { session, heard } = await connect(phone(3), phone(4), { a: { port: portA }, b: { port: portB } });
    thief?.close();
    expect(heard.lost).toEqual([`media port ${portA.port} is not open`]);
    expect((await finish(session)).legs).toMatchObject([{ quality: null }, { quality: null }]);
    expect(engine.workers()).toMatchObject([{ sessions: 1 }]);
  });

  test('a call that is answered while its worker is down is carried by the next one', async () => {
    await using stage = await setUp(workersOverMemory(500, 1));
    const { engine, here, alice, bob, started, clock, settle, connect, finish } = stage;
    const [portA, portB] = [engine.lease(here)!, engine.lease(here)!];
    started[0]!.die();
    await settle();
    const { session, update, heard } = await connect(alice, bob, { a: { port: portA }, b: { port: portB } });
    await update({ a: { port: portA }, b: { port: portB, codecs: [codec('PCMU', 0), codec('PCMA', 8)] } });
    clock.advance(1000);
    await settle();
    alice.speak(portA);
    await settle();
    expect(bob.heard).toHaveLength(1);
    expect(heard.lost).toEqual([]);
    expect(await finish(session)).toMatchObject({ legs: [{ counters: { packetsReceived: 1 } }, {}] });
  });

  test('a call that is over before its worker runs again has nothing to tell', async () => {
    await using stage = await setUp(workersOverMemory(500, 1));
    const { engine, here, phone, started, settle, connect, finish } = stage;
    const [portA, portB] = [engine.lease(here)!, engine.lease(here)!];
    started[0]!.die();
    await settle();
    const { session } = await connect(phone(3), phone(4), { a: { port: portA }, b: { port: portB } });
    expect(await finish(session)).toMatchObject({ legs: [{ counters: { packetsReceived: 0 } }, {}] });
  });

  test('a worker that does not tell how a call was within 5 s is waited for no longer', async () => {
    await using stage = await setUp(workersOverMemory(500, 1), {
      spec: { recording: { file: '/a.wav', paused: false } },
    });
    const { session, disk, clock, settle, engine } = stage;
    disk.verdict = (step) => (step === 'finish' ? new Promise(() => {}) : undefined);
    const ends: unknown[] = [];
    session.end(({ recordings }) => ends.push(recordings));
    clock.advance(4999);
    await settle();
    expect(ends).toEqual([]);
    clock.advance(1);
    expect(ends).toMatchObject([[{ file: '/a.wav', status: 'failed', reason: 'it was not closed in time' }]]);
    expect(engine.workers()).toMatchObject([{ state: 'running', sessions: 0 }]);
  });

  test('who waits for the end of a call is told when all is closed, and no timer is left', async () => {
    const stage = await setUp(workersOverMemory(500, 1));
    const { session, started, engine, clock, settle } = stage;
    started[0]!.hang();
    let told = 0;
    session.end(() => told++);
    session.end(() => told++);
    const closed = engine.close();
    clock.advance(5000);
    await settle();
    await closed;
    expect(told).toBe(2);
    expect(clock.pending).toBe(0);
    stage.alice.close();
  });

  test.each([
    ['a length beyond all measure', Uint8Array.of(255, 255, 255, 255)],
    ['a frame that is no list', Uint8Array.of(4, 0, 0, 0, 1, 2, 3, 4)],
    ['a frame with something else than a list', Uint8Array.of(4, 0, 0, 0, 255, 15, 73, 2)],
  ])('one that speaks nonsense is given up: %s', async (_, bytes) => {
    await using stage = await setUp(workersOverMemory());
    const { engine, started, heard, settle } = stage;
    started[0]!.write(bytes);
    await settle();
    expect(heard.lost).toHaveLength(1);
    expect(engine.workers()).toMatchObject([{ state: 'down' }, { state: 'running' }]);
  });

  test('one that cannot be started again is tried until it can', async () => {
    const ground = workersOverMemory(500, 1);
    const { engine, started, system, clock, settle, here } = ground;
    await settle();
    system.isFull = true;
    started[0]!.die();
    await settle();
    for (let n = 0; n < 20; n++) {
      clock.advance(1000);
      await settle();
    }
    expect(started).toHaveLength(1);
    expect(ground.lost.at(-1)).toBe('plain-relay-1: no process can be started');
    system.isFull = false;
    clock.advance(10_000);
    await settle();
    expect(engine.workers()).toMatchObject([{ state: 'running' }]);
    expect(engine.lease(here)).not.toBeNull();
    await engine.close();
  });

  test('where one cannot be started at all, nobody waits for ever', async () => {
    const { engine, started, settle } = workersOverMemory();
    const ready = engine.ready();
    started[1]!.die();
    await expect(ready).rejects.toThrow('media worker 2 does not start: the connection was closed');
    await expect(engine.ready()).rejects.toThrow('media worker 2');
    await settle();
    await engine.close();
  });

  test('while the worker of a call is down, its further legs go to another, and both are heard', async () => {
    const { stage, carol, second } = await twoCalls();
    await using _ = stage;
    const { engine, here, started, clock, settle, phone, connect, finish } = stage;
    started[0]!.die();
    await settle();
    const near = engine.lease(here, stage.portA)!;
    const erin = phone(5);
    await finish(stage.session);
    const joined = await connect(erin, carol, { a: { port: stage.portA }, b: { port: near } });
    clock.advance(1000);
    await settle();
    erin.speak(stage.portA);
    await settle();
    expect(carol.heard).toHaveLength(1);
    expect(joined.heard.lost).toEqual([]);
    await finish(second.session);
  });

  test('what was counted with other workers is told though the call ends right after it has moved', async () => {
    const { stage, second } = await twoCalls();
    await using _ = stage;
    const { alice, portA, portB, session, finish, settle } = stage;
    await finish(second.session);
    alice.speak(portA);
    await settle();
    session.update({
      id: 'call-1',
      legs: [portA, second.portB].map((port) => ({
        port,
        remote: alice.sdp,
        signalling: null,
        send: true,
        codecs: [codec('PCMU', 0)],
        ptime: null,
      })) as never,
      idleTimeout: null,
      answered: false,
    });
    const { legs } = await finish(session);
    expect(legs[0].counters.packetsReceived).toBe(1);
    stage.engine.release(portB);
  });

  test('one that has too much still to take gets no new call', async () => {
    await using stage = await setUp(workersOverMemory());
    const { engine, here, started, session, settle, alice, portA } = stage;
    started[0]!.hang();
    const leg = {
      port: portA,
      remote: alice.sdp,
      signalling: null,
      send: true,
      codecs: [codec('PCMU', 0)],
      ptime: null,
    };
    // What is said to it in one turn is one frame, and the streams in memory take some of it.
    for (let n = 0; n < 8; n++) {
      const id = 'x'.repeat(300_000);
      session.update({ id, legs: [leg, null], idleTimeout: null, answered: false });
      await settle();
    }
    const further = Array.from({ length: 6 }, (_, n) => engine.lease(here, n % 2 === 0 ? portA : undefined)!);
    for (const port of further) {
      const spec = { id: 'call', legs: [{ ...leg, port }, null], idleTimeout: null, answered: false } as const;
      engine.start(spec, { onIdle: () => {} });
    }
    const sessions = engine.workers().map((worker) => worker.sessions);
    started[0]!.die();
    expect(sessions).toEqual([1, 6]);
  });

  test('where the legs are with two workers and share no codec, the sound of each is made anew for the other', async () => {
    const { stage, carol, second } = await twoCalls();
    await using _ = stage;
    const { alice, portA, session, finish, settle } = stage;
    await finish(session);
    await finish(second.session);
    const legs = { a: { port: portA, codecs: [pcmu, events] }, b: { port: second.portA, codecs: [opus, fastEvents] } };
    const { heard } = await stage.connect(alice, carol, legs);
    await say({ ...stage, bob: carol }, alice, portA, pcmu, 1000);
    expect(measure(tone(440), heardAs(carol.heard, opus), 8000, 150, 300).snr).toBeGreaterThan(20);
    await say({ ...stage, bob: alice }, carol, second.portA, opus, 1000);
    const heardByAlice = alice.heard.filter((packet) => payloadType(packet) === 0).slice(-45);
    expect(measure(tone(440), heardAs(heardByAlice, pcmu), 8000, 150, 300).snr).toBeGreaterThan(20);

    const payload = formatTelephoneEvent({ event: 1, end: true, volume: 10, duration: 800 });
    alice.speak(portA, { payloadType: 101, timestamp: 99_999, payload });
    for (let n = 0; n < 30; n++) {
      await settle();
      stage.clock.advance(20);
    }
    expect(carol.heard.some((packet) => payloadType(packet) === 102)).toBe(true);
    expect(heard.digits).toEqual([]);
  });

  test('where the legs are with two workers and one dies, that is told once, and the ports between them come back', async () => {
    const { stage, carol, second } = await twoCalls();
    await using _ = stage;
    const { engine, alice, portA, portB, session, finish, settle, started } = stage;
    await finish(session);
    await finish(second.session);
    const joined = await stage.connect(alice, carol, { a: { port: portA }, b: { port: second.portA } });
    alice.speak(portA);
    started[1]!.die();
    await settle();
    expect(joined.heard.lost).toEqual(['the connection was closed']);
    expect((await finish(joined.session)).legs[0].counters.packetsReceived).toBe(1);
    for (const pair of [portA, portB, second.portA, second.portB]) engine.release(pair);
    expect(engine.usage().inUse).toBe(0);
  });
});

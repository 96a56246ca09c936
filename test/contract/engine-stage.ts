import { type Log, SeededRandom, silentLog, VirtualClock } from '../../src/base/index.ts';
import {
  type LegIndex,
  LocalEngine,
  type MediaEngine,
  type MediaLeg,
  type MediaSession,
  type MediaSessionSpec,
  type MediaSockets,
  type MediaSummary,
  MemorySockets,
  type OneWayFinding,
  type PortPair,
  type QualityReport,
  type RecordingEvent,
  type WorkerEngine,
} from '../../src/media/index.ts';
import type { AgreedCodec } from '../../src/sdp/index.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { type MemoryWorker, memoryWorkers, turns } from '../support/memory-workers.ts';
import { type Ground, Phone, relays } from './relay-stage.ts';

/** An engine, the network that it and the phones are on, and its time, which moves only when told to. */
export interface EngineGround {
  readonly engine: MediaEngine;
  readonly clock: VirtualClock;
  readonly sockets: MediaSockets;
  readonly here: string;
  readonly there: (n: number) => string;
  /** Where recordings go. */
  readonly disk: MemoryDisk;
  /** Until all that has been sent has arrived, and what that made the engine send too. */
  readonly settle: () => Promise<void>;
}

const here = '192.0.2.10';
const jitter = { minMs: 20, maxMs: 200 };

/** An engine in this process over one of the relays. */
const local =
  (open: (pairs?: number) => Ground) =>
  (pairs = 50): EngineGround => {
    const ground = open(pairs);
    const { relay, clock, range } = ground;
    const disk = new MemoryDisk();
    return {
      ...ground,
      disk,
      engine: new LocalEngine({
        relay,
        name: 'local',
        ports: { start: range.start, end: range.start + 2 * pairs },
        clock,
        random: new SeededRandom(7),
        jitter,
        createRecording: disk.create,
        log: silentLog,
      }),
    };
  };

/** Workers without processes: on the same network, the control process' words carried in memory. */
export interface WorkerGround extends EngineGround {
  readonly engine: WorkerEngine;
  /** Workers that were lost, and why. */
  readonly lost: readonly string[];
  /** The workers that have been started. */
  readonly started: readonly MemoryWorker[];
  /** What the log was told, but for its fields. */
  readonly lines: readonly string[];
  /** Whether workers can be started. */
  readonly system: { isFull: boolean };
}

export const workersOverMemory = (pairs = 500, workers = 2): WorkerGround => {
  const clock = new VirtualClock();
  const disk = new MemoryDisk();
  const random = new SeededRandom(7);
  const sockets = new MemorySockets(clock, random);
  const lost: string[] = [];
  const lines: string[] = [];
  const keep = (message: string): void => void lines.push(message);
  const log: Log = { debug: keep, info: keep, warning: keep, error: keep, child: () => log };
  const { engine, started, system } = memoryWorkers({
    workers,
    ports: { start: 10_000, end: 10_000 + 2 * pairs },
    clock,
    random,
    sockets,
    jitter,
    createRecording: disk.create,
    log,
    onWorkerLost: (worker, reason) => lost.push(`${worker}: ${reason}`),
  });
  return {
    engine,
    started,
    system,
    lost,
    lines,
    disk,
    clock,
    sockets,
    here,
    there: (n) => `198.51.100.${n}`,
    settle: async () => {
      for (let i = 0; i < 4; i++) {
        await turns();
        clock.advance(0);
      }
      await turns();
    },
  };
};

/** Every implementation, by name; each opens with so many pairs of ports. */
export const engines: readonly [string, (pairs?: number) => EngineGround][] = [
  ...relays.map(([name, open]): [string, (pairs?: number) => EngineGround] => [
    `${name}, in this process`,
    local(open),
  ]),
  ['plain relay, memory network, in two workers', workersOverMemory],
];

/** A codec as both have agreed on it, by one number. */
export const codec = (name: string, payloadType: number, changes: Partial<AgreedCodec> = {}): AgreedCodec => ({
  name,
  clockRate: 8000,
  channels: 1,
  fmtp: null,
  payloadType,
  receivedAs: payloadType,
  ...changes,
});

interface Options {
  readonly a?: Partial<MediaLeg>;
  /** Null: nobody is there. */
  readonly b?: Partial<MediaLeg> | null;
  readonly spec?: Partial<MediaSessionSpec>;
}

/** Two phones and a session between them; all is closed with the stage. */
export async function setUp<G extends EngineGround>(ground: G, options: Options = {}) {
  const { engine, here } = ground;
  const phones: Phone[] = [];
  const phone = (n: number): Phone => {
    const made = new Phone(ground.sockets, ground.there(n));
    phones.push(made);
    return made;
  };
  const legOf = (of: Phone, port: PortPair, changes: Partial<MediaLeg> = {}): MediaLeg => ({
    port,
    remote: of.sdp,
    signalling: of.local.address,
    send: true,
    codecs: [codec('PCMU', 0)],
    ptime: null,
    ...changes,
  });
  const connect = async (alice: Phone, bob: Phone, { a, b, spec: changes }: Options = {}) => {
    const portA = a?.port ?? engine.lease(here)!;
    const portB = b?.port ?? engine.lease(here, portA)!;
    const heard = {
      idle: 0,
      lost: [] as string[],
      digits: [] as [LegIndex, string, number][],
      quality: [] as QualityReport[],
      oneWay: [] as OneWayFinding[],
      recordings: [] as RecordingEvent[],
      played: [] as LegIndex[],
    };
    const specOf = ({ a, b, spec }: Options): MediaSessionSpec => ({
      id: 'call-1',
      legs: [legOf(alice, portA, a), b === null ? null : legOf(bob, portB, b)],
      idleTimeout: null,
      answered: false,
      ...changes,
      ...spec,
    });
    const session = engine.start(specOf({ ...(a ? { a } : {}), ...(b === undefined ? {} : { b }) }), {
      onIdle: () => heard.idle++,
      onLost: (reason) => heard.lost.push(reason),
      onQuality: (report) => heard.quality.push(report),
      onOneWay: (finding) => heard.oneWay.push(finding),
      onRecording: (event) => heard.recordings.push(event),
      onPlayed: (leg) => heard.played.push(leg),
      onDigit: (...key) => heard.digits.push(key),
    });
    await ground.settle();
    const update = async (next: Options = {}): Promise<void> => {
      session.update(specOf(next));
      await ground.settle();
    };
    return { session, update, portA, portB, heard };
  };
  const alice = phone(1);
  const bob = phone(2);
  return {
    ...ground,
    alice,
    bob,
    phone,
    connect,
    /** Lets so many seconds pass, and says something in each of them. */
    pass: async (seconds: number, say: () => void): Promise<void> => {
      for (let i = 0; i < seconds; i++) {
        say();
        await ground.settle();
        ground.clock.advance(1000);
        await ground.settle();
      }
    },
    ...(await connect(alice, bob, options)),
    finish: async (session: MediaSession): Promise<MediaSummary> => {
      const ended = Promise.withResolvers<MediaSummary>();
      session.end(ended.resolve);
      return ended.promise;
    },
    [Symbol.asyncDispose]: async () => {
      await engine.close();
      for (const made of phones) made.close();
    },
  };
}

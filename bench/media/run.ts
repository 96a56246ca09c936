import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Phone } from './carrier.ts';
import type { CodecName, SoundFile } from './codecs.ts';
import { Generator, type Progress, type Result, type Target } from './generator.ts';
import { ServerProcess } from './server-process.ts';
import type { Site } from './site.ts';

/** Bytes of master key and salt of AES_CM_128_HMAC_SHA1_80. */
const keyLength = 30;

/** What is measured: whoever carries the packets; `engine` null: nobody, phone to phone. */
export interface Contender {
  readonly name: string;
  readonly engine: string | null;
  /** How many legs are encrypted, by keys of their own: none, the second, both. */
  readonly encrypted: 0 | 1 | 2;
}

export interface RunOptions {
  readonly site: Site;
  readonly contender: Contender;
  readonly calls: number;
  readonly seconds: number;
  /** s before anything is counted; 1 where it is not said. */
  readonly warmup?: number;
  /** What the two sides speak, where it is not PCMU. */
  readonly sides?: readonly [Side, Side];
  /** s between two reports; 0: none. */
  readonly report?: number;
  readonly onProgress?: (progress: Progress, server: ServerProcess | null) => void;
}

/** What the phones of one side speak. */
export interface Side {
  readonly codec: CodecName;
  readonly sound: SoundFile;
}

/** Resources of the processes that packets pass through. */
export interface Held {
  readonly bytes: number;
  readonly descriptors: number;
}

/** What one run has shown. */
export interface Run extends Result {
  readonly realtime: boolean;
  /** CPU seconds of the processes that packets pass through, and of those beside them, while measured. */
  readonly mediaCpuSeconds: number;
  readonly controlCpuSeconds: number;
  /** Before the calls, with all of them, after them; null without an engine. */
  readonly held: { readonly before: Held; readonly during: Held; readonly after: Held } | null;
  /** What the engine itself has counted. */
  readonly counted: Readonly<Record<string, number>>;
  readonly portsInUse: number | null;
}

/** So many calls, in processes that are started for this run alone. */
export async function run(options: RunOptions): Promise<Run> {
  const { site, contender, calls, seconds, warmup = 1, sides, report = 0, onProgress } = options;
  const direct = contender.engine === null;
  await using generator = await Generator.start({
    site,
    direct,
    calls,
    warmup,
    seconds,
    report,
    sounds: sides ? [sides[0].sound, sides[1].sound] : null,
  });
  const phones = generator.ports[0].map((port, call) => {
    const phone = (side: 0 | 1, at: number): Phone => {
      const key = side >= 2 - contender.encrypted ? randomBytes(keyLength).toString('hex') : null;
      const address = direct && side === 1 ? site.exchange : site.phones[side];
      return { address, port: at, codec: sides?.[side].codec ?? 'PCMU', key };
    };
    return [phone(0, port), phone(1, generator.ports[1][call]!)] as const;
  });
  if (contender.engine === null) {
    const targets = phones.map(([a, b]) => [straightTo(a, b), straightTo(b, a)] as const);
    const result = await generator.run(targets, []);
    const nobody = { mediaCpuSeconds: 0, controlCpuSeconds: 0, held: null, counted: {}, portsInUse: null };
    return { ...result, ...nobody, realtime: generator.realtime };
  }

  await using server = await ServerProcess.start(site, contender.engine);
  const before = held(server);
  const doors = await server.calls(phones);
  const targets = phones.map((pair, call) => {
    const target = (side: 0 | 1): Target => {
      const door = doors[call]![side];
      return { address: site.exchange, port: door.port, sendKey: pair[side].key, receiveKey: door.key };
    };
    return [target(0), target(1)] as const;
  });
  const watched = [...server.media, ...server.control];
  const result = await generator.run(targets, watched, (progress) => onProgress?.(progress, server));
  const during = held(server);
  const { counted, portsInUse } = await server.endCalls();
  // Ports that are given back may be closed a moment later.
  await sleep(200);
  const cpuOf = (pids: readonly number[]): number =>
    result.watched
      .filter(({ pid }) => pids.includes(pid))
      .reduce((sum, { cpuSeconds }) => sum + (cpuSeconds ?? Number.NaN), 0);
  return {
    ...result,
    realtime: generator.realtime,
    mediaCpuSeconds: cpuOf(server.media),
    controlCpuSeconds: cpuOf(server.control),
    held: { before, during, after: held(server) },
    counted,
    portsInUse,
  };
}

function straightTo(from: Phone, to: Phone): Target {
  return { address: to.address, port: to.port, sendKey: from.key, receiveKey: to.key };
}

function held(server: ServerProcess): Held {
  return { bytes: server.memory(), descriptors: server.descriptors() };
}

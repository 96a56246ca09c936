import { readFileSync } from 'node:fs';
import { configSchema } from '../../src/app/config-schema.ts';
import { mediaWorkers } from '../../src/app/media-processes.ts';
import { SystemClock, silentLog, systemRandom } from '../../src/base/index.ts';
import {
  DgramSockets,
  LocalEngine,
  loadNativeAddon,
  type MediaEngine,
  NativeRelay,
  PlainRelay,
  type Relay,
} from '../../src/media/index.ts';

/** An engine, opened, with the processes that packets pass through and those beside them. */
export interface OpenEngine {
  readonly engine: MediaEngine;
  readonly media: readonly number[];
  readonly control: readonly number[];
}

const ports = { start: 12_000, end: 32_000 };
const jitter = { minMs: 20, maxMs: 200 };
const clock = new SystemClock();

/** `worker`: as the exchange has it, in one process of its own; `plain` and `native`: that relay in this process. */
export async function openEngine(name: string): Promise<OpenEngine> {
  switch (name) {
    case 'plain':
      return inThisProcess(new PlainRelay({ sockets: new DgramSockets(), clock }), name);
    case 'native': {
      const loaded = loadNativeAddon();
      if (loaded.addon === null) throw new Error(loaded.reason);
      return inThisProcess(new NativeRelay({ addon: loaded.addon, clock, log: silentLog }), name);
    }
    case 'worker':
      return inWorker();
    default:
      throw new Error(`${name}: no such engine`);
  }
}

function inThisProcess(relay: Relay, name: string): OpenEngine {
  const engine = new LocalEngine({ relay, name, ports, jitter, clock, random: systemRandom, log: silentLog });
  return { engine, media: [process.pid], control: [] };
}

async function inWorker(): Promise<OpenEngine> {
  const config = configSchema.parse({ media: { workers: 1, port_pool: ports } });
  const engine = mediaWorkers(config, { clock, random: systemRandom, log: silentLog, onWorkerLost: fail });
  await engine.ready();
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
  return { engine, media: children.trim().split(' ').map(Number), control: [process.pid] };
}

function fail(worker: string, reason: string): void {
  throw new Error(`${worker}: ${reason}`);
}

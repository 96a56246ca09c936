import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Log } from '../base/index.ts';
import {
  DgramSockets,
  type OpenFailure,
  type PortPair,
  WorkerEngine,
  type WorkerEngineOptions,
  type WorkerProcess,
} from '../media/index.ts';
import type { Config } from './config.ts';

/** Where a worker finds its connection to the control process. */
export const connectionDescriptor = 3;

/** What a worker is told at its start. */
export interface WorkerSetting {
  /** Further addresses that lead to our ports, such as the public one of a NAT. */
  readonly ownAddresses: readonly string[];
  /** Which relay carries the packets: the native one where it is built, or the plain one. */
  readonly relay: 'auto' | 'plain';
  /** The mark of media packets for routers (DSCP). */
  readonly dscp: number;
  /** The folder of sound files. */
  readonly prompts: string | null;
  /** How long packets may wait that are decoded, in ms. */
  readonly jitter: { readonly minMs: number; readonly maxMs: number };
}

const program = new URL(import.meta.url.endsWith('.ts') ? './media-worker.ts' : './media-worker.js', import.meta.url);

/** The media engine in as many worker processes as the configuration says. */
export function mediaWorkers(
  config: Config,
  parts: Pick<WorkerEngineOptions, 'clock' | 'random' | 'log' | 'onWorkerLost'>,
): WorkerEngine {
  const { media, sip } = config;
  const setting: WorkerSetting = {
    ownAddresses: [media.advertised_ip, sip.advertised_ip].filter((address) => address !== null),
    relay: media.relay,
    dscp: media.dscp,
    prompts: media.prompts,
    jitter: { minMs: media.jitter_buffer.min_ms, maxMs: media.jitter_buffer.max_ms },
  };
  return new WorkerEngine({
    ...parts,
    workers: media.workers === 'auto' ? Math.max(1, Math.floor(availableParallelism() / 2)) : media.workers,
    ports: media.port_pool,
    spawn: () => startWorker(setting, parts.log),
    probe: probeWith(new DgramSockets()),
  });
}

function startWorker(setting: WorkerSetting, log: Log): WorkerProcess {
  const child = spawn(process.execPath, [fileURLToPath(program), JSON.stringify(setting)], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  // That it could not be started, or has ended, shows at its connection; here only why.
  child.on('error', ({ message }) => log.warning('a media worker process cannot be started', { reason: message }));
  child.on('exit', (code, signal) => {
    if (code !== 0) log.warning('a media worker process has ended', { pid: child.pid, code, signal });
  });
  // Where no more descriptors are to be had there is not even that.
  const stream = (child.stdio as typeof child.stdio | undefined)?.[connectionDescriptor] as Duplex | undefined;
  if (!stream) throw new Error('no connection to a new process can be opened');
  return { stream, kill: () => void child.kill('SIGKILL') };
}

/** Looks whether both ports of a pair can be bound, and lets them go again. */
function probeWith(sockets: DgramSockets): (pair: PortPair) => 'opened' | OpenFailure {
  const canOpen = (address: string, port: number): boolean => {
    const socket = sockets.open({ address, port }, () => {});
    socket?.close();
    return socket !== null;
  };
  return ({ address, port }) => {
    if (canOpen(address, port) && canOpen(address, port + 1)) return 'opened';
    return canOpen(address, 0) ? 'taken' : 'unusable';
  };
}

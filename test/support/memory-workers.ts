import { type Duplex, duplexPair } from 'node:stream';
import { deserialize } from 'node:v8';
import type { Log } from '../../src/base/index.ts';
import {
  MediaSessions,
  type MediaSockets,
  PlainRelay,
  WorkerEngine,
  type WorkerProcess,
  WorkerServer,
} from '../../src/media/index.ts';
import { noNativeRelay } from '../../src/media/relay/open-relay.ts';

/** A worker that has been started. */
export interface MemoryWorker {
  /** What it has been told. */
  readonly heard: readonly string[];
  /** It listens no more. */
  readonly hang: () => void;
  readonly die: () => void;
  /** It writes this to the control process. */
  readonly write: (bytes: Uint8Array) => void;
}

export interface MemoryWorkersOptions extends Omit<ConstructorParameters<typeof MediaSessions>[0], 'relay'> {
  readonly workers: number;
  readonly ports: { readonly start: number; readonly end: number };
  readonly sockets: MediaSockets;
  readonly ownAddresses?: readonly string[];
  readonly log: Log;
  readonly onWorkerLost: (worker: string, reason: string) => void;
}

/**
 * A media engine whose workers are no processes: they are on the same network, and the control process' words are
 * carried in memory, which takes turns of the event loop.
 */
export function memoryWorkers(options: MemoryWorkersOptions): {
  readonly engine: WorkerEngine;
  /** In the order in which they were started. */
  readonly started: readonly MemoryWorker[];
  /** Whether workers can be started. */
  readonly system: { isFull: boolean };
} {
  const { sockets, clock, ownAddresses = [] } = options;
  const started: MemoryWorker[] = [];
  const system = { isFull: false };
  const spawn = (): WorkerProcess => {
    if (system.isFull) throw new Error('no process can be started');
    const [control, worker] = duplexPair();
    const heard = messagesOn(worker);
    const relay = new PlainRelay({ sockets, clock, ownAddresses });
    const sessions = new MediaSessions({ ...options, relay });
    const die = (): void => {
      void relay.close();
      worker.destroy();
      control.destroy();
    };
    started.push({ heard, die, hang: () => void worker.pause(), write: (bytes) => void worker.write(bytes) });
    new WorkerServer({
      stream: worker,
      clock,
      make: (log) => {
        log.warning(noNativeRelay, { reason: 'this is a test' });
        return { relay, sessions, name: 'plain-relay' };
      },
      onClose: () => void relay.close(),
    });
    return { stream: control, kill: die };
  };
  const engine = new WorkerEngine({
    ...options,
    spawn,
    probe: (pair) => {
      const both = [pair, { ...pair, port: pair.port + 1 }].map((local) => sockets.open(local, () => {}));
      for (const socket of both) socket?.close();
      return both.includes(null) ? 'taken' : 'opened';
    },
  });
  return { engine, started, system };
}

/** The types of the messages that arrive there, in frames of a length and a list. */
function messagesOn(stream: Duplex): readonly string[] {
  const types: string[] = [];
  let bytes = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32LE()) {
      const length = 4 + bytes.readUInt32LE();
      for (const { type } of deserialize(bytes.subarray(4, length)) as { type: string }[]) types.push(type);
      bytes = bytes.subarray(length);
    }
  });
  return types;
}

/** Until streams in memory have handed on what they hold. */
export async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}

import type { Clock, Log, Random } from '../../base/index.ts';
import type { MediaEngine, MediaSession, MediaSessionSpec, MediaSessionUser, MediaWorker } from '../engine.ts';
import { realTimeRefused } from '../relay/native-relay.ts';
import { noNativeRelay } from '../relay/open-relay.ts';
import type { PortRange } from '../relay/port-pool.ts';
import type { MediaTotals, OpenFailure, PortPair } from '../relay/relay.ts';
import type { FromWorker } from './protocol.ts';
import type { SessionPart } from './session-part.ts';
import { WorkerLink, type WorkerProcess } from './worker-link.ts';
import { WorkerPorts } from './worker-ports.ts';
import { WorkerSession } from './worker-session.ts';

export interface WorkerEngineOptions {
  /** How many worker processes. */
  readonly workers: number;
  readonly spawn: (index: number) => WorkerProcess;
  readonly ports: PortRange;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Whether both ports of a pair could be bound by this process, looked at now and let go again. */
  readonly probe: (pair: PortPair) => 'opened' | OpenFailure;
  /** A worker has died. */
  readonly onWorkerLost: (worker: string, reason: string) => void;
}

/** What is as true of every worker as of the first that says it. */
const remarks: ReadonlySet<string> = new Set([noNativeRelay, realTimeRefused]);

/** The media engine in worker processes: packets never pass through this one. */
export class WorkerEngine implements MediaEngine {
  readonly #clock: Clock;
  readonly #ports: WorkerPorts;
  readonly #links: readonly WorkerLink[];
  /** By the number that a worker knows it under. */
  readonly #parts = new Map<number, SessionPart>();
  #lastPart = 0;
  #lost = 0;

  constructor(options: WorkerEngineOptions) {
    const { clock, spawn } = options;
    const log = withRemarksOnce(options.log);
    this.#clock = clock;
    this.#ports = new WorkerPorts(options);
    this.#links = Array.from({ length: options.workers }, (_, index) => {
      const link: WorkerLink = new WorkerLink({
        index,
        spawn,
        clock,
        log,
        user: {
          onOpened: (pair, result) => this.#ports.onOpened(link, pair, result),
          onSession: (message) => this.#onSession(message),
          onFigures: (session, counters) => this.#parts.get(session)?.onFigures(counters),
          onDown: (reason) => {
            this.#onDown(link, reason);
            options.onWorkerLost(link.name, reason);
          },
          onRestart: () => this.#onRestart(link),
        },
      });
      return link;
    });
    for (const link of this.#links) link.start();
  }

  /**
   * Settles when every worker runs.
   * @throws Error when one has died before it ever ran
   */
  async ready(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.running()));
  }

  lease(address: string, near?: PortPair): PortPair | null {
    const nearest = near && this.#ports.find(near)?.link;
    const link = nearest?.fit ? nearest : this.#leastLoaded();
    return link && this.#ports.lease(address, link);
  }

  release(pair: PortPair): void {
    this.#ports.release(pair);
  }

  start(spec: MediaSessionSpec, user: MediaSessionUser): MediaSession {
    return new WorkerSession(spec, user, {
      ports: this.#ports,
      clock: this.#clock,
      begin: (part) => {
        const number = ++this.#lastPart;
        this.#parts.set(number, part);
        return number;
      },
      forget: (number) => void this.#parts.delete(number),
    });
  }

  usage(): { readonly total: number; readonly inUse: number } {
    return this.#ports.usage();
  }

  totals(): MediaTotals {
    const all = this.#links.map(({ totals }) => totals);
    const sum = (of: keyof MediaTotals): number => all.reduce((total, totals) => total + totals[of], 0);
    // A late packet takes back a loss; a counter that others read must never go down.
    this.#lost = Math.max(this.#lost, sum('lost'));
    return { received: sum('received'), sent: sum('sent'), lost: this.#lost };
  }

  workers(): readonly MediaWorker[] {
    return this.#links.map((link) => ({
      name: link.name,
      state: link.state,
      sessions: this.#partsOf(link).length,
      restarts: link.restarts,
    }));
  }

  async close(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.close()));
    for (const part of [...this.#parts.values()]) part.close();
  }

  #leastLoaded(): WorkerLink | null {
    let best: WorkerLink | null = null;
    for (const link of this.#links) {
      if (link.fit && (best === null || this.#ports.loadOf(link) < this.#ports.loadOf(best))) best = link;
    }
    return best;
  }

  #onSession(message: Extract<FromWorker, { session: number }>): void {
    const part = this.#parts.get(message.session);
    if (message.type === 'ended') part?.onEnded(message.summary);
    else part?.onTold(message);
  }

  #onDown(link: WorkerLink, reason: string): void {
    this.#ports.onDown(link);
    for (const part of this.#partsOf(link)) part.onDown(reason);
  }

  #onRestart(link: WorkerLink): void {
    this.#ports.onRestart(link);
    for (const part of this.#partsOf(link)) part.onRestart();
  }

  #partsOf(link: WorkerLink): readonly SessionPart[] {
    return [...this.#parts.values()].filter((part) => part.link === link);
  }
}

/** A log to which such remarks are made once, whichever worker makes them. */
function withRemarksOnce(log: Log): Log {
  const made = new Set<string>();
  const warning: Log['warning'] = (message, fields) => {
    if (made.has(message)) return;
    if (remarks.has(message)) made.add(message);
    log.warning(message, fields);
  };
  return {
    debug: (message, fields) => log.debug(message, fields),
    info: (message, fields) => log.info(message, fields),
    warning,
    error: (message, fields) => log.error(message, fields),
    child: (fields) => log.child(fields),
  };
}

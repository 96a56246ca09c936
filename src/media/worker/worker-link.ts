import type { Duplex } from 'node:stream';
import type { Clock, Log, Timer } from '../../base/index.ts';
import type { MediaWorker } from '../engine.ts';
import type { LegCounters, MediaTotals, OpenFailure, PortPair } from '../relay/relay.ts';
import { Channel } from './channel.ts';
import type { FromWorker, ToWorker } from './protocol.ts';

/** How often a worker is asked for a sign of life, and after how long without one it is given up, in ms. */
const pingInterval = 1000;
const patience = 5000;
/** The same while it starts, which may take long on a busy machine. */
const startPatience = 20_000;
/** A worker that has so many bytes still to take gets no new call. */
const backlogLimit = 1024 * 1024;
/** Wait before a worker that has died is started again, in ms: the first, and the longest. */
const firstPause = 100;
const longestPause = 10_000;
/** A worker that has lived so long, in ms, has started well. */
const settled = 30_000;
/** How long ports that are to be shut wait for others, in ms. */
const shutDelay = 50;

/** A worker's process, as whoever has started it knows it. */
export interface WorkerProcess {
  readonly stream: Duplex;
  kill(): void;
}

/** Hears of a worker. */
export interface LinkUser {
  onOpened(pair: PortPair, result: 'opened' | OpenFailure): void;
  onSession(message: Extract<FromWorker, { session: number }>): void;
  onFigures(session: number, counters: readonly [LegCounters, LegCounters]): void;
  /** It has died: whatever it carried is lost. It will be started again. */
  onDown(reason: string): void;
  /** It is started again; no port is open there. */
  onRestart(): void;
}

export interface WorkerLinkOptions {
  readonly index: number;
  readonly spawn: (index: number) => WorkerProcess;
  readonly clock: Clock;
  readonly log: Log;
  readonly user: LinkUser;
}

/** One worker as the control process sees it: its process, kept alive, and what is said to it. */
export class WorkerLink {
  readonly #index: number;
  readonly #spawn: (index: number) => WorkerProcess;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #user: LinkUser;
  #process: WorkerProcess | null = null;
  #channel: Channel<ToWorker, FromWorker> | null = null;
  #state: MediaWorker['state'] = 'starting';
  #name = 'worker';
  #startedAt = 0;
  #answeredAt = 0;
  #watchedAt = 0;
  #pause = firstPause;
  #timer: Timer | null = null;
  #restarts = 0;
  #closed = false;
  #toShut: PortPair[] = [];
  /** What it was told to shut and has not confirmed, message by message. */
  readonly #shutting: (readonly PortPair[])[] = [];
  #shutTimer: Timer | null = null;
  /** What has been counted by those that have died, and by the one that lives. */
  #before: MediaTotals = { received: 0, sent: 0, lost: 0 };
  #totals: MediaTotals = { received: 0, sent: 0, lost: 0 };
  readonly #waiting: PromiseWithResolvers<void>[] = [];
  /** Why it has never run. */
  #failure: Error | null = null;

  constructor({ index, spawn, clock, log, user }: WorkerLinkOptions) {
    this.#index = index;
    this.#spawn = spawn;
    this.#clock = clock;
    this.#log = log;
    this.#user = user;
  }

  get state(): MediaWorker['state'] {
    return this.#state;
  }

  /** What carries packets in it. */
  get name(): string {
    return `${this.#name}-${this.#index + 1}`;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Whether it can be given another call. */
  get fit(): boolean {
    return this.#state !== 'down' && (this.#channel?.backlog ?? 0) <= backlogLimit;
  }

  get totals(): MediaTotals {
    return {
      received: this.#before.received + this.#totals.received,
      sent: this.#before.sent + this.#totals.sent,
      lost: this.#before.lost + this.#totals.lost,
    };
  }

  /**
   * Settles when it runs, or is closed.
   * @throws Error when it has died before it ever ran
   */
  async running(): Promise<void> {
    if (this.#failure) throw this.#failure;
    if (this.#state === 'running' || this.#closed) return;
    const waiting = Promise.withResolvers<void>();
    this.#waiting.push(waiting);
    await waiting.promise;
  }

  send(message: Exclude<ToWorker, { type: 'ports' }>): void {
    this.#channel?.send(message);
  }

  /** Opens ports, after those have been shut that wait for it. */
  open(pairs: readonly PortPair[]): void {
    this.#sendPorts(pairs);
  }

  /** Shuts a port, with others. */
  shut(pair: PortPair): void {
    if (this.#channel === null) return;
    this.#toShut.push(pair);
    this.#shutTimer ??= this.#clock.after(shutDelay, () => this.#sendPorts([]));
  }

  /** Whether it may still have this port open, and will shut it before it opens anything else. */
  isShutting(port: number): boolean {
    const isIt = (pair: PortPair): boolean => pair.port === port;
    return this.#toShut.some(isIt) || this.#shutting.some((pairs) => pairs.some(isIt));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.#shutTimer?.cancel();
    this.#channel?.close();
    for (const waiting of this.#waiting.splice(0)) waiting.resolve();
    const worker = this.#process;
    if (worker === null) return;
    const gone = Promise.withResolvers<void>();
    worker.stream.once('close', gone.resolve);
    if (worker.stream.closed) gone.resolve();
    const timer = this.#clock.after(patience, () => worker.kill());
    await gone.promise;
    timer.cancel();
  }

  /** Starts its process; that goes on by itself until it is closed. */
  start(): void {
    this.#state = 'starting';
    this.#startedAt = this.#answeredAt = this.#watchedAt = this.#clock.now();
    let worker: WorkerProcess;
    try {
      worker = this.#spawn(this.#index);
    } catch (error) {
      return this.#lose((error as Error).message);
    }
    this.#process = worker;
    this.#channel = new Channel(worker.stream, {
      onMessage: (message) => this.#hear(message),
      onClose: (reason) => this.#lose(reason),
    });
    this.#timer = this.#clock.after(pingInterval, () => this.#watch());
    if (this.#restarts > 0) this.#user.onRestart();
  }

  #watch(): void {
    const now = this.#clock.now();
    // Who was held up itself has not heard what was answered: then nobody is at fault but itself.
    if (now - this.#watchedAt > 2 * pingInterval) this.#answeredAt = now;
    this.#watchedAt = now;
    const waited = now - this.#answeredAt;
    if (waited >= (this.#state === 'starting' ? startPatience : patience)) return this.#lose('it does not answer');
    this.#channel?.send({ type: 'ping' });
    this.#timer = this.#clock.after(pingInterval, () => this.#watch());
  }

  #hear(message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        this.#name = message.name;
        this.#state = 'running';
        this.#answeredAt = this.#clock.now();
        this.#failure = null;
        for (const waiting of this.#waiting.splice(0)) waiting.resolve();
        if (this.#restarts > 0) this.#log.info('a media worker runs again', { worker: this.name });
        return;
      case 'opened':
        this.#shutting.shift();
        for (const [pair, result] of message.results) this.#user.onOpened(pair, result);
        return;
      case 'told':
      case 'ended':
        return this.#user.onSession(message);
      case 'figures':
        this.#totals = message.totals;
        for (const [session, counters] of message.sessions) this.#user.onFigures(session, counters);
        return;
      case 'log':
        return this.#log[message.level](message.message, { worker: this.name, ...message.fields });
      case 'pong':
        this.#answeredAt = this.#clock.now();
        return;
      default:
        return message satisfies never;
    }
  }

  #lose(reason: string): void {
    if (this.#closed || this.#state === 'down') return;
    this.#timer?.cancel();
    this.#shutTimer?.cancel();
    this.#shutTimer = null;
    this.#toShut = [];
    this.#shutting.length = 0;
    if (this.#state === 'starting' && this.#restarts === 0) this.#fail(reason);
    this.#state = 'down';
    this.#before = this.totals;
    this.#totals = { received: 0, sent: 0, lost: 0 };
    this.#channel?.close();
    this.#channel = null;
    this.#process?.kill();
    this.#process = null;
    const now = this.#clock.now();
    this.#pause = now - this.#startedAt >= settled ? firstPause : Math.min(2 * this.#pause, longestPause);
    this.#log.error('a media worker was lost', { worker: this.name, reason, restart_ms: this.#pause });
    this.#timer = this.#clock.after(this.#pause, () => {
      this.#restarts++;
      this.start();
    });
    this.#user.onDown(reason);
  }

  #fail(reason: string): void {
    this.#failure = new Error(`media worker ${this.#index + 1} does not start: ${reason}`);
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#failure);
  }

  #sendPorts(open: readonly PortPair[]): void {
    this.#shutTimer?.cancel();
    this.#shutTimer = null;
    if (this.#channel === null) return;
    const shut = this.#toShut;
    this.#toShut = [];
    this.#shutting.push(shut);
    this.#channel.send({ type: 'ports', shut, open });
  }
}

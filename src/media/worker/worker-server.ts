import type { Duplex } from 'node:stream';
import { type Clock, every, type Log, type LogFields, type Timer } from '../../base/index.ts';
import type { MediaSession, MediaSessionUser, MediaSummary } from '../engine.ts';
import type { MediaSessions } from '../media-sessions.ts';
import { noCounters, type Relay } from '../relay/relay.ts';
import { Channel } from './channel.ts';
import { type FromWorker, type ToWorker, type UserEvent, userEvents } from './protocol.ts';

/** How often the totals are told, in ms, and with them the counters of one of so many parts of the sessions. */
const figuresInterval = 1000;
const countersEvery = 5;
/** What may be dropped is dropped while the control process has so many bytes still to take. */
const backlogLimit = 4 * 1024 * 1024;

/** Of a session that never began. */
const noSummary: MediaSummary = {
  legs: [
    { counters: noCounters, quality: null },
    { counters: noCounters, quality: null },
  ],
  recordings: [],
};

export interface WorkerServerOptions {
  /** To the control process. */
  readonly stream: Duplex;
  readonly clock: Clock;
  /** Makes what carries the media; its log lines go to the control process. */
  readonly make: (log: Log) => { readonly relay: Relay; readonly sessions: MediaSessions; readonly name: string };
  /** The control process has gone. */
  readonly onClose: () => void;
}

/** The worker's end: does with a relay and sessions of its own what the control process says. */
export class WorkerServer {
  readonly #channel: Channel<FromWorker, ToWorker>;
  readonly #relay: Relay;
  readonly #sessions: MediaSessions;
  readonly #running = new Map<number, MediaSession>();
  readonly #timer: Timer;
  #turn = 0;

  constructor({ stream, clock, make, onClose }: WorkerServerOptions) {
    this.#channel = new Channel(stream, {
      onMessage: (message) => this.#obey(message),
      onClose: () => {
        this.#timer.cancel();
        this.#sessions.endAll();
        onClose();
      },
    });
    const { relay, sessions, name } = make(logTo(this.#channel, {}));
    this.#relay = relay;
    this.#sessions = sessions;
    this.#timer = every(clock, figuresInterval, () => this.#tellFigures());
    this.#channel.send({ type: 'ready', name });
  }

  #obey(message: ToWorker): void {
    switch (message.type) {
      case 'ports': {
        for (const pair of message.shut) this.#relay.shut(pair);
        const results = message.open.map((pair) => [pair, this.#relay.open(pair)] as const);
        return this.#channel.send({ type: 'opened', results });
      }
      case 'start':
      case 'update':
        return this.#carry(message);
      case 'digit':
        return this.#running.get(message.session)?.digit(message.leg, message.digit, message.durationMs);
      case 'end':
        return this.#end(message.session);
      case 'ping':
        return this.#channel.send({ type: 'pong' });
      default:
        return message satisfies never;
    }
  }

  #carry({ session, spec }: Extract<ToWorker, { type: 'start' | 'update' }>): void {
    try {
      const running = this.#running.get(session);
      if (running) running.update(spec);
      else this.#running.set(session, this.#sessions.start(spec, this.#userOf(session)));
    } catch (error) {
      // A port that could not be opened after all: the control process has checked all else.
      this.#tell(session, { event: 'onLost', args: [error instanceof Error ? error.message : String(error)] });
    }
  }

  #end(session: number): void {
    const ended = (summary: MediaSummary) => this.#channel.send({ type: 'ended', session, summary });
    const running = this.#running.get(session);
    this.#running.delete(session);
    // It may never have begun, where a port could not be opened.
    if (running) running.end(ended);
    else ended(noSummary);
  }

  #userOf(session: number): MediaSessionUser {
    const events = Object.keys(userEvents) as UserEvent['event'][];
    return Object.fromEntries(
      events.map((event) => [event, (...args: unknown[]) => this.#tell(session, { event, args } as UserEvent)]),
    ) as unknown as MediaSessionUser;
  }

  #tell(session: number, event: UserEvent): void {
    if (event.event === 'onQuality' && this.#channel.backlog > backlogLimit) return;
    this.#channel.send({ type: 'told', session, ...event });
  }

  #tellFigures(): void {
    if (this.#channel.backlog > backlogLimit) return;
    // Those of a thousand calls at once would keep the control process from a SIP message for some ms.
    const turn = ++this.#turn % countersEvery;
    const sessions = [...this.#running]
      .filter(([session]) => session % countersEvery === turn)
      .map(([session, running]) => [session, running.counters()] as const);
    this.#channel.send({ type: 'figures', totals: this.#relay.totals(), sessions });
  }
}

function logTo(channel: Channel<FromWorker, ToWorker>, always: LogFields): Log {
  const line =
    (level: 'debug' | 'info' | 'warning' | 'error') =>
    (message: string, fields: LogFields = {}) =>
      channel.send({ type: 'log', level, message, fields: plain({ ...always, ...fields }) });
  return {
    debug: line('debug'),
    info: line('info'),
    warning: line('warning'),
    error: line('error'),
    child: (fields) => logTo(channel, { ...always, ...fields }),
  };
}

/** What cannot be sent as it is, such as functions in an error's fields, is sent as text. */
function plain(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      value instanceof Error ? value : typeof value === 'object' || typeof value === 'function' ? String(value) : value,
    ]),
  );
}

import type { Clock, Timer } from '../../base/index.ts';
import type { MediaSessionSpec, MediaSummary } from '../engine.ts';
import { type LegCounters, type LegIndex, noCounters } from '../relay/relay.ts';
import type { RecordingSummary } from '../sound/recorder.ts';
import { summaryOfLeft } from '../sound/recording-folder.ts';
import type { UserEvent } from './protocol.ts';
import type { WorkerLink } from './worker-link.ts';

/** How long a worker may take to tell how a session was, in ms. */
const endPatience = 5000;

/** Hears of a part of a session. */
export interface PartUser {
  onTold(event: UserEvent): void;
  /** Its worker has died. */
  onDown(reason: string): void;
}

/** What a part needs of its engine. */
export interface PartHost {
  readonly clock: Clock;
  /** A number for it, under which its worker speaks of it. */
  begin(part: SessionPart): number;
  forget(number: number): void;
}

/** What one worker does for a session: all of it, or, where the legs are with two workers, one leg's half. */
export class SessionPart {
  readonly link: WorkerLink;
  readonly #host: PartHost;
  readonly #user: PartUser;
  readonly #number: number;
  /** It waits until its worker, which has died before, runs again; its worker carries it; that has died with it. */
  #state: 'waiting' | 'carried' | 'lost' = 'waiting';
  #spec: MediaSessionSpec;
  #counters: readonly [LegCounters, LegCounters] = [noCounters, noCounters];
  /** What it records. */
  readonly #files = new Set<string>();
  #done: ((summary: MediaSummary) => void) | null = null;
  #patience: Timer | null = null;

  constructor(link: WorkerLink, spec: MediaSessionSpec, host: PartHost, user: PartUser) {
    this.link = link;
    this.#host = host;
    this.#user = user;
    this.#spec = spec;
    this.#number = host.begin(this);
    if (link.state !== 'down') this.#start();
  }

  /** As far as the worker has told. */
  get counters(): readonly [LegCounters, LegCounters] {
    return this.#counters;
  }

  update(spec: MediaSessionSpec): void {
    this.#spec = spec;
    if (this.#state === 'carried') this.#tell('update');
  }

  digit(leg: LegIndex, digit: string, durationMs: number): void {
    if (this.#state === 'carried') this.link.send({ type: 'digit', session: this.#number, leg, digit, durationMs });
  }

  /**
   * A worker that has died, or does not tell in time, tells no more than it has told. What a dead one has recorded is
   * closed for it.
   */
  end(done: (summary: MediaSummary) => void): void {
    this.#done = done;
    if (this.#state !== 'carried') return this.#endUntold();
    this.link.send({ type: 'end', session: this.#number });
    this.#patience = this.#host.clock.after(endPatience, () => this.#giveUp());
  }

  onTold(event: UserEvent): void {
    if (!this.#done) this.#user.onTold(event);
  }

  onFigures(counters: readonly [LegCounters, LegCounters]): void {
    this.#counters = counters;
  }

  onEnded(summary: MediaSummary): void {
    this.#patience?.cancel();
    const done = this.#done;
    this.#done = null;
    this.#host.forget(this.#number);
    done?.(summary);
  }

  /** Its worker runs again. */
  onRestart(): void {
    if (this.#state === 'waiting') this.#start();
  }

  onDown(reason: string): void {
    if (this.#state === 'lost') return;
    this.#state = 'lost';
    if (this.#done) this.#endUntold();
    else this.#user.onDown(reason);
  }

  /** Its worker is closed: who waits for its end waits no longer, and nobody else hears of it. */
  close(): void {
    if (this.#state === 'lost') return;
    this.#state = 'lost';
    if (this.#done) this.#endUntold();
  }

  #start(): void {
    this.#state = 'carried';
    this.#tell('start');
  }

  #tell(type: 'start' | 'update'): void {
    const { recording } = this.#spec;
    if (recording) this.#files.add(recording.file);
    this.link.send({ type, session: this.#number, spec: this.#spec });
  }

  #endUntold(): void {
    this.#patience?.cancel();
    if (this.#files.size === 0) return this.#endWith([]);
    void Promise.all([...this.#files].map(summaryOfLeft)).then((recordings) => this.#endWith(recordings));
  }

  /** Its worker lives and may still be writing to the files. */
  #giveUp(): void {
    this.#state = 'lost';
    const failed = { durationMs: 0, pausedMs: 0, status: 'failed', reason: 'it was not closed in time' } as const;
    this.#endWith([...this.#files].map((file) => ({ file, ...failed })));
  }

  #endWith(recordings: readonly RecordingSummary[]): void {
    const [a, b] = this.#counters;
    this.onEnded({
      legs: [
        { counters: a, quality: null },
        { counters: b, quality: null },
      ],
      recordings,
    });
  }
}

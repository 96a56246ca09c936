import type { MediaSessionSpec, MediaSummary } from '../engine.ts';
import { type LegCounters, type LegIndex, noCounters } from '../relay.ts';
import { summaryOfLeft } from '../sound/recording-folder.ts';
import type { UserEvent } from './protocol.ts';
import type { WorkerLink } from './worker-link.ts';

/** Hears of a part of a session. */
export interface PartUser {
  onTold(event: UserEvent): void;
  /** Its worker has died. */
  onDown(reason: string): void;
}

/** Numbers for the parts, under which workers speak of them. */
export interface PartNumbers {
  begin(part: SessionPart): number;
  forget(number: number): void;
}

/** What one worker does for a session: all of it, or, where the legs are with two workers, one leg's half. */
export class SessionPart {
  readonly link: WorkerLink;
  readonly #numbers: PartNumbers;
  readonly #user: PartUser;
  readonly #number: number;
  #counters: readonly [LegCounters, LegCounters] = [noCounters, noCounters];
  #lost = false;
  /** What it records. */
  readonly #files = new Set<string>();
  #done: ((summary: MediaSummary) => void) | null = null;

  constructor(link: WorkerLink, spec: MediaSessionSpec, numbers: PartNumbers, user: PartUser) {
    this.link = link;
    this.#numbers = numbers;
    this.#user = user;
    this.#number = numbers.begin(this);
    if (spec.recording) this.#files.add(spec.recording.file);
    link.send({ type: 'start', session: this.#number, spec });
  }

  /** As far as the worker has told. */
  get counters(): readonly [LegCounters, LegCounters] {
    return this.#counters;
  }

  update(spec: MediaSessionSpec): void {
    if (spec.recording) this.#files.add(spec.recording.file);
    if (!this.#lost) this.link.send({ type: 'update', session: this.#number, spec });
  }

  digit(leg: LegIndex, digit: string, durationMs: number): void {
    this.link.send({ type: 'digit', session: this.#number, leg, digit, durationMs });
  }

  /** A worker that has died tells no more than it has told; what it has recorded is closed for it. */
  end(done: (summary: MediaSummary) => void): void {
    this.#done = done;
    if (this.#lost) this.#endLost();
    else this.link.send({ type: 'end', session: this.#number });
  }

  onTold(event: UserEvent): void {
    if (!this.#done) this.#user.onTold(event);
  }

  onFigures(counters: readonly [LegCounters, LegCounters]): void {
    this.#counters = counters;
  }

  onEnded(summary: MediaSummary): void {
    const done = this.#done;
    this.#done = null;
    this.#numbers.forget(this.#number);
    done?.(summary);
  }

  onDown(reason: string): void {
    this.#lost = true;
    if (this.#done) this.#endLost();
    else this.#user.onDown(reason);
  }

  #endLost(): void {
    const [a, b] = this.#counters;
    const legs = [
      { counters: a, quality: null },
      { counters: b, quality: null },
    ] as const;
    if (this.#files.size === 0) return this.onEnded({ legs, recordings: [] });
    void Promise.all([...this.#files].map(summaryOfLeft)).then((recordings) => this.onEnded({ legs, recordings }));
  }
}

import { type Clock, every, type Timer } from '../../base/index.ts';
import type { MediaLeg, MediaSessionSpec, MediaSessionUser } from '../engine.ts';
import type { LegCounters, LegIndex } from '../relay/relay.ts';
import { type LegQualitySummary, QualityMonitor } from './quality-monitor.ts';
import { SilenceWatch } from './silence-watch.ts';

/** How often the quality of an answered call is told, in ms. */
const interval = 5000;

/** The quality of one session, from its answer to its end. */
export class SessionQuality {
  readonly #clock: Clock;
  readonly #counters: () => readonly [LegCounters, LegCounters];
  readonly #user: Pick<MediaSessionUser, 'onQuality' | 'onOneWay'>;
  readonly #silence: SilenceWatch;
  /** Null before the answer. */
  #monitor: QualityMonitor | null = null;
  #timer: Timer | null = null;

  /** `counters` are read when they are needed, a few times in 5 s. */
  constructor(
    clock: Clock,
    counters: () => readonly [LegCounters, LegCounters],
    user: Pick<MediaSessionUser, 'onQuality' | 'onOneWay'>,
  ) {
    this.#clock = clock;
    this.#counters = counters;
    this.#user = user;
    this.#silence = new SilenceWatch(clock, counters, (finding) => user.onOneWay?.(finding));
  }

  /** What the session is to be from now on. */
  update({ answered, legs }: Pick<MediaSessionSpec, 'answered' | 'legs'>): void {
    if (!answered) return;
    this.#monitor ??= this.#begin();
    this.#monitor.update(legs);
    this.#silence.update([watched(legs[0]), legs[1] && watched(legs[1])]);
  }

  /** RTCP of the phone of `leg`, which came at `at` (ms, monotonic). */
  onRtcp(leg: LegIndex, packet: Uint8Array, at: number): void {
    this.#monitor?.onRtcp(leg, packet, at);
  }

  /** RTCP of our own goes to the phone of `leg`. */
  ownRtcp(leg: LegIndex, packet: Uint8Array): void {
    this.#monitor?.ownRtcp(leg, packet, this.#clock.now());
  }

  /** Ends it, while the counters can still be read; how each leg was in all, null where there was no answer. */
  end(): readonly [LegQualitySummary | null, LegQualitySummary | null] {
    this.#timer?.cancel();
    this.#silence.stop();
    if (this.#monitor === null) return [null, null];
    // What came since the last report counts too.
    this.#monitor.report();
    return this.#monitor.summary();
  }

  #begin(): QualityMonitor {
    const monitor = new QualityMonitor(this.#counters);
    this.#timer = every(this.#clock, interval, () => this.#user.onQuality?.(monitor.report()));
    return monitor;
  }
}

/** A phone of which nothing is said may send. */
const watched = ({ expected = true, ...leg }: MediaLeg) => ({ ...leg, expected });

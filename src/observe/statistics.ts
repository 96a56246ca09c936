import type { Clock } from '../base/index.ts';
import type { PbxEvent } from '../pbx/events/index.ts';
import type { MediaFigures } from './metrics.ts';

/** What `/api/stats` tells, in its words. Rates in percent, times in s; null is "not measured". */
export interface CallStatistics {
  readonly active_calls: number;
  /** Calls that have ended. */
  readonly total_calls: number;
  /** Those of status `failed`. */
  readonly failed_calls: number;
  /** 100 while no call has ended. */
  readonly success_rate: number;
  /** Over answered calls; null while there was none. */
  readonly average_call_duration: number | null;
  readonly port_pool: PortPoolStatistics;
  readonly uptime_seconds: number;
}

/** The RTP ports, counted one by one; `utilization` in percent. */
export interface PortPoolStatistics {
  readonly total: number;
  readonly in_use: number;
  readonly utilization: number;
}

/** Counts calls since the start of the process. */
export class Statistics {
  readonly #clock: Clock;
  readonly #activeCalls: () => number;
  readonly #media: Pick<MediaFigures, 'usage'>;
  readonly #startedAt: number;
  #total = 0;
  #failed = 0;
  #answered = 0;
  #answeredMs = 0;

  constructor(clock: Clock, activeCalls: () => number, media: Pick<MediaFigures, 'usage'>) {
    this.#clock = clock;
    this.#activeCalls = activeCalls;
    this.#media = media;
    this.#startedAt = clock.now();
  }

  /** Hears an event. */
  handle(event: PbxEvent): void {
    if (event.type !== 'call.ended') return;
    const { answeredAt, durationMs, ending } = event.call;
    this.#total++;
    if (ending.status === 'failed') this.#failed++;
    if (answeredAt === null) return;
    this.#answered++;
    this.#answeredMs += durationMs;
  }

  read(): CallStatistics {
    return {
      active_calls: this.#activeCalls(),
      total_calls: this.#total,
      failed_calls: this.#failed,
      success_rate: this.#total === 0 ? 100 : percent(this.#total - this.#failed, this.#total),
      average_call_duration: this.#answered === 0 ? null : Math.round(this.#answeredMs / this.#answered / 10) / 100,
      port_pool: portPoolStatistics(this.#media),
      uptime_seconds: this.uptimeSeconds(),
    };
  }

  /** Whole seconds since this object was made, at the start of the process. */
  uptimeSeconds(): number {
    return Math.floor((this.#clock.now() - this.#startedAt) / 1000);
  }
}

/** The port pool as the pages show it. */
export function portPoolStatistics(media: Pick<MediaFigures, 'usage'>): PortPoolStatistics {
  const { total, inUse } = media.usage();
  return { total, in_use: inUse, utilization: total === 0 ? 0 : percent(inUse, total) };
}

/** To two decimal places. */
function percent(part: number, whole: number): number {
  return Math.round((part / whole) * 10_000) / 100;
}

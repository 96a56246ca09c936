import { type Clock, every, isoTime, type Log, type Timer } from '../base/index.ts';

const hour = 3_600_000;
const day = 24 * hour;
/** Days before the end of a certificate at which that is said, the last first. */
const marks = [0, 1, 7, 21];

/** Says in time that a certificate is about to end: 21 days, 7 days and a day before, and when it has ended. */
export class CertificateWatch implements Disposable {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #path: string;
  readonly #ends: () => number | null;
  readonly #timer: Timer;
  /** The end that has been spoken of, and the last mark. */
  #told: { readonly ends: number; readonly mark: number } | null = null;

  /** `ends` gives the end of the certificate in use, wall time in ms; null where there is none. Begins to watch. */
  constructor(options: {
    readonly clock: Clock;
    readonly log: Log;
    /** The file of the certificate, for the log. */
    readonly path: string;
    readonly ends: () => number | null;
  }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#path = options.path;
    this.#ends = options.ends;
    this.#look();
    this.#timer = every(options.clock, hour, () => this.#look());
  }

  [Symbol.dispose](): void {
    this.#timer.cancel();
  }

  #look(): void {
    const ends = this.#ends();
    if (ends === null) return;
    const days = (ends - this.#clock.wall()) / day;
    const mark = marks.find((limit) => days <= limit);
    if (mark === undefined || (this.#told?.ends === ends && this.#told.mark <= mark)) return;
    this.#told = { ends, mark };
    const fields = { certificate: this.#path, ends: isoTime(ends), days_left: Math.max(0, Math.floor(days)) };
    if (mark === 0) this.#log.error('the certificate has ended: phones refuse it', fields);
    else this.#log.warning('the certificate is about to end', fields);
  }
}

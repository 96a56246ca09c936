import type { Clock, Log } from '../../base/index.ts';

/** How long further failures of one user from one address are only counted, in ms. */
const quiet = 60_000;
/** Users and addresses that are told of within that time; more are strangers who try names. */
const most = 100;

/**
 * Tells the log of wrong passwords, for whoever sets up a phone looks there: the first of a user from an address at once,
 * then one line a minute, because a phone tries again and again and a stranger thousands of times a second.
 */
export class FailureLog {
  readonly #clock: Clock;
  readonly #log: Log;
  /** In the order of being told. */
  readonly #told = new Map<string, { readonly at: number; further: number }>();

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Takes one failure; `user` is what the peer wrote. */
  failed(user: string | null, sourceIp: string, method: string): void {
    const name = user?.slice(0, 64);
    const key = `${sourceIp} ${name}`;
    const now = this.#clock.now();
    const earlier = this.#told.get(key);
    if (earlier && now - earlier.at < quiet) {
      earlier.further++;
      return;
    }
    this.#told.delete(key);
    for (const [oldest, { at }] of this.#told) {
      if (this.#told.size < most || now - at < quiet) break;
      this.#told.delete(oldest);
    }
    if (this.#told.size >= most) return;
    this.#told.set(key, { at: now, further: 0 });
    this.#log.warning('wrong password, or no such extension', {
      user: name,
      source_ip: sourceIp,
      method,
      ...(earlier && earlier.further > 0 ? { failures_since_last_told: earlier.further } : {}),
    });
  }
}

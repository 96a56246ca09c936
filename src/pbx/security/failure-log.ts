import { type Clock, type Log, Seldom } from '../../base/index.ts';

/** Users and addresses that are told of within a minute; more are strangers who try names. */
const most = 100;

/**
 * Tells the log of wrong passwords, for whoever sets up a phone looks there: the first of a user from an address at once,
 * then one line a minute, because a phone tries again and again and a stranger thousands of times a second.
 */
export class FailureLog {
  readonly #log: Log;
  /** By address and user. */
  readonly #seldom: Seldom<string>;

  constructor(clock: Clock, log: Log) {
    this.#log = log;
    this.#seldom = new Seldom(clock, most);
  }

  /** Takes one failure; `user` is what the peer wrote. */
  failed(user: string | null, sourceIp: string, method: string): void {
    const name = user?.slice(0, 64);
    const further = this.#seldom.due(`${sourceIp} ${name}`);
    if (further === null) return;
    this.#log.warning('wrong password, or no such extension', {
      user: name,
      source_ip: sourceIp,
      method,
      ...(further > 0 ? { failures_since_last_told: further } : {}),
    });
  }
}

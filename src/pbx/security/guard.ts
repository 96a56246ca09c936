import type { Clock, Log } from '../../base/index.ts';
import type { SipMessage, SipRequest } from '../../sip/message/index.ts';
import type { Flow, Gate } from '../../sip/transport/index.ts';
import { claimedUsers } from '../../sip/ua/index.ts';
import type { EventBus } from '../events/index.ts';
import type { BanStore } from './ban-store.ts';
import { Bans } from './bans.ts';
import { FailureCounts } from './failure-counts.ts';
import { ProtectedUsers, type Registration } from './protected-users.ts';
import { RecentMap } from './recent-map.ts';
import { isFromScanner } from './scanners.ts';
import { sourceOf } from './source.ts';

export interface BanConfig {
  /** So many failures of a source within `windowMs` are a ban of `durationMs`; a repeated one is longer. */
  readonly failures: number;
  readonly windowMs: number;
  readonly durationMs: number;
}

export interface GuardOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventBus;
  readonly store: BanStore;
  readonly config: BanConfig;
  /** Domain of the addresses of record that are told of. */
  readonly realm: string;
  /** Whether the network of this IP address is never banned. */
  readonly isAllowed: (address: string) => boolean;
  /** Every live registration. */
  readonly registrations: () => Iterable<Registration>;
  /** Closes the connections that `which` names. */
  readonly hangUp: (which: (flow: Flow) => boolean) => void;
}

/** Counted since the start, but for `bansActive`. */
export interface GuardFigures {
  readonly failures: number;
  readonly bansActive: number;
  readonly bans: number;
  /** Messages, and connections, of banned sources. */
  readonly bannedDropped: number;
  readonly scannersDropped: number;
}

/** The longest that the answer to a failure is delayed, in ms. */
const longestDelay = 8000;
/** Failures that are answered at once: anybody mistypes a password. */
const undelayed = 2;
/** The delay of the first answer after them, in ms; each further one takes twice as long. */
const firstDelay = 500;
/** Longer names are cut off, and longer digests, of which there are none: peers choose them. */
const longestName = 64;
/** Pairs of source and user of which something is remembered. */
const mostPairs = 10_000;

/**
 * Turns attackers away: bans sources that fail to prove who they are, and is deaf to known scanners. Only what
 * `failed` is told is counted: failures with a nonce of ours that was given to that very address, which nobody can
 * forge in another's name.
 *
 * A ban leaves out who is registered at the banned source: a good phone behind the attacker's NAT goes on. For these
 * users, tries from elsewhere than the registered flow are heard once every 8 s, so that the attacker can't go on
 * with them.
 */
export class Guard implements Gate, Disposable {
  readonly #options: GuardOptions;
  readonly #bans: Bans;
  readonly #bySource: FailureCounts;
  readonly #byUser: FailureCounts;
  readonly #protected: ProtectedUsers;
  /** When the next try of a user from a banned source is heard: monotonic ms. */
  readonly #nextTry = new RecentMap<string, number>(mostPairs);
  /** The last failure of a user at a source, which comes once more when the network has lost its answer. */
  readonly #lastFailure = new RecentMap<string, { readonly response: string; readonly delay: number }>(mostPairs);
  #failures = 0;
  #bannedDropped = 0;
  #scannersDropped = 0;

  constructor(options: GuardOptions) {
    const { clock, config, registrations } = options;
    this.#options = options;
    this.#bans = new Bans({ ...options, durationMs: config.durationMs });
    this.#bySource = new FailureCounts(clock, config.windowMs);
    this.#byUser = new FailureCounts(clock, config.windowMs);
    this.#protected = new ProtectedUsers(clock, registrations, (source) => this.#bans.has(source));
  }

  /** Takes up the bans of the last run; to be awaited before peers are heard. */
  load(): Promise<void> {
    // A /64 is allowed where its first address is.
    return this.#bans.load((source) => this.#options.isAllowed(source.replace('/64', '')));
  }

  get figures(): GuardFigures {
    return {
      failures: this.#failures,
      bansActive: this.#bans.active,
      bans: this.#bans.total,
      bannedDropped: this.#bannedDropped,
      scannersDropped: this.#scannersDropped,
    };
  }

  accepts(address: string): boolean {
    if (this.#hears(address)) return true;
    this.#bannedDropped++;
    return false;
  }

  admits(message: SipMessage, flow: Flow): boolean {
    if (message.kind === 'request' && isFromScanner(message)) {
      this.#scannersDropped++;
      return false;
    }
    const source = this.#bannedSource(flow.remote.address);
    if (source === null || message.kind === 'response' || this.#mayPass(message, source, flow)) return true;
    this.#bannedDropped++;
    return false;
  }

  /**
   * Counts a failure of `user` on `flow`, unless it is the last one repeated: `response` is the digest that was wrong.
   * Gives how long its answer is to be delayed, in ms; null where it is to have none, since the source is banned.
   */
  failed(user: string, flow: Flow, response: string): number | null {
    const source = sourceOf(flow.remote.address);
    const key = pairKey(source, user);
    const last = this.#lastFailure.get(key);
    if (last?.response === response) return last.delay;
    const delay = this.#count(user, source, flow);
    if (delay !== null) this.#lastFailure.put(key, { response: response.slice(0, longestName), delay });
    return delay;
  }

  [Symbol.dispose](): void {
    this.#bans[Symbol.dispose]();
  }

  #count(user: string, source: string, flow: Flow): number | null {
    const { clock, config, isAllowed, realm, hangUp } = this.#options;
    const name = user.slice(0, longestName);
    this.#failures++;
    const ofUser = this.#byUser.add(name);
    if (this.#bans.has(source)) {
      if (!this.#protected.has(source, user)) return null;
      this.#nextTry.put(pairKey(source, name), clock.now() + longestDelay);
      return longestDelay;
    }
    if (isAllowed(flow.remote.address)) return delayOf(ofUser);
    const ofSource = this.#bySource.add(source);
    if (ofSource < config.failures) return delayOf(Math.max(ofSource, ofUser));
    this.#bySource.forget(source);
    this.#bans.add(source, `${name}@${realm}`, ofSource);
    this.#protected.refresh();
    hangUp(({ remote }) => !this.#hears(remote.address));
    return null;
  }

  /** The banned source that this address belongs to; null where it is not banned. */
  #bannedSource(address: string): string | null {
    if (this.#bans.active === 0) return null;
    const source = sourceOf(address);
    if (!this.#bans.has(source)) return null;
    // Of a /64 that is banned, a part may be allowed.
    return source !== address && this.#options.isAllowed(address) ? null : source;
  }

  /** Whether anybody at this address is heard. */
  #hears(address: string): boolean {
    const source = this.#bannedSource(address);
    return source === null || this.#protected.anyAt(source);
  }

  /** Whether a request from a banned source is one of a user who is registered there. */
  #mayPass(request: SipRequest, source: string, flow: Flow): boolean {
    try {
      // Within a dialog the tags say who it is, and nobody guesses those.
      if (request.method !== 'REGISTER' && request.toTag !== null) return true;
      const claimed = claimedUsers(request);
      if (claimed.length === 0) return this.#protected.has(source, addressedUser(request) ?? '');
      return claimed.every(
        (user) =>
          this.#protected.has(source, user) &&
          (this.#protected.usesFlow(source, user, flow) ||
            (this.#nextTry.get(pairKey(source, user)) ?? 0) <= this.#options.clock.now()),
      );
    } catch {
      // Whose it is can't be read.
      return false;
    }
  }
}

/** Who says to send a request without credentials: for REGISTER To, else From. */
function addressedUser(request: SipRequest): string | null {
  const { uri } = request.method === 'REGISTER' ? request.to : request.from;
  return uri.kind === 'sip' ? uri.user : null;
}

function pairKey(source: string, user: string): string {
  return `${source} ${user.slice(0, longestName)}`;
}

function delayOf(failures: number): number {
  return failures <= undelayed ? 0 : Math.min(firstDelay * 2 ** (failures - undelayed - 1), longestDelay);
}

import type { Clock, Log } from '../../base/index.ts';
import type { NotifyOutcome, Subscription, SubscriptionEnd } from '../../sip/dialog/index.ts';
import { Event, Expires, SipError, type SipRequest } from '../../sip/message/index.ts';
import type { ServerTransaction } from '../../sip/transaction/index.ts';
import type { Admit, UserAgent } from '../../sip/ua/index.ts';
import type { Directory } from '../directory/index.ts';
import { dialledNumber } from '../routing/index.ts';
import { takes } from './accepted-types.ts';
import type { EventPackage } from './event-package.ts';
import { grantedExpires } from './granted-expires.ts';
import { Pacer } from './pacer.ts';
import { Watch, type WatchKeeper } from './watch.ts';

export interface NotifierOptions {
  readonly userAgent: UserAgent;
  readonly admit: Admit;
  readonly directory: Pick<Directory, 'extension' | 'isOwnHost'>;
  readonly packages: readonly EventPackage[];
  readonly clock: Clock;
  readonly log: Log;
}

/** Subscriptions of all watchers together, and of one extension: a console with a lamp for each colleague has hundreds. */
const maxSubscriptions = 20_000;
const maxOfOneWatcher = 500;

/** Seconds after which a watcher that found us full may try again. */
const retryAfter = '60';

/** No package of ours has a use for the body of a SUBSCRIBE; a filter (RFC 4660) is not so long. Bytes. */
const largestBody = 4096;

/**
 * Who watches whom: takes SUBSCRIBEs, holds the subscriptions and tells the watchers what changes. Any extension of
 * this exchange may watch any other; nobody else may watch at all.
 */
export class Notifier implements WatchKeeper, Disposable {
  readonly #options: Omit<NotifierOptions, 'packages' | 'clock'>;
  readonly #packages: ReadonlyMap<string, EventPackage>;
  readonly #pacer: Pacer;
  readonly #subscriptions = new Map<Watch, Subscription>();
  /** By package and watched extension. */
  readonly #watches = new Map<string, Set<Watch>>();
  /** How many each watcher has. */
  readonly #byWatcher = new Map<string, number>();
  readonly #notifies = new Map<NotifyOutcome, number>([
    ['confirmed', 0],
    ['failed', 0],
    ['unanswered', 0],
  ]);
  #closing = false;

  constructor(options: NotifierOptions) {
    this.#options = options;
    this.#packages = new Map(options.packages.map((kind) => [kind.name, kind]));
    this.#pacer = new Pacer(options.clock, options.log);
    options.userAgent.offerEvents([...this.#packages.keys()]);
    options.userAgent.handle('SUBSCRIBE', (transaction) => this.#onSubscribe(transaction));
  }

  /** Live subscriptions. */
  get count(): number {
    return this.#subscriptions.size;
  }

  /** How many live subscriptions each package has. */
  byPackage(): ReadonlyMap<string, number> {
    const counts = new Map([...this.#packages.keys()].map((name) => [name, 0]));
    for (const { kind } of this.#subscriptions.keys()) counts.set(kind.name, (counts.get(kind.name) ?? 0) + 1);
    return counts;
  }

  /** How many NOTIFYs have come to each outcome, since the start. */
  get notifies(): ReadonlyMap<NotifyOutcome, number> {
    return this.#notifies;
  }

  /** Tells whoever watches `extension` by this package that something has changed. */
  changed(kind: string, extension: string): void {
    for (const watch of this.#watches.get(watchKey(kind, extension)) ?? []) this.#subscriptions.get(watch)?.notify();
  }

  /** Tells every watcher that it is over, and takes no other from now on (RFC 6665 §4.1.3: it may subscribe again). */
  shutDown(): void {
    this.#closing = true;
    for (const subscription of [...this.#subscriptions.values()])
      subscription.terminate('deactivated', { paced: true });
  }

  /** Tells nobody anything any more. */
  [Symbol.dispose](): void {
    this.#pacer[Symbol.dispose]();
  }

  grant(watch: Watch, request: SipRequest): number {
    const { directory } = this.#options;
    if (!directory.extension(watch.watcher)) {
      this.#subscriptions.get(watch)?.terminate('rejected');
      throw new SipError(403, 'Not an Extension of Ours');
    }
    if (!directory.extension(watch.extension)) {
      this.#subscriptions.get(watch)?.terminate('noresource');
      throw new SipError(404, 'No Such Extension');
    }
    return this.#grant(watch.kind, request);
  }

  notified({ kind, watcher, extension }: Watch, outcome: NotifyOutcome): void {
    this.#notifies.set(outcome, (this.#notifies.get(outcome) ?? 0) + 1);
    if (outcome === 'confirmed') return;
    this.#options.log.debug('NOTIFY not taken', { event: kind.name, user: watcher, watched: extension, outcome });
  }

  ended(watch: Watch, end: SubscriptionEnd): void {
    const { kind, watcher, extension } = watch;
    if (!this.#subscriptions.delete(watch)) return;
    const key = watchKey(kind.name, extension);
    const others = this.#watches.get(key);
    others?.delete(watch);
    if (others?.size === 0) this.#watches.delete(key);
    const left = (this.#byWatcher.get(watcher) ?? 1) - 1;
    if (left > 0) this.#byWatcher.set(watcher, left);
    else this.#byWatcher.delete(watcher);
    this.#options.log.info('subscription ended', { event: kind.name, user: watcher, watched: extension, end });
  }

  #onSubscribe(transaction: ServerTransaction): void {
    const { userAgent, admit, directory, log } = this.#options;
    const { request, flow } = transaction;
    // Before any work is done: an overloaded exchange must not spend its time on refusing.
    if (this.#closing || this.#subscriptions.size >= maxSubscriptions) {
      throw new SipError(503, 'Service Unavailable', { headers: { 'Retry-After': retryAfter } });
    }
    const watcher = admit(transaction);
    if (watcher === null) return;
    if (!directory.extension(watcher)) throw new SipError(403, 'Not an Extension of Ours');
    const event = request.headers.first(Event);
    const kind = event && this.#packages.get(event.type);
    if (!kind) throw new SipError(489, 'Bad Event', { headers: userAgent.allowEvents });
    const extension = this.#watched(request, kind, watcher);
    const seconds = this.#grant(kind, request);
    if ((this.#byWatcher.get(watcher) ?? 0) >= maxOfOneWatcher) throw new SipError(403, 'Too Many Subscriptions');

    const watch = new Watch({ watcher, extension, kind, request, host: flow.advertised.address, keeper: this });
    const subscription = userAgent.receiveSubscribe(transaction, {
      event,
      contactUser: extension,
      user: watch,
      headers: userAgent.allowEvents,
      interval: kind.interval,
      pace: (send) => this.#pacer.take(send),
    });
    this.#subscriptions.set(watch, subscription);
    const key = watchKey(kind.name, extension);
    const others = this.#watches.get(key);
    if (others) others.add(watch);
    else this.#watches.set(key, new Set([watch]));
    this.#byWatcher.set(watcher, (this.#byWatcher.get(watcher) ?? 0) + 1);
    log.info('subscription added', { event: kind.name, user: watcher, watched: extension, expires: seconds });
    subscription.begin(seconds);
  }

  /** Whose state is asked for. */
  #watched(request: SipRequest, kind: EventPackage, watcher: string): string {
    const { directory } = this.#options;
    const { uri } = request;
    if (uri.kind === 'sip' && !directory.isOwnHost(uri.host)) throw new SipError(404, 'Not a Domain of Ours');
    const named = directory.extension(dialledNumber(uri))?.number;
    if (kind.watchers === 'oneself') {
      if (named !== undefined && named !== watcher) throw new SipError(403, "Another User's Mailbox");
      // Some phones ask the number that they would call for their messages.
      return watcher;
    }
    if (named === undefined) throw new SipError(404, 'No Such Extension');
    return named;
  }

  #grant(kind: EventPackage, request: SipRequest): number {
    if (request.body.length > largestBody) throw new SipError(413, 'Request Entity Too Large');
    if (!takes(request, kind.contentType)) throw new SipError(406, 'Not Acceptable');
    return grantedExpires(request.headers.first(Expires));
  }
}

function watchKey(kind: string, extension: string): string {
  return `${kind} ${extension}`;
}

import type { Clock, Log, Random, Timer } from '../base/index.ts';
import type { WebhookDelivery } from '../pbx/records/index.ts';
import type { WebhookHeaders } from './webhook-signature.ts';

/** Posts `body` to `url` and resolves to the status of the answer; gives up when `signal` is aborted. */
export type WebhookPost = (
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal,
) => Promise<number>;

export interface WebhookTargetOptions {
  readonly timeoutMs: number;
  /** Quick tries after the first. */
  readonly retries: number;
  readonly maxAgeMs: number;
}

export interface WebhookTargetParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly post: WebhookPost;
  readonly headers: WebhookHeaders;
  /** The delivery is done with: delivered, or dropped for its age. */
  readonly onDone: (delivery: WebhookDelivery) => void;
  /** A try has ended and no other can be made now. */
  readonly onIdle: () => void;
  /** All deliveries that are stored, of whatever URL; asked for when memory was too small for all of them. */
  readonly stored: () => Promise<readonly WebhookDelivery[]>;
}

/** Deliveries of one order key, of which the first is being tried. */
interface Lane {
  readonly key: string;
  readonly queue: WebhookDelivery[];
  /** Failed tries of the first. */
  failures: number;
  retry: Timer | null;
}

const parallel = 8;
const heldInMemory = 10_000;
const quickPauseMs = 1000;
const parkedPauseMs = 30_000;
const longestPauseMs = 3_600_000;
/** Failures in a row after which the receiver counts as gone, so that its return wakes what was parked. */
const goneAfter = 10;

/**
 * One URL and what is on its way to it. Deliveries with the same order key go one after the other, a failing one holds
 * up only those behind it; different keys go side by side. What memory can't hold stays in the store.
 */
export class WebhookTarget {
  readonly url: string;
  readonly #options: WebhookTargetOptions;
  readonly #parts: WebhookTargetParts;
  readonly #host: string;
  readonly #lanes = new Map<string, Lane>();
  readonly #ready: Lane[] = [];
  readonly #inFlight = new Set<AbortController>();
  #waiting = 0;
  #lastSequence = -1;
  /** Deliveries that were left to the store, counted since it was last read; null: memory holds all. */
  #overflow: number | null = null;
  #reading = false;
  #failuresInRow = 0;
  #requests = 0;
  #failures = 0;
  #dropped = 0;
  #closed = false;

  constructor(url: string, options: WebhookTargetOptions, parts: WebhookTargetParts) {
    this.url = url;
    this.#options = options;
    this.#parts = parts;
    this.#host = URL.parse(url)?.host ?? 'invalid URL'; // the path and the query may hold secrets
  }

  /** Nothing is being sent and nothing could be: what is left waits for its next try. */
  get idle(): boolean {
    return this.#inFlight.size === 0 && this.#ready.length === 0;
  }

  statistics() {
    return {
      requests: this.#requests,
      failures: this.#failures,
      dropped: this.#dropped,
      waiting: this.#waiting + (this.#overflow ?? 0),
    };
  }

  /** Takes a delivery that is in the store already; sequences rise from call to call. */
  add(delivery: WebhookDelivery): void {
    if (this.#closed) return;
    if (this.#overflow !== null || this.#waiting >= heldInMemory) {
      this.#overflow = (this.#overflow ?? 0) + 1;
      return;
    }
    this.#hold(delivery);
    this.#pump();
  }

  /** Stops timers and requests. What is undelivered stays in the store. */
  close(): void {
    this.#closed = true;
    for (const lane of this.#lanes.values()) lane.retry?.cancel();
    this.#lanes.clear();
    this.#ready.length = 0;
    for (const controller of this.#inFlight) controller.abort();
    this.#inFlight.clear();
  }

  #hold(delivery: WebhookDelivery): void {
    this.#waiting++;
    this.#lastSequence = Math.max(this.#lastSequence, delivery.sequence);
    const lane = this.#lanes.get(delivery.orderKey);
    if (lane) {
      lane.queue.push(delivery);
      return;
    }
    const begun: Lane = { key: delivery.orderKey, queue: [delivery], failures: 0, retry: null };
    this.#lanes.set(begun.key, begun);
    this.#ready.push(begun);
  }

  #pump(): void {
    while (!this.#closed && this.#inFlight.size < parallel) {
      const lane = this.#ready.shift();
      if (!lane) break;
      const delivery = lane.queue[0];
      if (delivery) this.#send(lane, delivery);
    }
    this.#readOverflow();
  }

  #send(lane: Lane, delivery: WebhookDelivery): void {
    const { clock, headers, post } = this.#parts;
    if (clock.wall() - delivery.createdAt > this.#options.maxAgeMs) {
      this.#drop(lane, delivery);
      return;
    }
    const controller = new AbortController();
    this.#inFlight.add(controller);
    this.#requests++;
    let settled = false;
    const settle = (outcome: { readonly status: number } | { readonly error: unknown }) => {
      if (settled || this.#closed) return;
      settled = true;
      timeout.cancel();
      this.#inFlight.delete(controller);
      if ('status' in outcome && outcome.status >= 200 && outcome.status < 300) this.#delivered(lane, delivery);
      else this.#failed(lane, outcome);
      this.#pump();
      if (this.idle) this.#parts.onIdle();
    };
    const timeout = clock.after(this.#options.timeoutMs, () => {
      controller.abort();
      settle({ error: new Error('no answer in time') });
    });
    controller.signal.addEventListener('abort', () => timeout.cancel(), { once: true });
    post(delivery.url, headers(delivery, clock.wall()), delivery.body, controller.signal).then(
      (status) => settle({ status }),
      (error) => settle({ error }),
    );
  }

  #delivered(lane: Lane, delivery: WebhookDelivery): void {
    const wasGone = this.#failuresInRow >= goneAfter;
    if (this.#failuresInRow > 0) this.#parts.log.info('webhooks are delivered again', { host: this.#host });
    this.#failuresInRow = 0;
    this.#finish(lane, delivery);
    if (!wasGone) return;
    for (const parked of this.#lanes.values()) {
      if (!parked.retry) continue;
      parked.retry.cancel();
      parked.retry = null;
      this.#ready.push(parked);
    }
  }

  #failed(lane: Lane, outcome: object): void {
    const { clock, log, random } = this.#parts;
    this.#failures++;
    if (this.#failuresInRow++ === 0) {
      log.warning('a webhook was not delivered and is tried again', { host: this.#host, ...outcome });
    }
    lane.failures++;
    const pause = pauseAfter(lane.failures, this.#options.retries);
    lane.retry = clock.after(pause + random.below(Math.floor(pause / 4)), () => {
      lane.retry = null;
      this.#ready.push(lane);
      this.#pump();
    });
  }

  #drop(lane: Lane, delivery: WebhookDelivery): void {
    this.#dropped++;
    this.#parts.log.error('a webhook was dropped: too old', {
      host: this.#host,
      webhook_id: delivery.id,
      order_key: delivery.orderKey,
      tries: lane.failures,
    });
    this.#finish(lane, delivery);
  }

  #finish(lane: Lane, delivery: WebhookDelivery): void {
    this.#waiting--;
    lane.queue.shift();
    lane.failures = 0;
    if (lane.queue.length > 0) this.#ready.push(lane);
    else this.#lanes.delete(lane.key);
    this.#parts.onDone(delivery);
  }

  /** Takes from the store what there was no room for, once half of the room is free. */
  #readOverflow(): void {
    if (this.#overflow === null || this.#reading || this.#closed || this.#waiting > heldInMemory / 2) return;
    this.#reading = true;
    this.#overflow = 0;
    this.#parts
      .stored()
      .then(
        (stored) => this.#takeStored(stored),
        (error) => this.#parts.log.error('stored webhooks could not be read; they are sent after a restart', { error }),
      )
      .finally(() => {
        this.#reading = false;
        if (this.#overflow === 0) this.#overflow = null;
        this.#pump();
      });
  }

  #takeStored(stored: readonly WebhookDelivery[]): void {
    if (this.#closed) return;
    const ours = stored
      .filter(({ url, sequence }) => url === this.url && sequence > this.#lastSequence)
      .sort((a, b) => a.sequence - b.sequence);
    const room = heldInMemory - this.#waiting;
    for (const delivery of ours.slice(0, room)) this.#hold(delivery);
    // Those stored while the store was being read may be counted twice; one more reading finds nothing then.
    if (ours.length > room) this.#overflow = (this.#overflow ?? 0) + ours.length - room;
  }
}

/** The pause in ms after the `failures`th failed try: 1, 2, 4 s ... for the quick ones, then 30 s up to an hour. */
export function pauseAfter(failures: number, retries: number): number {
  const [first, doublings] =
    failures <= retries ? [quickPauseMs, failures - 1] : [parkedPauseMs, failures - retries - 1];
  return Math.min(first * 2 ** Math.min(doublings, 20), longestPauseMs);
}

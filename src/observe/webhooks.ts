import type { Clock, Log, Random, Timer } from '../base/index.ts';
import type { PbxEvent } from '../pbx/events/index.ts';
import type { WebhookDelivery, WebhookQueue } from '../pbx/records/index.ts';
import { isTold, orderKeyOf, webhookEventOf } from './webhook-event.ts';
import { webhookHeaders } from './webhook-signature.ts';
import { type WebhookPost, WebhookTarget } from './webhook-target.ts';

/** The keys of `events` in the configuration. */
export interface WebhookOptions {
  readonly webhook_urls: readonly string[];
  /** s */
  readonly webhook_timeout: number;
  readonly webhook_retries: number;
  /** s */
  readonly webhook_max_age: number;
  readonly webhook_secret: string | null;
}

export interface WebhooksParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly queue: WebhookQueue;
  readonly post: WebhookPost;
}

/** Counters since the start, over all URLs, and how many deliveries wait. */
export interface WebhookStatistics {
  readonly requests: number;
  readonly failures: number;
  readonly dropped: number;
  readonly waiting: number;
}

/**
 * Posts every event to every URL at least once: stored before the first try, forgotten after a 2xx or at
 * `webhook_max_age`. Order is kept within a call and within an address of record.
 */
export class Webhooks {
  readonly #parts: WebhooksParts;
  readonly #targets: ReadonlyMap<string, WebhookTarget>;
  /** Events heard before the stored deliveries were known; null once they are. */
  #early: PbxEvent[] | null = [];
  #sequence = 0;
  #idleWaiters: (() => void)[] = [];
  #closed = false;

  constructor(options: WebhookOptions, parts: WebhooksParts) {
    this.#parts = parts;
    const { clock, log, post, queue, random } = parts;
    const target = (url: string) =>
      new WebhookTarget(
        url,
        {
          timeoutMs: options.webhook_timeout * 1000,
          retries: options.webhook_retries,
          maxAgeMs: options.webhook_max_age * 1000,
        },
        {
          clock,
          log,
          post,
          random,
          headers,
          onDone: ({ id }) => queue.remove(id, url),
          onIdle: () => this.#wakeIdle(),
          stored: () => queue.load(),
        },
      );
    const headers = webhookHeaders(options.webhook_secret);
    this.#targets = new Map(options.webhook_urls.map((url) => [url, target(url)]));
  }

  /** Goes on with what an earlier process left undelivered, then with events heard since. Never rejects. */
  async start(): Promise<void> {
    let stored: readonly WebhookDelivery[] = [];
    try {
      stored = await this.#parts.queue.load();
    } catch (error) {
      this.#parts.log.error('undelivered webhooks could not be read from the store', { error });
    }
    if (this.#closed) return;
    let strangers = 0;
    for (const delivery of [...stored].sort((a, b) => a.sequence - b.sequence)) {
      this.#sequence = Math.max(this.#sequence, delivery.sequence + 1);
      const target = this.#targets.get(delivery.url);
      if (target) target.add(delivery);
      else {
        strangers++;
        this.#parts.queue.remove(delivery.id, delivery.url);
      }
    }
    if (strangers > 0) {
      this.#parts.log.info('undelivered webhooks to URLs that are no longer configured were dropped', {
        webhooks: strangers,
      });
    }
    const early = this.#early ?? [];
    this.#early = null;
    for (const event of early) this.handle(event);
  }

  /** Hears an event and sends it to every URL, if it is one that receivers are told of. */
  handle(event: PbxEvent): void {
    if (this.#closed || this.#targets.size === 0 || !isTold(event)) return;
    if (this.#early) {
      this.#early.push(event);
      return;
    }
    const message = webhookEventOf(event, this.#parts.random);
    const body = JSON.stringify(message);
    for (const [url, target] of this.#targets) {
      const delivery: WebhookDelivery = {
        id: message.id,
        url,
        orderKey: orderKeyOf(event),
        body,
        sequence: this.#sequence++,
        createdAt: this.#parts.clock.wall(),
      };
      this.#parts.queue.add(delivery);
      target.add(delivery);
    }
  }

  statistics(): WebhookStatistics {
    const sum = { requests: 0, failures: 0, dropped: 0, waiting: 0 };
    for (const target of this.#targets.values()) {
      const one = target.statistics();
      sum.requests += one.requests;
      sum.failures += one.failures;
      sum.dropped += one.dropped;
      sum.waiting += one.waiting;
    }
    return sum;
  }

  /** Resolves when nothing is being sent (failed ones wait for their next try), or after `ms`. For a stop. */
  async settle(ms: number): Promise<void> {
    if (this.#idle) return;
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#idleWaiters.push(resolve);
      timer = this.#parts.clock.after(ms, resolve);
    });
    timer?.cancel();
  }

  /** Stops timers and requests; undelivered events stay in the store for the next start. */
  close(): void {
    this.#closed = true;
    for (const target of this.#targets.values()) target.close();
    this.#wakeIdle();
  }

  get #idle(): boolean {
    return this.#targets.values().every((target) => target.idle);
  }

  #wakeIdle(): void {
    if (!this.#closed && !this.#idle) return;
    for (const wake of this.#idleWaiters.splice(0)) wake();
  }
}

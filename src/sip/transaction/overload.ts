import { type Clock, type Log, type Rate, SeldomLog, TokenBucket } from '../../base/index.ts';

/** Bounds of what requests can make us do and keep. */
export interface OverloadLimits {
  /** Requests to us that are remembered, in all; half as many again where they belong to a dialog. */
  readonly serverTransactions: number;
  /** Of these, those outside dialogs that came from one IP address. */
  readonly serverTransactionsPerSource: number;
  /** Requests of ours that are on their way or remembered. */
  readonly clientTransactions: number;
  /** Answers that peers of one IP address get without showing who they are: challenges, refusals, those to OPTIONS. */
  readonly strangersPerSource: Rate;
  /** The same for all addresses together but those of peers that have shown who they are. */
  readonly strangers: Rate;
  /** Answers 503 that tell of overload; what is beyond them is dropped. */
  readonly rejections: Rate;
}

export const defaultOverloadLimits: OverloadLimits = {
  serverTransactions: 100_000,
  serverTransactionsPerSource: 25_000,
  clientTransactions: 100_000,
  strangersPerSource: { perSecond: 100, burst: 1_000 },
  strangers: { perSecond: 1_000, burst: 5_000 },
  rejections: { perSecond: 100, burst: 100 },
};

/** Why a request is turned away before any work. */
type Reason =
  | 'too many transactions'
  | 'too many transactions of one source'
  | 'too many strangers'
  | 'one stranger too often';

export interface OverloadCounters {
  /** Requests answered with 503 before any work. */
  rejected: number;
  /** Requests not even answered. */
  dropped: number;
  /** Requests of ours that were not sent, for too many were on their way. */
  withheld: number;
}

/** How many times as much is taken from where somebody has shown who it is: a proxy speaks for many. */
const trusted = 10;

/** Addresses of which something is remembered; who floods from more is measured by the bound of all. */
const mostSources = 10_000;

/**
 * Decides who is let in when there is more to do than can be done, from what is known without looking at the request:
 * where it came from. A challenge or a refusal costs its source a token, credentials that were right give it back; so
 * phones may be as many behind one address as they like, and who only knocks is soon not heard any more.
 */
export class Overload {
  readonly counters: OverloadCounters = { rejected: 0, dropped: 0, withheld: 0 };
  readonly #clock: Clock;
  readonly #limits: OverloadLimits;
  readonly #seldom: SeldomLog<'requests are turned away' | 'requests are withheld'>;
  readonly #strangers: TokenBucket;
  readonly #rejections: TokenBucket;
  /** By IP address, those that have been refused of late, longest unheard of first. */
  readonly #sources = new Map<string, TokenBucket>();
  /** IP addresses of peers that have shown who they are, longest unheard of first. */
  readonly #known = new Map<string, true>();
  /** Live server transactions outside dialogs, by IP address. */
  readonly #live = new Map<string, number>();

  constructor(clock: Clock, log: Log, limits: OverloadLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#seldom = new SeldomLog(clock, log);
    this.#strangers = new TokenBucket(clock, limits.strangers);
    this.#rejections = new TokenBucket(clock, limits.rejections);
  }

  /** Whether a request from `source` may be taken, with `size` transactions remembered. */
  admits(source: string, size: number, inDialog: boolean): boolean {
    const reason = inDialog ? this.#whyNotInDialog(size) : this.#whyNot(source, size);
    if (reason === null) return true;
    this.#seldom.warning('requests are turned away', { reason, source_ip: source, ...this.counters });
    return false;
  }

  /** Whether the request that is turned away is told so. */
  rejects(): boolean {
    const told = this.#rejections.take();
    if (told) this.counters.rejected++;
    else this.counters.dropped++;
    return told;
  }

  /** Whether one more request of ours may be sent, with `size` on their way. */
  allowsRequest(size: number): boolean {
    if (size < this.#limits.clientTransactions) return true;
    this.counters.withheld++;
    this.#seldom.warning('requests are withheld', { on_their_way: size });
    return false;
  }

  /** Whether refusals are to be forgotten at once, with `size` transactions remembered. */
  isCrowded(size: number): boolean {
    return size >= this.#limits.serverTransactions / 2;
  }

  /** A transaction outside dialogs has begun. */
  began(source: string): void {
    this.#live.set(source, (this.#live.get(source) ?? 0) + 1);
  }

  /** One that `began` told of has ended. */
  ended(source: string): void {
    const left = (this.#live.get(source) ?? 1) - 1;
    if (left > 0) this.#live.set(source, left);
    else this.#live.delete(source);
  }

  /** A request from there was challenged, or answered without knowing who sends it. */
  answeredStranger(source: string): void {
    if (!this.#known.has(source)) this.#strangers.take();
    const bucket = this.#sources.get(source) ?? new TokenBucket(this.#clock, this.#rateOf(source));
    bucket.take();
    remember(this.#sources, source, bucket);
  }

  /** A request from there has shown who sends it. */
  vouched(source: string): void {
    if (this.#known.has(source)) {
      const bucket = this.#sources.get(source);
      bucket?.give();
      if (bucket?.full) this.#sources.delete(source);
    } else {
      this.#strangers.give();
      this.#sources.delete(source);
    }
    remember(this.#known, source, true);
  }

  #rateOf(source: string): Rate {
    const { strangersPerSource } = this.#limits;
    if (!this.#known.has(source)) return strangersPerSource;
    const { perSecond, burst } = strangersPerSource;
    return { perSecond: trusted * perSecond, burst: trusted * burst };
  }

  #whyNotInDialog(size: number): Reason | null {
    return size < 1.5 * this.#limits.serverTransactions ? null : 'too many transactions';
  }

  #whyNot(source: string, size: number): Reason | null {
    const { serverTransactions, serverTransactionsPerSource } = this.#limits;
    if (size >= serverTransactions) return 'too many transactions';
    if ((this.#live.get(source) ?? 0) >= serverTransactionsPerSource) return 'too many transactions of one source';
    if (this.#sources.get(source)?.available === false) return 'one stranger too often';
    if (!this.#strangers.available && !this.#known.has(source)) return 'too many strangers';
    return null;
  }
}

/** Puts an entry last, and takes the first out where there are too many. */
function remember<T>(sources: Map<string, T>, source: string, value: T): void {
  sources.delete(source);
  sources.set(source, value);
  if (sources.size <= mostSources) return;
  const [longest] = sources.keys();
  if (longest !== undefined) sources.delete(longest);
}

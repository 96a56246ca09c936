import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { LegQuality, PbxEvent } from '../pbx/events/index.ts';
import type { GuardFigures } from '../pbx/security/index.ts';
import type { CdrStatistics } from './cdr-writer.ts';
import type { WebhookStatistics } from './webhooks.ts';

/** What is read of the media engine: packets since the start, and ports in the pool. */
export interface MediaFigures {
  totals(): { readonly received: number; readonly sent: number; readonly lost: number };
  usage(): { readonly total: number; readonly inUse: number };
  workers(): readonly { readonly state: string; readonly sessions: number; readonly restarts: number }[];
}

/** What is asked at every scrape. Each must be cheap. */
export interface MetricsSources {
  readonly activeCalls: () => number;
  /** Bindings that are registered now. */
  readonly registrations: () => number;
  readonly media: MediaFigures;
  /** null: no CDR is written. */
  readonly cdr: (() => CdrStatistics) | null;
  readonly webhooks: () => WebhookStatistics;
  readonly store: () => { readonly queued: number; readonly dropped: number };
  /** SIP messages that could not be parsed, since the start. */
  readonly malformed: () => number;
  /** Connections for SIP that were refused, for there were too many. */
  readonly connectionsRefused: () => number;
  /** What was turned away, or not sent, for there was too much of it. */
  readonly overload: () => { readonly rejected: number; readonly dropped: number; readonly withheld: number };
  /** Live subscriptions by event package. */
  readonly subscriptions: () => ReadonlyMap<string, number>;
  /** NOTIFYs by outcome, since the start. */
  readonly notifies: () => ReadonlyMap<string, number>;
  /** Refreshes of sessions by who made them, since the start. */
  readonly sessionRefreshes: () => ReadonlyMap<string, number>;
  /** What attackers have done. */
  readonly guard: () => GuardFigures;
  /** MESSAGEs between extensions by outcome, since the start. */
  readonly messages: () => ReadonlyMap<string, number>;
  /** When the certificate for TLS ends, in ms since 1970; null where there is none. */
  readonly certificateEnds: () => number | null;
}

const knownMethods = new Set(
  'INVITE ACK BYE CANCEL OPTIONS REGISTER PRACK SUBSCRIBE NOTIFY PUBLISH INFO REFER MESSAGE UPDATE'.split(' '),
);

/** The numbers of the page /metrics: fed by events and by the SIP tap, the rest is read when the page is asked for. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #callDuration: Histogram;
  readonly #setupDuration: Histogram;
  readonly #mos: Histogram;
  readonly #loss: Histogram;
  readonly #jitter: Histogram;
  readonly #roundTrip: Histogram;
  // Plain maps: there are a dozen SIP messages to a call, and a labelled counter costs a hash of its labels each time.
  readonly #requests = new Map<string, number>();
  readonly #responses = new Map<string, number>();
  readonly #endings = new Map<string, number>();
  readonly #oneWay = new Map<string, number>();
  #totalCalls = 0;
  #sessionsExpired = 0;
  readonly #recordings = new Map<string, number>();
  #recordingsActive = 0;

  /** `processMetrics` false leaves out Node's own, which watch the whole process. */
  constructor(sources: MetricsSources, { processMetrics = true }: { readonly processMetrics?: boolean } = {}) {
    const registers = [this.#registry];
    this.#callDuration = new Histogram({
      name: 'sip_call_duration_seconds',
      help: 'Duration of answered calls, from the INVITE to the end',
      buckets: [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200],
      registers,
    });
    this.#setupDuration = new Histogram({
      name: 'sip_call_setup_duration_seconds',
      help: "Time from the caller's INVITE to the first sign of the callee (180, 183 or 200)",
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    });
    this.#mos = new Histogram({
      name: 'rtp_mos',
      help: 'Mean opinion score (E-model) of 5 s of one leg: of what came from the phone, and of what it received of us',
      labelNames: ['direction'],
      buckets: [1.5, 2, 2.5, 3, 3.25, 3.5, 3.75, 4, 4.1, 4.2, 4.3, 4.4, 4.5],
      registers,
    });
    this.#loss = new Histogram({
      name: 'rtp_loss_ratio',
      help: 'Packets lost of those expected, 0 to 1, in 5 s of one leg',
      labelNames: ['direction'],
      buckets: [0, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5],
      registers,
    });
    this.#jitter = new Histogram({
      name: 'rtp_jitter_seconds',
      help: 'Interarrival jitter (RFC 3550) at the end of 5 s of one leg',
      labelNames: ['direction'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5],
      registers,
    });
    this.#roundTrip = new Histogram({
      name: 'rtp_round_trip_seconds',
      help: 'To a phone and back, by RTCP, in 5 s of one leg',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2],
      registers,
    });
    this.#gauge('sip_active_calls', 'Calls going on', sources.activeCalls);
    this.#gauge('sip_registrations', 'Bindings of phones', sources.registrations);
    this.#gauge('rtp_port_pool_usage', 'Share of the RTP ports in use, 0 to 1', () => {
      const { total, inUse } = sources.media.usage();
      return total === 0 ? 0 : inUse / total;
    });
    this.#counter('sip_total_calls', 'Calls that have ended', () => this.#totalCalls);
    this.#labelled(
      'sip_calls_ended_total',
      'Calls that have ended, by CDR status and reason',
      ['status', 'reason'],
      () => this.#endings,
    );
    this.#labelled('sip_requests_total', 'SIP requests received and sent', ['method'], () => this.#requests);
    this.#labelled(
      'sip_responses_total',
      'SIP responses received and sent',
      ['method', 'status'],
      () => this.#responses,
    );
    this.#labelledGauge('sip_subscriptions', 'Live subscriptions by event package', 'event', sources.subscriptions);
    this.#labelled('sip_notifies_total', 'NOTIFYs sent, by what became of them', ['outcome'], sources.notifies);
    this.#labelled(
      'sip_messages_total',
      'MESSAGEs of extensions, by what became of them',
      ['outcome'],
      sources.messages,
    );
    this.#labelled(
      'sip_session_refreshes_total',
      'Sessions refreshed (RFC 4028), by the exchange or by a phone',
      ['by'],
      sources.sessionRefreshes,
    );
    this.#counter(
      'sip_session_expired_total',
      'Calls ended because a phone no longer confirmed the session',
      () => this.#sessionsExpired,
    );
    this.#counter('sip_malformed_total', 'SIP messages that could not be parsed', sources.malformed);
    this.#counter(
      'sip_connections_refused_total',
      'SIP connections that were refused, for there were too many',
      sources.connectionsRefused,
    );
    this.#counter(
      'sip_overload_rejected_total',
      'SIP requests answered with 503 before any work',
      () => sources.overload().rejected,
    );
    this.#counter(
      'sip_overload_dropped_total',
      'SIP requests that were too many even to be answered with 503',
      () => sources.overload().dropped,
    );
    this.#counter(
      'sip_overload_withheld_total',
      'SIP requests of ours that were not sent, for too many were on their way',
      () => sources.overload().withheld,
    );
    this.#counter('sip_auth_failures_total', 'Wrong users or passwords', () => sources.guard().failures);
    this.#gauge('sip_bans_active', 'Sources that are banned', () => sources.guard().bansActive);
    this.#counter('sip_bans_total', 'Bans of sources', () => sources.guard().bans);
    this.#counter(
      'sip_banned_messages_dropped_total',
      'Messages and connections of banned sources that were dropped',
      () => sources.guard().bannedDropped,
    );
    this.#counter(
      'sip_scanners_dropped_total',
      'Requests of known scanners that were dropped',
      () => sources.guard().scannersDropped,
    );
    this.#gauge(
      'sip_certificate_end_timestamp_seconds',
      'When the certificate for TLS ends, in seconds since 1970; NaN where there is none',
      () => (sources.certificateEnds() ?? Number.NaN) / 1000,
    );
    this.#counter('rtp_packets_received', 'RTP packets received', () => sources.media.totals().received);
    this.#counter('rtp_packets_sent', 'RTP packets sent', () => sources.media.totals().sent);
    this.#gauge('media_workers_running', 'Media workers that carry calls', () =>
      sum(sources.media.workers(), ({ state }) => (state === 'running' ? 1 : 0)),
    );
    this.#gauge('media_sessions', 'Calls whose media is carried', () =>
      sum(sources.media.workers(), ({ sessions }) => sessions),
    );
    this.#counter('media_worker_restarts_total', 'Media workers that died and were started again', () =>
      sum(sources.media.workers(), ({ restarts }) => restarts),
    );
    this.#counter('rtp_packets_lost', 'RTP packets lost on their way to us', () => sources.media.totals().lost);
    this.#labelled(
      'rtp_one_way_audio_total',
      'Phones that were not heard though they should have been, by reason',
      ['reason'],
      () => this.#oneWay,
    );
    this.#gauge('recordings_active', 'Recordings begun and not ended', () => this.#recordingsActive);
    this.#labelled('recordings_total', 'Recordings ended, by status', ['status'], () => this.#recordings);
    this.#counter('webhook_requests_total', 'Webhook requests sent', () => sources.webhooks().requests);
    this.#counter('webhook_failures_total', 'Webhook requests without a 2xx answer', () => sources.webhooks().failures);
    this.#counter('webhook_dropped_total', 'Webhooks given up for their age', () => sources.webhooks().dropped);
    this.#gauge('webhook_waiting', 'Webhooks on their way', () => sources.webhooks().waiting);
    this.#counter('cdr_written_total', 'CDRs written to their file', () => sources.cdr?.().written ?? 0);
    this.#counter('cdr_lost_total', 'CDRs that only the log has', () => sources.cdr?.().lost ?? 0);
    this.#gauge('cdr_waiting', 'CDRs not yet written', () => sources.cdr?.().waiting ?? 0);
    this.#gauge('store_queue_length', 'Entries waiting for the store', () => sources.store().queued);
    this.#counter('store_dropped_total', 'Entries the store had no room for', () => sources.store().dropped);
    if (processMetrics) collectDefaultMetrics({ register: this.#registry });
  }

  /** Hears an event. */
  handle(event: PbxEvent): void {
    if (event.type === 'call.quality') {
      this.#quality(event.caller);
      this.#quality(event.callee);
    }
    if (event.type === 'call.one_way_audio') count(this.#oneWay, event.audio.reason);
    if (event.type === 'recording.started') this.#recordingsActive++;
    if (event.type === 'recording.ended') {
      this.#recordingsActive--;
      count(this.#recordings, event.recording.status);
    }
    if (event.type !== 'call.ended') return;
    const { answeredAt, durationMs, ending, setupMs } = event.call;
    this.#totalCalls++;
    if (ending.reason === 'session_timeout') this.#sessionsExpired++;
    count(this.#endings, `${ending.status} ${ending.reason}`);
    if (answeredAt !== null) this.#callDuration.observe(durationMs / 1000);
    if (setupMs !== null) this.#setupDuration.observe(setupMs / 1000);
  }

  #quality(leg: LegQuality): void {
    for (const direction of ['received', 'sent'] as const) {
      const stream = leg[direction];
      if (stream === null) continue;
      const label = { direction };
      this.#loss.observe(label, stream.lossRate);
      if (stream.mos !== null) this.#mos.observe(label, stream.mos);
      if (stream.jitterMs !== null) this.#jitter.observe(label, stream.jitterMs / 1000);
    }
    if (leg.rttMs !== null) this.#roundTrip.observe(leg.rttMs / 1000);
  }

  /** A request was received or sent. */
  request(method: string): void {
    count(this.#requests, methodLabel(method));
  }

  /** A response was received or sent; `method` of the request it answers. */
  response(method: string, status: number): void {
    // A peer chooses the status: what no response can have must not make a time series each.
    const label = Number.isInteger(status) && status >= 100 && status <= 699 ? status : 'OTHER';
    count(this.#responses, `${methodLabel(method)} ${label}`);
  }

  /** The page in Prometheus' text format, and its media type. */
  async page(): Promise<{ readonly contentType: string; readonly text: string }> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  #gauge(name: string, help: string, read: () => number): void {
    const gauge: Gauge = new Gauge({ name, help, registers: [this.#registry], collect: () => gauge.set(read()) });
  }

  #counter(name: string, help: string, read: () => number): void {
    const counter: Counter = new Counter({
      name,
      help,
      registers: [this.#registry],
      collect: () => {
        counter.reset();
        counter.inc(read());
      },
    });
  }

  #labelledGauge(name: string, help: string, label: string, read: () => ReadonlyMap<string, number>): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect: () => {
        for (const [value, count] of read()) gauge.set({ [label]: value }, count);
      },
    });
  }

  /** A counter whose values stand in what `read` gives under the values of its labels, joined by spaces. */
  #labelled(name: string, help: string, labels: readonly string[], read: () => ReadonlyMap<string, number>): void {
    const counter: Counter = new Counter({
      name,
      help,
      labelNames: labels,
      registers: [this.#registry],
      collect: () => {
        counter.reset();
        for (const [key, value] of read()) {
          const values = key.split(' ');
          counter.inc(Object.fromEntries(labels.map((label, i) => [label, values[i] ?? ''])), value);
        }
      },
    });
  }
}

function methodLabel(method: string): string {
  return knownMethods.has(method) ? method : 'OTHER';
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function sum<Of>(of: readonly Of[], value: (of: Of) => number): number {
  return of.reduce((total, one) => total + value(one), 0);
}

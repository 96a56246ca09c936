import type { Clock, Timer } from '../../base/index.ts';
import {
  Event,
  type EventValue,
  formatUri,
  RetryAfter,
  SipError,
  type SipRequest,
  type SipResponse,
  SipSyntaxError,
} from '../message/index.ts';
import type { ServerTransaction } from '../transaction/index.ts';
import { Dialog, type DialogContext } from './dialog.ts';
import { dialogStateOfRequest } from './dialog-state.ts';

/** Why a subscription is ended, as its last NOTIFY says (RFC 6665 §4.1.3). */
export type SubscriptionEndReason = 'deactivated' | 'timeout' | 'rejected' | 'noresource';

/** Why a subscription has ended; the last two without a NOTIFY: the watcher does not want it, or is gone. */
export type SubscriptionEnd = SubscriptionEndReason | 'refused' | 'flow lost';

/** What became of one NOTIFY. */
export type NotifyOutcome = 'confirmed' | 'failed' | 'unanswered';

/** The whole state, as one NOTIFY tells it. */
export interface NotifiedState {
  readonly standing: 'active' | 'pending';
  readonly body: Uint8Array;
  readonly contentType: string;
}

/** Who grants a subscription and knows its state. */
export interface SubscriptionUser {
  /** The whole state as it is now: the NOTIFY that asks is about to leave. */
  state(): NotifiedState;
  /** The seconds to grant to a refresh; 0 ends the subscription. A SipError that is thrown refuses it. */
  onRefresh(request: SipRequest): number;
  onNotified(outcome: NotifyOutcome): void;
  /** It has ended; its last NOTIFY may still be on its way. Heard once. */
  onEnd(end: SubscriptionEnd): void;
}

export interface SubscriptionOptions {
  readonly event: EventValue;
  /** The user part of our Contact. */
  readonly contactUser: string | null;
  readonly user: SubscriptionUser;
  /** What every 200 says of us. */
  readonly headers: Readonly<Record<string, string>>;
  /** Shortest time between two changes told, on the average, in ms (RFC 6446); up to three may follow each other closely. */
  readonly interval: number;
  /** Runs `send` when there is room for one more NOTIFY. Never from within the call. */
  pace(send: () => void): void;
}

/** Changes that may be told without a pause: a call rings, is answered and ends while a lamp should follow. */
const burst = 3;

/** How long a NOTIFY that failed is left alone, unless there is something new to say; doubled each time. ms. */
const firstRetry = 30_000;
const lastRetry = 300_000;

/** Answers to a NOTIFY that say that there is no subscription (RFC 6665 §4.2.2, RFC 5057 §5.1). */
const refusals: ReadonlySet<number> = new Set([404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604]);

/**
 * The notifier's side of a subscription, the only usage of its dialog (RFC 6665 §4.2). At most one NOTIFY is on its
 * way, and what changes meanwhile is told by the next, which has the state of the moment when it leaves. A NOTIFY that
 * fails is repeated later and ends nothing: a lamp that has missed one is told everything by the next. The subscription
 * ends when it expires, is given up by either side, or its connection is lost.
 */
export class Subscription {
  readonly #event: EventValue;
  readonly #dialog: Dialog;
  readonly #user: SubscriptionUser;
  readonly #clock: Clock;
  readonly #pace: SubscriptionOptions['pace'];
  readonly #interval: number;
  readonly #headers: Readonly<Record<string, string>>;
  /** The SUBSCRIBE that is not answered yet. */
  #opening: ServerTransaction | null;
  #deadline = 0;
  #expiry: Timer | null = null;
  /** Why the last NOTIFY says that it is over. */
  #ending: SubscriptionEndReason | null = null;
  #over = false;
  /** Whether there is something that the watcher has not been told. */
  #due = false;
  /** Whether that is to leave without regard to rate and room: it answers a SUBSCRIBE, or ends the subscription. */
  #urgent = false;
  /** Whether room for a NOTIFY has been asked for. */
  #queued = false;
  /** Stands for the NOTIFY that has no final response yet. */
  #inFlight: object | null = null;
  /** Where that went. */
  #sentTo = '';
  /** When the next change could be told if each had to wait its full interval; a few intervals may be borrowed. */
  #nextTurn = Number.NEGATIVE_INFINITY;
  /** What Retry-After asks for. */
  #notBefore = Number.NEGATIVE_INFINITY;
  #retryDelay = firstRetry;
  #timer: Timer | null = null;
  #watch: Disposable | null = null;

  /** Takes a SUBSCRIBE outside any dialog, to be granted by `begin`. Throws SipSyntaxError when no dialog can be made with it. */
  constructor(transaction: ServerTransaction, options: SubscriptionOptions, context: DialogContext) {
    this.#event = options.event;
    this.#user = options.user;
    this.#clock = context.clock;
    this.#pace = options.pace;
    this.#interval = options.interval;
    this.#headers = options.headers;
    this.#opening = transaction;
    this.#dialog = new Dialog({
      state: dialogStateOfRequest(transaction.request, transaction.localTag),
      flow: transaction.flow,
      contactUser: options.contactUser,
      user: { onRequest: (request) => this.#onRequest(request) },
      context,
    });
  }

  /** Answers the SUBSCRIBE with 200 and tells the state at once. 0 `seconds` tell it once and no more (RFC 6665 §4.4.3). */
  begin(seconds: number): void {
    const opening = this.#opening;
    this.#opening = null;
    if (opening) this.#grant(opening, seconds);
  }

  /** Something has changed. */
  notify(): void {
    if (this.#ending) return;
    this.#due = true;
    this.#stopTimer();
    this.#pump();
  }

  /** Ends it from our side; the watcher is told, where `paced` says so among others that are. */
  terminate(end: SubscriptionEndReason, { paced = false }: { readonly paced?: boolean } = {}): void {
    if (this.#ending || this.#over) return;
    this.#ending = end;
    this.#expiry?.cancel();
    this.#stopTimer();
    this.#due = true;
    this.#urgent = !paced;
    this.#notBefore = Number.NEGATIVE_INFINITY;
    this.#nextTurn = Number.NEGATIVE_INFINITY;
    this.#user.onEnd(end);
    this.#pump();
  }

  /** Ends it without a word. */
  #drop(end: SubscriptionEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#expiry?.cancel();
    this.#stopTimer();
    this.#watch?.[Symbol.dispose]();
    this.#dialog.end();
    if (!this.#ending) this.#user.onEnd(end);
  }

  #onRequest(transaction: ServerTransaction): void {
    const { request } = transaction;
    if (this.#ending) throw new SipError(481, 'Subscription Does Not Exist');
    if (request.method !== 'SUBSCRIBE')
      throw new SipError(405, 'Method Not Allowed', { headers: { Allow: 'SUBSCRIBE' } });
    // A second subscription in the same dialog is what RFC 6665 §4.5 no longer wants; one without an event is meant for ours.
    if (!isSameEvent(request.headers.first(Event) ?? this.#event, this.#event)) {
      throw new SipError(403, 'One Subscription a Dialog');
    }
    this.#grant(transaction, this.#user.onRefresh(request));
  }

  #grant(transaction: ServerTransaction, seconds: number): void {
    const headers = { ...this.#headers, Expires: String(seconds) };
    transaction.respond(this.#dialog.respondable(transaction, 200, undefined, { headers }));
    this.#watchFlow();
    this.#expiry?.cancel();
    // Whoever asks is there, wherever the NOTIFY before may have gone: that one is not waited for.
    if (this.#inFlight && this.#sentTo !== this.#target) this.#inFlight = null;
    if (seconds === 0) return this.terminate('timeout');
    this.#deadline = this.#clock.now() + seconds * 1000;
    this.#expiry = this.#clock.after(seconds * 1000, () => this.terminate('timeout'));
    this.#due = true;
    this.#urgent = true;
    this.#notBefore = Number.NEGATIVE_INFINITY;
    this.#stopTimer();
    this.#pump();
  }

  /** Sends what is due as soon as it may. */
  #pump(): void {
    if (!this.#due || this.#inFlight || this.#over) return;
    if (this.#urgent) return this.#send();
    const now = this.#clock.now();
    const wait = Math.max(this.#notBefore, this.#nextTurn - (burst - 1) * this.#interval) - now;
    if (wait > 0) return this.#wait(wait);
    if (this.#queued) return;
    this.#queued = true;
    this.#pace(() => {
      this.#queued = false;
      if (this.#due && !this.#inFlight && !this.#over) this.#send();
    });
  }

  #send(): void {
    const now = this.#clock.now();
    const { standing, body, contentType } = this.#user.state();
    const left = Math.max(0, Math.ceil((this.#deadline - now) / 1000));
    const state = this.#ending ? `terminated;reason=${this.#ending}` : `${standing};expires=${left}`;
    this.#due = false;
    this.#urgent = false;
    this.#nextTurn = Math.max(this.#nextTurn, now) + this.#interval;
    this.#sentTo = this.#target;
    const last = this.#ending !== null;
    const attempt = {};
    this.#inFlight = attempt;
    const settled = (response: SipResponse | null): void => {
      if (this.#inFlight !== attempt) return;
      this.#inFlight = null;
      this.#settled(response, last);
    };
    this.#dialog.request(
      'NOTIFY',
      { headers: { Event: Event.format(this.#event), 'Subscription-State': state }, body, contentType },
      {
        onResponse: (response) => response.status >= 200 && settled(response),
        onFailure: () => settled(null),
      },
    );
  }

  #settled(response: SipResponse | null, last: boolean): void {
    const confirmed = response !== null && response.status < 300;
    this.#user.onNotified(confirmed ? 'confirmed' : response ? 'failed' : 'unanswered');
    // To a watcher that is silent nothing more is said in the end.
    if (this.#over) return;
    if (last || (this.#ending && !response)) return this.#drop('timeout');
    if (response && refusals.has(response.status)) return this.#drop('refused');
    if (confirmed) {
      this.#dialog.refreshTarget(response);
      this.#retryDelay = firstRetry;
      return this.#pump();
    }
    if (this.#ending) return this.#pump();
    this.#retry(response);
  }

  #retry(response: SipResponse | null): void {
    const asked = response ? retryAfterOf(response) : null;
    const delay = asked ?? this.#retryDelay;
    if (asked !== null) this.#notBefore = this.#clock.now() + asked;
    else this.#retryDelay = Math.min(2 * this.#retryDelay, lastRetry);
    // Something has been asked or has changed while it was on its way: that is said as if this one had arrived.
    if (this.#due) return this.#pump();
    this.#due = true;
    this.#wait(delay);
  }

  #wait(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(ms, () => {
      this.#timer = null;
      this.#pump();
    });
  }

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** A watcher over a connection is gone with it: it subscribes anew when it is back. */
  #watchFlow(): void {
    this.#watch?.[Symbol.dispose]();
    this.#watch = this.#dialog.flow.onClose(() => this.#drop('flow lost'));
  }

  get #target(): string {
    return `${this.#dialog.flow.id} ${formatUri(this.#dialog.state.remoteTarget)}`;
  }
}

/** ms; null where there is none that can be read. */
function retryAfterOf(response: SipResponse): number | null {
  try {
    const seconds = response.headers.first(RetryAfter);
    return seconds === undefined ? null : seconds * 1000;
  } catch (error) {
    if (error instanceof SipSyntaxError) return null;
    throw error;
  }
}

function isSameEvent(a: EventValue, b: EventValue): boolean {
  return a.type === b.type && (a.params.get('id') ?? '') === (b.params.get('id') ?? '');
}

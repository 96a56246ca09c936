import type { Clock, Timer } from '../../src/base/index.ts';
import type { SipMessage, SipRequest, SipResponse } from '../../src/sip/message/index.ts';

/** How a phone keeps session timers (RFC 4028). */
export interface TimerHabits {
  /** s that it asks for, and the most that it agrees to. */
  readonly interval: number;
  /** The least that it agrees to, in s. */
  readonly minimum?: number;
  /** Who it wants to refresh; where it is not asked and has no wish, the other side. */
  readonly refresher?: 'phone' | 'exchange';
  /** How it refreshes. Where it is INVITE, the phone takes no UPDATE either. Default UPDATE. */
  readonly method?: 'UPDATE' | 'INVITE';
}

/** What it needs of its call. */
interface TimedCall {
  readonly clock: Clock;
  readonly habits: TimerHabits | null;
  refresh(method: 'UPDATE' | 'INVITE'): void;
  hangUp(): void;
}

/** The session timer of one call by the phone's own books, so that the exchange's are checked against them. */
export class PhoneTimer {
  readonly #call: TimedCall;
  /** s; null: none runs. */
  interval: number | null = null;
  refresher: 'phone' | 'exchange' | null = null;
  #minimum = 0;
  #timers: Timer[] = [];
  #forgotten = false;

  constructor(call: TimedCall) {
    this.#call = call;
  }

  /** Fields of an INVITE or UPDATE of the phone. */
  request(method: string): Readonly<Record<string, string>> {
    const { habits } = this.#call;
    if (!habits || (method !== 'INVITE' && method !== 'UPDATE')) return {};
    const wish = this.refresher ?? habits.refresher;
    const role = wish ? `;refresher=${wish === 'phone' ? 'uac' : 'uas'}` : '';
    return {
      ...this.#capabilities(habits),
      'Session-Expires': `${Math.max(this.interval ?? habits.interval, this.#minimum)}${role}`,
      ...(this.#minimum > 0 ? { 'Min-SE': String(this.#minimum) } : {}),
    };
  }

  /** Takes the final response to an INVITE or UPDATE of the phone; whether it is to be sent again, for longer. */
  onResponse(response: SipResponse): boolean {
    const { habits } = this.#call;
    const { method } = response.cseq;
    if (!habits || response.status < 200 || (method !== 'INVITE' && method !== 'UPDATE')) return false;
    if (response.status === 422) {
      this.#minimum = Number(response.headers.get('Min-SE'));
      return true;
    }
    if (response.status >= 300) return false;
    const { interval, refresher } = sessionIn(response);
    this.#set(interval, refresher === 'uac' ? 'phone' : 'exchange');
    return false;
  }

  /** The Min-SE with which a request of the other side is to be refused; null when it is well. */
  refusal(request: SipRequest): string | null {
    const least = this.#call.habits?.minimum;
    const { interval } = sessionIn(request);
    return least !== undefined && interval !== null && interval < least ? String(least) : null;
  }

  /** Fields of the phone's 2xx to an INVITE or UPDATE. */
  accept(request: SipRequest): Readonly<Record<string, string>> {
    const { habits } = this.#call;
    if (!habits || (request.method !== 'INVITE' && request.method !== 'UPDATE')) return {};
    const asked = sessionIn(request);
    const interval = Math.min(asked.interval ?? habits.interval, habits.interval);
    const wish = asked.refresher ? (asked.refresher === 'uac' ? 'exchange' : 'phone') : null;
    const refresher = wish ?? habits.refresher ?? 'exchange';
    this.#set(interval, refresher);
    const role = refresher === 'phone' ? 'uas' : 'uac';
    return { ...this.#capabilities(habits), Require: 'timer', 'Session-Expires': `${interval};refresher=${role}` };
  }

  /** The phone has forgotten the call, whatever it still hears of it. */
  forget(): void {
    this.stop();
    this.#forgotten = true;
  }

  stop(): void {
    for (const timer of this.#timers.splice(0)) timer.cancel();
  }

  #capabilities({ method }: TimerHabits): Readonly<Record<string, string>> {
    return {
      Supported: 'timer',
      Allow: `INVITE, ACK, BYE, CANCEL, OPTIONS${method === 'INVITE' ? '' : ', UPDATE'}`,
    };
  }

  #set(interval: number | null, refresher: 'phone' | 'exchange'): void {
    const { clock } = this.#call;
    this.stop();
    this.interval = interval;
    this.refresher = interval === null ? null : refresher;
    if (interval === null || this.#forgotten) return;
    // A phone that is not refreshed ends the call by itself.
    const patience = 1000 * (interval - Math.min(32, interval / 3));
    this.#timers.push(clock.after(patience, () => this.#call.hangUp()));
    const method = this.#call.habits?.method ?? 'UPDATE';
    if (refresher === 'phone') this.#timers.push(clock.after(500 * interval, () => this.#call.refresh(method)));
  }
}

/** The seconds and the refresher that a message names. */
export function sessionIn({ headers }: SipMessage): {
  readonly interval: number | null;
  readonly refresher: string | null;
} {
  const [, seconds, , refresher = null] =
    /^(\d+)(;refresher=(uac|uas))?/.exec(headers.get('Session-Expires') ?? '') ?? [];
  return { interval: seconds === undefined ? null : Number(seconds), refresher };
}

import {
  MinSE,
  noParams,
  Require,
  SessionExpires,
  SipError,
  type SipRequest,
  type SipResponse,
  Supported,
  withParam,
} from '../message/index.ts';
import { readable, type SessionState } from './dialog-state.ts';

/** The option tag of session timers (RFC 4028). */
export const sessionTimers = 'timer';

/** What we stand for in every dialog, in s. */
export interface SessionTimerRules {
  /** The interval that we ask for, and the longest that we agree to unless the peer insists; 0: no session timers. */
  readonly interval: number;
  /** The shortest interval that we agree to; 90 or more (RFC 4028 §5). */
  readonly minimum: number;
  /** A session has been refreshed, by us or by a request of the phone. */
  onRefresh?(by: 'exchange' | 'phone'): void;
}

/** What an INVITE or UPDATE says of session timers, or a 2xx to one. */
export interface AskedSession {
  /** s; null where it asks for none. */
  readonly interval: number | null;
  readonly refresher: 'uac' | 'uas' | null;
  /** Min-SE in s; 90 where there is none (RFC 4028 §5). */
  readonly minimum: number;
  /** Whether its sender says that it knows session timers. */
  readonly supported: boolean;
}

/** Header fields that say it. */
export type SessionFields = Readonly<Record<string, string>>;

/** Who refreshes, and how often. */
export type Agreed = Pick<SessionState, 'interval' | 'refresher'>;

/** No interval is shorter (RFC 4028 §4), in s. */
const leastMinimum = 90;
/** Phones agree to less all the same: their word counts, but they are not refreshed oftener than every 10 s. */
const leastRefreshed = 20;

/** What `message` says; a field that can't be read says nothing, since nothing of it is vital. */
export function askedIn(message: SipRequest | SipResponse): AskedSession {
  const asked = readable(message, SessionExpires)?.[0];
  const refresher = asked?.params.get('refresher')?.toLowerCase();
  const options = [...(readable(message, Supported) ?? []), ...(readable(message, Require) ?? [])];
  return {
    interval: asked?.seconds ?? null,
    refresher: refresher === 'uac' || refresher === 'uas' ? refresher : null,
    minimum: Math.max(leastMinimum, readable(message, MinSE)?.[0] ?? 0),
    supported: options.some((option) => option.toLowerCase() === sessionTimers),
  };
}

/** Throws SipError 422 for a session that is to be confirmed oftener than we want (RFC 4028 §9); a peer that knows no 422 is spared it. */
export function checkInterval(asked: AskedSession, { interval, minimum }: SessionTimerRules): void {
  if (interval === 0 || !asked.supported || asked.interval === null || asked.interval >= minimum) return;
  throw new SipError(422, 'Session Interval Too Small', { headers: { [MinSE.name]: String(minimum) } });
}

/**
 * What we agree to as UAS (RFC 4028 §9, table 2): the peer's wish who refreshes, else whoever does now, else we; an
 * interval not above what it asks for. To one that cannot be refused an interval too short for us, the shortest
 * (erratum 1687).
 */
export function agreedAsUas(asked: AskedSession, current: Agreed | null, rules: SessionTimerRules): Agreed {
  const { interval, supported, refresher } = asked;
  const ours = Math.max(current?.refresher ? current.interval : rules.interval, asked.minimum);
  if (interval === null && !supported) return { interval: rules.interval, refresher: null };
  const agreed = interval === null ? ours : Math.max(Math.min(interval, ours), rules.minimum);
  if (!supported || refresher === 'uas') return { interval: agreed, refresher: 'us' };
  if (refresher === 'uac') return { interval: agreed, refresher: 'peer' };
  return { interval: agreed, refresher: current?.refresher ?? 'us' };
}

/** What a 2xx to our request agrees to (RFC 4028 §7.2). */
export function agreedAsUac(answer: AskedSession, rules: SessionTimerRules): Agreed {
  const { interval, refresher } = answer;
  if (interval === null) return { interval: rules.interval, refresher: null };
  // Who forgets to say so is refreshed: that harms nobody.
  if (refresher !== 'uas') return { interval: Math.max(interval, leastRefreshed), refresher: 'us' };
  return { interval: Math.max(interval, leastMinimum), refresher: 'peer' };
}

/**
 * What the INVITE that was to open a dialog says when it is sent again with the interval that a 422 asks for (RFC 4028
 * §7.3); null where it has asked for one as long already.
 */
export function longerFields(request: SipRequest, refusal: SipResponse): SessionFields | null {
  const asked = askedIn(request);
  const { minimum } = askedIn(refusal);
  if (asked.interval === null || minimum <= asked.interval) return null;
  return sessionFields(minimum, null, minimum);
}

/** The fields of an INVITE of ours that opens a dialog. RFC 4028 §7.1 recommends to leave the refresher open. */
export function openingFields({ interval, minimum }: SessionTimerRules): SessionFields {
  return interval === 0 ? {} : sessionFields(interval, null, minimum);
}

/** `minimum` 0 says no Min-SE, and so does the one that holds without a word. */
export function sessionFields(interval: number, refresher: 'uac' | 'uas' | null, minimum: number): SessionFields {
  const params = refresher ? withParam(noParams, 'refresher', refresher) : noParams;
  return {
    [SessionExpires.name]: SessionExpires.format({ seconds: interval, params }),
    ...(minimum > leastMinimum ? { [MinSE.name]: String(minimum) } : {}),
  };
}

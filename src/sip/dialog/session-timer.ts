import type { Clock, Timer } from '../../base/index.ts';
import { Require, type SipRequest, type SipResponse } from '../message/index.ts';
import type { DialogState } from './dialog-state.ts';
import {
  type Agreed,
  type AskedSession,
  agreedAsUac,
  agreedAsUas,
  askedIn,
  checkInterval,
  type SessionFields,
  type SessionTimerRules,
  sessionFields,
  sessionTimers,
} from './session-rules.ts';

/** What is to be done about a session: make sure that the peer is there, or end it, for it has not been refreshed. */
export type SessionEvent = 'due' | 'expired';

/** When less than twice so long is left, a refresh is not tried once more, in ms. */
const leastPause = 5000;

/**
 * The session timer of one dialog (RFC 4028): what INVITE, UPDATE and their 2xx say of it, and when something is to be
 * done. It begins with the 2xx to the INVITE that opens the dialog, and each later 2xx sets it anew. A refresh of ours
 * falls due after half the interval and, as long as none succeeds, again after half of what is left.
 */
export class SessionTimer {
  readonly #state: DialogState;
  readonly #rules: SessionTimerRules;
  readonly #clock: Clock;
  readonly #tell: (event: SessionEvent) => void;
  #due: Timer | null = null;
  #expiry: Timer | null = null;
  #stopped = false;

  constructor(options: {
    readonly state: DialogState;
    readonly rules: SessionTimerRules;
    readonly clock: Clock;
    readonly tell: (event: SessionEvent) => void;
  }) {
    this.#state = options.state;
    this.#rules = options.rules;
    this.#clock = options.clock;
    this.#tell = options.tell;
  }

  /** What an INVITE or UPDATE of ours says. */
  request(): SessionFields {
    const { session } = this.#state;
    if (!session) return {};
    const minimum = Math.max(session.minimum, this.#rules.minimum);
    const { refresher } = session;
    const role = refresher === null ? null : refresher === 'us' ? 'uac' : 'uas';
    return sessionFields(Math.max(session.interval, minimum), role, minimum);
  }

  /** Takes the 2xx to our INVITE that opens the dialog. */
  begin(invite: SipRequest, response: SipResponse): void {
    if (this.#rules.interval > 0) this.#set(agreedAsUac(askedIn(response), this.#rules), askedIn(invite).minimum);
  }

  /** Takes a later 2xx to an INVITE or UPDATE of ours. */
  agreed(response: SipResponse): void {
    const { session } = this.#state;
    if (!session) return;
    this.#set(agreedAsUac(askedIn(response), this.#rules), 0);
    if (session.refresher === 'us') this.#rules.onRefresh?.('exchange');
  }

  /** Takes a 422: whether it is worth to ask again, for longer (RFC 4028 §7.3). */
  lengthen(refusal: SipResponse): boolean {
    const { session } = this.#state;
    const { minimum } = askedIn(refusal);
    if (!session || minimum <= Math.max(session.interval, session.minimum, this.#rules.minimum)) return false;
    this.#state.session = { ...session, minimum };
    return true;
  }

  /** Throws SipError 422 for an INVITE or UPDATE of the peer that wants too short an interval. */
  check(request: SipRequest): void {
    if (this.#state.session) checkInterval(this.#asked(request), this.#rules);
  }

  /** What our 2xx to an INVITE or UPDATE of the peer says. That to the INVITE which opens the dialog begins it. */
  accept(request: SipRequest): SessionFields {
    const { session } = this.#state;
    if (this.#rules.interval === 0 || (!session && request.method !== 'INVITE')) return {};
    const asked = this.#asked(request);
    const agreed = agreedAsUas(asked, session, this.#rules);
    this.#set(agreed, asked.minimum);
    if (session?.refresher && asked.interval !== null) this.#rules.onRefresh?.('phone');
    const { interval, refresher } = agreed;
    if (refresher === null) return {};
    const fields = sessionFields(interval, refresher === 'us' ? 'uas' : 'uac', 0);
    return asked.supported ? { ...fields, [Require.name]: sessionTimers } : fields;
  }

  /** Nothing is to be heard of the session any more. */
  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  /** What the request says, and what the peer has said before of what it knows. */
  #asked(request: SipRequest): AskedSession {
    const asked = askedIn(request);
    return { ...asked, supported: asked.supported || this.#state.peer.supported.includes(sessionTimers) };
  }

  #set({ interval, refresher }: Agreed, minimum: number): void {
    if (this.#stopped) return;
    this.#cancel();
    // A BYE leaves a little before the end (RFC 4028 §10).
    const left = 1000 * (refresher === null ? interval / 2 : interval - Math.min(32, interval / 3));
    this.#state.session = {
      interval,
      refresher,
      minimum: Math.max(minimum, this.#state.session?.minimum ?? 0),
      deadline: this.#clock.wall() + left,
    };
    if (refresher === null) return this.#askAfter(left);
    const end = this.#clock.now() + left;
    this.#expiry = this.#clock.after(left, () => this.#end());
    if (refresher === 'us') this.#refreshAfter(500 * interval, end);
  }

  #askAfter(pause: number): void {
    this.#due = this.#clock.after(pause, () => {
      const { session } = this.#state;
      if (session) this.#state.session = { ...session, deadline: this.#clock.wall() + pause };
      this.#askAfter(pause);
      this.#tell('due');
    });
  }

  #refreshAfter(pause: number, end: number): void {
    this.#due = this.#clock.after(pause, () => {
      const next = (end - this.#clock.now()) / 2;
      if (next >= leastPause) this.#refreshAfter(next, end);
      this.#tell('due');
    });
  }

  #end(): void {
    this.#cancel();
    this.#tell('expired');
  }

  #cancel(): void {
    this.#due?.cancel();
    this.#expiry?.cancel();
  }
}

import type { Log } from '../../base/index.ts';
import type { Dialog, SessionEvent } from '../../sip/dialog/index.ts';
import { SipError, type SipResponse } from '../../sip/message/index.ts';
import type { Failure } from '../../sip/transaction/index.ts';
import type { Ending } from '../events/index.ts';
import { Attempt } from './attempt.ts';
import type { CallContext } from './call-context.ts';
import { hungUp } from './ending.ts';
import { type Body, refusalOfMedia, sdpBody, sdpOf } from './session-body.ts';
import { follow, type Side } from './side.ts';

/** Something on its way to a phone that shows whether it is there. */
type Question = Pick<Attempt, 'cancel' | 'close'>;

/**
 * Makes sure that the phones of a call are still there (RFC 4028): refreshes the sessions that are ours to refresh, asks
 * phones that know no session timers, and ends the call where one has nothing more to say. Each phone by itself: the
 * other one notices nothing.
 */
export class SessionRefresh {
  readonly #context: CallContext;
  readonly #log: Log;
  readonly #onChanged: () => void;
  readonly #end: (ending: Ending) => void;
  readonly #questions = new Map<Dialog, Question>();
  /** Phones that say that they take UPDATE and then refuse it. */
  readonly #updateRefused = new WeakSet<Dialog>();

  constructor(options: {
    readonly context: CallContext;
    readonly log: Log;
    /** A phone has said something new of its media. */
    readonly onChanged: () => void;
    /** Ends the call. */
    readonly end: (ending: Ending) => void;
  }) {
    this.#context = options.context;
    this.#log = options.log;
    this.#onChanged = options.onChanged;
    this.#end = options.end;
  }

  /** The session timer of `side` has run out: its first time, to refresh, or for good. */
  on(event: SessionEvent, side: Side): void {
    if (event === 'expired') return this.#expire(side, `The ${side.party}'s session was not refreshed in time`);
    const { dialog } = side;
    const open = this.#questions.get(dialog);
    if (open) {
      // A re-INVITE that rings for so long would be waited for for ever; a session without one has its own end.
      if (dialog.state.session?.refresher === null) open.cancel();
      return;
    }
    const byUpdate = dialog.allows('UPDATE') && !this.#updateRefused.has(dialog);
    const { allow } = dialog.state.peer;
    if (dialog.state.session?.refresher === 'us' || byUpdate)
      return this.#refresh(side, byUpdate ? 'UPDATE' : 'INVITE');
    // Every phone answers OPTIONS, unless it says that it doesn't (RFC 3261 §11).
    if (allow === null || dialog.allows('OPTIONS')) return this.#probe(side);
    this.#refresh(side, 'INVITE');
  }

  /** Hears nothing more of what is on its way. */
  close(): void {
    for (const question of this.#questions.values()) question.close();
    this.#questions.clear();
  }

  /** UPDATE without a session description, or a re-INVITE that repeats the last one (RFC 4028 §7.4). */
  #refresh(side: Side, method: 'UPDATE' | 'INVITE'): void {
    const { dialog, leg, party } = side;
    const over = (): void => void this.#questions.delete(dialog);
    const again = (fields: Readonly<Record<string, unknown>>): void => {
      over();
      this.#log.info('a session could not be refreshed', { leg: party, method, ...fields });
    };
    const attempt = new Attempt({
      method,
      side,
      context: this.#context,
      request: (): Partial<Body> => (method === 'INVITE' ? sdpBody(leg.negotiation.repeatOffer()) : {}),
      user: {
        onAgreed: (response) => {
          over();
          this.#log.debug('session refreshed', { leg: party, by: 'exchange', method });
          if (method === 'UPDATE') return;
          dialog.ack(response.cseq.number);
          if (takeAnswer(side, response)) this.#onChanged();
        },
        onRefused: ({ status }) => {
          again({ status });
          if (this.#isGone(side, status)) return;
          if (method === 'UPDATE') this.#updateRefused.add(dialog);
        },
        onFailure: (failure) => {
          again({ failure });
          this.#onFailure(side, failure);
        },
        onHopeless: (status) => again({ status }),
        onUnsayable: (error) => again({ error }),
      },
    });
    // It may be over by now: a connection that is lost fails at once.
    if (!attempt.over) this.#questions.set(dialog, attempt);
  }

  /** Whatever it answers, it is there, unless it says that there is no call (RFC 5057 §5.1). */
  #probe(side: Side): void {
    const { dialog } = side;
    follow(side, this.#context.dialPlan);
    const question = { cancel: () => {}, close: () => {} };
    this.#questions.set(dialog, question);
    const answered = (): boolean => {
      if (this.#questions.get(dialog) !== question) return false;
      return this.#questions.delete(dialog);
    };
    dialog.request(
      'OPTIONS',
      {},
      {
        onResponse: ({ status }) => {
          if (status >= 200 && answered()) this.#isGone(side, status);
        },
        onFailure: (failure) => {
          if (answered()) this.#onFailure(side, failure);
        },
      },
    );
  }

  /** Whether the answer says that the phone knows nothing of the call: then that ends (RFC 4028 §10). */
  #isGone(side: Side, status: number): boolean {
    if (status === 408) this.#expire(side, `The ${side.party}'s phone no longer answers`);
    if (status !== 481) return status === 408;
    side.dialog.end();
    this.#expire(side, `The ${side.party}'s phone has lost the call`, side.party);
    return true;
  }

  /** A connection that is lost may be back before the session ends. */
  #onFailure(side: Side, failure: Failure): void {
    if (failure === 'timeout') this.#expire(side, `The ${side.party}'s phone no longer answers`);
  }

  #expire(side: Side, text: string, by: Ending['party'] = 'system'): void {
    this.#log.warning('session expired', { leg: side.party, reason: text });
    this.#end(hungUp(by, 'session_timeout', text));
  }
}

/** Takes the answer to an offer of ours in a session that goes on; without a usable one what was agreed before stays. */
export function takeAnswer({ leg }: Side, response: SipResponse): boolean {
  try {
    const answer = sdpOf(response);
    if (answer) leg.negotiation.receiveAnswer(answer);
  } catch (error) {
    if (!(refusalOfMedia(error) instanceof SipError)) throw error;
  }
  if (leg.negotiation.phase === 'stable') return true;
  leg.negotiation.rollback();
  return false;
}

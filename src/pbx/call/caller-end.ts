import type { LegNegotiation, SessionDescription } from '../../sdp/index.ts';
import type { Dialog } from '../../sip/dialog/index.ts';
import type { SipResponse } from '../../sip/message/index.ts';
import type { ServerTransaction } from '../../sip/transaction/index.ts';
import type { Ending } from '../events/index.ts';
import type { Branch } from './branch.ts';
import type { Leg } from './leg.ts';
import type { Side } from './side.ts';

/** What is said when a call ends, beside why. */
export interface LastWords {
  readonly reason?: string;
  readonly toCaller?: Readonly<Record<string, string>>;
  readonly toBranches?: Readonly<Record<string, string>>;
}

/**
 * The end that phones are called for, as long as none has answered: a phone with its INVITE, or one that is being
 * transferred and has a call already.
 */
export interface CallerEnd {
  readonly leg: Leg;
  readonly report: { update(change: { readonly state: 'early' }): void };
  /** The phone as a side of this call, where its dialog has been confirmed before: it is looked after meanwhile. */
  readonly side: Side | null;
  /** The offer to a phone that is to be called; null where the phone is to make it. Throws NoCommonMedia. */
  offerTo(callee: LegNegotiation): SessionDescription | null;
  /**
   * A phone has said `status`; `heard` is the branch whose early media is to be heard from now on, if it has any.
   * Throws SdpError, NoCommonMedia or SipError when that can't be.
   */
  progress(status: number, heard: Branch | null): void;
  /**
   * A phone has answered: takes what it says of the session and acknowledges it, now or later.
   * Throws SdpError, NoCommonMedia or SipError when it can't be used; nothing has been said to the caller then.
   */
  agree(branch: Branch, response: SipResponse, dialog: Dialog): void;
  /**
   * As `agree` for a phone that has picked up the call by an INVITE of its own: what it is told, answer or offer.
   * Throws NoCommonMedia or SipError when the two have nothing in common.
   */
  agreeWith(leg: Leg): SessionDescription;
  /** After `agree` or `agreeWith`, when the other branches have been given up: tells the caller. */
  connect(callee: Side): Side;
  /** A request of the caller before the answer that concerns the session. Throws SipError to refuse it. */
  onSessionRequest(transaction: ServerTransaction, dialog: Dialog, heard: Side | null): void;
  /** The phone that is heard changes what it has agreed with us before it answers. Throws SipError to refuse it. */
  onCalleeChange(transaction: ServerTransaction, callee: Side): void;
  /** The call has ended, before or after the answer. */
  end(ending: Ending, words: LastWords): void;
  /** Gives back what it holds, when it was never connected. */
  release(): void;
}

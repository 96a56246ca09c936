import { type LegNegotiation, relayOffer } from '../../sdp/index.ts';
import type { Dialog } from '../../sip/dialog/index.ts';
import type { NameAddress, SipResponse } from '../../sip/message/index.ts';
import type { Failure, ServerTransaction } from '../../sip/transaction/index.ts';
import type { OutgoingInvite } from '../../sip/ua/index.ts';
import type { Target } from '../routing/index.ts';
import type { CallContext } from './call-context.ts';
import { Leg } from './leg.ts';
import { sdpBody, sdpOf } from './session-body.ts';

/** What a branch tells its call. */
export interface BranchUser {
  onProgress(branch: Branch, response: SipResponse, tag: string): void;
  onAnswer(branch: Branch, response: SipResponse, dialog: Dialog): void;
  onRefused(branch: Branch, response: SipResponse): void;
  onFailure(branch: Branch, failure: Failure): void;
  /** A request of the phone, which may not have answered yet. */
  onRequest(transaction: ServerTransaction, dialog: Dialog): void;
  onRequestCancelled(branch: Branch, invite: ServerTransaction): void;
}

/** One phone that is being called: its INVITE, its leg, and after its answer its dialog. */
export class Branch implements Disposable {
  readonly target: Target;
  readonly leg: Leg;
  readonly sipCallId: string;
  readonly #invite: OutgoingInvite;
  /** What the offer has become in each early dialog; a forking proxy makes several of one INVITE. */
  readonly #early = new Map<string, LegNegotiation>();
  /** The confirmed dialog; null before the answer. */
  #dialog: Dialog | null = null;

  /**
   * Calls `target` with the offer that the caller has made, or with none where the caller made none.
   * Throws SipError 503 without a port, NoCommonMedia when the offer has nothing that we carry.
   */
  constructor(options: {
    readonly context: CallContext;
    readonly target: Target;
    readonly caller: Leg;
    readonly offered: boolean;
    readonly from: NameAddress;
    readonly to: NameAddress;
    readonly callerNumber: string;
    readonly maxForwards: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly user: BranchUser;
  }) {
    const { context, target, caller, user } = options;
    this.target = target;
    this.leg = new Leg(context, target.flow);
    this.sipCallId = context.userAgent.newCallId();
    try {
      // Who has been given an answer (early media of a phone that then redirects) still made the same offer.
      const offering = caller.negotiation.answer ? caller.negotiation.fork() : caller.negotiation;
      const body = options.offered ? sdpBody(relayOffer(offering, this.leg.negotiation)) : {};
      this.#invite = context.userAgent.invite(
        {
          uri: target.uri,
          route: target.route,
          flow: target.flow,
          from: options.from,
          to: options.to,
          callId: this.sipCallId,
          maxForwards: options.maxForwards,
          contactUser: options.callerNumber,
          headers: options.headers,
          ...body,
        },
        {
          onProvisional: (response, tag) => user.onProgress(this, response, tag),
          onAnswer: (response, dialog) => {
            this.#dialog = dialog;
            user.onAnswer(this, response, dialog);
          },
          onRefused: (response) => user.onRefused(this, response),
          onFailure: (failure) => user.onFailure(this, failure),
          dialog: {
            onRequest: (transaction, dialog) => user.onRequest(transaction, dialog),
            onCancel: (invite) => user.onRequestCancelled(this, invite),
          },
        },
      );
    } catch (error) {
      this.leg[Symbol.dispose]();
      throw error;
    }
  }

  /** Gives the branch up, whatever it is doing: CANCEL, or BYE once it was answered. */
  abandon(headers: Readonly<Record<string, string>>): void {
    this.#invite.cancel(headers);
    this.#dialog?.bye(headers);
  }

  /**
   * Keeps what the phone answers to our offer in a provisional response of the early dialog `tag`. False when it
   * carries no session description. Throws SdpError or SipError when unusable.
   */
  preview(response: SipResponse, tag: string): boolean {
    const description = sdpOf(response);
    if (!description) return false;
    if (this.#early.has(tag)) return true;
    const early = this.leg.negotiation.fork();
    early.receiveAnswer(description);
    this.#early.set(tag, early);
    return true;
  }

  /** The leg speaks for an early dialog from now on, of which there has been a preview. */
  speakFor(tag: string): void {
    this.leg.negotiation = this.#early.get(tag) ?? this.leg.negotiation;
  }

  /**
   * Takes the final answer to our offer. Phones that change it after a provisional one are believed: the last word
   * counts. Without a description in the 200 the one of its early dialog stands, or the only one there is, since phones
   * answer with another tag than they rang with. False when there is none.
   */
  answered(response: SipResponse): boolean {
    const description = sdpOf(response);
    const [only] = this.#early.size === 1 ? this.#early.values() : [];
    const early = this.#early.get(response.toTag ?? '') ?? only;
    if (description) {
      const final = this.leg.negotiation.fork();
      final.receiveAnswer(description);
      this.leg.negotiation = final;
    } else if (early) {
      this.leg.negotiation = early;
    } else {
      return false;
    }
    this.leg.generation++;
    return true;
  }

  [Symbol.dispose](): void {
    this.leg[Symbol.dispose]();
  }
}

import {
  type LegNegotiation,
  ownAnswer,
  type PlainerOffer,
  SdpError,
  type SessionDescription,
} from '../../sdp/index.ts';
import { type Dialog, reliableNumberOf } from '../../sip/dialog/index.ts';
import type { NameAddress, SipResponse } from '../../sip/message/index.ts';
import type { Failure } from '../../sip/transaction/index.ts';
import type { AnswerByPrack, OutgoingInvite } from '../../sip/ua/index.ts';
import type { Target } from '../routing/index.ts';
import type { CallContext } from './call-context.ts';
import { Leg } from './leg.ts';
import { dialogFacts, LegReport } from './leg-report.ts';
import { sdpBody, sdpOf } from './session-body.ts';
import { dialogUser, type RequestTaker, type Side } from './side.ts';

/** What a branch tells its call. */
export interface BranchUser {
  onProgress(branch: Branch, response: SipResponse, tag: string, answer: AnswerByPrack | null): void;
  onAnswer(branch: Branch, response: SipResponse, dialog: Dialog): void;
  onRefused(branch: Branch, response: SipResponse): void;
  onFailure(branch: Branch, failure: Failure): void;
}

/** What has been said of the session in one early dialog. */
interface EarlySession {
  readonly negotiation: LegNegotiation;
  /** Said for good, in a reliable response (RFC 3262 §5): what the 200 says is no news. */
  readonly final: boolean;
}

/** One phone that is being called: its INVITE, its leg, and after its answer its dialog. */
export class Branch implements Disposable {
  readonly target: Target;
  readonly leg: Leg;
  readonly report: LegReport;
  readonly sipCallId: string;
  readonly #invite: OutgoingInvite;
  readonly #context: CallContext;
  /** Whether our INVITE has an offer; without one the phone makes it. */
  readonly #offering: boolean;
  /** What the phone is offered; null where it makes the offer. */
  readonly offer: SessionDescription | null;
  /** The leg as it was when the INVITE went out: each dialog begins there. */
  readonly #beginning: LegNegotiation;
  /** What the session has become in each early dialog; a forking proxy makes several of one INVITE. */
  readonly #early = new Map<string, EarlySession>();
  /** To tag of the early dialog that the leg speaks for; null before any has been heard. */
  #tag: string | null = null;
  /** The confirmed dialog; null before the answer. */
  #dialog: Dialog | null = null;
  #released = false;

  /**
   * Calls `target` with the offer that `offer` makes for its leg, or with none.
   * Throws SipError 503 without a port, NoCommonMedia when there is nothing to offer.
   */
  constructor(options: {
    readonly context: CallContext;
    readonly callId: string;
    readonly target: Target;
    /** The leg that it is to be connected with. */
    readonly caller: Leg;
    /** What it is offered less than others. */
    readonly plainer: PlainerOffer | null;
    readonly offer: (leg: LegNegotiation) => SessionDescription | null;
    readonly from: NameAddress;
    readonly to: NameAddress;
    readonly callerNumber: string;
    readonly maxForwards: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly user: BranchUser;
    /** Who takes requests of the phone, which may come before it has answered. */
    readonly requests: RequestTaker;
  }) {
    const { context, target, user, callerNumber } = options;
    this.target = target;
    this.#context = context;
    this.leg = new Leg(context, {
      flow: target.flow,
      extension: target.extension,
      near: options.caller,
      plainer: options.plainer,
    });
    this.sipCallId = context.userAgent.newCallId();
    try {
      const offer = options.offer(this.leg.negotiation);
      this.offer = offer;
      this.#offering = offer !== null;
      this.#beginning = this.leg.negotiation.copy();
      this.#invite = context.userAgent.invite(
        {
          uri: target.uri,
          route: target.route,
          flow: target.flow,
          from: options.from,
          to: options.to,
          callId: this.sipCallId,
          maxForwards: options.maxForwards,
          contactUser: callerNumber,
          headers: options.headers,
          ...(offer ? sdpBody(offer) : {}),
        },
        {
          onProvisional: (response, tag, answer) => user.onProgress(this, response, tag, answer),
          onAnswer: (response, dialog) => {
            this.#dialog = dialog;
            user.onAnswer(this, response, dialog);
          },
          onRefused: (response) => user.onRefused(this, response),
          onFailure: (failure) => user.onFailure(this, failure),
          dialog: dialogUser('callee', options.requests, context.userAgent),
        },
      );
    } catch (error) {
      this.leg[Symbol.dispose]();
      throw error;
    }
    const dialog = { sipCallId: this.sipCallId, ourTag: this.#invite.transaction.request.fromTag, phoneTag: null };
    const remote = { number: callerNumber, displayName: options.from.displayName };
    const { callId } = options;
    this.report = new LegReport(context, {
      callId,
      extension: target.extension,
      direction: 'recipient',
      dialog,
      remote,
    });
  }

  /** The IP address of the phone. */
  get address(): string {
    return this.target.flow.remote.address;
  }

  /** Gives the branch up, whatever it is doing: CANCEL, or BYE once it was answered. */
  abandon(headers: Readonly<Record<string, string>>): void {
    this.#invite.cancel(headers);
    this.#dialog?.bye(headers);
  }

  /** The phone has been heard in a dialog of this tag. */
  rings(tag: string): void {
    const { dialog } = this.report.facts;
    this.report.update({ state: 'early', dialog: { ...dialog, phoneTag: tag === '' ? dialog.phoneTag : tag } });
  }

  /**
   * Keeps what the phone says of the session in a provisional response of the early dialog `tag`: its answer to our
   * offer, or its offer, which is answered at once by `answer`: the caller is asked later. False when it carries no
   * session description. Throws SdpError, NoCommonMedia or SipError when unusable.
   */
  preview(response: SipResponse, tag: string, answer: AnswerByPrack | null): boolean {
    const description = sdpOf(response);
    if (!description) return false;
    const final = reliableNumberOf(response) !== null;
    const known = this.#early.get(tag);
    if (known && (known.final || !final)) return true;
    if (answer) {
      const early = this.#beginning.copy();
      early.receiveOffer(description);
      answer(sdpBody(ownAnswer(early, null)));
      this.#early.set(tag, { negotiation: early, final });
    } else if (this.#offering) {
      const early = this.#beginning.fork();
      early.receiveAnswer(description);
      this.#early.set(tag, { negotiation: early, final });
    } else {
      return false;
    }
    return true;
  }

  /** To tag of the dialog that the leg speaks for. */
  get tag(): string | null {
    return this.#tag;
  }

  /** The leg speaks for an early dialog from now on, of which there has been a preview. */
  speakFor(tag: string): void {
    this.#tag = tag;
    this.leg.negotiation = this.#early.get(tag)?.negotiation ?? this.leg.negotiation;
  }

  /** The phone as a side of the call in its early dialog `tag`; null when there is none, or nothing agreed in it for good. */
  earlySide(tag: string): Side | null {
    const dialog = this.#invite.earlyDialog(tag);
    const early = this.#early.get(tag);
    return dialog && early?.final && early.negotiation === this.leg.negotiation ? this.#side(dialog) : null;
  }

  /**
   * Takes the final answer to our offer. Phones that change it after an unreliable provisional one are believed: the last
   * word counts. Without a description in the 200 the one of its early dialog stands, or the only one there is, since
   * phones answer with another tag than they rang with. False when there is none, or when the 200 makes the offer.
   * Throws SdpError where it answers nothing of our offer.
   */
  answered(response: SipResponse): boolean {
    const tag = response.toTag ?? '';
    const own = this.#early.get(tag);
    const [only] = this.#early.size === 1 ? this.#early.values() : [];
    const description = own?.final ? null : sdpOf(response);
    const early = own ?? only;
    if (own || !only || (description && only.final)) this.#tag = tag;
    if (description) {
      if (!this.#offering) {
        this.leg.negotiation = this.#beginning.copy();
        return false;
      }
      const final = this.#beginning.fork();
      final.receiveAnswer(description);
      this.leg.negotiation = final;
    } else if (early) {
      this.leg.negotiation = early.negotiation;
    } else if (this.#offering) {
      throw new SdpError('the 200 carries no answer');
    } else {
      return false;
    }
    this.leg.generation++;
    return true;
  }

  /** The phone has won: its leg and its dialog are the call's from now on. */
  release(dialog: Dialog): Side {
    this.#released = true;
    this.report.update({ state: 'confirmed', dialog: dialogFacts(dialog) });
    return this.#side(dialog);
  }

  #side(dialog: Dialog): Side {
    const { leg, report, target } = this;
    const { extension } = target;
    const displayName = this.#context.displayName(extension);
    return { party: 'callee', extension, displayName, anonymous: false, dialog, leg, report };
  }

  [Symbol.dispose](): void {
    if (this.#released) return;
    this.report[Symbol.dispose]();
    this.leg[Symbol.dispose]();
  }
}

import { Scope } from '../../base/index.ts';
import { formatSessionDescription, type PlainerOffer, plainerOffer } from '../../sdp/index.ts';
import type { Dialog } from '../../sip/dialog/index.ts';
import {
  MaxBreadth,
  noParams,
  type ReplacesValue,
  SipError,
  type SipResponse,
  sipUri,
} from '../../sip/message/index.ts';
import type { Failure, ServerTransaction } from '../../sip/transaction/index.ts';
import type { AnswerByPrack } from '../../sip/ua/index.ts';
import type { Target } from '../routing/index.ts';
import type { BranchRefusal } from './best-response.ts';
import { Branch } from './branch.ts';
import type { CalledPhone } from './call-record.ts';
import type { CallerEnd } from './caller-end.ts';
import { type CallHost, names, type Parties } from './calls.ts';
import { answerWithin } from './conversation.ts';
import { refused } from './ending.ts';
import { Fork } from './fork.ts';
import { type Person, shownAddress, shownAs } from './identity.ts';
import { answerInvite } from './invited-side.ts';
import { personOf } from './sender.ts';
import { refusalOfMedia } from './session-body.ts';
import type { Side } from './side.ts';

/** What is said to a branch that another has beaten. */
const elsewhere = { Reason: 'SIP;cause=200;text="Call completed elsewhere"' };

/** A call from the first ringing to the answer: the phones that are called at the same time, and what they say. */
export class Setup implements Disposable {
  readonly #host: CallHost;
  readonly #caller: CallerEnd;
  readonly #parties: Parties;
  readonly #maxForwards: number;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #scope = new Scope();
  readonly #fork: Fork;
  #winner: Branch | null = null;
  /** Whether another phone has picked up what rang. */
  #pickedUp = false;
  /** The branch whose early media the caller hears: the first to send any, in its latest early dialog. */
  #heard: { readonly branch: Branch; readonly tag: string } | null = null;

  constructor(options: {
    readonly host: CallHost;
    readonly caller: CallerEnd;
    readonly parties: Parties;
    readonly maxForwards: number;
    /** Further fields of every INVITE to a phone. */
    readonly headers?: Readonly<Record<string, string>>;
  }) {
    this.#host = options.host;
    this.#caller = options.caller;
    this.#parties = options.parties;
    this.#maxForwards = options.maxForwards;
    this.#headers = options.headers ?? {};
    this.#fork = this.#scope.own(
      new Fork({
        dialPlan: options.host.context.dialPlan,
        call: (...phone) => this.#call(...phone),
      }),
    );
  }

  /** The phone that was called first. */
  get first(): CalledPhone | null {
    return this.#fork.first;
  }

  /** The extension whose phone rings in this dialog; null when it is none of ours. */
  ringingAt(dialog: ReplacesValue): string | null {
    const branch = this.#ringing().find(({ report }) => names(dialog, report.facts.dialog));
    return branch?.target.extension ?? null;
  }

  /** Whether a phone of this extension rings. */
  rings(extension: string): boolean {
    return this.#ringing().some(({ target }) => target.extension === extension);
  }

  #ringing(): readonly Branch[] {
    return this.#answered ? [] : this.#fork.others(null);
  }

  get #answered(): boolean {
    return this.#winner !== null || this.#pickedUp;
  }

  /**
   * Somebody else picks the call up by an INVITE (RFC 3891 §4.1): it is connected with the caller, the phones that ring
   * are told that this has been done. Throws SipError 488 when the two have no codec in common, 481 when it has been
   * answered meanwhile.
   */
  pickUp(transaction: ServerTransaction, person: Person): void {
    if (this.#answered) throw new SipError(481);
    const callee = answerInvite({
      call: this.#host,
      party: 'callee',
      transaction,
      person,
      remote: personOf(this.#parties),
      other: this.#caller.leg,
      agree: (leg) => this.#caller.agreeWith(leg),
    });
    this.#pickedUp = true;
    this.giveUpOthers(elsewhere);
    this.#host.connected(this.#caller.connect(callee), callee);
  }

  /** Calls `targets`, of which no more than `maxBreadth` at a time (RFC 5393 §5.3.3) unless it is null. */
  ring(targets: readonly Target[], maxBreadth: number | null): void {
    this.#fork.ring(targets, maxBreadth);
    if (this.#fork.size === 0) this.#giveUp();
  }

  #call(target: Target, maxBreadth: number | null, plainer: PlainerOffer | null): Branch {
    const { context, log } = this.#host;
    const caller = personOf(this.#parties);
    const host = context.identityHost(target.flow);
    const post = (name: string, run: () => void, late?: () => void): void =>
      this.#host.post({ name, run, ...(late ? { late } : {}) });
    const branch = new Branch({
      context,
      caller: this.#caller.leg,
      callId: this.#host.id,
      target,
      plainer,
      offer: (leg) => this.#caller.offerTo(leg),
      from: shownAddress(caller, host),
      to: { displayName: null, uri: sipUri({ user: this.#parties.callee, ...host }), params: noParams },
      callerNumber: shownAs(caller).number,
      maxForwards: this.#maxForwards,
      headers: { ...this.#headers, ...(maxBreadth === null ? {} : { [MaxBreadth.name]: String(maxBreadth) }) },
      requests: this.#host,
      user: {
        onProgress: (from, response, tag, answer) =>
          post('progress', () => this.#onProgress(from, response, tag, answer)),
        onAnswer: (from, response, dialog) =>
          post(
            'answer',
            () => this.#onAnswer(from, response, dialog),
            () => hangUp(response, dialog, {}),
          ),
        onRefused: (from, response) => post('refused', () => this.#onRefused(from, response)),
        onFailure: (from, failure) => post('branch failed', () => this.#drop(from, refusalOfFailure(failure))),
      },
    });
    log.info('phone called', { leg: 'callee', flow: target.flow.id, sip_call_id: branch.sipCallId });
    return branch;
  }

  #onProgress(branch: Branch, response: SipResponse, tag: string, answer: AnswerByPrack | null): void {
    if (!this.#fork.has(branch) || this.#answered) return;
    // A branch that has gone says nothing about the call (RFC 6228), and the queue of a phone is not the caller's.
    if (response.status === 199) return;
    branch.rings(tag);
    this.#caller.report.update({ state: 'early' });
    this.#host.rings();
    try {
      this.#caller.progress(response.status, this.#hear(branch, response, tag, answer));
    } catch (error) {
      const refusal = refusalOfMedia(error);
      if (!(refusal instanceof SipError)) throw error;
      this.#host.log.warning('early media could not be used', { reason: refusal.message });
      // An offer can't be left without its answer (RFC 3262 §5).
      if (answer) return this.#drop(branch, { status: 488, reason: null, by: 'phone' }, true);
      this.#caller.progress(response.status, null);
    }
  }

  /**
   * The branch, where it plays something that the caller is to hear: the first branch to play anything, others ring
   * without sound. Of the early dialogs behind a forking proxy the latest is the one (RFC 3960 §3.1).
   */
  #hear(branch: Branch, response: SipResponse, tag: string, answer: AnswerByPrack | null): Branch | null {
    if (response.body.length === 0 || !branch.preview(response, tag, answer)) return null;
    if (this.#heard && this.#heard.branch !== branch) return null;
    branch.speakFor(tag);
    this.#heard = { branch, tag };
    return branch;
  }

  #onRefused(branch: Branch, response: SipResponse): void {
    if (!this.#fork.has(branch) || this.#answered) return;
    const plainer = response.status === 488 ? this.#plainerFor(branch, response) : null;
    if (plainer) {
      this.#fork.again(branch, plainer);
    } else {
      const refusal = this.#fork.redirect(branch, response);
      if (refusal) return this.#drop(branch, refusal);
    }
    this.#noteSilence(branch);
    if (this.#fork.size === 0) this.#giveUp();
  }

  /** A second, plainer offer to a phone that has refused the first; null where there is none to make. */
  #plainerFor({ offer, sipCallId }: Branch, { headers }: SipResponse): PlainerOffer | null {
    const [line] = (offer && /^m=audio.*$/m.exec(formatSessionDescription(offer))) ?? [];
    const plainer = offer && plainerOffer(offer);
    this.#host.log.warning('a phone has refused what it was offered', {
      leg: 'callee',
      sip_call_id: sipCallId,
      refused: line?.trim() ?? null,
      warning: headers.get('Warning') ?? null,
      asked_again: plainer !== null,
    });
    return plainer;
  }

  /** A branch has come to nothing; with the last one, or a 6xx, the call has. */
  #drop(branch: Branch, refusal: BranchRefusal, abandon = false): void {
    if (!this.#fork.has(branch)) return;
    if (abandon) branch.abandon({});
    this.#fork.drop(branch, refusal);
    this.#noteSilence(branch);
    if (this.#answered) return;
    if (refusal.status >= 600 || this.#fork.size === 0) this.#giveUp();
  }

  /** Nothing more will be heard of a branch: another may play to the caller. */
  #noteSilence(branch: Branch): void {
    if (this.#heard?.branch === branch) this.#heard = null;
  }

  #giveUp(): void {
    const { status, reason, by, headers } = this.#fork.best();
    const ending = refused(by === 'phone' ? 'callee' : 'system', status, reason ?? `Refused with ${status}`);
    this.#host.end(ending, { toCaller: headers ?? {}, ...(reason === null ? {} : { reason }) });
  }

  #onAnswer(branch: Branch, response: SipResponse, dialog: Dialog): void {
    if (!this.#fork.has(branch) || this.#answered) return hangUp(response, dialog, elsewhere);
    try {
      this.#caller.agree(branch, response, dialog);
    } catch (error) {
      return this.#refuseAnswer(branch, response, dialog, error);
    }
    this.#winner = branch;
    const callee = branch.release(dialog);
    this.giveUpOthers(elsewhere);
    this.#host.connected(this.#caller.connect(callee), callee);
  }

  /** The phone has picked up with a session that can't be used: it is hung up on, the others may still answer. */
  #refuseAnswer(branch: Branch, response: SipResponse, dialog: Dialog, error: unknown): void {
    const refusal = refusalOfMedia(error);
    if (!(refusal instanceof SipError)) throw error;
    hangUp(response, dialog, { Reason: `SIP;cause=488;text="Not Acceptable Here"` });
    this.#host.log.warning("the callee's answer could not be used", { reason: refusal.message });
    this.#drop(branch, { status: 488, reason: null, by: 'phone' });
  }

  /** Gives up every branch that has not won. */
  giveUpOthers(headers: Readonly<Record<string, string>>): void {
    for (const other of this.#fork.others(this.#winner)) {
      other.abandon(headers);
      this.#fork.remove(other);
    }
  }

  /** A request of a phone before the answer. Throws SipError to refuse it. */
  onRequest(from: 'caller' | 'callee', transaction: ServerTransaction, dialog: Dialog): void {
    const { method, body } = transaction.request;
    const { userAgent } = this.#host.context;
    const aboutTheSession = (method === 'UPDATE' || method === 'PRACK') && body.length > 0;
    if (from === 'callee' && aboutTheSession) return this.#onCalleeChange(transaction, dialog);
    if (aboutTheSession) return this.#caller.onSessionRequest(transaction, dialog, this.#heardSide());
    if (method !== 'BYE') return answerWithin(userAgent, dialog, transaction);
    // A caller may leave an early dialog with BYE instead of CANCEL (RFC 3261 §15).
    transaction.respond(userAgent.response(transaction, 200));
    this.#host.end(refused('caller', 487, 'The caller hung up'));
  }

  #heardSide(): Side | null {
    return this.#heard?.branch.earlySide(this.#heard.tag) ?? null;
  }

  /** A phone that rings changes what it has agreed with us. */
  #onCalleeChange(transaction: ServerTransaction, dialog: Dialog): void {
    const heard = this.#heardSide();
    // What is not heard, or was never agreed for good, has an offer of ours that waits for its answer (RFC 3311 §5.2).
    if (heard?.dialog !== dialog) throw new SipError(491);
    this.#caller.onCalleeChange(transaction, heard);
  }

  [Symbol.dispose](): void {
    this.#scope[Symbol.dispose]();
  }
}

function hangUp(response: SipResponse, dialog: Dialog, headers: Readonly<Record<string, string>>): void {
  const { number } = response.cseq;
  if (!dialog.hasAcknowledged(number)) dialog.ack(number);
  dialog.bye(headers);
}

/** Silence is a 408 (RFC 3261 §16.8), a phone that can't be reached at all is not there. */
function refusalOfFailure(failure: Failure): BranchRefusal {
  return { status: failure === 'timeout' ? 408 : 480, reason: null, by: 'us' };
}

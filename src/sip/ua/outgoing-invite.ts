import type { Timer } from '../../base/index.ts';
import {
  Dialog,
  type DialogContext,
  type DialogRequest,
  type DialogState,
  type DialogUser,
  dialogStateOfResponse,
  longerFields,
  openingFields,
  ProvisionalOrder,
  reliableNumberOf,
} from '../dialog/index.ts';
import { CSeq, RAck, SipRequest, type SipResponse, SipSyntaxError, Via } from '../message/index.ts';
import type { ClientTransaction, Failure } from '../transaction/index.ts';
import type { Flow } from '../transport/index.ts';

/** What an outgoing INVITE tells its owner until it is answered, refused or cancelled. */
export interface OutgoingInviteUser {
  /**
   * A provisional response above 100; `tag` tells the early dialogs of a forking proxy apart. Reliable ones have been
   * acknowledged, each once and in order, save one that carries the offer: then the owner does it by `answer`.
   */
  onProvisional(response: SipResponse, tag: string, answer: AnswerByPrack | null): void;
  /** The first 2xx. The owner acknowledges it through `dialog.ack`, now or, when it carries the offer, with the answer. */
  onAnswer(response: SipResponse, dialog: Dialog): void;
  onRefused(response: SipResponse): void;
  onFailure(failure: Failure): void;
  /** What its dialogs hear: the early ones that provisional responses open, and the confirmed one. */
  readonly dialog: DialogUser;
}

/** Acknowledges a reliable provisional response that made an offer, with the answer (RFC 3262 §5). */
export type AnswerByPrack = (answer: DialogRequest) => void;

/** A dialog that a provisional response has opened. */
interface EarlyDialog {
  readonly dialog: Dialog;
  readonly order: ProvisionalOrder;
  /** Whether it has made its offer, where our INVITE has none. */
  offered: boolean;
}

const nobody: OutgoingInviteUser = {
  onProvisional: () => {},
  onAnswer: () => {},
  onRefused: () => {},
  onFailure: () => {},
  dialog: { onRequest: () => {} },
};

/** How often an INVITE is sent again for a session interval that is never long enough. */
const mostLonger = 3;

/** How many early dialogs a forking proxy may open by one INVITE; requests in further ones get 481. */
const mostEarlyDialogs = 32;

/**
 * The UAC side of an INVITE that begins a call (RFC 3261 §13.2). It looks after itself to the end: once cancelled,
 * or once a first 2xx has been taken, every further 2xx is acknowledged and its dialog ended with a BYE.
 */
export class OutgoingInvite {
  #transaction: ClientTransaction;
  readonly #context: DialogContext;
  /** Who hears of it, until there is nothing left to hear; the transaction outlives the call by half a minute. */
  #user: OutgoingInviteUser;
  readonly #contactUser: string | null;
  /** By To tag, until the INVITE is answered, refused or cancelled. */
  readonly #early = new Map<string, EarlyDialog>();
  /** By To tag, the last CSeq number of each early dialog that has ended. */
  readonly #ended = new Map<string, number>();
  /** By To tag, those that a 2xx has made. */
  readonly #dialogs = new Map<string, Dialog>();
  #progress: 'calling' | 'proceeding' | 'answered' | 'over' = 'calling';
  #cancel: Readonly<Record<string, string>> | null = null;
  #patience: Timer | null = null;
  /** How often it has been sent again with a longer session interval. */
  #longer = 0;

  constructor(options: {
    /** Complete but for its Via. */
    readonly request: SipRequest;
    readonly flow: Flow;
    readonly contactUser: string | null;
    readonly user: OutgoingInviteUser;
    readonly context: DialogContext;
  }) {
    this.#context = options.context;
    this.#user = options.user;
    this.#contactUser = options.contactUser;
    const { request, flow, context } = options;
    for (const [name, value] of Object.entries(openingFields(context.sessionTimers))) request.headers.add(name, value);
    this.#transaction = this.#send(request, flow);
  }

  #send(request: SipRequest, flow: Flow): ClientTransaction {
    const transaction = this.#context.transactions.request(request, flow, {
      onResponse: (response) => this.#onResponse(response),
      onFailure: (failure) => this.#onFailure(failure),
      onTerminated: () => {
        if (this.#transaction === transaction) this.#patience?.cancel();
      },
    });
    return transaction;
  }

  /** The present one: an INVITE that is sent again has a new one. */
  get transaction(): ClientTransaction {
    return this.#transaction;
  }

  get flow(): Flow {
    return this.transaction.flow;
  }

  /**
   * Gives the call up: CANCEL now, or as soon as a provisional response allows it (RFC 3261 §9.1). The owner hears
   * nothing more. `headers` go into the CANCEL, and into the BYE of an answer that crossed it.
   */
  cancel(headers: Readonly<Record<string, string>> = {}): void {
    if (this.#cancel || this.#progress === 'over' || this.#progress === 'answered') return;
    this.#cancel = headers;
    this.#leave();
    if (this.#progress === 'proceeding') this.#sendCancel();
  }

  #endEarlyDialogs(): void {
    for (const tag of this.#early.keys()) this.#endEarly(tag);
  }

  #endEarly(tag: string): void {
    const dialog = this.#early.get(tag)?.dialog;
    if (!dialog) return;
    dialog.end();
    this.#early.delete(tag);
    if (this.#ended.size < mostEarlyDialogs) this.#ended.set(tag, dialog.state.localSequence);
  }

  /** The user, who hears this one thing and no more. The early dialogs end. */
  #leave(): OutgoingInviteUser {
    this.#endEarlyDialogs();
    const user = this.#user;
    this.#user = nobody;
    return user;
  }

  #sendCancel(): void {
    this.#context.transactions.cancel(this.transaction, this.#cancel ?? {});
    this.#patience = this.#context.clock.after(64 * this.#context.transactions.timers.t1, () => {
      this.#progress = 'over';
      this.transaction.abandon();
    });
  }

  #onResponse(response: SipResponse): void {
    if (response.status >= 200 && response.status < 300) return this.#onSuccess(response);
    if (response.status < 200) return this.#onProvisional(response);
    this.#patience?.cancel();
    if (response.status === 422 && !this.#cancel && this.#sendForLonger(response)) return;
    this.#progress = 'over';
    this.#leave().onRefused(response);
  }

  /** Sends the INVITE again with the session interval that a 422 asks for, unnoticed by the owner (RFC 4028 §7.3). */
  #sendForLonger(refusal: SipResponse): boolean {
    const { request, flow } = this.#transaction;
    const fields = longerFields(request, refusal);
    if (!fields || this.#longer >= mostLonger) return false;
    this.#longer++;
    this.#endEarlyDialogs();
    this.#ended.clear();
    this.#progress = 'calling';
    const headers = request.headers.clone();
    headers.removeFirst(Via.name);
    headers.setValue(CSeq, { ...request.cseq, number: request.cseq.number + 1 });
    for (const [name, value] of Object.entries(fields)) headers.set(name, value);
    const { method, uri, body } = request;
    this.#transaction = this.#send(new SipRequest({ method, uri, headers, body }), flow);
    return true;
  }

  #onProvisional(response: SipResponse): void {
    if (this.#progress === 'calling') {
      this.#progress = 'proceeding';
      if (this.#cancel) return this.#sendCancel();
    }
    if (response.status === 100) return;
    const early = this.#progress === 'proceeding' && !this.#cancel ? this.#note(response) : undefined;
    const number = reliableNumberOf(response);
    if (number === null) {
      // A response without a tag makes no dialog, but phones send them: one early dialog without name.
      return this.#user.onProvisional(response, response.toTag ?? '', null);
    }
    // Without a dialog there is nothing to acknowledge it in; repetitions and those out of order say nothing.
    if (!early?.order.take(number)) return;
    const offers = !early.offered && response.body.length > 0 && this.transaction.request.body.length === 0;
    if (offers) early.offered = true;
    else this.#prack(early.dialog, response, number, {});
    this.#user.onProvisional(
      response,
      response.toTag ?? '',
      offers ? (answer) => this.#prack(early.dialog, response, number, answer) : null,
    );
  }

  /** RFC 3262 §4 */
  #prack(dialog: Dialog, response: SipResponse, number: number, answer: DialogRequest): void {
    if (dialog.ended) return;
    const { number: sequence, method } = response.cseq;
    const headers = { ...answer.headers, [RAck.name]: RAck.format({ response: number, sequence, method }) };
    // A refusal or silence changes nothing: the call goes on, or the phone gives it up by itself.
    dialog.request('PRACK', { ...answer, headers }, { onResponse: () => {}, onFailure: () => {} });
  }

  /** The early dialog of this tag, as long as the INVITE is not answered. */
  earlyDialog(tag: string): Dialog | undefined {
    return this.#early.get(tag)?.dialog;
  }

  /** Opens the early dialog of a provisional response (RFC 3261 §12.1.2), or ends it with a 199 (RFC 6228 §4). */
  #note(response: SipResponse): EarlyDialog | undefined {
    const tag = response.toTag;
    if (tag === null) return undefined;
    const known = this.#early.get(tag);
    if (response.status === 199) {
      this.#endEarly(tag);
      return undefined;
    }
    // Repeated before the 199, and arrived after it.
    if (this.#ended.has(tag)) return undefined;
    if (known) {
      known.dialog.refreshTarget(response);
      return known;
    }
    const state = this.#early.size < mostEarlyDialogs ? this.#stateOf(response) : null;
    if (!state) return undefined;
    const dialog = this.#open(state, this.#user.dialog, true);
    const early = { dialog, order: new ProvisionalOrder(), offered: false };
    this.#early.set(tag, early);
    return early;
  }

  #open(state: DialogState, user: DialogUser, early: boolean): Dialog {
    return new Dialog({
      state,
      flow: this.transaction.flow,
      contactUser: this.#contactUser,
      user,
      context: this.#context,
      early,
    });
  }

  #onSuccess(response: SipResponse): void {
    this.#patience?.cancel();
    const tag = response.toTag ?? '';
    const known = this.#dialogs.get(tag);
    if (known) {
      known.repeatAck(response.cseq.number);
      return;
    }
    const state = this.#stateOf(response);
    if (!state) {
      if (this.#progress !== 'answered' && this.#progress !== 'over') this.#onFailure('transport error');
      return;
    }
    const first = this.#progress !== 'answered' && !this.#cancel;
    const early = this.#early.get(tag)?.dialog;
    // The others end.
    this.#early.delete(tag);
    const user = this.#leave();
    early?.confirm(response);
    const dialog = early ?? this.#open(state, user.dialog, false);
    this.#dialogs.set(tag, dialog);
    this.#progress = 'answered';
    if (first) {
      dialog.sessionTimer.begin(this.transaction.request, response);
      return user.onAnswer(response, dialog);
    }
    // Somebody answered whom nobody waits for any more: a second fork, or one that crossed our CANCEL (RFC 3261 §13.2.2.4).
    dialog.ack(response.cseq.number);
    dialog.bye(this.#cancel ?? {});
  }

  /** The dialog that a response makes; null when it makes none: whoever sent it can't be reached. */
  #stateOf(response: SipResponse): DialogState | null {
    try {
      const state = dialogStateOfResponse(this.transaction.request, response);
      // What has been asked in it before it ended counts (RFC 3261 §12.2.1.1).
      state.localSequence = Math.max(state.localSequence, this.#ended.get(response.toTag ?? '') ?? 0);
      return state;
    } catch (error) {
      if (!(error instanceof SipSyntaxError)) throw error;
      return null;
    }
  }

  #onFailure(failure: Failure): void {
    this.#patience?.cancel();
    this.#progress = 'over';
    this.#leave().onFailure(failure);
  }
}

import type { Timer } from '../../base/index.ts';
import {
  Dialog,
  type DialogContext,
  type DialogState,
  type DialogUser,
  dialogStateOfResponse,
} from '../dialog/index.ts';
import { type SipRequest, type SipResponse, SipSyntaxError } from '../message/index.ts';
import type { ClientTransaction, Failure } from '../transaction/index.ts';
import type { Flow } from '../transport/index.ts';

/** What an outgoing INVITE tells its owner until it is answered, refused or cancelled. */
export interface OutgoingInviteUser {
  /** A provisional response above 100; `tag` tells the early dialogs of a forking proxy apart. */
  onProvisional(response: SipResponse, tag: string): void;
  /** The first 2xx. The owner acknowledges it through `dialog.ack`, now or, when it carries the offer, with the answer. */
  onAnswer(response: SipResponse, dialog: Dialog): void;
  onRefused(response: SipResponse): void;
  onFailure(failure: Failure): void;
  /** What the dialog hears once it is confirmed. */
  readonly dialog: DialogUser;
}

const nobody: OutgoingInviteUser = {
  onProvisional: () => {},
  onAnswer: () => {},
  onRefused: () => {},
  onFailure: () => {},
  dialog: { onRequest: () => {} },
};

/**
 * The UAC side of an INVITE that begins a call (RFC 3261 §13.2). It looks after itself to the end: once cancelled,
 * or once a first 2xx has been taken, every further 2xx is acknowledged and its dialog ended with a BYE.
 */
export class OutgoingInvite {
  readonly transaction: ClientTransaction;
  readonly #context: DialogContext;
  /** Who hears of it, until there is nothing left to hear; the transaction outlives the call by half a minute. */
  #user: OutgoingInviteUser;
  readonly #contactUser: string | null;
  readonly #dialogs = new Map<string, Dialog>();
  #progress: 'calling' | 'proceeding' | 'answered' | 'over' = 'calling';
  #cancel: Readonly<Record<string, string>> | null = null;
  #patience: Timer | null = null;

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
    this.transaction = options.context.transactions.request(options.request, options.flow, {
      onResponse: (response) => this.#onResponse(response),
      onFailure: (failure) => this.#onFailure(failure),
      onTerminated: () => this.#patience?.cancel(),
    });
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
    this.#user = nobody;
    if (this.#progress === 'proceeding') this.#sendCancel();
  }

  /** The user, who hears this one thing and no more. */
  #leave(): OutgoingInviteUser {
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
    this.#progress = 'over';
    this.#leave().onRefused(response);
  }

  #onProvisional(response: SipResponse): void {
    if (this.#progress === 'calling') {
      this.#progress = 'proceeding';
      if (this.#cancel) return this.#sendCancel();
    }
    // A response without a tag makes no dialog, but phones send them: one early dialog without name.
    if (response.status > 100) this.#user.onProvisional(response, response.toTag ?? '');
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
    if (!state) return;
    const first = this.#progress !== 'answered' && !this.#cancel;
    const user = this.#leave();
    const dialog = new Dialog({
      state,
      flow: this.transaction.flow,
      contactUser: this.#contactUser,
      user: user.dialog,
      context: this.#context,
    });
    this.#dialogs.set(tag, dialog);
    this.#progress = 'answered';
    if (first) return user.onAnswer(response, dialog);
    // Somebody answered whom nobody waits for any more: a second fork, or one that crossed our CANCEL (RFC 3261 §13.2.2.4).
    dialog.ack(response.cseq.number);
    dialog.bye(this.#cancel ?? {});
  }

  /** The dialog that a 2xx makes; null when it makes none: whoever sent it can't be reached to be told. */
  #stateOf(response: SipResponse): DialogState | null {
    try {
      return dialogStateOfResponse(this.transaction.request, response);
    } catch (error) {
      if (!(error instanceof SipSyntaxError)) throw error;
      if (this.#progress !== 'answered' && this.#progress !== 'over') this.#onFailure('transport error');
      return null;
    }
  }

  #onFailure(failure: Failure): void {
    this.#patience?.cancel();
    this.#progress = 'over';
    this.#leave().onFailure(failure);
  }
}

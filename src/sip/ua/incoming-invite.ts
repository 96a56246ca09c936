import { every, type Timer } from '../../base/index.ts';
import {
  type AcceptUser,
  Dialog,
  type DialogAnswer,
  type DialogContext,
  type DialogUser,
  dialogStateOfRequest,
  newTag,
} from '../dialog/index.ts';
import { createResponse, type SipRequest, type SipResponse } from '../message/index.ts';
import type { ServerTransaction } from '../transaction/index.ts';

/** What an incoming INVITE tells its owner before it is answered. */
export interface IncomingInviteUser {
  /** The caller cancels; the INVITE is answered with 487 by the owner's `reject`. */
  onCancel(cancel: SipRequest): void;
  /** What the dialogs of this INVITE hear. */
  readonly dialog: DialogUser;
}

const nobody: IncomingInviteUser = { onCancel: () => {}, dialog: { onRequest: () => {} } };

/** How often a provisional response is sent again, so that no proxy believes the call dead (RFC 3261 §13.3.1.1). ms. */
const reminderInterval = 60_000;

/**
 * The UAS side of an INVITE that begins a call (RFC 3261 §13.3). It answers in one or several dialogs: each `fork`
 * opens one more with a To tag of its own, so that what was said in one is never changed (RFC 3261 §12.1.1).
 */
export class IncomingInvite {
  readonly transaction: ServerTransaction;
  readonly #context: DialogContext;
  /** Who hears of it, until it is answered: the transaction outlives the call by half a minute. */
  #user: IncomingInviteUser;
  readonly #dialogs: Dialog[] = [];
  readonly #contactUser: string | null;
  #reminder: Timer | null = null;

  /** Throws SipSyntaxError when the Contact can't be read. */
  constructor(
    transaction: ServerTransaction,
    contactUser: string | null,
    user: IncomingInviteUser,
    context: DialogContext,
  ) {
    this.transaction = transaction;
    this.#contactUser = contactUser;
    this.#user = user;
    this.#context = context;
    this.#open(transaction.localTag);
    transaction.user = {
      onCancel: (cancel) => this.#user.onCancel(cancel),
      onAck: (ack) => this.dialog.receiveAck(ack, transaction.flow),
    };
  }

  get request(): SipRequest {
    return this.transaction.request;
  }

  get answered(): boolean {
    return this.transaction.answered;
  }

  /** The dialog that responses are made in: the latest. */
  get dialog(): Dialog {
    return this.#dialogs.at(-1)!;
  }

  /** Opens a further dialog for all that is said from now on. */
  fork(): Dialog {
    return this.#open(newTag(this.#context.random));
  }

  /**
   * Sends a provisional response, and again each minute until something else is said. 100 goes without tag and Contact.
   */
  provisional(status: number, reason: string | undefined, answer: DialogAnswer = {}): void {
    if (this.answered) return;
    if (status === 100) return this.transaction.respond(createResponse(this.request, 100));
    this.#remindOf(this.dialog.respondable(this.transaction, status, reason, answer));
  }

  /** Answers with 200, repeated until the ACK; the other dialogs of this INVITE end. */
  accept(answer: DialogAnswer, user: AcceptUser): void {
    if (this.answered) return;
    this.#leave();
    for (const other of this.#dialogs.splice(0, this.#dialogs.length - 1)) other.end();
    this.dialog.accept(this.transaction, answer, user);
  }

  /** Refuses the INVITE; its dialogs end. Without effect once it is answered. */
  reject(status: number, reason?: string, headers: Readonly<Record<string, string>> = {}): void {
    if (this.answered) return;
    this.#leave();
    const toTag = this.dialog.state.localTag;
    for (const dialog of this.#dialogs) dialog.end();
    this.transaction.respond(
      createResponse(this.request, status, { toTag, headers, ...(reason === undefined ? {} : { reason }) }),
    );
  }

  /** Nothing is left to be heard but the ACK. */
  #leave(): void {
    this.#reminder?.cancel();
    this.#user = nobody;
  }

  #remindOf(response: SipResponse): void {
    this.transaction.respond(response);
    this.#reminder?.cancel();
    this.#reminder = every(this.#context.clock, reminderInterval, () => this.transaction.respond(response));
  }

  #open(localTag: string): Dialog {
    const dialog = new Dialog({
      state: dialogStateOfRequest(this.request, localTag),
      flow: this.transaction.flow,
      contactUser: this.#contactUser,
      user: this.#user.dialog,
      context: this.#context,
      opening: this.transaction,
    });
    this.#dialogs.push(dialog);
    return dialog;
  }
}

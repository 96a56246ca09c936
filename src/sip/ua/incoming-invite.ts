import { every, type Timer } from '../../base/index.ts';
import {
  type AcceptUser,
  capabilitiesOf,
  Dialog,
  type DialogAnswer,
  type DialogContext,
  type DialogUser,
  dialogStateOfRequest,
  newTag,
  ReliableProvisionals,
  reliability,
} from '../dialog/index.ts';
import { createResponse, Require, type SipRequest } from '../message/index.ts';
import type { ServerTransaction } from '../transaction/index.ts';

/** What an incoming INVITE tells its owner before it is answered. */
export interface IncomingInviteUser {
  /** The caller cancels; the INVITE is answered with 487 by the owner's `reject`. */
  onCancel(cancel: SipRequest): void;
  /** A reliable provisional response has never been acknowledged: the INVITE is to be refused (RFC 3262 §3). */
  onUnacknowledged(): void;
  /** What the dialogs of this INVITE hear. */
  readonly dialog: DialogUser;
}

const nobody: IncomingInviteUser = {
  onCancel: () => {},
  onUnacknowledged: () => {},
  dialog: { onRequest: () => {} },
};

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
  /** Whether the caller takes reliable provisional responses, and whether it takes no others. */
  readonly #reliability: { readonly supported: boolean; readonly required: boolean };
  /** The dialog in which an answer has been given reliably: it is not said again in the 2xx (RFC 6337 §2.2). */
  #answeredIn: { readonly dialog: Dialog; readonly body: Uint8Array } | null = null;
  /** The 2xx is given, or waits for PRACKs. */
  #accepting = false;
  /** What gives the 2xx, once it is asked for. */
  #acceptWhenAcknowledged: (() => void) | null = null;
  #reminder: Timer | null = null;

  /** Throws SipSyntaxError when the Contact can't be read. */
  constructor(
    transaction: ServerTransaction,
    contactUser: string | null,
    user: IncomingInviteUser,
    context: DialogContext,
  ) {
    const { request } = transaction;
    this.transaction = transaction;
    this.#contactUser = contactUser;
    this.#user = user;
    this.#context = context;
    const required = request.headers.all(Require).some((option) => option.toLowerCase() === reliability);
    this.#reliability = { required, supported: required || capabilitiesOf(request).supported.includes(reliability) };
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

  /** Whether provisional responses can be acknowledged, and so carry an offer (RFC 3262 §5). */
  get reliable(): boolean {
    return this.#reliability.supported;
  }

  /** Whether no other provisional responses are taken. */
  get insists(): boolean {
    return this.#reliability.required;
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
   * It is sent reliably where the caller insists on it, and where it can be and has something to say about the session.
   */
  provisional(status: number, reason: string | undefined, answer: DialogAnswer = {}): void {
    if (this.answered || this.#accepting) return;
    if (status === 100) return this.transaction.respond(createResponse(this.request, 100));
    const { dialog } = this;
    const response = dialog.respondable(this.transaction, status, reason, answer);
    const { required, supported } = this.#reliability;
    if (required || (supported && answer.body !== undefined)) {
      for (const [name, value] of this.#context.answerHeaders) response.headers.add(name, value);
      if (answer.body) this.#answeredIn = { dialog, body: answer.body };
      dialog.provisionals?.send(this.transaction, response);
      this.#remindBy(() => this.provisional(status, reason));
    } else {
      this.transaction.respond(response);
      this.#remindBy(() => this.transaction.respond(response));
    }
  }

  /**
   * Answers with 200, repeated until the ACK; the other dialogs of this INVITE end. It waits for the PRACKs of session
   * descriptions (RFC 3262 §3), and leaves out what has been answered reliably before. `onSent` is told when it goes.
   */
  accept(answer: DialogAnswer, user: AcceptUser & { onSent?(): void }): void {
    if (this.answered || this.#accepting) return;
    this.#accepting = true;
    this.#reminder?.cancel();
    const { dialog } = this;
    const repeated = this.#answeredIn?.dialog === dialog && sameBytes(this.#answeredIn.body, answer.body);
    this.#acceptWhenAcknowledged = () => {
      if (this.answered) return;
      this.#leave();
      for (const other of this.#dialogs.splice(0, this.#dialogs.length - 1)) other.end();
      dialog.provisionals?.close();
      dialog.accept(this.transaction, repeated ? { headers: answer.headers ?? {} } : answer, user);
      user.onSent?.();
    };
    this.#whenAcknowledged(this.#acceptWhenAcknowledged);
  }

  /** Refuses the INVITE; its dialogs end. Without effect once it is answered. */
  reject(status: number, reason?: string, headers: Readonly<Record<string, string>> = {}): void {
    if (this.answered) return;
    this.#leave();
    const toTag = this.dialog.state.localTag;
    for (const dialog of this.#dialogs) dialog.refuse();
    this.transaction.respond(
      createResponse(this.request, status, { toTag, headers, ...(reason === undefined ? {} : { reason }) }),
    );
  }

  #whenAcknowledged(action: () => void): void {
    const held = this.#dialogs.find(({ provisionals }) => provisionals?.holdsAnswer);
    if (held?.provisionals) held.provisionals.whenAcknowledged(() => this.#whenAcknowledged(action));
    else action();
  }

  /** Nothing is left to be heard but the ACK. */
  #leave(): void {
    this.#reminder?.cancel();
    this.#user = nobody;
  }

  #remindBy(action: () => void): void {
    this.#reminder?.cancel();
    this.#reminder = every(this.#context.clock, reminderInterval, action);
  }

  /** The BYE of an early dialog that another has followed ends that one alone (RFC 3261 §15). */
  #leaves(transaction: ServerTransaction, dialog: Dialog): boolean {
    if (transaction.request.method !== 'BYE' || this.answered || dialog === this.dialog) return false;
    transaction.respond(createResponse(transaction.request, 200));
    this.#dialogs.splice(this.#dialogs.indexOf(dialog), 1);
    dialog.end();
    if (this.#acceptWhenAcknowledged) this.#whenAcknowledged(this.#acceptWhenAcknowledged);
    return true;
  }

  #open(localTag: string): Dialog {
    const { clock, random, transactions } = this.#context;
    const { dialog: user } = this.#user;
    const dialog = new Dialog({
      state: dialogStateOfRequest(this.request, localTag),
      flow: this.transaction.flow,
      contactUser: this.#contactUser,
      user: { ...user, onRequest: (request, of) => this.#leaves(request, of) || user.onRequest(request, of) },
      context: this.#context,
      opening: this.transaction,
      provisionals: new ReliableProvisionals(clock, random, transactions.timers, () => this.#user.onUnacknowledged()),
    });
    this.#dialogs.push(dialog);
    return dialog;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && a.length === b.length && a.every((byte, index) => byte === b[index]);
}

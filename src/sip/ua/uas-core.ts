import { formatAddress, type Log } from '../../base/index.ts';
import { type Dialog, dialogKey } from '../dialog/index.ts';
import {
  createResponse,
  Require,
  SipError,
  type SipRequest,
  type SipResponse,
  SipSyntaxError,
  type SipUri,
} from '../message/index.ts';
import type { ServerTransaction, TransactionLayerUser } from '../transaction/index.ts';
import type { Flow } from '../transport/index.ts';

/** Answers requests of one method outside any dialog. What it throws becomes the response. */
export type RequestHandler = (transaction: ServerTransaction) => void;

/** Who sends a request; null when there is nothing more to do with it: it has been challenged, or will never be answered. */
export type Admit = (transaction: ServerTransaction) => string | null;

/** Methods that RFCs name, of which we have learnt only some: the others get 405, unknown ones 501. */
const namedMethods = new Set(
  'INVITE ACK BYE CANCEL OPTIONS REGISTER PRACK UPDATE INFO REFER SUBSCRIBE NOTIFY MESSAGE PUBLISH'.split(' '),
);

/** The longest body that is looked at, in bytes: many times what any session description has. */
const longestBody = 32_768;
/** What people write to each other, pictures in it. Bytes. */
const longestMessage = 65_536;

/**
 * Decides who answers a request (RFC 3261 §8.2): its dialog, or the handler of its method. The one place where an
 * error from above becomes a response.
 */
export class UasCore implements TransactionLayerUser {
  readonly #handlers = new Map<string, RequestHandler>();
  readonly #dialogs = new Map<string, Dialog>();
  readonly #log: Log;
  /** Option tags that requests may require of us. */
  readonly #supported: ReadonlySet<string>;
  /** Header fields that say what we can do: Allow, Supported, Accept. */
  readonly #capabilities: () => Readonly<Record<string, string>>;

  constructor(options: {
    readonly log: Log;
    readonly supported: ReadonlySet<string>;
    readonly capabilities: () => Readonly<Record<string, string>>;
  }) {
    this.#log = options.log;
    this.#supported = options.supported;
    this.#capabilities = options.capabilities;
  }

  get dialogs(): number {
    return this.#dialogs.size;
  }

  /** Names who answers a method outside any dialog. */
  handle(method: string, handler: RequestHandler): void {
    this.#handlers.set(method, handler);
  }

  add(dialog: Dialog): void {
    const { callId, localTag, remoteTag } = dialog.state;
    this.#dialogs.set(dialogKey(callId, localTag, remoteTag), dialog);
  }

  remove(dialog: Dialog): void {
    const { callId, localTag, remoteTag } = dialog.state;
    this.#dialogs.delete(dialogKey(callId, localTag, remoteTag));
  }

  /** Moves the dialogs over `from` whose peer is where `contact` says. */
  moveDialogs(contact: SipUri, from: Flow, to: Flow): void {
    for (const dialog of this.#dialogs.values()) {
      const target = dialog.state.remoteTarget;
      const same = target.kind === 'sip' && target.host === contact.host && target.port === contact.port;
      if (same && dialog.flow.id === from.id) dialog.moveTo(to);
    }
  }

  onRequest(transaction: ServerTransaction): void {
    this.#answering(transaction, () => this.#dispatch(transaction));
  }

  onCancel(cancel: ServerTransaction, invite: ServerTransaction | undefined): void {
    this.#answering(cancel, () => {
      if (!invite) throw new SipError(481, 'Call/Transaction Does Not Exist');
      cancel.respond(createResponse(cancel.request, 200, { toTag: invite.localTag }));
      // A CANCEL that crossed our final response changes nothing (RFC 3261 §9.2).
      if (!invite.answered) invite.user.onCancel?.(cancel.request);
    });
  }

  isInDialog(request: SipRequest): boolean {
    return this.#dialogOf(request) !== undefined;
  }

  onAck(ack: SipRequest, flow: Flow): void {
    try {
      this.#dialogOf(ack)?.receiveAck(ack, flow);
    } catch (error) {
      this.#log.error('an ACK could not be taken', { sip_call_id: ack.callId, error });
    }
  }

  /** The response that refuses a request: that of a SipError, or 500 for a defect of ours; either is logged. */
  refusal(transaction: ServerTransaction, error: unknown): SipResponse {
    const { request, localTag: toTag } = transaction;
    const { method, callId } = request;
    const known = error instanceof SipError || error instanceof SipSyntaxError;
    if (!known) {
      this.#log.error('a request could not be answered', { method, sip_call_id: callId, error });
      return createResponse(request, 500, { toTag });
    }
    const { status } = error;
    const [reason, headers] = error instanceof SipError ? [error.reason, error.headers] : [error.message, {}];
    const remote = formatAddress(transaction.flow.remote);
    this.#log.debug('request refused', { method, sip_call_id: callId, remote, status, reason });
    return createResponse(request, status, { reason, headers, toTag });
  }

  #answering(transaction: ServerTransaction, answer: () => void): void {
    try {
      answer();
    } catch (error) {
      const refusal = this.refusal(transaction, error);
      if (transaction.inDialog) transaction.respond(refusal);
      else transaction.answerStranger(refusal);
    }
  }

  #dispatch(transaction: ServerTransaction): void {
    const { request } = transaction;
    const { method } = request;
    const longest = method === 'MESSAGE' ? longestMessage : longestBody;
    if (request.body.length > longest) throw new SipError(413, 'Request Entity Too Large');
    if (request.toTag !== null && method !== 'REGISTER') {
      const dialog = this.#dialogOf(request);
      if (!dialog) throw new SipError(481, 'Call/Transaction Does Not Exist');
      if (!namedMethods.has(method)) throw this.#unsupported(method);
      this.#checkRequire(request);
      return dialog.receive(transaction);
    }
    const handler = this.#handlers.get(method);
    if (!handler) throw this.#unsupported(method);
    if (request.uri.kind === 'other') throw new SipError(416, 'Unsupported URI Scheme');
    this.#checkRequire(request);
    handler(transaction);
  }

  /** RFC 3261 §8.2.1, §21.5.2; for what we do only inside dialogs §12.2.2 */
  #unsupported(method: string): SipError {
    const { Allow } = this.#capabilities();
    if (Allow?.split(', ').includes(method)) return new SipError(481, 'Call/Transaction Does Not Exist');
    const headers = Allow === undefined ? {} : { Allow };
    if (namedMethods.has(method)) return new SipError(405, 'Method Not Allowed', { headers });
    return new SipError(501, 'Not Implemented', { headers });
  }

  /** RFC 3261 §8.2.2.3 */
  #checkRequire(request: SipRequest): void {
    const unknown = request.headers.all(Require).filter((option) => !this.#supported.has(option.toLowerCase()));
    if (unknown.length > 0) throw new SipError(420, 'Bad Extension', { headers: { Unsupported: unknown.join(', ') } });
  }

  #dialogOf(request: SipRequest): Dialog | undefined {
    return this.#dialogs.get(dialogKey(request.callId, request.toTag ?? '', request.fromTag ?? ''));
  }
}

import type { Clock, Random, Timer } from '../../base/index.ts';
import {
  Contact,
  createResponse,
  From,
  Headers,
  type NameAddress,
  Route,
  SipError,
  SipRequest,
  type SipResponse,
  To,
} from '../message/index.ts';
import type {
  ClientTransaction,
  ClientTransactionUser,
  ServerTransaction,
  TransactionLayer,
} from '../transaction/index.ts';
import type { Flow } from '../transport/index.ts';
import { Accepted, type AcceptUser } from './accepted.ts';
import { addressed } from './addressed.ts';
import { capabilitiesOf, contactOf, type DialogState, routeSetOf } from './dialog-state.ts';
import { type ReliableProvisionals, reliability } from './reliable-provisional.ts';
import type { SessionTimerRules } from './session-rules.ts';
import { type SessionEvent, SessionTimer } from './session-timer.ts';

/** What a dialog tells its owner. */
export interface DialogUser {
  /** A request inside `dialog`, in order, to be answered through its transaction. Not ACK, not CANCEL. */
  onRequest(transaction: ServerTransaction, dialog: Dialog): void;
  /** The peer cancels a re-INVITE that we have not answered. */
  onCancel?(invite: ServerTransaction): void;
  /** The peer is at the end of another flow now, that of `dialog`. */
  onMoved?(dialog: Dialog): void;
  /** A 2xx of ours has had no ACK in 64·T1: the peer is to be hung up on (RFC 3261 §13.3.1.4). */
  onUnacknowledged?(): void;
  /** The peer knows nothing of the dialog any more. */
  onLost?(): void;
  /** The session is to be refreshed, or the peer to be asked whether it is there; or nobody has for too long. */
  onSession?(event: SessionEvent, dialog: Dialog): void;
}

/** What is said in an answer besides the dialog's own header fields. */
export type DialogAnswer = DialogRequest;

/** What a request inside a dialog carries besides the dialog's own header fields. */
export interface DialogRequest {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly contentType?: string;
}

/** What dialogs need of the stack. */
export interface DialogContext {
  readonly transactions: TransactionLayer;
  readonly clock: Clock;
  readonly random: Random;
  /** The Contact that we show to the peer of this flow; a SIPS URI where asked for and possible. */
  contact(flow: Flow, user: string | null, sips: boolean): NameAddress;
  /** Header fields that every request of ours carries: Allow, User-Agent. */
  readonly requestHeaders: readonly (readonly [name: string, value: string])[];
  /** Header fields that every 2xx to an INVITE carries: Allow, Server. */
  readonly answerHeaders: readonly (readonly [name: string, value: string])[];
  readonly sessionTimers: SessionTimerRules;
  /** Routes what arrives for the dialog to it, until it is removed. */
  add(dialog: Dialog): void;
  remove(dialog: Dialog): void;
}

/** A phone repeats its 2xx for half a minute; it hardly agrees to more changes in that time without our ACK. */
const acksKept = 4;

/** A 2xx is repeated about ten times in 64·T1; a phone that answers each ACK with another would go on for ever. */
const mostRepetitions = 64;

interface SentInvite {
  readonly transaction: ClientTransaction;
  readonly user: ClientTransactionUser;
  /** Runs when a final response is not to be waited for for ever. */
  patience: Timer | null;
}

/** Requests that carry a Contact, and move the dialog to it (RFC 3261 §12.2, RFC 3311 §5.1, RFC 6665 §4.4.1). */
const refreshesTarget: ReadonlySet<string> = new Set(['INVITE', 'UPDATE', 'SUBSCRIBE', 'NOTIFY', 'REFER']);

const nobody: DialogUser = { onRequest: () => {} };

/** One dialog: makes requests of its state, keeps the order of the peer's, repeats our ACKs and 2xx. */
export class Dialog {
  readonly state: DialogState;
  /** The user part of our Contact. */
  readonly contactUser: string | null;
  user: DialogUser;
  /** Our reliable provisional responses to the INVITE that opens it; null where there can be none. */
  readonly provisionals: ReliableProvisionals | null;
  readonly sessionTimer: SessionTimer;
  readonly #context: DialogContext;
  #flow: Flow;
  #hold: Disposable;
  #ended = false;
  /** Whether our BYE is due or has been sent. */
  #leaving = false;
  /** Runs while only a PRACK is still waited for. */
  #lingering: Timer | null = null;
  /** Whether our INVITE that opens the dialog has no final response yet. */
  #early: boolean;
  /** Our re-INVITE that has no final response yet. */
  #inviteSent: SentInvite | null = null;
  /** The peer's INVITE that we have not answered. */
  #inviteReceived: ServerTransaction | null = null;
  /** The peer's last UPDATE. */
  #updateReceived: ServerTransaction | null = null;
  /** The ACKs of our latest INVITEs by CSeq number, to be sent again for each repetition of their 2xx. */
  readonly #acks = new Map<number, { readonly bytes: Uint8Array; repetitions: number }>();
  /** Our 2xx that repeats until its ACK. */
  readonly #accepted: Accepted;

  constructor(options: {
    readonly state: DialogState;
    readonly flow: Flow;
    readonly contactUser: string | null;
    readonly user: DialogUser;
    readonly context: DialogContext;
    /** The peer's INVITE that opens the dialog, while it has no final answer. */
    readonly opening?: ServerTransaction;
    /** Whether it is opened by a provisional response to our INVITE, to be confirmed by a 2xx. */
    readonly early?: boolean;
    readonly provisionals?: ReliableProvisionals;
  }) {
    this.state = options.state;
    this.contactUser = options.contactUser;
    this.user = options.user;
    this.provisionals = options.provisionals ?? null;
    this.#context = options.context;
    const { clock, transactions } = options.context;
    this.#accepted = new Accepted(clock, transactions.timers, () => this.user.onUnacknowledged?.());
    this.sessionTimer = new SessionTimer({
      state: options.state,
      rules: options.context.sessionTimers,
      clock: options.context.clock,
      tell: (event) => this.user.onSession?.(event, this),
    });
    this.#inviteReceived = options.opening ?? null;
    this.#early = options.early ?? false;
    this.#flow = options.flow;
    this.#hold = options.flow.hold();
    this.#context.add(this);
  }

  /** The flow that the peer was last heard on; where our requests go. */
  get flow(): Flow {
    return this.#flow;
  }

  /** Whether a 2xx of ours waits for its ACK. */
  get unacknowledged(): boolean {
    return this.#accepted.waiting;
  }

  /** Whether it has no 2xx yet. */
  get early(): boolean {
    return this.#early;
  }

  /** Whether it is over: nothing can be sent any more. */
  get ended(): boolean {
    return this.#ended || this.#leaving;
  }

  /** Whether the peer has said that it takes requests of this method. */
  allows(method: string): boolean {
    return this.state.peer.allow?.includes(method) ?? false;
  }

  /** ms to wait after a 491 before the next try: longer for the owner of the Call-ID (RFC 3261 §14.1). */
  glareDelay(): number {
    const { random } = this.#context;
    return this.state.openedByUs ? 2100 + 10 * random.below(191) : 10 * random.below(201);
  }

  /** Whether an INVITE of either side waits for its final response or its ACK: no other may begin (RFC 3261 §14). */
  get busy(): boolean {
    return this.#early || this.#inviteSent !== null || this.#inviteReceived !== null || this.#accepted.waiting;
  }

  /**
   * Takes the 2xx to our INVITE: from now on requests go where it says, whatever the provisional response has said
   * (RFC 3261 §13.2.2.4). Throws SipSyntaxError where the proxies to come back by can't be read.
   */
  confirm(response: SipResponse): void {
    this.state.routeSet = routeSetOf(response);
    this.refreshTarget(response);
    this.#early = false;
  }

  /** Sends a request inside the dialog. */
  request(method: string, request: DialogRequest, user: ClientTransactionUser): ClientTransaction {
    this.state.localSequence++;
    const message = this.#message(method, this.state.localSequence, request);
    for (const [name, value] of this.#context.requestHeaders) {
      // A re-INVITE asks for no reliable provisional response: a change is answered at once, or refused.
      const said = method === 'INVITE' && name === 'Supported' ? without(value, reliability) : value;
      if (said !== '') message.headers.add(name, said);
    }
    if (refreshesTarget.has(method)) {
      message.headers.addValue(Contact, this.#context.contact(this.#flow, this.contactUser, this.state.sips));
    }
    return this.#context.transactions.request(message, this.#flow, user);
  }

  /** Sends an UPDATE (RFC 3311); allowed in an early dialog too. It refreshes the session. */
  update(request: DialogRequest, user: ClientTransactionUser): ClientTransaction {
    return this.request('UPDATE', this.#refreshing(request), {
      ...user,
      onResponse: (response) => {
        if (response.status >= 200 && response.status < 300) this.#agreed(response);
        user.onResponse(response);
      },
    });
  }

  /**
   * Sends a re-INVITE, which refreshes the session. A 2xx is handed over once, to be followed by `ack`; its repetitions are ACKed here.
   * Throws SipError 491 when another INVITE is under way.
   */
  reinvite(request: DialogRequest, user: ClientTransactionUser): ClientTransaction {
    if (this.busy) throw new SipError(491, 'Request Pending');
    let accepted = false;
    const transaction = this.request('INVITE', this.#refreshing(request), {
      onResponse: (response) => {
        if (response.status < 200) return user.onResponse(response);
        // A repetition, and perhaps another INVITE has been sent since.
        if (accepted) return void this.repeatAck(response.cseq.number);
        this.#inviteOver();
        if (response.status < 300) {
          accepted = true;
          this.#agreed(response);
        }
        user.onResponse(response);
      },
      onFailure: (failure) => {
        this.#inviteOver();
        user.onFailure(failure);
      },
      onTerminated: () => user.onTerminated?.(),
    });
    if (transaction.state === 'calling') this.#inviteSent = { transaction, user, patience: null };
    return transaction;
  }

  #refreshing(request: DialogRequest): DialogRequest {
    return { ...request, headers: { ...this.sessionTimer.request(), ...request.headers } };
  }

  /** Takes a 2xx to a request that refreshes. */
  #agreed(response: SipResponse): void {
    this.refreshTarget(response);
    this.sessionTimer.agreed(response);
  }

  /**
   * Cancels our re-INVITE once it has had a provisional response. Its user hears the final response, or after 64·T1
   * that there was none (RFC 3261 §9.1).
   */
  cancelInvite(): void {
    if (this.#inviteSent?.transaction.state !== 'proceeding') return;
    this.#context.transactions.cancel(this.#inviteSent.transaction);
    this.#loseInvite(this.#inviteSent);
  }

  /** A provisional response has stopped the timers of our re-INVITE: without a final one it would wait for ever. */
  #loseInvite(invite: SentInvite): void {
    invite.patience ??= this.#context.clock.after(64 * this.#context.transactions.timers.t1, () => {
      this.#inviteSent = null;
      invite.transaction.abandon();
      invite.user.onFailure('timeout');
    });
  }

  #inviteOver(): void {
    this.#inviteSent?.patience?.cancel();
    this.#inviteSent = null;
  }

  /** Acknowledges the 2xx of our INVITE with this CSeq number (RFC 3261 §13.2.2.4). */
  ack(sequence: number, request: DialogRequest = {}): void {
    const ack = this.#message('ACK', sequence, request);
    this.#acks.set(sequence, { bytes: this.#context.transactions.sendAck(ack, this.#flow), repetitions: 0 });
    for (const old of this.#acks.keys()) if (this.#acks.size > acksKept) this.#acks.delete(old);
  }

  /** Whether the 2xx of our INVITE with this CSeq number has been acknowledged. */
  hasAcknowledged(sequence: number): boolean {
    return this.#acks.has(sequence);
  }

  /** Sends the ACK of that INVITE again; false when it has not been sent yet. */
  repeatAck(sequence: number): boolean {
    const ack = this.#acks.get(sequence);
    if (!ack) return false;
    if (ack.repetitions++ < mostRepetitions) this.#context.transactions.resend(ack.bytes, this.#flow);
    return true;
  }

  /**
   * Answers an INVITE of the peer with 200 and repeats that, over every transport, until its ACK or for 64·T1
   * (RFC 3261 §13.3.1.4).
   */
  accept(transaction: ServerTransaction, answer: DialogAnswer, user: AcceptUser = {}): void {
    const response = this.#agreement(transaction, answer);
    for (const [name, value] of this.#context.answerHeaders) response.headers.add(name, value);
    if (this.#inviteReceived === transaction) this.#inviteReceived = null;
    this.#accepted.start(transaction, response, user);
  }

  /** Answers an UPDATE of the peer with 200. */
  acceptUpdate(transaction: ServerTransaction, answer: DialogAnswer): void {
    transaction.respond(this.#agreement(transaction, answer));
  }

  #agreement(transaction: ServerTransaction, answer: DialogAnswer): SipResponse {
    const headers = { ...this.sessionTimer.accept(transaction.request), ...answer.headers };
    return this.respondable(transaction, 200, undefined, { ...answer, headers });
  }

  /** A response above 100 to an INVITE of the peer: with our tag, our Contact and the proxies to come back by. */
  respondable(
    transaction: ServerTransaction,
    status: number,
    reason: string | undefined,
    answer: DialogAnswer,
  ): SipResponse {
    const { request } = transaction;
    const response = createResponse(request, status, {
      toTag: this.state.localTag,
      recordRoute: true,
      ...(reason === undefined ? {} : { reason }),
      ...(answer.headers ? { headers: answer.headers } : {}),
      ...(answer.body ? { body: answer.body } : {}),
      ...(answer.contentType ? { contentType: answer.contentType } : {}),
    });
    response.headers.setValue(Contact, this.#context.contact(this.#flow, this.contactUser, this.state.sips));
    return response;
  }

  /**
   * Ends the dialog with a BYE; to the peer of an unacknowledged 2xx only after its ACK or 64·T1 (RFC 3261 §15).
   * Its user hears nothing of it any more: a BYE that crosses ours is confirmed and ends the dialog at once.
   */
  bye(headers: Readonly<Record<string, string>>): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.sessionTimer.stop();
    this.#accepted.whenSettled(() => {
      if (this.#ended) return;
      this.request(
        'BYE',
        { headers },
        { onResponse: ({ status }) => status >= 200 && this.end(), onFailure: () => this.end() },
      );
    });
  }

  /**
   * Ends the dialog of an INVITE of the peer that is refused. A PRACK that is on its way is still taken, for 64·T1 (RFC
   * 3262 §3).
   */
  refuse(): void {
    if (this.#ended || this.#leaving) return;
    this.provisionals?.close();
    if (!this.provisionals?.outstanding) return this.end();
    this.#leaving = true;
    this.user = nobody;
    const { clock, transactions } = this.#context;
    this.#lingering = clock.after(64 * transactions.timers.t1, () => this.end());
  }

  /** The peer has answered a request of ours with 481: the dialog is over, and its user hears so (RFC 3261 §12.2.1.2). */
  lose(): void {
    const { user } = this;
    this.end();
    user.onLost?.();
  }

  /** Forgets the dialog: nothing is sent, requests of the peer get 481 from now on. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#lingering?.cancel();
    this.sessionTimer.stop();
    this.#accepted.settle();
    this.provisionals?.close();
    if (this.#inviteSent) this.#loseInvite(this.#inviteSent);
    this.#hold[Symbol.dispose]();
    this.#context.remove(this);
    // Transactions outlive the dialog by half a minute; what owned it need not.
    this.user = nobody;
  }

  /**
   * Takes a request that arrived inside the dialog. Throws SipError: 500 when it is older than one already seen
   * (RFC 3261 §12.2.2) or an INVITE overtakes an INVITE, 491 when ours is under way (RFC 3261 §14.2) or still waits for
   * the answer to its offer (RFC 5407 §3.1.5), 422 for too short a session interval, 481 for the BYE of a callee that has not answered and for a PRACK of
   * nothing that waits for one (RFC 3262 §3).
   */
  receive(transaction: ServerTransaction): void {
    const { request } = transaction;
    const { number } = request.cseq;
    if (this.state.remoteSequence !== null && number < this.state.remoteSequence) {
      throw new SipError(500, 'Request Out of Order');
    }
    this.state.remoteSequence = number;
    if (this.#leaving) return this.#part(transaction);
    if (request.method === 'PRACK') return this.#receivePrack(transaction);
    // A callee refuses the INVITE, it doesn't hang up (RFC 3261 §15): to a BYE there is no call yet.
    if (this.#early && request.method === 'BYE') throw new SipError(481, 'Call/Transaction Does Not Exist');
    if (request.method === 'INVITE') {
      if (this.#early || this.#inviteSent) throw new SipError(491, 'Request Pending');
      if (this.#inviteReceived) throw this.#overlapping('INVITE');
      if (this.#accepted.offering) throw new SipError(491, 'Request Pending');
      // Who asks for the next change has heard our 2xx: only its ACK was lost (RFC 5407 §3.1.4).
      this.#accepted.settle();
    }
    if (request.method === 'UPDATE') {
      if (this.#updateReceived && !this.#updateReceived.answered) throw this.#overlapping('UPDATE');
      this.#updateReceived = transaction;
    }
    if (request.method === 'INVITE' || request.method === 'UPDATE') this.sessionTimer.check(request);
    if (refreshesTarget.has(request.method)) this.refreshTarget(request);
    if (request.method === 'INVITE') {
      this.#inviteReceived = transaction;
      transaction.user = {
        onCancel: () => this.user.onCancel?.(transaction),
        onAck: (ack) => this.receiveAck(ack, transaction.flow),
      };
    }
    this.moveTo(transaction.flow);
    try {
      this.user.onRequest(transaction, this);
    } catch (error) {
      if (this.#inviteReceived === transaction) this.#inviteReceived = null;
      throw error;
    }
  }

  /** The PRACK of a provisional response of ours; an offer or an answer in it is its user's affair (RFC 3262 §5). */
  #receivePrack(transaction: ServerTransaction): void {
    const { request } = transaction;
    if (!this.provisionals?.awaits(request)) throw new SipError(481, 'Call/Transaction Does Not Exist');
    this.moveTo(transaction.flow);
    try {
      if (request.body.length > 0) this.user.onRequest(transaction, this);
      else transaction.respond(createResponse(request, 200));
    } finally {
      this.provisionals.acknowledge();
    }
  }

  /** A request that comes before the last of its kind has been answered (RFC 3261 §14.2, RFC 3311 §5.2). */
  #overlapping(method: string): SipError {
    const retryAfter = String(this.#context.random.below(10));
    return new SipError(500, `Another ${method} Is Pending`, { headers: { 'Retry-After': retryAfter } });
  }

  /** Answers a request of the peer while our BYE is due or on its way, or its INVITE has been refused. */
  #part(transaction: ServerTransaction): void {
    const { method, body } = transaction.request;
    if (method === 'PRACK' && body.length === 0) {
      this.#receivePrack(transaction);
      if (this.#lingering) this.end();
      return;
    }
    if (method !== 'BYE') throw new SipError(481, 'Call/Transaction Does Not Exist');
    transaction.respond(createResponse(transaction.request, 200));
    this.end();
  }

  /** Refuses a request that arrived inside the dialog; after an INVITE another may come. */
  reject(transaction: ServerTransaction, response: SipResponse): void {
    if (this.#inviteReceived === transaction) this.#inviteReceived = null;
    transaction.respond(response);
  }

  /** Takes an ACK that arrived inside the dialog. */
  receiveAck(ack: SipRequest, flow: Flow): void {
    if (!this.#accepted.awaits(ack)) return;
    this.moveTo(flow);
    this.#accepted.acknowledge(ack);
  }

  /** Learns the peer's new Contact and what it can do (RFC 3261 §12.2.1.2). Throws SipSyntaxError for one of a request that can't be read. */
  refreshTarget(message: SipRequest | SipResponse): void {
    this.state.remoteTarget = contactOf(message) ?? this.state.remoteTarget;
    this.state.peer = capabilitiesOf(message, this.state.peer);
  }

  /** A phone that reconnected, or whose NAT gave it a new port, is answered and asked where it is now. */
  moveTo(flow: Flow): void {
    if (flow.id === this.#flow.id || this.#ended) return;
    const before = this.#hold;
    this.#flow = flow;
    this.#hold = flow.hold();
    before[Symbol.dispose]();
    this.user.onMoved?.(this);
  }

  #message(method: string, sequence: number, { headers, body, contentType }: DialogRequest): SipRequest {
    const { state } = this;
    const { uri, route: routes } = addressed(state.remoteTarget, state.routeSet);
    const fields = new Headers();
    fields.add('Max-Forwards', '70');
    for (const route of routes) fields.addValue(Route, route);
    fields.addValue(From, state.local);
    fields.addValue(To, state.remote);
    fields.add('Call-ID', state.callId);
    fields.add('CSeq', `${sequence} ${method}`);
    for (const [name, value] of Object.entries(headers ?? {})) fields.add(name, value);
    if (contentType) fields.add('Content-Type', contentType);
    return new SipRequest({ method, uri, headers: fields, ...(body ? { body } : {}) });
  }
}

function without(options: string, option: string): string {
  return options
    .split(', ')
    .filter((one) => one !== option)
    .join(', ');
}

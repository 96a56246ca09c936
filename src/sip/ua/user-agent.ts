import { type Clock, type Log, type Random, randomToken } from '../../base/index.ts';
import {
  addressed,
  askedIn,
  checkInterval,
  type DialogContext,
  isSips,
  newTag,
  type SessionTimerRules,
  Subscription,
  type SubscriptionOptions,
} from '../dialog/index.ts';
import {
  Contact,
  createResponse,
  From,
  Headers,
  type NameAddress,
  noParams,
  Route,
  SipRequest,
  type SipResponse,
  type SipUri,
  sipUri,
  statelessTag,
  To,
  type Uri,
  withParam,
} from '../message/index.ts';
import type { ClientTransactionUser, ServerTransaction, TransactionLayer } from '../transaction/index.ts';
import { type Flow, isWebSocket } from '../transport/index.ts';
import { IncomingInvite, type IncomingInviteUser } from './incoming-invite.ts';
import { OutgoingInvite, type OutgoingInviteUser } from './outgoing-invite.ts';
import { type RequestHandler, UasCore } from './uas-core.ts';

/** A request that belongs to no dialog yet. */
export interface OutOfDialogRequest {
  /** Where it is for: the Request-URI, unless the first proxy is a strict router. */
  readonly uri: Uri;
  /** The proxies to go by, first hop first. */
  readonly route?: readonly NameAddress[];
  readonly flow: Flow;
  /** Without a tag; one is made. */
  readonly from: NameAddress;
  readonly to: NameAddress;
  /** A fresh one by default. */
  readonly callId?: string;
  readonly maxForwards?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly contentType?: string;
  /** The user part of our Contact. */
  readonly contactUser?: string;
}

/** The face of the SIP stack: what the exchange asks of it and is asked by it. */
export class UserAgent {
  readonly #transactions: TransactionLayer;
  readonly #core: UasCore;
  readonly #context: DialogContext;
  readonly #random: Random;
  readonly #product: string;
  readonly #methods: string[] = [];
  /** The methods as Allow says them: in every request and in every answer to an INVITE. */
  #allow = '';
  readonly #supported: readonly string[];
  /** Event packages that may be subscribed to. */
  #events: readonly string[] = [];
  readonly #sessionRefreshes = new Map<'exchange' | 'phone', number>();

  constructor(options: {
    readonly transactions: TransactionLayer;
    readonly clock: Clock;
    readonly random: Random;
    readonly log: Log;
    /** What User-Agent and Server say: `sip-pbx/1.0`. */
    readonly product: string;
    /** Option tags that we do. */
    readonly supported: readonly string[];
    /** Methods that are answered inside dialogs, besides those that handlers are named for. */
    readonly dialogMethods: readonly string[];
    readonly sessionTimers: Omit<SessionTimerRules, 'onRefresh'>;
  }) {
    this.#transactions = options.transactions;
    this.#random = options.random;
    this.#product = options.product;
    this.#supported = options.supported;
    this.#methods.push(...new Set(['ACK', 'CANCEL', ...options.dialogMethods]));
    this.#core = new UasCore({
      log: options.log,
      supported: new Set(options.supported),
      capabilities: () => this.capabilities,
    });
    const userAgent = this;
    this.#context = {
      transactions: options.transactions,
      clock: options.clock,
      random: options.random,
      contact: (flow, user, sips) => this.contact(flow, user, sips),
      get requestHeaders() {
        return userAgent.#capabilityHeaders('User-Agent');
      },
      get answerHeaders() {
        return userAgent.#capabilityHeaders('Server');
      },
      sessionTimers: {
        ...options.sessionTimers,
        onRefresh: (by) => this.#sessionRefreshes.set(by, (this.#sessionRefreshes.get(by) ?? 0) + 1),
      },
      add: (dialog) => this.#core.add(dialog),
      remove: (dialog) => this.#core.remove(dialog),
    };
    options.transactions.serve(this.#core);
    this.handle('OPTIONS', (transaction) => transaction.answerStranger(this.optionsResponse(transaction)));
  }

  /** Dialogs that are remembered. */
  get dialogs(): number {
    return this.#core.dialogs;
  }

  /** How often sessions have been refreshed since the start, by whom. */
  get sessionRefreshes(): ReadonlyMap<string, number> {
    return this.#sessionRefreshes;
  }

  /** What we can do, truthfully (RFC 3261 §11.2). */
  get capabilities(): Readonly<Record<string, string>> {
    return {
      Allow: this.#allow,
      Accept: 'application/sdp',
      ...(this.#supported.length > 0 ? { Supported: this.#supported.join(', ') } : {}),
      ...this.allowEvents,
    };
  }

  /** Names the event packages that may be subscribed to; they appear in Allow-Events from now on. */
  offerEvents(names: readonly string[]): void {
    this.#events = names;
  }

  /** The Allow-Events header field; empty where nothing can be subscribed to (RFC 6665 §8.2.2). */
  get allowEvents(): Readonly<Record<string, string>> {
    return this.#events.length > 0 ? { 'Allow-Events': this.#events.join(', ') } : {};
  }

  /** Names who answers a method outside any dialog; it appears in Allow from now on. */
  handle(method: string, handler: RequestHandler): void {
    if (!this.#methods.includes(method)) this.#methods.push(method);
    this.#allow = this.#methods.join(', ');
    this.#core.handle(method, handler);
  }

  /** The answer to OPTIONS, in a dialog or outside. */
  optionsResponse(transaction: ServerTransaction): SipResponse {
    return this.response(transaction, 200, this.capabilities);
  }

  /** A response to be sent through `transaction`, with a To tag where one is missing. */
  response(
    transaction: ServerTransaction,
    status: number,
    headers: Readonly<Record<string, string>> = {},
  ): SipResponse {
    const response = createResponse(transaction.request, status, { toTag: transaction.localTag, headers });
    response.headers.set('Server', this.#product);
    return response;
  }

  /** The 401 that asks for credentials; `challenges` are values of WWW-Authenticate. */
  challenge(transaction: ServerTransaction, challenges: readonly string[]): SipResponse {
    // The request is forgotten: if it comes again, it is to get the same tag (RFC 3261 §8.2.7).
    const { request } = transaction;
    const response = createResponse(request, 401, { toTag: statelessTag(request), headers: { Server: this.#product } });
    for (const challenge of challenges) response.headers.add('WWW-Authenticate', challenge);
    return response;
  }

  /** The response that tells the peer of `error`; a defect of ours is logged and becomes 500. */
  refusal(transaction: ServerTransaction, error: unknown): SipResponse {
    return this.#core.refusal(transaction, error);
  }

  /** Throws SipError 422 for an INVITE that begins a call with too short a session interval (RFC 4028 §9). */
  checkSession(invite: SipRequest): void {
    checkInterval(askedIn(invite), this.#context.sessionTimers);
  }

  /** Takes an INVITE that begins a call. Throws SipSyntaxError when no dialog can be made with it. */
  receiveInvite(transaction: ServerTransaction, contactUser: string | null, user: IncomingInviteUser): IncomingInvite {
    return new IncomingInvite(transaction, contactUser, user, this.#context);
  }

  /** Takes a SUBSCRIBE outside any dialog, to be granted by the owner. Throws SipSyntaxError when no dialog can be made with it. */
  receiveSubscribe(transaction: ServerTransaction, options: SubscriptionOptions): Subscription {
    return new Subscription(transaction, options, this.#context);
  }

  /** Sends an INVITE that begins a call. */
  invite(request: OutOfDialogRequest, user: OutgoingInviteUser): OutgoingInvite {
    const message = this.#message('INVITE', request);
    const contactUser = request.contactUser ?? null;
    message.headers.addValue(Contact, this.contact(request.flow, contactUser, isSips(message.uri)));
    return new OutgoingInvite({ request: message, flow: request.flow, contactUser, user, context: this.#context });
  }

  /** Sends any other request outside a dialog. */
  request(method: string, request: OutOfDialogRequest, user: ClientTransactionUser): void {
    this.#transactions.request(this.#message(method, request), request.flow, user);
  }

  /** A phone that gave `contact` and was at the end of `from` is at the end of `to` now: so are its dialogs. */
  moveDialogs(contact: SipUri, from: Flow, to: Flow): void {
    this.#core.moveDialogs(contact, from, to);
  }

  /** Where the peer of `flow` reaches us; by a SIPS URI, where the flow is secure and it has used one (RFC 3261 §12.1.1). */
  contact(flow: Flow, user: string | null, sips: boolean): NameAddress {
    const { address, port } = flow.advertised;
    // The URI of a secure WebSocket says `ws` too (RFC 7118 §5.2.2).
    const transport = isWebSocket(flow.transport) ? 'ws' : flow.transport;
    const scheme = sips && flow.secure ? 'sips' : 'sip';
    const implied = transport === 'udp' || (transport === 'tls' && scheme === 'sips');
    const params = implied ? noParams : withParam(noParams, 'transport', transport);
    return { displayName: null, uri: sipUri({ scheme, user, host: address, port, params }), params: noParams };
  }

  /** A Call-ID of ours: random, and without the name of any host. */
  newCallId(): string {
    return randomToken(this.#random, 24);
  }

  #capabilityHeaders(product: 'User-Agent' | 'Server'): readonly (readonly [string, string])[] {
    return [
      ['Allow', this.#allow],
      ...(this.#supported.length > 0 ? [['Supported', this.#supported.join(', ')] as const] : []),
      [product, this.#product],
    ];
  }

  #message(method: string, request: OutOfDialogRequest): SipRequest {
    const { uri, route: routes } = addressed(request.uri, request.route ?? []);
    const headers = new Headers();
    headers.add('Max-Forwards', String(request.maxForwards ?? 70));
    for (const route of routes) headers.addValue(Route, route);
    const from = { ...request.from, params: withParam(request.from.params, 'tag', newTag(this.#random)) };
    headers.addValue(From, from);
    headers.addValue(To, request.to);
    headers.add('Call-ID', request.callId ?? this.newCallId());
    headers.add('CSeq', `${1 + this.#random.below(10_000)} ${method}`);
    for (const [name, value] of this.#capabilityHeaders('User-Agent')) headers.add(name, value);
    for (const [name, value] of Object.entries(request.headers ?? {})) headers.add(name, value);
    if (request.contentType) headers.add('Content-Type', request.contentType);
    return new SipRequest({ method, uri, headers, ...(request.body ? { body: request.body } : {}) });
  }
}

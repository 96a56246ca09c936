import { type Clock, type Log, type Random, randomToken, silentLog } from '../../base/index.ts';
import {
  createResponse,
  From,
  Headers,
  Route,
  type SipMessage,
  SipRequest,
  type SipResponse,
  statelessTag,
  To,
  Via,
  type ViaValue,
} from '../message/index.ts';
import type { Flow, TransportLayer, TransportUser } from '../transport/index.ts';
import { type ClientMachine, ClientTransaction, type ClientTransactionUser } from './client-transaction.ts';
import { inviteClient } from './invite-client.ts';
import { inviteServer } from './invite-server.ts';
import { branchCookie, clientKey, clientKeyOf, mergeKeyOf, serverKeyOf } from './key.ts';
import { nonInviteClient } from './non-invite-client.ts';
import { nonInviteServer } from './non-invite-server.ts';
import { defaultOverloadLimits, Overload, type OverloadCounters, type OverloadLimits } from './overload.ts';
import { type ServerMachine, ServerTransaction } from './server-transaction.ts';
import { defaultTimers, type TimerValues } from './timers.ts';
import type { TransactionContext, TransactionCounters } from './transaction-context.ts';

/** Who answers requests: the UAS core. */
export interface TransactionLayerUser {
  /** A new request, to be answered through its transaction. Never an ACK. */
  onRequest(transaction: ServerTransaction): void;
  /** A CANCEL, and the INVITE transaction that it means; `undefined` when there is none (answer 481). */
  onCancel(cancel: ServerTransaction, invite: ServerTransaction | undefined): void;
  /** An ACK with a branch of its own: that of a 2xx. */
  onAck(ack: SipRequest, flow: Flow): void;
  /** Whether a request belongs to a dialog of ours: such are taken when others are turned away. */
  isInDialog?(request: SipRequest): boolean;
}

/** The four machines that transactions are driven by; tests put altered ones in. */
export interface TransactionMachines {
  readonly inviteClient: ClientMachine;
  readonly nonInviteClient: ClientMachine;
  readonly inviteServer: ServerMachine;
  readonly nonInviteServer: ServerMachine;
}

/** The machines of RFC 3261 §17 as RFC 6026 and RFC 4320 correct them. */
export const standardMachines: TransactionMachines = {
  inviteClient: inviteClient as ClientMachine,
  nonInviteClient: nonInviteClient as ClientMachine,
  inviteServer: inviteServer as ServerMachine,
  nonInviteServer: nonInviteServer as ServerMachine,
};

/** Seconds after which a peer that was turned away may try again: from this on, a little different for each. */
const retryAfter = 5;

/** Turns messages into transactions: matches, repeats, absorbs repetitions, times out (RFC 3261 §17). */
export class TransactionLayer implements TransportUser {
  readonly counters: TransactionCounters = { retransmissions: 0, timeouts: 0, strayResponses: 0 };
  readonly #transport: TransportLayer;
  readonly #random: Random;
  readonly #machines: TransactionMachines;
  readonly #context: TransactionContext;
  readonly #overload: Overload;
  readonly #clients = new Map<string, ClientTransaction>();
  readonly #servers = new Map<string, ServerTransaction>();
  /** Of `#servers` those that others may be merged with, by merge key. */
  readonly #merge = new Map<string, ServerTransaction>();
  #user: TransactionLayerUser | null = null;

  constructor(options: {
    readonly transport: TransportLayer;
    readonly clock: Clock;
    readonly random: Random;
    readonly timers?: TimerValues;
    readonly machines?: TransactionMachines;
    readonly log?: Log;
    readonly limits?: Partial<OverloadLimits>;
  }) {
    this.#transport = options.transport;
    this.#random = options.random;
    this.#machines = options.machines ?? standardMachines;
    this.#overload = new Overload(options.clock, options.log ?? silentLog, {
      ...defaultOverloadLimits,
      ...options.limits,
    });
    this.#context = {
      clock: options.clock,
      random: options.random,
      timers: options.timers ?? defaultTimers,
      transport: options.transport,
      counters: this.counters,
      isCrowded: () => this.#overload.isCrowded(this.#servers.size),
      answeredStranger: ({ flow }) => this.#overload.answeredStranger(flow.remote.address),
      forget: (transaction) => this.#forget(transaction),
    };
  }

  get timers(): TimerValues {
    return this.#context.timers;
  }

  /** Transactions that are still remembered. */
  get size(): { readonly client: number; readonly server: number } {
    return { client: this.#clients.size, server: this.#servers.size };
  }

  /** What was turned away for there was too much of it. */
  get overload(): Readonly<OverloadCounters> {
    return this.#overload.counters;
  }

  /** A request from this IP address has shown who sends it: what was refused to it before counts less. */
  vouch(source: string): void {
    this.#overload.vouched(source);
  }

  /** Names who answers requests; before that they are dropped. */
  serve(user: TransactionLayerUser): void {
    this.#user = user;
  }

  onMessage(message: SipMessage, flow: Flow): void {
    if (message.kind === 'response') this.#receiveResponse(message);
    else this.#receiveRequest(message, flow);
  }

  /**
   * Sends `request` on `flow` with a Via of ours on top and tells `user` what comes of it. A flow that is already
   * closed is reported as a transport error, later and not from within this call.
   */
  request(request: SipRequest, flow: Flow, user: ClientTransactionUser): ClientTransaction {
    const branch = this.newBranch();
    request.headers.prependValue(Via, viaOf(flow, branch));
    return this.#start(request, flow, branch, user);
  }

  /** Sends the CANCEL of an INVITE that has had a provisional response (RFC 3261 §9.1), with further header fields. */
  cancel(invite: ClientTransaction, extra: Readonly<Record<string, string>> = {}): ClientTransaction {
    const cancel = sameHop(invite.request, 'CANCEL', invite.request.headers.require(To));
    for (const [name, value] of Object.entries(extra)) cancel.headers.set(name, value);
    const branch = invite.request.topVia.params.get('branch') ?? '';
    return this.#start(cancel, invite.flow, branch, { onResponse: () => {}, onFailure: () => {} });
  }

  /** Sends an ACK of a 2xx: no transaction, but a branch of its own (RFC 3261 §13.2.2.4). The bytes serve to repeat it. */
  sendAck(ack: SipRequest, flow: Flow): Uint8Array {
    ack.headers.prependValue(Via, viaOf(flow, this.newBranch()));
    return this.#transport.send(ack, flow);
  }

  /** Sends once more what was sent before. */
  resend(bytes: Uint8Array, flow: Flow): void {
    this.counters.retransmissions++;
    this.#transport.resend(bytes, flow);
  }

  newBranch(): string {
    return `${branchCookie}${randomToken(this.#random, 16)}`;
  }

  #start(request: SipRequest, flow: Flow, branch: string, user: ClientTransactionUser): ClientTransaction {
    const transaction = new ClientTransaction({
      key: clientKey(branch, request.method),
      request,
      flow,
      machine: request.method === 'INVITE' ? this.#machines.inviteClient : this.#machines.nonInviteClient,
      user,
      context: this.#context,
      makeAck: (response) => sameHop(request, 'ACK', response.headers.require(To)),
    });
    if (this.#overload.allowsRequest(this.#clients.size)) {
      this.#clients.set(transaction.key, transaction);
      transaction.start();
    } else {
      transaction.withhold();
    }
    return transaction;
  }

  #forget(transaction: ClientTransaction | ServerTransaction): void {
    if (transaction instanceof ClientTransaction) {
      if (this.#clients.get(transaction.key) === transaction) this.#clients.delete(transaction.key);
      return;
    }
    this.#servers.delete(transaction.key);
    if (!transaction.inDialog) this.#overload.ended(transaction.flow.remote.address);
    const { mergeKey } = transaction;
    if (mergeKey !== null && this.#merge.get(mergeKey) === transaction) this.#merge.delete(mergeKey);
  }

  #receiveResponse(response: SipResponse): void {
    // With a second Via it was meant for somebody behind us, whom we do not have (RFC 3261 §8.1.3.3).
    const ours = response.headers.all(Via).length === 1;
    const transaction = ours ? this.#clients.get(clientKeyOf(response)) : undefined;
    if (transaction) transaction.receive(response);
    else this.counters.strayResponses++;
  }

  #receiveRequest(request: SipRequest, flow: Flow): void {
    const user = this.#user;
    if (!user) return;
    const known = this.#servers.get(serverKeyOf(request));
    // Over RFC 2543 elements the ACK of a 2xx looks like that of a refusal; both are the transaction's.
    if (known && (request.method !== 'ACK' || request.cseq.number === known.request.cseq.number)) {
      known.receive(request);
      return;
    }
    if (request.method === 'ACK') {
      user.onAck(request, flow);
      return;
    }
    const cancelled = request.method === 'CANCEL' ? this.#servers.get(serverKeyOf(request, 'INVITE')) : undefined;
    const inDialog = cancelled !== undefined || (request.toTag !== null && user.isInDialog?.(request) === true);
    if (!this.#overload.admits(flow.remote.address, this.#servers.size, inDialog)) {
      this.#turnAway(request, flow);
      return;
    }
    // What is alike here came by two ways (RFC 3261 §8.2.2.2). A request that was challenged is forgotten: the same
    // with credentials is another, also from phones that keep its CSeq.
    const mergeKey = request.toTag === null && request.method !== 'CANCEL' ? mergeKeyOf(request) : null;
    const merged = mergeKey !== null && this.#merge.has(mergeKey);
    const transaction = new ServerTransaction({
      key: serverKeyOf(request),
      mergeKey: merged ? null : mergeKey,
      request,
      flow,
      inDialog,
      machine: request.method === 'INVITE' ? this.#machines.inviteServer : this.#machines.nonInviteServer,
      context: this.#context,
    });
    this.#servers.set(transaction.key, transaction);
    if (!inDialog) this.#overload.began(flow.remote.address);
    if (mergeKey !== null && !merged) this.#merge.set(mergeKey, transaction);
    transaction.start();
    if (merged) transaction.answerStranger(createResponse(request, 482, { toTag: transaction.localTag }));
    else if (request.method === 'CANCEL') user.onCancel(transaction, cancelled);
    else user.onRequest(transaction);
  }

  /** Refuses a request without remembering it: 503, or silence where too many are refused already (RFC 3261 §21.5.4). */
  #turnAway(request: SipRequest, flow: Flow): void {
    if (!this.#overload.rejects()) return;
    const headers = { 'Retry-After': String(retryAfter + this.#random.below(10)) };
    this.#transport.send(createResponse(request, 503, { toTag: statelessTag(request), headers }), flow);
  }
}

/** What our Via says on `flow`: where responses reach us, and that we want the rport of RFC 3581. */
function viaOf(flow: Flow, branch: string): ViaValue {
  const { address, port } = flow.advertised;
  return {
    transport: flow.transport.toUpperCase(),
    host: address,
    port,
    params: new Map<string, string | null>([
      ['branch', branch],
      ['rport', null],
    ]),
  };
}

/** A CANCEL, or the ACK of a refusal: goes the way of `request`, as part of it (RFC 3261 §9.1, §17.1.1.3). */
function sameHop(request: SipRequest, method: 'ACK' | 'CANCEL', to: ReturnType<typeof To.parse>): SipRequest {
  const headers = new Headers();
  headers.addValue(Via, request.topVia);
  headers.add('Max-Forwards', '70');
  for (const route of request.headers.all(Route)) headers.addValue(Route, route);
  headers.addValue(From, request.headers.require(From));
  headers.addValue(To, to);
  headers.add('Call-ID', request.callId);
  headers.add('CSeq', `${request.cseq.number} ${method}`);
  return new SipRequest({ method, uri: request.uri, headers });
}

import { randomToken } from '../../base/index.ts';
import { createResponse, type SipRequest, type SipResponse } from '../message/index.ts';
import type { Flow } from '../transport/index.ts';
import type { InviteServerAction, InviteServerInput, InviteServerState } from './invite-server.ts';
import type { Machine } from './machine.ts';
import type { NonInviteServerAction, NonInviteServerInput, NonInviteServerState } from './non-invite-server.ts';
import { TimerSet } from './timer-set.ts';
import { slowRepetitionAfter, tryingAfter } from './timers.ts';
import type { TransactionContext } from './transaction-context.ts';

/** What a server transaction tells the one who answers. All of it may be left out. */
export interface ServerTransactionUser {
  /** The ACK of a 2xx that matches this very transaction; most have a branch of their own and come another way. */
  onAck?(ack: SipRequest): void;
  /** The caller cancels: the INVITE is still to be answered, with 487 (RFC 3261 §9.2). */
  onCancel?(cancel: SipRequest): void;
  /** No ACK came for a refusal, or the user never answered. */
  onTimeout?(): void;
  onTransportError?(): void;
  onTerminated?(): void;
}

export type ServerState = InviteServerState | NonInviteServerState;
type ServerInput = InviteServerInput | NonInviteServerInput;
type ServerAction = InviteServerAction | NonInviteServerAction;
export type ServerMachine = Machine<ServerState & string, ServerInput, ServerAction>;

/** A request to be answered: absorbs its repetitions and repeats the response (RFC 3261 §17.2). Driven by its table alone. */
export class ServerTransaction {
  readonly key: string;
  readonly mergeKey: string | null;
  readonly request: SipRequest;
  readonly flow: Flow;
  /** Whether it belongs to a dialog of ours, or cancels an INVITE. */
  readonly inDialog: boolean;
  /** Who hears of the ACK, a CANCEL, a failure. */
  user: ServerTransactionUser = {};
  readonly #machine: ServerMachine;
  readonly #context: TransactionContext;
  readonly #timers: TimerSet;
  #state: ServerState;
  #interval: number;
  /** What is to be sent, only while it is: repetitions need no more than its bytes. */
  #response: SipResponse | null = null;
  #bytes: Uint8Array | null = null;
  #ack: SipRequest | null = null;
  #localTag: string | null = null;

  constructor(options: {
    readonly key: string;
    readonly mergeKey: string | null;
    readonly request: SipRequest;
    readonly flow: Flow;
    readonly inDialog: boolean;
    readonly machine: ServerMachine;
    readonly context: TransactionContext;
  }) {
    this.key = options.key;
    this.mergeKey = options.mergeKey;
    this.request = options.request;
    this.flow = options.flow;
    this.inDialog = options.inDialog;
    this.#machine = options.machine;
    this.#context = options.context;
    this.#timers = new TimerSet(options.context.clock, (name) => this.#feed(`timer ${name}` as ServerInput));
    this.#state = options.request.method === 'INVITE' ? 'proceeding' : 'trying';
    this.#interval = options.context.timers.t1;
  }

  /** The To tag of our responses to a request that has none yet. */
  get localTag(): string {
    this.#localTag ??= randomToken(this.#context.random, 10);
    return this.#localTag;
  }

  get state(): ServerState {
    return this.#state;
  }

  /** Whether the final response has been given. */
  get answered(): boolean {
    return this.#state !== 'proceeding' && this.#state !== 'trying';
  }

  /** Starts the timers that run before the user answers. */
  start(): void {
    const { timers } = this.#context;
    if (this.request.method === 'INVITE') {
      this.#timers.start('Trying', tryingAfter);
    } else {
      this.#timers.start('Trying', Math.max(slowRepetitionAfter(timers), tryingAfter));
      this.#timers.start('Patience', 64 * timers.t1);
    }
  }

  /** The request again, or for an INVITE its ACK. */
  receive(request: SipRequest): void {
    if (request.method === 'ACK') {
      this.#ack = request;
      this.#feed('ACK');
    } else {
      this.#feed('request');
    }
  }

  /**
   * Sends `response` and keeps it for repetitions, save a challenge (401, 407). After a final response others are
   * ignored, save further 2xx to INVITE.
   */
  respond(response: SipResponse): void {
    const input = this.#inputOf(response.status);
    this.#say(response, input);
    if (input === 'respond once') this.#context.answeredStranger(this);
  }

  /** Gives somebody who has not shown who it is a final response, for an INVITE a refusal: never repeated unasked. */
  answerStranger(response: SipResponse): void {
    const kept = this.request.method === 'INVITE' ? 'refuse' : 'respond 2xx-6xx';
    this.#say(response, this.#context.isCrowded() ? 'respond once' : kept);
    this.#context.answeredStranger(this);
  }

  #say(response: SipResponse, input: ServerInput): void {
    this.#response = response;
    this.#feed(input);
    this.#response = null;
  }

  /** Forgets a request that has no final response yet, without one: for an attacker. A repetition would be a new request. */
  abandon(): void {
    this.#feed('abandon');
  }

  #inputOf(status: number): ServerInput {
    if (status < 200) return 'respond 1xx';
    if (isChallenge(status)) return 'respond once';
    if (this.request.method !== 'INVITE') return 'respond 2xx-6xx';
    return status < 300 ? 'respond 2xx' : 'respond 3xx-6xx';
  }

  readonly #failed = (): void => this.#feed('transport error');

  #feed(input: ServerInput): void {
    const row = this.#machine[this.#state]?.[input];
    if (!row) return;
    const [next] = row;
    this.#state = next;
    if (next === 'terminated') this.#end();
    for (let i = 1; i < row.length; i++) this.#act(row[i] as ServerAction);
    // Not the state: what the user was told may have made it end the transaction meanwhile.
    if (next === 'terminated') this.user.onTerminated?.();
  }

  #end(): void {
    this.#timers.stopAll();
    this.#context.forget(this);
  }

  #act(action: ServerAction): void {
    const { t1, t2, t4 } = this.#context.timers;
    const { reliable } = this.flow;
    switch (action) {
      case 'send response':
        if (this.#response) this.#send(this.#response);
        return;
      case 'resend response':
        if (this.#bytes) this.#context.transport.resend(this.#bytes, this.flow, this.#failed);
        this.#context.counters.retransmissions++;
        return;
      case 'send 100':
        this.#send(createResponse(this.request, 100));
        return;
      case 'double G':
        this.#interval = Math.min(2 * this.#interval, t2);
        return this.#timers.start('G', this.#interval);
      case 'start G':
        if (!reliable) this.#timers.start('G', t1);
        return;
      case 'start H':
        return this.#timers.start('H', 64 * t1);
      case 'start I':
        return this.#timers.start('I', reliable ? 0 : t4);
      case 'start J':
        return this.#timers.start('J', reliable ? 0 : 64 * t1);
      case 'start L':
        return this.#timers.start('L', 64 * t1);
      case 'stop G':
        return this.#timers.stop('G');
      case 'stop H':
        return this.#timers.stop('H');
      case 'stop Trying':
        return this.#timers.stop('Trying');
      case 'stop Patience':
        return this.#timers.stop('Patience');
      case 'pass ACK up':
        if (this.#ack) this.user.onAck?.(this.#ack);
        return;
      case 'report timeout':
        this.#context.counters.timeouts++;
        return this.user.onTimeout?.();
      case 'report transport error':
        return this.user.onTransportError?.();
      default:
        action satisfies never;
    }
  }

  #send(response: SipResponse): void {
    this.#bytes = this.#context.transport.send(response, this.flow, this.#failed);
  }
}

function isChallenge(status: number): boolean {
  return status === 401 || status === 407;
}

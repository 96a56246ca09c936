import type { SipRequest, SipResponse } from '../message/index.ts';
import type { Flow } from '../transport/index.ts';
import type { InviteClientAction, InviteClientInput, InviteClientState } from './invite-client.ts';
import type { Machine } from './machine.ts';
import type { NonInviteClientAction, NonInviteClientInput, NonInviteClientState } from './non-invite-client.ts';
import { TimerSet } from './timer-set.ts';
import type { TransactionContext } from './transaction-context.ts';

/** How a request can end without a final response. */
export type Failure = 'timeout' | 'transport error';

/** What a client transaction tells the one who asked. */
export interface ClientTransactionUser {
  /** Every provisional and the final response; for an INVITE each 2xx, whichever branch it comes from. */
  onResponse(response: SipResponse): void;
  /** Nothing more will come: to the user like a 408 or a 503 (RFC 3261 §8.1.3.1). */
  onFailure(failure: Failure): void;
  /** The transaction is forgotten; for an INVITE nothing of any branch will be heard any more. */
  onTerminated?(): void;
}

export type ClientState = InviteClientState | NonInviteClientState;
type ClientInput = InviteClientInput | NonInviteClientInput;
type ClientAction = InviteClientAction | NonInviteClientAction;
export type ClientMachine = Machine<ClientState & string, ClientInput, ClientAction>;

/** A request on its way: repeats it, hears its responses, gives up (RFC 3261 §17.1). Driven by its table alone. */
export class ClientTransaction {
  readonly key: string;
  /** As sent, with our Via on top. */
  readonly request: SipRequest;
  readonly flow: Flow;
  readonly #machine: ClientMachine;
  readonly #user: ClientTransactionUser;
  readonly #context: TransactionContext;
  readonly #timers: TimerSet;
  readonly #makeAck: (response: SipResponse) => SipRequest;
  #bytes: Uint8Array | null = null;
  #ack: Uint8Array | null = null;
  #state: ClientState;
  #interval: number;
  /** The response that is being handled. */
  #response: SipResponse | null = null;
  #watch: Disposable | null = null;

  constructor(options: {
    readonly key: string;
    readonly request: SipRequest;
    readonly flow: Flow;
    readonly machine: ClientMachine;
    readonly user: ClientTransactionUser;
    readonly context: TransactionContext;
    /** Builds the ACK of a refusal (RFC 3261 §17.1.1.3); asked only of an INVITE. */
    readonly makeAck: (response: SipResponse) => SipRequest;
  }) {
    this.key = options.key;
    this.request = options.request;
    this.flow = options.flow;
    this.#machine = options.machine;
    this.#user = options.user;
    this.#context = options.context;
    this.#makeAck = options.makeAck;
    this.#timers = new TimerSet(options.context.clock, (name) => this.#feed(`timer ${name}` as ClientInput));
    this.#state = options.request.method === 'INVITE' ? 'calling' : 'trying';
    this.#interval = options.context.timers.t1;
  }

  get state(): ClientState {
    return this.#state;
  }

  /** Sends the request for the first time and starts its timers. */
  start(): void {
    const { t1 } = this.#context.timers;
    const invite = this.request.method === 'INVITE';
    if (!this.flow.reliable) this.#timers.start(invite ? 'A' : 'E', t1);
    this.#timers.start(invite ? 'B' : 'F', 64 * t1);
    // A stream that ends takes its unanswered requests along at once, instead of 32 seconds later.
    if (this.flow.reliable) this.#watch = this.flow.onClose(this.#failed);
    this.#bytes = this.#context.transport.send(this.request, this.flow, this.#failed);
  }

  /** Takes the place of `start` where nothing may be sent: a transport error, later. */
  withhold(): void {
    this.#context.clock.after(0, this.#failed);
  }

  receive(response: SipResponse): void {
    this.#response = response;
    const { status } = response;
    if (status < 200) this.#feed('1xx');
    else if (this.request.method !== 'INVITE') this.#feed('2xx-6xx');
    else this.#feed(status < 300 ? '2xx' : '3xx-6xx');
    this.#response = null;
  }

  /** Forgets an INVITE whose CANCEL was never followed by a final response (RFC 3261 §9.1). */
  abandon(): void {
    this.#feed('abandon');
  }

  readonly #failed = (): void => this.#feed('transport error');

  #feed(input: ClientInput): void {
    const row = this.#machine[this.#state]?.[input];
    if (!row) return;
    const [next] = row;
    this.#state = next;
    if (next === 'terminated') this.#end();
    for (let i = 1; i < row.length; i++) this.#act(row[i] as ClientAction);
    // Not the state: what the user was told may have made it end the transaction meanwhile.
    if (next === 'terminated') this.#user.onTerminated?.();
  }

  #end(): void {
    this.#timers.stopAll();
    this.#watch?.[Symbol.dispose]();
    this.#context.forget(this);
  }

  #act(action: ClientAction): void {
    const { t1, t2, t4 } = this.#context.timers;
    const { reliable } = this.flow;
    switch (action) {
      case 'send request':
        if (this.#bytes) this.#context.transport.resend(this.#bytes, this.flow, this.#failed);
        this.#context.counters.retransmissions++;
        return;
      case 'send ACK':
        return this.#sendAck();
      case 'double A':
        this.#interval *= 2;
        return this.#timers.start('A', this.#interval);
      case 'double E':
        this.#interval = Math.min(2 * this.#interval, t2);
        return this.#timers.start('E', this.#interval);
      case 'slow E':
        return this.#timers.start('E', t2);
      case 'start D':
        // 32 s whatever T1 is, for a peer whose T1 is the default one (RFC 3261 §17.1.1.2).
        return this.#timers.start('D', reliable ? 0 : Math.max(32_000, 64 * t1));
      case 'start K':
        return this.#timers.start('K', reliable ? 0 : t4);
      case 'start M':
        return this.#timers.start('M', 64 * t1);
      case 'stop A':
        return this.#timers.stop('A');
      case 'stop B':
        return this.#timers.stop('B');
      case 'stop E':
        return this.#timers.stop('E');
      case 'stop F':
        return this.#timers.stop('F');
      case 'pass response up':
        if (this.#response) this.#user.onResponse(this.#response);
        return;
      case 'report timeout':
        this.#context.counters.timeouts++;
        return this.#user.onFailure('timeout');
      case 'report transport error':
        return this.#user.onFailure('transport error');
      default:
        action satisfies never;
    }
  }

  #sendAck(): void {
    if (!this.#response) return;
    if (this.#ack) this.#context.transport.resend(this.#ack, this.flow);
    else this.#ack = this.#context.transport.send(this.#makeAck(this.#response), this.flow);
  }
}

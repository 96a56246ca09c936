import assert from 'node:assert/strict';
import { type Address, type Clock, SeededRandom, silentLog, VirtualClock } from '../../src/base/index.ts';
import {
  createResponse,
  Headers,
  parseMessage,
  type SipMessage,
  SipRequest,
  type SipResponse,
  Via,
} from '../../src/sip/message/index.ts';
import {
  type ClientTransaction,
  type ClientTransactionUser,
  defaultTimers,
  type ServerTransaction,
  standardMachines,
  type TimerValues,
  TransactionLayer,
  type TransactionMachines,
} from '../../src/sip/transaction/index.ts';
import { type Flow, TransportLayer, type TransportName } from '../../src/sip/transport/index.ts';

/** What one of the transaction machines must do, as plain functions: they can be tried on altered machines too. */
export type Checks = Readonly<Record<string, (machines: TransactionMachines) => void>>;

/** A flow to nowhere: tells what is sent on it, fails when told to, and can be cut. */
export class BenchFlow implements Flow {
  readonly id: string;
  readonly transport: TransportName;
  readonly reliable: boolean;
  readonly secure = false;
  readonly local: Address = { address: '192.0.2.1', port: 5060 };
  readonly advertised: Address = { address: '203.0.113.1', port: 5070 };
  readonly remote: Address = { address: '192.0.2.2', port: 5060 };
  closed = false;
  /** Whether what is sent turns out not to have left. */
  failing = false;
  readonly #clock: Clock;
  readonly #onSend: (bytes: Uint8Array) => void;
  readonly #closeListeners = new Set<() => void>();

  constructor(transport: TransportName, clock: Clock, onSend: (bytes: Uint8Array) => void) {
    this.id = `${transport}/bench`;
    this.transport = transport;
    this.reliable = transport !== 'udp';
    this.#clock = clock;
    this.#onSend = onSend;
  }

  send(bytes: Uint8Array, onError?: (error: Error) => void): void {
    this.#onSend(bytes);
    if (this.failing || this.closed) this.#clock.after(0, () => onError?.(new Error('not sent')));
  }

  hold(): Disposable {
    return { [Symbol.dispose]: () => {} };
  }

  onClose(listener: () => void): Disposable {
    if (this.closed) {
      const timer = this.#clock.after(0, listener);
      return { [Symbol.dispose]: () => timer.cancel() };
    }
    this.#closeListeners.add(listener);
    return { [Symbol.dispose]: () => this.#closeListeners.delete(listener) };
  }

  /** How many wait for the end of the connection. */
  get watchers(): number {
    return this.#closeListeners.size;
  }

  /** The connection ends. */
  cut(): void {
    this.closed = true;
    const listeners = [...this.#closeListeners];
    this.#closeListeners.clear();
    for (const listener of listeners) listener();
  }
}

/** What a test says of a request that arrives; the rest stays the same from one to the next. */
export interface IncomingParts {
  readonly uri?: string;
  /** null: none, as of old. */
  readonly branch?: string | null;
  readonly sentBy?: string;
  readonly fromTag?: string | null;
  readonly toTag?: string;
  readonly callId?: string;
  readonly cseq?: number;
}

/** A request as a peer might send it. */
export function incomingRequest(method: string, parts: IncomingParts = {}): SipRequest {
  const { uri = 'sip:bob@192.0.2.1', branch = 'z9hG4bKpeer', sentBy = '192.0.2.2:5060' } = parts;
  const { fromTag = 'alice', toTag, callId = 'call-1', cseq = 1 } = parts;
  const lines = [
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/UDP ${sentBy}${branch === null ? '' : `;branch=${branch}`}`,
    'Max-Forwards: 70',
    `From: <sip:alice@192.0.2.2>${fromTag === null ? '' : `;tag=${fromTag}`}`,
    `To: <sip:bob@192.0.2.1>${toTag === undefined ? '' : `;tag=${toTag}`}`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} ${method}`,
    'Content-Length: 0',
  ];
  const message = parseMessage(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`));
  assert(message.kind === 'request');
  return message;
}

/** A request of ours, complete but for its Via; `headers` on top of what it needs. */
export function outgoingRequest(method: string, headers: Readonly<Record<string, string>> = {}): SipRequest {
  return new SipRequest({
    method,
    uri: 'sip:bob@192.0.2.2',
    headers: new Headers([
      ['Max-Forwards', '70'],
      ['From', '<sip:alice@192.0.2.1>;tag=alice'],
      ['To', '<sip:bob@192.0.2.2>'],
      ['Call-ID', 'call-1'],
      ['CSeq', `7 ${method}`],
      ...Object.entries(headers),
    ]),
  });
}

export interface BenchOptions {
  readonly transport?: TransportName;
  readonly timers?: Partial<TimerValues>;
}

/** A transaction layer in virtual time; the test plays its users above and the peer at the far end of `flow`. */
export class TransactionBench {
  readonly clock = new VirtualClock();
  readonly layer: TransactionLayer;
  readonly flow: BenchFlow;
  /** What left, as `500 INVITE` or `0 180`: ms since the start, and method or status. */
  readonly sent: string[] = [];
  /** The same as bytes. */
  readonly wire: Uint8Array[] = [];
  /** What users were told, as `0 180`, `32000 timeout`, `0 ACK`. */
  readonly heard: string[] = [];
  /** The requests that came up to be answered, the last one last. */
  readonly requests: ServerTransaction[] = [];
  /** The CANCELs that came up, each with the INVITE that it means. */
  readonly cancels: { readonly cancel: ServerTransaction; readonly invite: ServerTransaction | undefined }[] = [];
  /** The ACKs without a transaction that came up. */
  readonly acks: SipRequest[] = [];

  constructor(machines: TransactionMachines = standardMachines, { transport = 'udp', timers = {} }: BenchOptions = {}) {
    const { clock } = this;
    this.flow = this.open(transport);
    this.layer = new TransactionLayer({
      transport: new TransportLayer({ transports: [], log: silentLog }),
      clock,
      random: new SeededRandom(1),
      timers: { ...defaultTimers, ...timers },
      machines,
    });
    this.layer.serve({
      onRequest: (transaction) => {
        this.requests.push(transaction);
        transaction.user = {
          onAck: () => this.#note('ACK'),
          onTimeout: () => this.#note('timeout'),
          onTransportError: () => this.#note('transport error'),
          onTerminated: () => this.#note('terminated'),
        };
      },
      onCancel: (cancel, invite) => this.cancels.push({ cancel, invite }),
      onAck: (ack) => this.acks.push(ack),
    });
  }

  /** Another flow of the same bench. */
  open(transport: TransportName): BenchFlow {
    return new BenchFlow(transport, this.clock, (bytes) => {
      const message = parseMessage(bytes);
      this.sent.push(`${this.clock.now()} ${message.kind === 'request' ? message.method : message.status}`);
      this.wire.push(bytes);
    });
  }

  /** What was sent last, read again. */
  get lastSent(): SipMessage {
    const bytes = this.wire.at(-1);
    assert(bytes, 'nothing was sent');
    return parseMessage(bytes);
  }

  /** Sends a request of ours; `onResponse` hears responses besides the bench. */
  request(request: SipRequest | string, onResponse: ClientTransactionUser['onResponse'] = () => {}): ClientTransaction {
    const message = typeof request === 'string' ? outgoingRequest(request) : request;
    return this.layer.request(message, this.flow, {
      onResponse: (response) => {
        this.#note(String(response.status));
        onResponse(response);
      },
      onFailure: (failure) => this.#note(failure),
      onTerminated: () => this.#note('terminated'),
    });
  }

  /** The peer answers. */
  answer(transaction: ClientTransaction, status: number, toTag = 'bob'): SipResponse {
    const response = createResponse(transaction.request, status, { toTag });
    // Whoever answers us sees our Via alone.
    response.headers.setAll(Via, [transaction.request.topVia]);
    this.layer.onMessage(response, this.flow);
    return response;
  }

  /** A request of the peer arrives; gives the newest transaction that came up. */
  receive(method: string, parts: IncomingParts = {}): ServerTransaction {
    this.layer.onMessage(incomingRequest(method, parts), this.flow);
    const transaction = this.requests.at(-1);
    assert(transaction, 'no request has come up');
    return transaction;
  }

  respond(transaction: ServerTransaction, status: number): void {
    transaction.respond(createResponse(transaction.request, status, { toTag: transaction.localTag }));
  }

  /** As `respond`, to somebody who has not shown who it is. */
  answerStranger(transaction: ServerTransaction, status: number): void {
    transaction.answerStranger(createResponse(transaction.request, status, { toTag: transaction.localTag }));
  }

  /** `ms` later. */
  advance(ms: number): void {
    this.clock.advance(ms);
  }

  /** Asserts what has left since the start. */
  hasSent(...lines: string[]): void {
    assert.deepEqual(this.sent, lines);
  }

  /** Asserts what users were told since the start. */
  hasTold(...lines: string[]): void {
    assert.deepEqual(this.heard, lines);
  }

  /** Asserts the state of a transaction and how many timers run, in all. */
  stands(transaction: ClientTransaction | ServerTransaction, state: string, timers: number): void {
    assert.equal(transaction.state, state);
    assert.equal(this.clock.pending, timers, `timers that run in ${state}`);
  }

  /** Asserts that the transaction has ended and that nothing of it is left. */
  isOver(transaction: ClientTransaction | ServerTransaction): void {
    this.stands(transaction, 'terminated', 0);
    assert.deepEqual(this.layer.size, { client: 0, server: 0 });
    assert.equal(this.flow.watchers, 0);
  }

  #note(what: string): void {
    this.heard.push(`${this.clock.now()} ${what}`);
  }
}

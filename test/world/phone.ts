import { type Address, type Clock, type Random, randomToken, silentLog } from '../../src/base/index.ts';
import type { MemorySockets } from '../../src/media/index.ts';
import { createResponse, Headers, type SipMessage, SipRequest, type SipResponse } from '../../src/sip/message/index.ts';
import {
  type ServerTransaction,
  standardMachines,
  TransactionLayer,
  type TransactionMachines,
} from '../../src/sip/transaction/index.ts';
import { type Flow, isWebSocket, type Transport, TransportLayer } from '../../src/sip/transport/index.ts';
import { answerChallenge } from '../../src/sip/ua/index.ts';
import { bodyOf, PhoneCall } from './phone-call.ts';
import { PhoneMedia } from './phone-media.ts';
import type { PhoneEncryption } from './phone-srtp.ts';
import type { TimerHabits } from './phone-timer.ts';
import { PhoneWatch, type WatchWishes } from './phone-watch.ts';

export interface PhoneOptions {
  readonly number: string;
  readonly password: string;
  readonly transport: Transport;
  readonly address: string;
  readonly server: Address;
  readonly sockets: MemorySockets;
  readonly clock: Clock;
  readonly random: Random;
  /** Codecs of its session descriptions, as rtpmap names with their payload types. */
  readonly codecs?: readonly (readonly [payloadType: number, rtpmap: string])[];
  /** How it encrypts its media; without it, not at all. */
  readonly encryption?: PhoneEncryption;
  /** Contact host and port, where they differ from the real ones (behind a NAT, in a browser). */
  readonly contact?: string;
}

/** A phone that refuses a call with 401 remembers that it did, as it would any other refusal. */
const phoneMachines: TransactionMachines = {
  ...standardMachines,
  inviteServer: {
    ...standardMachines.inviteServer,
    proceeding: {
      ...standardMachines.inviteServer.proceeding,
      'respond once': standardMachines.inviteServer.proceeding!['respond 3xx-6xx']!,
    },
  },
};

/**
 * A phone in the memory network. It repeats and times out like a real one (through the transaction floor) but keeps
 * its own books of dialogs, so that the exchange's are checked against them. It does nothing by itself but what
 * `habits` say.
 */
export class Phone {
  readonly number: string;
  readonly address: string;
  readonly media: PhoneMedia;
  readonly random: Random;
  readonly clock: Clock;
  /** What the phone does unasked. */
  readonly habits = {
    /** ACK a 2xx at once. */
    acks: true,
    /** PRACK a reliable provisional response at once. */
    pracks: true,
    /** Answer BYE, OPTIONS, INFO and re-INVITE with 200. */
    agrees: true,
    /** Answer a cancelled INVITE with 487. */
    obeysCancel: true,
    /** Answers a new INVITE: 'ring' = 180 only, 'answer' = 180 and 200, 'silent' = nothing, a number = that status. */
    onInvite: 'silent' as 'ring' | 'answer' | 'silent' | number,
    /** Answers a NOTIFY or a MESSAGE outside its calls: a status, or nothing. */
    onNotify: 200 as number | 'silent',
    onMessage: 200 as number | 'silent',
    /** Keeps session timers (RFC 4028); null: knows none. */
    timer: null as TimerHabits | null,
  };
  /** Every message that arrived, in order. */
  readonly heard: SipMessage[] = [];
  /** Calls in the order they began, both ways. */
  readonly calls: PhoneCall[] = [];
  /** Its subscriptions in the order they began. */
  readonly watches: PhoneWatch[] = [];
  /** Status of the last REGISTER. */
  registration: number | null = null;
  /** The last response to REGISTER. */
  registrationResponse: SipResponse | null = null;
  readonly #options: PhoneOptions;
  readonly #transport: TransportLayer;
  readonly #transactions: TransactionLayer;
  #registerCallId = '';
  #sequence = 0;
  #flow: Flow | null = null;

  constructor(options: PhoneOptions) {
    this.#options = options;
    this.number = options.number;
    this.address = options.address;
    this.random = options.random;
    this.clock = options.clock;
    this.media = new PhoneMedia(options.sockets, options.address, options.codecs, options.encryption);
    this.#transport = new TransportLayer({ transports: [options.transport], log: silentLog });
    this.#transactions = new TransactionLayer({
      transport: this.#transport,
      clock: options.clock,
      random: options.random,
      machines: phoneMachines,
    });
    this.#transport.tap((direction, _flow, bytes) => this.onBytes(direction, bytes));
  }

  /** Hook for tests that look at every byte. */
  onBytes(_direction: 'in' | 'out', _bytes: Uint8Array): void {}

  async open(): Promise<void> {
    this.#transactions.serve({
      onRequest: (transaction) => this.#onRequest(transaction),
      onCancel: (cancel, invite) => {
        this.heard.push(cancel.request);
        cancel.respond(createResponse(cancel.request, invite ? 200 : 481, { toTag: invite?.localTag ?? 'none' }));
        if (invite && !invite.answered && this.habits.obeysCancel) this.#callOf(cancel.request)?.cancelled(invite);
      },
      onAck: (ack) => {
        this.heard.push(ack);
        this.#callOf(ack)?.onAck(ack);
      },
    });
    await this.#transport.start({
      onMessage: (message, flow) => {
        if (message.kind === 'response') this.heard.push(message);
        this.#transactions.onMessage(message, flow);
      },
    });
  }

  async close(): Promise<void> {
    await this.#transport.close();
    this.media.close();
  }

  get transactions(): TransactionLayer {
    return this.#transactions;
  }

  /** The way to the exchange; a lost connection is made anew. */
  get flow(): Flow {
    if (!this.#flow || this.#flow.closed) {
      this.#flow = this.#transport.flowTo(this.#options.transport.name, this.#options.server);
    }
    return this.#flow!;
  }

  get contact(): string {
    const { transport, address, contact } = this.#options;
    const param = transport.name === 'udp' ? '' : `;transport=${isWebSocket(transport.name) ? 'ws' : transport.name}`;
    return `<sip:${this.number}@${contact ?? `${address}:5060`}${param}>`;
  }

  get server(): string {
    return this.#options.server.address;
  }

  /** Methods of requests and statuses of responses that arrived, in order: `['INVITE', 180]`. */
  get log(): readonly (string | number)[] {
    return this.heard.map((message) => (message.kind === 'request' ? message.method : message.status));
  }

  /** How often `log` has a method or status. */
  count(entry: string | number): number {
    return this.log.filter((one) => one === entry).length;
  }

  /** Statuses of the responses to `method` that arrived, in order, without 100. */
  statuses(method: string): readonly number[] {
    return this.heard.flatMap((message) =>
      message.kind === 'response' && message.cseq.method === method && message.status > 100 ? [message.status] : [],
    );
  }

  /** Sends REGISTER, and again with credentials where it is challenged. `contact` in full, `null` for a query. */
  register(
    options: {
      readonly expires?: number;
      readonly contact?: string | null;
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ): void {
    this.#registerCallId ||= randomToken(this.random, 16);
    const { contact = this.contact, expires = 3600 } = options;
    this.send('REGISTER', `sip:${this.server}`, {
      callId: this.#registerCallId,
      to: `<sip:${this.number}@${this.server}>`,
      headers: { ...(contact === null ? {} : { Contact: contact, Expires: String(expires) }), ...options.headers },
      onFinal: (response) => {
        this.registration = response.status;
        this.registrationResponse = response;
      },
    });
  }

  /** Sends a request outside any dialog, and again with credentials where it is challenged. */
  send(
    method: string,
    uri: string,
    options: {
      readonly callId?: string;
      readonly to?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
      readonly onFinal?: (response: SipResponse) => void;
      readonly credentials?: string;
      readonly fromTag?: string;
    } = {},
  ): void {
    const fromTag = options.fromTag ?? randomToken(this.random, 8);
    const headers = new Headers()
      .add('Max-Forwards', '70')
      .add('From', `<sip:${this.number}@${this.server}>;tag=${fromTag}`)
      .add('To', options.to ?? `<${uri}>`)
      .add('Call-ID', options.callId ?? randomToken(this.random, 16))
      .add('CSeq', `${++this.#sequence} ${method}`);
    for (const [name, value] of Object.entries(options.headers ?? {})) headers.add(name, value);
    if (options.credentials) headers.add('Authorization', options.credentials);
    const request = new SipRequest({ method, uri, headers, ...bodyOf(options.body) });
    this.#transactions.request(request, this.flow, {
      onResponse: (response) => {
        if (response.status < 200) return;
        const credentials = options.credentials ? null : this.credentialsFor(response, method, uri);
        if (credentials) this.send(method, uri, { ...options, callId: request.callId, fromTag, credentials });
        else options.onFinal?.(response);
      },
      onFailure: () => {},
    });
  }

  /** Credentials that answer a 401, null when it is none. */
  credentialsFor(response: SipResponse, method: string, uri: string): string | null {
    if (response.status !== 401) return null;
    const account = { username: this.number, password: this.#options.password };
    return answerChallenge(response.headers.getAll('WWW-Authenticate'), { method, uri }, account, this.random);
  }

  /** Calls a number, or a URI. `sdp: null` sends no offer. */
  call(
    target: string,
    options: { readonly sdp?: string | null; readonly headers?: Readonly<Record<string, string>> } = {},
  ): PhoneCall {
    const uri = target.includes(':') ? target : `sip:${target}@${this.server}`;
    const call = PhoneCall.outgoing(this, uri, options);
    this.calls.push(call);
    call.start();
    return call;
  }

  /** Loses its calls, as at a power cut. */
  reboot(): void {
    for (const call of this.calls.splice(0)) call.timer.forget();
  }

  /** Subscribes to an event package of a number, or of a URI. */
  subscribe(target: string, event: string, wishes: WatchWishes = {}): PhoneWatch {
    const watch = new PhoneWatch(this, target.includes(':') ? target : `sip:${target}@${this.server}`, event);
    this.watches.push(watch);
    watch.subscribe(wishes);
    return watch;
  }

  /** The latest call. Throws when there is none. */
  get lastCall(): PhoneCall {
    const call = this.calls.at(-1);
    if (!call) throw new Error(`${this.number} has no call; it heard ${this.log.join(' ')}`);
    return call;
  }

  nextSequence(): number {
    return ++this.#sequence;
  }

  #callOf(message: SipMessage): PhoneCall | undefined {
    return this.calls.findLast((call) => call.callId === message.callId);
  }

  #onRequest(transaction: ServerTransaction): void {
    const { request } = transaction;
    this.heard.push(request);
    const begins = request.method === 'INVITE' && request.toTag === null;
    const call = begins ? undefined : this.#callOf(request);
    if (call) return call.onRequest(transaction);
    if (begins) {
      const incoming = PhoneCall.incoming(this, transaction);
      this.calls.push(incoming);
      return this.#greet(incoming);
    }
    const watch = this.watches.findLast(({ callId }) => callId === request.callId);
    if (watch && request.method === 'NOTIFY') return watch.onNotify(transaction);
    const { onMessage } = this.habits;
    if (request.method === 'MESSAGE' && onMessage === 'silent') return;
    const inDialog = request.toTag !== null;
    const status =
      request.method === 'OPTIONS' && !inDialog ? 200 : request.method === 'MESSAGE' ? Number(onMessage) : 481;
    transaction.respond(createResponse(request, status, { toTag: transaction.localTag }));
  }

  #greet(call: PhoneCall): void {
    const { onInvite } = this.habits;
    const least = call.timer.refusal(call.invite);
    if (least !== null) return call.answer(422, { headers: { 'Min-SE': least } });
    if (onInvite === 'silent') return;
    if (typeof onInvite === 'number') return call.answer(onInvite);
    call.answer(180);
    if (onInvite === 'answer') call.answer(200);
  }
}

import { type Clock, type Random, randomToken } from '../../src/base/index.ts';
import {
  Contact,
  createResponse,
  formatUri,
  Headers,
  RAck,
  RecordRoute,
  Route,
  SipRequest,
  type SipResponse,
} from '../../src/sip/message/index.ts';
import type { ClientTransaction, ServerTransaction, TransactionLayer } from '../../src/sip/transaction/index.ts';
import type { Flow } from '../../src/sip/transport/index.ts';
import type { Direction, PhoneMedia } from './phone-media.ts';
import { PhoneTimer, type TimerHabits } from './phone-timer.ts';

interface InDialog {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly contentType?: string;
}

/** What a call needs of its phone. */
export interface CallingPhone {
  readonly number: string;
  readonly server: string;
  readonly contact: string;
  readonly flow: Flow;
  readonly transactions: TransactionLayer;
  readonly clock: Clock;
  readonly random: Random;
  readonly media: PhoneMedia;
  readonly habits: {
    readonly acks: boolean;
    readonly agrees: boolean;
    readonly pracks: boolean;
    readonly timer: TimerHabits | null;
  };
  nextSequence(): number;
  credentialsFor(response: SipResponse, method: string, uri: string): string | null;
}

/** One call as a phone sees it, from either end. */
export class PhoneCall {
  phone: CallingPhone;
  readonly callId: string;
  readonly direction: 'out' | 'in';
  /** Responses to our INVITEs and other requests of this call, in order. */
  readonly responses: SipResponse[] = [];
  /** Requests of the other side, in order. */
  readonly requests: SipRequest[] = [];
  /** Transactions of the other side that wait for our answer. */
  readonly waiting: ServerTransaction[] = [];
  state: 'trying' | 'talking' | 'over' = 'trying';
  /** The other side's last session description. */
  remoteSdp: string | null = null;
  readonly localTag: string;
  remoteTag: string | null = null;
  readonly timer: PhoneTimer;
  #target: string;
  #routes: readonly string[] = [];
  #sequence: number;
  #uri: string;
  #localUri: string;
  #remoteUri: string;
  #invite: ClientTransaction | null = null;
  #incoming: ServerTransaction | null = null;
  #offer: string | null;
  #headers: Readonly<Record<string, string>>;
  #repeats: { cancel(): void } | null = null;
  /** RSeq of the last reliable response of ours, and what repeats it. */
  #rseq = 0;
  #reliable: { cancel(): void } | null = null;
  #tried = false;
  /** Its own last session description. */
  #said: string | null = null;

  private constructor(
    phone: CallingPhone,
    direction: 'out' | 'in',
    options: {
      callId: string;
      localTag: string;
      uri: string;
      local: string;
      remote: string;
      offer: string | null;
      headers: Readonly<Record<string, string>>;
    },
  ) {
    this.phone = phone;
    this.direction = direction;
    this.callId = options.callId;
    this.localTag = options.localTag;
    this.#uri = options.uri;
    this.#target = options.uri;
    this.#localUri = options.local;
    this.#remoteUri = options.remote;
    this.#offer = options.offer;
    this.#headers = options.headers;
    this.#sequence = phone.nextSequence();
    const call = this;
    this.timer = new PhoneTimer({
      clock: phone.clock,
      get habits() {
        return call.phone.habits.timer;
      },
      refresh: (method) => {
        if (method === 'UPDATE') this.update({ sdp: null });
        else this.reinvite({ sdp: this.#said });
      },
      hangUp: () => this.hangUp(),
    });
  }

  static outgoing(
    phone: CallingPhone,
    uri: string,
    options: { readonly sdp?: string | null; readonly headers?: Readonly<Record<string, string>> },
  ): PhoneCall {
    return new PhoneCall(phone, 'out', {
      callId: randomToken(phone.random, 16),
      localTag: randomToken(phone.random, 8),
      uri,
      local: `<sip:${phone.number}@${phone.server}>`,
      remote: `<${uri}>`,
      offer: options.sdp === undefined ? phone.media.describe() : options.sdp,
      headers: options.headers ?? {},
    });
  }

  static incoming(phone: CallingPhone, transaction: ServerTransaction): PhoneCall {
    const { request } = transaction;
    const call = new PhoneCall(phone, 'in', {
      callId: request.callId,
      localTag: transaction.localTag,
      uri: formatUri(request.uri),
      local: request.headers.get('To') ?? '',
      remote: request.headers.get('From') ?? '',
      offer: null,
      headers: {},
    });
    call.remoteTag = request.fromTag;
    call.#incoming = transaction;
    call.requests.push(request);
    call.#learn(request);
    call.#routes = request.headers.all(RecordRoute).map((route) => RecordRoute.format(route));
    return call;
  }

  /** The INVITE that arrived. */
  get invite(): SipRequest {
    return this.requests[0]!;
  }

  /** Statuses that arrived, without 100. */
  get statuses(): readonly number[] {
    return this.responses.filter(({ status }) => status > 100).map(({ status }) => status);
  }

  /** The last response that arrived. */
  get last(): SipResponse {
    const last = this.responses.at(-1);
    if (!last) throw new Error('no response has arrived');
    return last;
  }

  // --- as caller ---

  /** Sends the INVITE; called by the phone. */
  start(credentials?: string): void {
    const said = { ...this.timer.request('INVITE'), ...this.#headers };
    const headers = this.#fields('INVITE', this.#sequence, { headers: said });
    if (credentials) headers.add('Authorization', credentials);
    const request = new SipRequest({ method: 'INVITE', uri: this.#uri, headers });
    headers.add('Contact', this.phone.contact);
    this.#put(request, this.#offer ?? undefined, 'application/sdp');
    this.#invite = this.phone.transactions.request(request, this.phone.flow, {
      onResponse: (response) => this.#onInviteResponse(response, request),
      onFailure: () => {
        this.state = 'over';
      },
    });
  }

  cancel(headers: Readonly<Record<string, string>> = {}): void {
    if (this.#invite) this.phone.transactions.cancel(this.#invite, headers);
  }

  /** Acknowledges the last 2xx; done by itself unless the phone has lost the habit. */
  ack(sdp?: string): void {
    this.#ack(this.last, sdp);
  }

  #onInviteResponse(response: SipResponse, request: SipRequest): void {
    if (response.status === 401 && !this.#tried) {
      const credentials = this.phone.credentialsFor(response, 'INVITE', this.#uri);
      this.#tried = true;
      if (credentials) {
        this.#sequence = this.phone.nextSequence();
        return this.start(credentials);
      }
    }
    if (this.timer.onResponse(response)) {
      this.responses.push(response);
      this.#sequence = this.phone.nextSequence();
      this.#tried = false;
      return this.start();
    }
    const reliable = this.#reliableNumber(response);
    const known = reliable !== null && this.responses.some((one) => isSameProvisional(one, response));
    if (known) return;
    this.responses.push(response);
    this.#read(response);
    if (response.status > 100 && response.status < 200 && response.toTag !== null && this.state === 'trying') {
      this.remoteTag = response.toTag;
      this.#learn(response);
    }
    if (reliable !== null && this.phone.habits.pracks) this.prack(response);
    if (response.status >= 300) {
      if (this.state === 'trying') this.state = 'over';
      return;
    }
    if (response.status < 200) return;
    this.#learn(response);
    this.remoteTag = response.toTag;
    this.#routes = response.headers
      .all(RecordRoute)
      .map((route) => RecordRoute.format(route))
      .reverse();
    if (this.state === 'trying') this.state = 'talking';
    const offered = request.body.length === 0 && response.body.length > 0;
    if (this.phone.habits.acks)
      this.#ack(response, offered ? this.phone.media.describe({ to: this.remoteSdp }) : undefined);
  }

  /** Acknowledges a reliable provisional response; done by itself unless the phone has lost the habit. */
  prack(response: SipResponse, sdp?: string): ClientTransaction {
    const { number: sequence, method } = response.cseq;
    const rack = RAck.format({ response: this.#reliableNumber(response) ?? 0, sequence, method });
    const offered = this.#offer === null && response.body.length > 0;
    const body = sdp ?? (offered ? this.phone.media.describe({ to: this.remoteSdp }) : undefined);
    return this.request('PRACK', { headers: { RAck: rack }, body, contentType: 'application/sdp' });
  }

  #reliableNumber({ headers, status }: SipResponse): number | null {
    const rseq = headers.get('RSeq');
    return status < 200 && headers.get('Require')?.includes('100rel') && rseq !== undefined ? Number(rseq) : null;
  }

  #ack(response: SipResponse, sdp?: string): void {
    const headers = this.#fields('ACK', response.cseq.number, {});
    const ack = new SipRequest({ method: 'ACK', uri: this.#target, headers });
    this.#put(ack, sdp, 'application/sdp');
    this.phone.transactions.sendAck(ack, this.phone.flow);
  }

  // --- as callee ---

  /** Answers the INVITE. 1xx and 2xx carry an answer where `sdp` says so; 200 does by default. */
  answer(
    status: number,
    options: {
      readonly sdp?: string | null;
      readonly headers?: Readonly<Record<string, string>>;
      readonly tag?: string;
      readonly reason?: string;
      /** Says it again and again until its PRACK (RFC 3262); a number is its RSeq. */
      readonly reliable?: boolean | number;
    } = {},
  ): void {
    const transaction = this.#incoming;
    if (!transaction) throw new Error('nothing to answer');
    if (options.reliable) {
      const rseq = typeof options.reliable === 'number' ? options.reliable : (this.#rseq || 700) + 1;
      this.#rseq = rseq;
      const { reliable: _, headers = {}, ...rest } = options;
      const said = { ...rest, headers: { ...headers, Require: '100rel', RSeq: String(rseq) } };
      this.#reliable?.cancel();
      this.#reliable = repeating(this.phone.clock, () => this.answer(status, said));
      return this.answer(status, said);
    }
    if (status >= 200) this.#reliable?.cancel();
    const to = transaction.request.body.length > 0 ? this.remoteSdp : null;
    const sdp = options.sdp === undefined ? (status === 200 ? this.phone.media.describe({ to }) : null) : options.sdp;
    this.#respond(transaction, status, { ...options, sdp });
    if (status >= 300) this.state = 'over';
    else if (status >= 200) this.state = 'talking';
  }

  /** Called by the phone when a CANCEL arrives. */
  cancelled(invite: ServerTransaction): void {
    this.#reliable?.cancel();
    if (invite === this.#incoming) this.state = 'over';
    invite.respond(createResponse(invite.request, 487, { toTag: this.localTag }));
  }

  #respond(
    transaction: ServerTransaction,
    status: number,
    options: {
      readonly sdp: string | null;
      readonly headers?: Readonly<Record<string, string>>;
      readonly tag?: string;
      readonly reason?: string;
    },
  ): void {
    const agreed = status >= 200 && status < 300 ? this.timer.accept(transaction.request) : {};
    if (options.sdp !== null) this.#said = options.sdp;
    const response = createResponse(transaction.request, status, {
      toTag: options.tag ?? this.localTag,
      recordRoute: true,
      ...(options.reason === undefined ? {} : { reason: options.reason }),
      headers: { ...(status < 300 ? { Contact: this.phone.contact } : {}), ...agreed, ...options.headers },
      ...(options.sdp === null
        ? {}
        : { ...bodyOf(options.sdp), contentType: options.headers?.['Content-Type'] ?? 'application/sdp' }),
    });
    transaction.respond(response);
    if (status >= 200 && status < 300 && transaction.request.method === 'INVITE') this.#repeat(transaction, response);
  }

  /** A 2xx is repeated until its ACK (RFC 3261 §13.3.1.4). */
  #repeat(transaction: ServerTransaction, response: SipResponse): void {
    const { clock } = this.phone;
    let interval = 500;
    let waited = 0;
    const again = (): void => {
      waited += interval;
      if (waited > 32_000) return;
      transaction.respond(response);
      interval = Math.min(interval * 2, 4000);
      this.#repeats = clock.after(interval, again);
    };
    this.#repeats?.cancel();
    this.#repeats = clock.after(interval, again);
  }

  // --- in the dialog ---

  /** The dialog goes on at another phone, as when one phone changes from one network to another. */
  moveTo(phone: CallingPhone): void {
    while (phone.nextSequence() <= this.phone.nextSequence()) phone.nextSequence();
    this.phone = phone;
  }

  hangUp(): void {
    this.#repeats?.cancel();
    this.timer.stop();
    this.state = 'over';
    this.request('BYE');
  }

  /** Sends a re-INVITE. `sdp: null` sends none. */
  reinvite(options: { readonly direction?: Direction; readonly sdp?: string | null } = {}): ClientTransaction {
    const { direction = 'sendrecv' } = options;
    const sdp = options.sdp === undefined ? this.phone.media.describe({ direction }) : options.sdp;
    return this.request('INVITE', { body: sdp ?? undefined, contentType: 'application/sdp' });
  }

  /** Sends an UPDATE. `sdp: null` sends no offer. */
  update(
    options: {
      readonly direction?: Direction;
      readonly sdp?: string | null;
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ): ClientTransaction {
    const { direction = 'sendrecv', headers = {} } = options;
    const sdp = options.sdp === undefined ? this.phone.media.describe({ direction }) : options.sdp;
    return this.request('UPDATE', { body: sdp ?? undefined, contentType: 'application/sdp', headers });
  }

  /** Asks for the other side to be connected with `target`, in the place of this phone in `other` where it is given. */
  refer(
    target: string,
    options: { readonly replacing?: PhoneCall; readonly headers?: Readonly<Record<string, string>> } = {},
  ): ClientTransaction {
    const { replacing, headers = {} } = options;
    const uri = target.includes(':') ? target : `sip:${target}@${this.phone.server}`;
    const fields = replacing ? `?Replaces=${encodeURIComponent(replacing.replaces('to'))}` : '';
    return this.request('REFER', { headers: { 'Refer-To': `<${uri}${fields}>`, ...headers } });
  }

  /** What a Replaces names this dialog by: as sent to the other side of it, or to this phone. */
  replaces(to: 'to' | 'us'): string {
    const [toTag, fromTag] = to === 'to' ? [this.remoteTag, this.localTag] : [this.localTag, this.remoteTag];
    return `${this.callId};to-tag=${toTag};from-tag=${fromTag}`;
  }

  /** What the NOTIFYs have told of the last REFER, in order: status lines and the state of the subscription. */
  get reports(): readonly string[] {
    return this.requests
      .filter(({ method }) => method === 'NOTIFY')
      .map(({ body, headers }) => {
        const [line = ''] = new TextDecoder().decode(body).split('\r\n');
        return `${line.replace('SIP/2.0 ', '')} ${headers.get('Subscription-State')?.split(';')[0]}`;
      });
  }

  request(method: string, options: InDialog = {}): ClientTransaction {
    const sequence = this.phone.nextSequence();
    const headers = this.#fields(method, sequence, {
      headers: { ...this.timer.request(method), ...options.headers },
    });
    const refreshes = ['INVITE', 'UPDATE', 'REFER'].includes(method);
    if (refreshes && !headers.has('Contact')) headers.add('Contact', this.phone.contact);
    const request = new SipRequest({ method, uri: this.#target, headers });
    this.#put(request, options.body, options.contentType ?? 'text/plain');
    return this.phone.transactions.request(request, this.phone.flow, {
      onResponse: (response) => {
        if (method === 'INVITE') return this.#onInviteResponse(response, request);
        this.responses.push(response);
        this.#read(response);
        if (this.timer.onResponse(response)) this.request(method, options);
      },
      onFailure: () => {},
    });
  }

  /** Called by the phone for every request of the other side. */
  onRequest(transaction: ServerTransaction): void {
    const { request } = transaction;
    this.requests.push(request);
    this.#read(request);
    if (request.method === 'PRACK') this.#reliable?.cancel();
    if (request.method === 'BYE') {
      this.state = 'over';
      this.#repeats?.cancel();
      this.timer.stop();
    }
    const least = this.timer.refusal(request);
    if (least !== null) this.agree(transaction, { status: 422, headers: { 'Min-SE': least } });
    else if (this.phone.habits.agrees) this.agree(transaction);
    else this.waiting.push(transaction);
  }

  /** Answers a request of the other side with 200, a re-INVITE with a session description. */
  agree(
    transaction: ServerTransaction,
    options: {
      readonly status?: number;
      readonly direction?: Direction;
      readonly sdp?: string | null;
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ): void {
    const { status = 200, headers = {} } = options;
    const { method, body } = transaction.request;
    const invite = method === 'INVITE' || (method === 'UPDATE' && body.length > 0);
    const direction = options.direction ?? mirrored(new TextDecoder().decode(transaction.request.body));
    const sdp =
      options.sdp !== undefined
        ? options.sdp
        : invite && status === 200
          ? this.phone.media.describe({ direction, to: body.length > 0 ? this.remoteSdp : null })
          : null;
    this.#respond(transaction, status, { sdp, headers });
  }

  /** Called by the phone. */
  onAck(ack: SipRequest): void {
    this.#repeats?.cancel();
    this.requests.push(ack);
    this.#read(ack);
  }

  #read(message: SipRequest | SipResponse): void {
    if (message.body.length > 0 && message.headers.get('Content-Type')?.includes('sdp')) {
      this.remoteSdp = new TextDecoder().decode(message.body);
      this.phone.media.srtp?.learn(this.remoteSdp);
    }
  }

  #learn(message: SipRequest | SipResponse): void {
    const contact = message.headers.all(Contact)[0];
    if (contact && contact !== '*') this.#target = formatUri(contact.uri);
    this.#read(message);
  }

  #fields(method: string, sequence: number, { headers = {} }: InDialog): Headers {
    const fields = new Headers().add('Max-Forwards', '70');
    for (const route of this.#routes) fields.add(Route.name, route);
    fields.add('From', withTag(this.#localUri, this.localTag));
    fields.add('To', this.remoteTag === null ? this.#remoteUri : withTag(this.#remoteUri, this.remoteTag));
    fields.add('Call-ID', this.callId);
    fields.add('CSeq', `${sequence} ${method}`);
    for (const [name, value] of Object.entries(headers)) fields.set(name, value);
    return fields;
  }

  #put(request: SipRequest, body: string | undefined, contentType: string): void {
    if (body === undefined) return;
    if (contentType === 'application/sdp') this.#said = body;
    request.body = new TextEncoder().encode(body);
    if (!request.headers.has('Content-Type')) request.headers.set('Content-Type', contentType);
  }
}

/** Calls `action` again and again, with doubling intervals, for 64 T1. */
function repeating(clock: Clock, action: () => void): { cancel(): void } {
  let interval = 500;
  const again = (): void => {
    action();
    interval *= 2;
    if (interval <= 16_000) timer = clock.after(interval, again);
  };
  let timer = clock.after(interval, again);
  return { cancel: () => timer.cancel() };
}

function isSameProvisional(a: SipResponse, b: SipResponse): boolean {
  return a.status < 200 && a.toTag === b.toTag && a.headers.get('RSeq') === b.headers.get('RSeq');
}

function withTag(address: string, tag: string): string {
  return `${address.replace(/;tag=[^;>]*$/, '')};tag=${tag}`;
}

/** What an obedient phone answers to an offer's direction. */
function mirrored(sdp: string): Direction {
  if (/^a=sendonly/m.test(sdp)) return 'recvonly';
  if (/^a=recvonly/m.test(sdp)) return 'sendonly';
  return /^a=inactive/m.test(sdp) ? 'inactive' : 'sendrecv';
}

export function bodyOf(text: string | undefined): { readonly body?: Uint8Array } {
  return text === undefined ? {} : { body: new TextEncoder().encode(text) };
}

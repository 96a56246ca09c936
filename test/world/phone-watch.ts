import { randomToken } from '../../src/base/index.ts';
import { Contact, createResponse, formatUri, type SipRequest, type SipResponse } from '../../src/sip/message/index.ts';
import type { ServerTransaction } from '../../src/sip/transaction/index.ts';
import type { Phone } from './phone.ts';

export interface WatchWishes {
  /** s; null leaves it to the exchange. */
  readonly expires?: number | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** One NOTIFY, as it arrived. */
export interface Notification {
  /** When, in ms of the clock. */
  readonly at: number;
  readonly cseq: number;
  /** `active`, `pending`, `terminated`. */
  readonly state: string;
  readonly reason: string | null;
  /** s */
  readonly expires: number | null;
  readonly contentType: string | null;
  readonly body: string;
  readonly request: SipRequest;
}

/** A subscription as the phone that has asked for it sees it. */
export class PhoneWatch {
  readonly phone: Phone;
  readonly event: string;
  readonly callId: string;
  /** Every NOTIFY that arrived, repetitions left out. */
  readonly notifications: Notification[] = [];
  /** Statuses of the final responses to SUBSCRIBE. */
  readonly statuses: number[] = [];
  /** The last of these. */
  response: SipResponse | null = null;
  /** What it answers, where that is not what its phone does with every NOTIFY; further header fields too. */
  onNotifyAnswer: number | 'silent' | null = null;
  answerHeaders: Readonly<Record<string, string>> = {};
  readonly #uri: string;
  readonly #fromTag: string;
  #remoteTag: string | null = null;
  #target: string | null = null;

  constructor(phone: Phone, uri: string, event: string) {
    this.phone = phone;
    this.event = event;
    this.callId = randomToken(phone.random, 16);
    this.#fromTag = randomToken(phone.random, 8);
    this.#uri = uri;
  }

  /** Sends SUBSCRIBE: the first one, or a refresh in its dialog; 0 seconds to be told no more. */
  subscribe({ expires = 600, headers = {}, body }: WatchWishes = {}): void {
    this.phone.send('SUBSCRIBE', this.#target ?? this.#uri, {
      callId: this.callId,
      fromTag: this.#fromTag,
      to: `<${this.#uri}>${this.#remoteTag === null ? '' : `;tag=${this.#remoteTag}`}`,
      headers: {
        Event: this.event,
        Contact: this.phone.contact,
        ...(expires === null ? {} : { Expires: String(expires) }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
      onFinal: (response) => this.#onFinal(response),
    });
  }

  /** The latest NOTIFY. Throws when there is none. */
  get last(): Notification {
    const last = this.notifications.at(-1);
    if (!last) throw new Error(`${this.phone.number} has not been notified; it heard ${this.phone.log.join(' ')}`);
    return last;
  }

  /** The tag of the exchange in this dialog. Throws while there is none. */
  get remoteTag(): string {
    if (this.#remoteTag === null) throw new Error('no dialog');
    return this.#remoteTag;
  }

  onNotify(transaction: ServerTransaction): void {
    const { request } = transaction;
    const [state = '', ...params] = (request.headers.get('Subscription-State') ?? '').split(';');
    const param = (name: string): string | null =>
      params.find((text) => text.startsWith(`${name}=`))?.slice(name.length + 1) ?? null;
    const expires = param('expires');
    this.notifications.push({
      at: this.phone.clock.now(),
      cseq: request.cseq.number,
      state,
      reason: param('reason'),
      expires: expires === null ? null : Number(expires),
      contentType: request.headers.get('Content-Type') ?? null,
      body: new TextDecoder().decode(request.body),
      request,
    });
    this.#learn(request, request.fromTag);
    const answer = this.onNotifyAnswer ?? this.phone.habits.onNotify;
    if (answer !== 'silent') transaction.respond(createResponse(request, answer, { headers: this.answerHeaders }));
  }

  #onFinal(response: SipResponse): void {
    this.statuses.push(response.status);
    this.response = response;
    if (response.status < 300) this.#learn(response, response.toTag);
  }

  #learn(message: SipRequest | SipResponse, tag: string | null): void {
    this.#remoteTag ??= tag;
    const contact = message.headers.first(Contact);
    if (contact && contact !== '*') this.#target = formatUri(contact.uri);
  }
}

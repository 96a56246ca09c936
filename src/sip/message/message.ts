import { CallId, CSeq, type CSeqValue, From, type NameAddress, To, tagOf, Via, type ViaValue } from './fields/index.ts';
import { Headers } from './headers.ts';
import { reasonPhrase } from './status.ts';
import { formatUri, parseUri, type Uri } from './uri.ts';

const noBody = new Uint8Array(0);

/** What requests and responses share. The getters throw SipSyntaxError where the field is missing or malformed. */
abstract class Message {
  readonly headers: Headers;
  body: Uint8Array;

  constructor(headers: Headers = new Headers(), body: Uint8Array = noBody) {
    this.headers = headers;
    this.body = body;
  }

  get callId(): string {
    return this.headers.require(CallId);
  }

  get cseq(): CSeqValue {
    return this.headers.require(CSeq);
  }

  get from(): NameAddress {
    return this.headers.require(From);
  }

  get to(): NameAddress {
    return this.headers.require(To);
  }

  get fromTag(): string | null {
    return tagOf(this.from);
  }

  get toTag(): string | null {
    return tagOf(this.to);
  }

  get topVia(): ViaValue {
    return this.headers.require(Via);
  }
}

/** A request (RFC 3261 section 7.1). */
export class SipRequest extends Message {
  readonly kind = 'request';
  /** Case-sensitive. */
  method: string;
  #uri: Uri | null;
  #uriText: string;

  constructor(init: {
    readonly method: string;
    readonly uri: Uri | string;
    readonly headers?: Headers;
    readonly body?: Uint8Array;
  }) {
    super(init.headers, init.body);
    this.method = init.method;
    this.#uri = typeof init.uri === 'string' ? null : init.uri;
    this.#uriText = typeof init.uri === 'string' ? init.uri : formatUri(init.uri);
  }

  /** The Request-URI. Throws SipSyntaxError when it is malformed. */
  get uri(): Uri {
    this.#uri ??= parseUri(this.#uriText);
    return this.#uri;
  }

  set uri(uri: Uri) {
    this.#uri = uri;
    this.#uriText = formatUri(uri);
  }

  /** The Request-URI as written. */
  get uriText(): string {
    return this.#uriText;
  }

  /** A copy with headers of its own and the same body. */
  clone(): SipRequest {
    const { method, body } = this;
    const copy = new SipRequest({ method, uri: this.#uriText, headers: this.headers.clone(), body });
    copy.#uri = this.#uri;
    return copy;
  }
}

/** A response (RFC 3261 section 7.2). */
export class SipResponse extends Message {
  readonly kind = 'response';
  status: number;
  reason: string;

  constructor(init: {
    readonly status: number;
    readonly reason?: string;
    readonly headers?: Headers;
    readonly body?: Uint8Array;
  }) {
    super(init.headers, init.body);
    this.status = init.status;
    this.reason = init.reason ?? reasonPhrase(init.status);
  }

  /** A copy with headers of its own and the same body. */
  clone(): SipResponse {
    const { status, reason, body } = this;
    return new SipResponse({ status, reason, headers: this.headers.clone(), body });
  }
}

export type SipMessage = SipRequest | SipResponse;

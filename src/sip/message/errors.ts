import type { SipRequest } from './message.ts';
import { reasonPhrase } from './status.ts';

/** The statuses with which a message that cannot be read is refused. */
export type SyntaxStatus = 400 | 413 | 416 | 505 | 513;

/** Bytes or text that RFC 3261's grammar does not allow, or that exceed our limits. Knows how to answer. */
export class SipSyntaxError extends Error {
  override readonly name = 'SipSyntaxError';
  readonly status: SyntaxStatus;
  /** The request to answer with `status`; null when it is too broken to be answered, or is no request. */
  readonly request: SipRequest | null;

  constructor(
    message: string,
    options: ErrorOptions & { readonly status?: SyntaxStatus; readonly request?: SipRequest | null } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = options.status ?? 400;
    this.request = options.request ?? null;
  }
}

/** A refusal that becomes a SIP response: thrown anywhere, answered in one place (the UAS core). */
export class SipError extends Error {
  override readonly name = 'SipError';
  readonly status: number;
  /** The reason phrase of the response. */
  readonly reason: string;
  /** Header fields of the response. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    reason: string = reasonPhrase(status),
    options: ErrorOptions & { readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(`${status} ${reason}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = status;
    this.reason = reason;
    this.headers = options.headers ?? {};
  }
}

import type { CodecName } from './codecs.ts';

/** A phone of a call: where it receives, what it speaks, and what it encrypts with (SRTP key and salt in hexadecimal, or null). */
export interface Phone {
  readonly address: string;
  readonly port: number;
  readonly codec: CodecName;
  readonly key: string | null;
}

/** Where a phone is to send, and what it gets is encrypted with. */
export interface Door {
  readonly port: number;
  readonly key: string | null;
}

/** Whatever carries the media of calls, opened in the process that is measured. */
export interface Carrier {
  /** The processes that packets pass through. */
  readonly media: readonly number[];
  /** Those beside them. */
  readonly control: readonly number[];
  /** Begins calls between these phones. */
  start(calls: readonly (readonly [Phone, Phone])[]): Promise<readonly (readonly [Door, Door])[]>;
  /** Ends every call. Returns what has been counted, and how many ports are still in use. */
  end(): Promise<{ readonly counted: Readonly<Record<string, number>>; readonly portsInUse: number | null }>;
  close(): Promise<void>;
}

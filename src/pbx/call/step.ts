import type { ServerTransaction } from '../../sip/transaction/index.ts';

/** One thing that happens to a call, handled to its end before the next. */
export interface Step {
  /** For the log, when it fails. */
  readonly name: string;
  run(): void;
  /** In place of `run` when the call has ended meanwhile; nothing by default. */
  late?(): void;
  /** The request that it is about: when `run` throws it is refused, and the call goes on. */
  readonly request?: { readonly transaction: ServerTransaction; refuse(error: unknown): void };
}

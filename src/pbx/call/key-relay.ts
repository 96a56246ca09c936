import type { Log } from '../../base/index.ts';
import type { CallContext } from './call-context.ts';
import { type KeyPress, keyPressBody } from './key-press.ts';
import { follow, type Side } from './side.ts';

/** How many keys wait at most for a phone to take the one before. */
const mostWaiting = 64;

/** What a phone answers that takes no keys by INFO at all. */
const deaf: ReadonlySet<number> = new Set([405, 415, 469, 489, 501]);

/**
 * Keys on their way to one phone that knows no telephone events (RFC 4733): each as an INFO, one at a time and in order.
 * Where the phone takes none, that is said once.
 */
export class KeyRelay {
  readonly #to: Side;
  readonly #dialPlan: CallContext['dialPlan'];
  readonly #log: Log;
  #waiting: KeyPress[] = [];
  #sending = false;
  #over = false;
  #complained = false;

  constructor(to: Side, { dialPlan }: Pick<CallContext, 'dialPlan'>, log: Log) {
    this.#to = to;
    this.#dialPlan = dialPlan;
    this.#log = log;
  }

  /** Whether the phone takes keys in some way, as far as is known: as events, or by INFO, which it may not have refused. */
  get possible(): boolean {
    const { dialog, leg } = this.#to;
    return leg.takesEvents || (!this.#over && (dialog.state.peer.allow === null || dialog.allows('INFO')));
  }

  /** Says, once, when keys can't reach the phone in any way. */
  check(): void {
    if (!this.possible) this.#complain({});
  }

  /** A key for the phone. */
  pass(key: KeyPress): void {
    if (!this.possible) return this.#complain({});
    if (this.#waiting.length >= mostWaiting) return this.#complain({ waiting: mostWaiting });
    this.#waiting.push(key);
    this.#next();
  }

  /** Nothing more is sent. */
  close(): void {
    this.#over = true;
    this.#waiting = [];
  }

  #next(): void {
    const key = this.#sending ? undefined : this.#waiting.shift();
    const { dialog } = this.#to;
    if (key === undefined || dialog.ended) return;
    this.#sending = true;
    follow(this.#to, this.#dialPlan);
    dialog.request('INFO', keyPressBody(key), {
      onResponse: ({ status }) => {
        if (status < 200) return;
        if (status >= 300) this.refused(status);
        // Whichever call the phone is in by now.
        if (status === 481) return dialog.lose();
        this.#sent();
      },
      onFailure: (failure) => {
        this.#complain({ failure });
        this.#sent();
      },
    });
  }

  #sent(): void {
    this.#sending = false;
    this.#next();
  }

  /** The phone has refused a key, ours or one that the other phone has sent by INFO. */
  refused(status: number): void {
    this.#complain({ status });
    if (deaf.has(status)) this.close();
  }

  #complain(fields: Readonly<Record<string, unknown>>): void {
    if (this.#complained) return;
    this.#complained = true;
    this.#log.warning('keys do not reach a phone, neither as events nor by INFO', { leg: this.#to.party, ...fields });
  }
}

import { reasonPhrase, type SipRequest } from '../message/index.ts';
import type { Dialog } from './dialog.ts';

const encoder = new TextEncoder();

/** How long the referrer may wait for news of what it asked for, in s. Nothing rings for longer. */
const lifetime = 300;

/**
 * What a REFER makes beside its 202: a subscription in the same dialog to what becomes of it (RFC 3515 §2.4.4). One
 * NOTIFY at a time is under way, so that none overtakes another; the last one always tells a final status.
 */
export class ReferSubscription {
  readonly #dialog: Dialog;
  /** `refer`, with an id where the dialog has had another REFER before (RFC 3515 §2.4.6). */
  readonly #event: string;
  /** Whether the referrer wants no reports (RFC 4488). */
  readonly #silent: boolean;
  readonly #beforeReport: () => void;
  #next: { readonly status: number; readonly reason: string } | null = null;
  #last = 0;
  #busy = false;
  #over = false;
  #actions: (() => void)[] = [];

  /** `beforeReport` runs before each: the referrer may be at the end of another flow by then. */
  constructor(dialog: Dialog, refer: SipRequest, options: { readonly silent: boolean; beforeReport(): void }) {
    this.#dialog = dialog;
    this.#event = dialog.state.referred ? `refer;id=${refer.cseq.number}` : 'refer';
    this.#silent = options.silent;
    this.#beforeReport = options.beforeReport;
    dialog.state.referred = true;
  }

  /** Tells the referrer a status; a final one is the last. */
  report(status: number, reason = reasonPhrase(status)): void {
    if (this.#over || status === this.#last) return;
    this.#last = status;
    if (status >= 200) this.#over = true;
    if (this.#silent) return this.#settle();
    this.#next = { status, reason };
    this.#send();
  }

  /** Runs `action` when the referrer has answered the last report, or can't be expected to. */
  whenTold(action: () => void): void {
    if (this.#over && !this.#busy && this.#next === null) action();
    else this.#actions.push(action);
  }

  /** Sends what is still to be told, though the report before has no answer: after the BYE nothing can be told any more. */
  conclude(): void {
    this.#busy = false;
    this.#send();
  }

  #send(): void {
    const report = this.#next;
    if (this.#busy || report === null) return;
    this.#next = null;
    if (this.#dialog.ended) return this.#settle();
    this.#busy = true;
    this.#beforeReport();
    const final = report.status >= 200;
    const done = (): void => {
      this.#busy = false;
      this.#send();
      if (final) this.#settle();
    };
    this.#dialog.request(
      'NOTIFY',
      {
        headers: {
          Event: this.#event,
          'Subscription-State': final ? 'terminated;reason=noresource' : `active;expires=${lifetime}`,
        },
        contentType: 'message/sipfrag;version=2.0',
        body: encoder.encode(`SIP/2.0 ${report.status} ${report.reason}\r\n`),
      },
      { onResponse: ({ status }) => status >= 200 && done(), onFailure: done },
    );
  }

  #settle(): void {
    if (!this.#over) return;
    for (const action of this.#actions.splice(0)) action();
  }
}

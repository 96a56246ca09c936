import type { SipMessage, SipRequest, SipResponse } from '../../src/sip/message/index.ts';

/** What a REFER has made: a subscription in its dialog. */
interface Referred {
  readonly dialog: string;
  readonly sequence: number;
  /** Whether the phone wants no reports (RFC 4488). */
  readonly silent: boolean;
  /** Branch of the NOTIFY that has no answer yet. */
  underWay: string | null;
  notified: number;
  over: boolean;
}

/**
 * Transfers as the phones that ask for them see them: each accepted REFER is reported on until a final status, unless
 * its dialog ends before (RFC 3515 §2.4.4), and after that no more.
 */
export class ReferBook {
  readonly #accuse: (fault: string) => void;
  /** REFERs that wait for an answer, by branch. */
  readonly #asked = new Map<string, Referred>();
  /** By dialog, in the order of the REFERs. */
  readonly #referred = new Map<string, Referred[]>();
  readonly #branches = new Set<string>();
  readonly #ended = new Set<string>();

  constructor(accuse: (fault: string) => void) {
    this.#accuse = accuse;
  }

  hear(message: SipMessage): void {
    if (message.kind === 'response') return this.#hearResponse(message);
    const dialog = `${message.callId} ${message.toTag} ${message.fromTag}`;
    if (message.method === 'BYE') this.#ended.add(dialog);
    if (message.method !== 'REFER' || message.toTag === null || this.#asked.has(branchOf(message))) return;
    this.#asked.set(branchOf(message), {
      dialog,
      sequence: message.cseq.number,
      silent: message.headers.get('Refer-Sub') === 'false',
      underWay: null,
      notified: 0,
      over: false,
    });
  }

  say(message: SipMessage): void {
    if (message.kind === 'response') {
      const refer = message.cseq.method === 'REFER' ? this.#asked.get(branchOf(message)) : undefined;
      if (!refer || message.status !== 202) return;
      const all = this.#referred.get(refer.dialog) ?? [];
      if (!all.includes(refer)) this.#referred.set(refer.dialog, [...all, refer]);
      return;
    }
    const dialog = `${message.callId} ${message.fromTag} ${message.toTag}`;
    if (message.method === 'NOTIFY' && message.headers.get('Event')?.startsWith('refer')) this.#notify(message, dialog);
    if (message.method !== 'BYE' || this.#ended.has(dialog)) return;
    for (const refer of this.#referred.get(dialog) ?? []) {
      const waited = refer.over || refer.silent || refer.underWay !== null;
      if (!waited) this.#accuse(`BYE in ${dialog} before the last NOTIFY for REFER ${refer.sequence}`);
    }
    this.#ended.add(dialog);
  }

  conclude(): void {
    for (const { dialog, sequence, silent, over } of [...this.#referred.values()].flat()) {
      if (!over && !silent && !this.#ended.has(dialog)) {
        this.#accuse(`REFER ${sequence} in ${dialog} was never reported on for the last time`);
      }
    }
  }

  #hearResponse(response: SipResponse): void {
    if (response.status < 200) return;
    const dialog = `${response.callId} ${response.fromTag} ${response.toTag}`;
    if (response.status === 481) this.#ended.add(dialog);
    if (response.cseq.method !== 'NOTIFY') return;
    const branch = response.topVia.params.get('branch');
    for (const refer of this.#referred.get(dialog) ?? []) if (refer.underWay === branch) refer.underWay = null;
  }

  #notify(notify: SipRequest, dialog: string): void {
    const branch = notify.topVia.params.get('branch') ?? '';
    if (this.#branches.has(branch)) return;
    this.#branches.add(branch);
    const all = this.#referred.get(dialog) ?? [];
    const id = /;id=(\d+)/.exec(notify.headers.get('Event') ?? '')?.[1];
    const refer = id === undefined ? all[0] : all.find(({ sequence }) => sequence === Number(id));
    const name = `NOTIFY ${notify.cseq.number} in ${dialog}`;
    if (!refer) return this.#accuse(`${name} reports on no REFER`);
    if (refer.silent) this.#accuse(`${name} is not wanted`);
    if (refer.over) this.#accuse(`${name} comes after the last one`);
    const status = Number(/^SIP\/2\.0 (\d{3}) /.exec(new TextDecoder().decode(notify.body))?.[1]);
    const last = notify.headers.get('Subscription-State')?.startsWith('terminated') ?? false;
    if (last !== status >= 200) this.#accuse(`${name} tells ${status} and ${last ? 'is' : 'is not'} the last`);
    if (refer.notified === 0 && status !== 100) this.#accuse(`${name}, the first, tells ${status}`);
    refer.notified++;
    refer.underWay = branch;
    refer.over = last;
  }
}

function branchOf(message: SipMessage): string {
  return `${message.topVia.host} ${message.topVia.params.get('branch')}`;
}

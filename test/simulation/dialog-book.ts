import type { Clock } from '../../src/base/index.ts';
import type { SipMessage, SipRequest, SipResponse } from '../../src/sip/message/index.ts';
import type { Flow } from '../../src/sip/transport/index.ts';

/** A confirmed dialog between the exchange and a phone. */
interface Spoken {
  readonly name: string;
  /** Whether a BYE of either side has ended it. */
  over: boolean;
  /** Whether the phone has said that there is none. */
  lost: boolean;
  acknowledged: boolean;
  readonly mustBeAcknowledged: boolean;
}

/** A request of the exchange. */
interface Asked {
  readonly dialog: string;
  readonly method: string;
}

/** A client transaction lives at least as long after the INVITE, whatever happens (64·T1), in ms. */
const surelyAlive = 30_000;

/**
 * The dialogs of the exchange as its messages show them: every 2xx is acknowledged, always with the same ACK, sequence
 * numbers rise, nothing new is asked after the BYE, and in the end each dialog is over on the wire too.
 */
export class DialogBook {
  readonly #clock: Clock;
  readonly #accuse: (fault: string) => void;
  readonly #dialogs = new Map<string, Spoken>();
  /** When each INVITE of the exchange was first sent, by branch. */
  readonly #calling = new Map<string, { readonly at: number; refused: boolean; cancelledAt: number | null }>();
  /** When each INVITE of the exchange was first answered with a 2xx, by branch. */
  readonly #accepted = new Map<string, number>();
  /** Each ACK of a 2xx, and how many repetitions of the 2xx it has yet to be repeated for. */
  readonly #acks = new Map<string, { readonly text: string; owed: number }>();
  readonly #sequences = new Map<string, number>();
  readonly #asked = new Map<string, Asked>();

  constructor(clock: Clock, accuse: (fault: string) => void) {
    this.#clock = clock;
    this.#accuse = accuse;
  }

  /** Takes note of what arrives. */
  hear(message: SipMessage, flow: Flow): void {
    if (message.kind === 'request' || message.status < 200) return;
    this.#hearFinal(message);
    if (message.cseq.method !== 'INVITE') return;
    const calling = this.#calling.get(branchOf(message));
    if (message.status >= 300) {
      if (calling) calling.refused = true;
      return;
    }
    if (calling) this.#open(nameSaid(message), calling, flow);
    const now = this.#clock.now();
    const first = this.#accepted.get(branchOf(message)) ?? now;
    this.#accepted.set(branchOf(message), first);
    const ack = this.#acks.get(`${nameSaid(message)} ${message.cseq.number}`);
    if (ack && !flow.closed && now - first < surelyAlive) ack.owed++;
  }

  /** Takes note of what the exchange sends. */
  say(message: SipMessage, bytes: Uint8Array): void {
    if (message.kind === 'response') {
      if (message.status < 200 || message.status >= 300) return;
      if (message.cseq.method === 'INVITE') this.#confirm(message);
      if (message.cseq.method === 'BYE') this.#end(nameHeard(message));
      return;
    }
    const branch = branchOf(message);
    if (message.method === 'CANCEL') {
      const calling = this.#calling.get(branch);
      if (calling) calling.cancelledAt ??= this.#clock.now();
    } else if (message.method === 'ACK') this.#acknowledge(message, bytes);
    else if (!this.#asked.has(branch)) this.#ask(message, branch);
  }

  conclude(): void {
    for (const [key, { owed }] of this.#acks) {
      if (owed > 0) this.#accuse(`${owed} repetitions of the 2xx of ${key} were not acknowledged`);
    }
    for (const { name, over, lost, acknowledged, mustBeAcknowledged } of this.#dialogs.values()) {
      if (mustBeAcknowledged && !acknowledged) this.#accuse(`the 2xx of dialog ${name} was never acknowledged`);
      if (!over && !lost && acknowledged) {
        this.#accuse(`dialog ${name} ended without a BYE`);
      }
    }
  }

  #open(
    name: string,
    { at, refused, cancelledAt }: { at: number; refused: boolean; cancelledAt: number | null },
    flow: Flow,
  ): void {
    if (this.#dialogs.has(name)) return;
    const now = this.#clock.now();
    const cancelledLongAgo = cancelledAt !== null && now - cancelledAt > surelyAlive;
    if (refused || flow.closed || cancelledLongAgo || now - at > surelyAlive) return;
    this.#dialogs.set(name, { name, over: false, lost: false, acknowledged: false, mustBeAcknowledged: true });
  }

  #confirm(response: SipResponse): void {
    const name = nameHeard(response);
    if (this.#dialogs.has(name)) return;
    this.#dialogs.set(name, { name, over: false, lost: false, acknowledged: true, mustBeAcknowledged: false });
  }

  #acknowledge(ack: SipRequest, bytes: Uint8Array): void {
    const name = nameSaid(ack);
    const dialog = this.#dialogs.get(name);
    if (dialog) dialog.acknowledged = true;
    const key = `${name} ${ack.cseq.number}`;
    const text = Buffer.from(bytes).toString('latin1');
    const before = this.#acks.get(key);
    if (!before) {
      this.#acks.set(key, { text, owed: 0 });
      return;
    }
    if (before.text !== text) this.#accuse(`two ACKs for ${key}:\n${before.text}\nand\n${text}`);
    before.owed--;
  }

  #ask(request: SipRequest, branch: string): void {
    const dialog = nameSaid(request);
    this.#asked.set(branch, { dialog, method: request.method });
    if (request.toTag === null) {
      if (request.method === 'INVITE') {
        this.#calling.set(branch, { at: this.#clock.now(), refused: false, cancelledAt: null });
      }
      return;
    }
    const known = this.#dialogs.get(dialog);
    // A BYE may have waited for the ACK of a phone that has forgotten the call.
    const gone = known?.over || (known?.lost && request.method !== 'BYE');
    if (gone) this.#accuse(`${request.method} was sent in dialog ${dialog} after its end`);
    const last = this.#sequences.get(dialog) ?? 0;
    if (request.cseq.number <= last) {
      this.#accuse(`CSeq ${request.cseq.number} follows ${last} in dialog ${dialog}`);
    }
    this.#sequences.set(dialog, request.cseq.number);
    if (request.method === 'BYE') this.#end(dialog);
  }

  #hearFinal(response: SipResponse): void {
    const asked = this.#asked.get(branchOf(response));
    if (!asked || asked.method !== response.cseq.method) return;
    // The phone has lost the call (RFC 3261 §12.2.1.2); or only forgotten that it has asked for a transfer, or rung.
    if (response.status !== 481 || asked.method === 'NOTIFY' || asked.method === 'PRACK') return;
    const dialog = this.#dialogs.get(asked.dialog);
    if (dialog) dialog.lost = true;
  }

  #end(name: string): void {
    const dialog = this.#dialogs.get(name);
    if (dialog) dialog.over = true;
  }
}

/** A dialog by Call-ID, the exchange's tag and the phone's, in what the phone asked or the answer to that. */
function nameHeard(message: SipMessage): string {
  return `${message.callId} ${message.toTag} ${message.fromTag}`;
}

/** The same in what the exchange asked or the answer to that. */
function nameSaid(message: SipMessage): string {
  return `${message.callId} ${message.fromTag} ${message.toTag}`;
}

function branchOf(message: SipMessage): string {
  return message.topVia.params.get('branch') ?? '';
}

import { RAck, type SipMessage, type SipRequest, type SipResponse } from '../../src/sip/message/index.ts';

/** The reliable provisional responses of the exchange in one early dialog. */
interface Said {
  last: number;
  text: string;
  acknowledged: boolean;
  /** Whether the last one carried a session description. */
  described: boolean;
}

/**
 * Reliable provisional responses (RFC 3262 §3, §4): those of the exchange are numbered one by one, each waits for the
 * PRACK of the one before, and no 2xx overtakes one that describes the session; its PRACKs are for what has arrived, and
 * each is sent once.
 */
export class ReliableBook {
  readonly #accuse: (fault: string) => void;
  readonly #said = new Map<string, Said>();
  /** PRACKs on their way to be answered, by branch: which dialog's and number. */
  readonly #pracks = new Map<string, { readonly dialog: string; readonly number: number }>();
  readonly #heard = new Set<string>();
  readonly #acknowledged = new Map<string, string>();

  constructor(accuse: (fault: string) => void) {
    this.#accuse = accuse;
  }

  hear(message: SipMessage): void {
    if (message.kind === 'response') {
      const number = reliableNumber(message);
      if (number !== null) {
        this.#heard.add(`${message.callId} ${message.fromTag} ${message.toTag} ${number} ${message.cseq.number}`);
      }
      return;
    }
    if (message.method !== 'PRACK') return;
    const rack = rackOf(message);
    if (!rack) return;
    const dialog = `${message.callId} ${message.toTag} ${rack.sequence}`;
    this.#pracks.set(branchOf(message), { dialog, number: rack.response });
  }

  say(message: SipMessage, bytes: Uint8Array): void {
    if (message.kind === 'request') {
      if (message.method === 'PRACK') this.#sayPrack(message);
    } else if (message.cseq.method === 'INVITE') this.#sayToInvite(message, bytes);
    else if (message.cseq.method === 'PRACK' && message.status >= 200 && message.status !== 481) {
      // Where it is refused, only the offer in it is.
      const prack = this.#pracks.get(branchOf(message));
      const said = prack && this.#said.get(prack.dialog);
      if (!said || prack.number > said.last) {
        if (message.status < 300) this.#accuse(`a PRACK in ${prack?.dialog} was taken that is for nothing`);
      } else if (said.last === prack.number) said.acknowledged = true;
    }
  }

  #sayToInvite(response: SipResponse, bytes: Uint8Array): void {
    const dialog = `${response.callId} ${response.toTag} ${response.cseq.number}`;
    const said = this.#said.get(dialog);
    if (response.status >= 200) {
      if (response.status < 300 && said?.described && !said.acknowledged) {
        this.#accuse(`${response.status} in ${dialog} before the PRACK for the description in ${said.last}`);
      }
      return;
    }
    const number = reliableNumber(response);
    if (number === null) return;
    const text = Buffer.from(bytes).toString('latin1');
    if (said?.last === number) {
      if (said.text !== text)
        this.#accuse(`two responses with RSeq ${number} in ${dialog}:\n${said.text}\nand\n${text}`);
      return;
    }
    if (said && number !== said.last + 1) this.#accuse(`RSeq ${number} follows ${said.last} in ${dialog}`);
    if (said && !said.acknowledged) this.#accuse(`RSeq ${number} in ${dialog} before the PRACK for ${said.last}`);
    this.#said.set(dialog, { last: number, text, acknowledged: false, described: response.body.length > 0 });
  }

  #sayPrack(prack: SipRequest): void {
    const rack = rackOf(prack);
    const name = `${prack.callId} ${prack.fromTag} ${prack.toTag} ${rack?.response} ${rack?.sequence}`;
    if (!this.#heard.has(name)) this.#accuse(`a PRACK was sent for ${name}, which never arrived`);
    const branch = branchOf(prack);
    const before = this.#acknowledged.get(name);
    if (before !== undefined && before !== branch) this.#accuse(`two PRACKs were sent for ${name}`);
    this.#acknowledged.set(name, branch);
  }
}

function reliableNumber({ status, headers }: SipResponse): number | null {
  const number = headers.get('RSeq');
  return status > 100 && status < 200 && number !== undefined && headers.get('Require')?.includes('100rel')
    ? Number(number)
    : null;
}

/** What a PRACK acknowledges; null where that can't be read. */
function rackOf(request: SipRequest) {
  const text = request.headers.get(RAck.name);
  try {
    return text === undefined ? null : RAck.parse(text);
  } catch {
    return null;
  }
}

function branchOf(message: SipMessage): string {
  return `${message.topVia.host} ${message.topVia.params.get('branch')}`;
}

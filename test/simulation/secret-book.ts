import type { SipMessage } from '../../src/sip/message/index.ts';

/** The exchange's own address, which all may know. */
const own = '10.0.0.1';

const addresses = /\b(?:10|192\.168)\.\d+\.\d+(?:\.\d+)?\b/g;
const words = /[A-Za-z0-9]{8,}/g;

/**
 * What each phone has told the exchange, or been told, of its own side: addresses, Call-IDs, tags, branches. None of it
 * may come up in what another phone is sent (RFC 7092 §2.2).
 */
export class SecretBook {
  readonly #accuse: (fault: string) => void;
  /** Word → the phone whose side it belongs to. */
  readonly #owners = new Map<string, string>();

  constructor(accuse: (fault: string) => void) {
    this.#accuse = accuse;
  }

  see(direction: 'in' | 'out', message: SipMessage, phone: string, bytes: Uint8Array): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    if (direction === 'in') {
      for (const [address] of text.matchAll(addresses)) if (address !== own) this.#keep(address, phone);
    }
    this.#keep(message.callId, phone);
    this.#keep(message.fromTag, phone);
    this.#keep(message.toTag, phone);
    this.#keep(message.topVia.params.get('branch'), phone);
    // The bindings of a user are all told to each of the user's phones.
    if (direction === 'in' || message.cseq.method === 'REGISTER') return;
    this.#check(text, addresses, phone, message);
    this.#check(text, words, phone, message);
  }

  #keep(word: string | null | undefined, phone: string): void {
    if (word && !this.#owners.has(word)) this.#owners.set(word, phone);
  }

  #check(text: string, pattern: RegExp, phone: string, message: SipMessage): void {
    for (const [word] of text.matchAll(pattern)) {
      const owner = this.#owners.get(word);
      if (owner !== undefined && owner !== phone) {
        this.#accuse(`${word}, of the side of ${owner}, is told to ${phone}:\n${text}\n(${message.callId})`);
        return;
      }
    }
  }
}

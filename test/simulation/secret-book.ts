import type { SipMessage } from '../../src/sip/message/index.ts';
import { exchangeIp } from '../world/world.ts';

const addresses = /\b(?:10|192\.168)\.\d+\.\d+(?:\.\d+)?\b/g;
const words = /[A-Za-z0-9]{8,}/g;

/**
 * What each phone has told the exchange, or been told, of its own side: addresses, Call-IDs, tags, branches. None of it
 * may come up in what another phone is sent (RFC 7092 §2.2).
 */
export class SecretBook {
  readonly #accuse: (fault: string) => void;
  /** Word → the phones that know it of themselves; two private networks may use the same address. */
  readonly #owners = new Map<string, Set<string>>();

  constructor(accuse: (fault: string) => void) {
    this.#accuse = accuse;
  }

  see(direction: 'in' | 'out', message: SipMessage, phone: string, bytes: Uint8Array): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    const own = [message.callId, message.fromTag, message.toTag, message.topVia.params.get('branch')];
    for (const word of own) this.#keep(word, phone, direction === 'in' && message.kind === 'request');
    if (direction === 'in') for (const [address] of text.matchAll(addresses)) this.#keep(address, phone, true);
    // The bindings of a user are all told to each of the user's phones.
    if (direction === 'in' || message.cseq.method === 'REGISTER') return;
    this.#check(text, addresses, phone, message);
    // Who watches a call may pick it up, and is told the names of its dialog for that (RFC 4235).
    const isLamp = message.headers.get('Content-Type') === 'application/dialog-info+xml';
    this.#check(isLamp ? text.slice(0, text.indexOf('\r\n\r\n')) : text, words, phone, message);
  }

  /** `said`: the phone has said it by itself; else it is the phone's only where it is nobody else's. */
  #keep(word: string | null | undefined, phone: string, said: boolean): void {
    if (!word || word === exchangeIp) return;
    const owners = this.#owners.get(word);
    if (!owners) this.#owners.set(word, new Set([phone]));
    else if (said) owners.add(phone);
  }

  #check(text: string, pattern: RegExp, phone: string, message: SipMessage): void {
    for (const [word] of text.matchAll(pattern)) {
      const owners = this.#owners.get(word);
      if (owners && !owners.has(phone)) {
        this.#accuse(
          `${word}, of the side of ${[...owners].join()}, is told to ${phone}:\n${text}\n(${message.callId})`,
        );
        return;
      }
    }
  }
}

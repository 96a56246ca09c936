import type { Address } from '../../src/base/index.ts';
import { type SrtpKey, SrtpReceiver, SrtpSender, type SrtpSuite, srtpKeyLength } from '../../src/rtp/index.ts';

/** How a phone encrypts: by demand (`RTP/SAVP`) or beside plain media (`RTP/AVP`, RFC 8643), in order of preference. */
export interface PhoneEncryption {
  readonly profile: 'RTP/SAVP' | 'RTP/AVP';
  readonly suites?: readonly SrtpSuite[];
}

interface Line {
  readonly tag: string;
  readonly suite: string;
  readonly key: string;
}

/** The keys and the cryptographic contexts of one phone. */
export class PhoneSrtp {
  readonly #profile: PhoneEncryption['profile'];
  readonly #suites: readonly SrtpSuite[];
  /** What its keys are made of. */
  #seed: number;
  /** By key, as descriptions say it. */
  readonly #senders = new Map<string, SrtpSender>();
  readonly #receivers = new Map<string, SrtpReceiver>();
  /** Those that open what comes from a port of the other side; none where that sends plain media. */
  readonly #receiversOf = new Map<number, Set<SrtpReceiver>>();

  constructor({ profile, suites = ['AES_CM_128_HMAC_SHA1_80'] }: PhoneEncryption, seed: number) {
    this.#profile = profile;
    this.#suites = suites;
    this.#seed = seed;
  }

  /** Other keys than before from the next description on. */
  rekey(): void {
    this.#seed += 100;
  }

  /** The profile and the a=crypto lines of an offer, or of an answer to `offer`. */
  describe(offer: string | null): { readonly profile: string; readonly lines: readonly string[] } {
    if (offer === null) {
      const lines = this.#suites.map((suite, index) => this.#write(String(index + 1), suite));
      return { profile: this.#profile, lines };
    }
    const taken = this.#takenOf(offer);
    const profile = /^m=audio \d+ (\S+)/m.exec(offer)?.[1] ?? this.#profile;
    return { profile, lines: taken ? [this.#write(taken.tag, taken.suite)] : [] };
  }

  /** Takes the keys that the other side has stated. */
  learn(sdp: string): void {
    const port = Number(/^m=audio (\d+)/m.exec(sdp)?.[1] ?? 0);
    const ofPort = this.#receiversOf.get(port) ?? new Set();
    this.#receiversOf.set(port, ofPort);
    if (this.#takenOf(sdp) === null) ofPort.clear();
    for (const { suite, key } of linesOf(sdp)) {
      const known = this.#suites.find((own) => own === suite);
      if (!known) continue;
      const receiver = this.#receivers.get(key) ?? new SrtpReceiver(keyOf(known, key));
      this.#receivers.set(key, receiver);
      ofPort.add(receiver);
    }
  }

  /** The packet as it is sent to who has stated `sdp`. */
  protect(packet: Uint8Array, sdp: string): Uint8Array {
    const taken = this.#takenOf(sdp);
    if (!taken) return packet;
    const key = this.#ownKey(taken.suite);
    const sender = this.#senders.get(key) ?? new SrtpSender(keyOf(taken.suite, key));
    this.#senders.set(key, sender);
    return sender.protectRtp(packet)!;
  }

  /** What has arrived from a port, decrypted; null where no key that it has been told opens it. */
  open(datagram: Uint8Array, from: Address): Uint8Array | null {
    const receivers = this.#receiversOf.get(from.port);
    if (!receivers?.size) return Uint8Array.from(datagram);
    for (const receiver of receivers) {
      const packet = receiver.unprotectRtp(Uint8Array.from(datagram));
      if (typeof packet !== 'string') return packet;
    }
    return null;
  }

  #takenOf(sdp: string): { readonly tag: string; readonly suite: SrtpSuite } | null {
    for (const { tag, suite } of linesOf(sdp)) {
      const known = this.#suites.find((own) => own === suite);
      if (known) return { tag, suite: known };
    }
    return null;
  }

  #write(tag: string, suite: SrtpSuite): string {
    return `a=crypto:${tag} ${suite} inline:${this.#ownKey(suite)}`;
  }

  #ownKey(suite: SrtpSuite): string {
    return Buffer.alloc(srtpKeyLength(suite), this.#seed + this.#suites.indexOf(suite)).toString('base64');
  }
}

/** The a=crypto lines of a description. */
export function linesOf(sdp: string): readonly Line[] {
  return [...sdp.matchAll(/^a=crypto:(\d+) (\S+) inline:(\S+)/gm)].map(([, tag = '', suite = '', key = '']) => ({
    tag,
    suite,
    key,
  }));
}

function keyOf(suite: SrtpSuite, base64: string): SrtpKey {
  return { suite, key: Uint8Array.from(Buffer.from(base64, 'base64')) };
}

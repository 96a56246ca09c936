import { type SrtpKey, type SrtpParameters, SrtpReceiver, SrtpSender, sameSrtpKey } from '../../rtp/index.ts';

/**
 * The cryptographic contexts of a pair of ports. They go on while the keys are the same: over updates, over a time
 * without encryption, and in the next session when a transfer takes the phone of these ports into another call. Begun
 * anew, they would let old packets pass as new, and be deaf to a phone whose sequence numbers have wrapped.
 */
export class PortSrtp {
  #receiver: { readonly key: SrtpKey; readonly context: SrtpReceiver } | null = null;
  #sender: { readonly key: SrtpKey; readonly context: SrtpSender } | null = null;

  /** @throws Error when the key has not the length of its suite */
  receiver({ receive: key }: SrtpParameters): SrtpReceiver {
    if (this.#receiver === null || !sameSrtpKey(this.#receiver.key, key)) {
      this.#receiver = { key, context: new SrtpReceiver(key, this.#receiver?.context) };
    }
    return this.#receiver.context;
  }

  /** @throws Error when the key has not the length of its suite */
  sender({ send: key }: SrtpParameters): SrtpSender {
    if (this.#sender === null || !sameSrtpKey(this.#sender.key, key)) {
      this.#sender = { key, context: new SrtpSender(key) };
    }
    return this.#sender.context;
  }
}

/** What tells how samples become payload: a codec as SDP names it, without its number. */
export interface CodecSpec {
  /** As registered, compared without regard to case: `PCMU`, `opus`. */
  readonly name: string;
  /** The RTP clock in Hz, which for G.722 and Opus is not the rate of the samples. */
  readonly clockRate: number;
  readonly channels: number;
  /** What the side that decodes has said in its `a=fmtp`, without the number. */
  readonly fmtp: string | null;
}

/** Payload that no encoder makes, or a codec that we cannot do. */
export class CodecError extends Error {
  override readonly name = 'CodecError';
}

/**
 * Payloads of one stream → samples: 16 bits, mono, at `sampleRate` Hz. What a method returns is valid until the next
 * call of any, and may be changed by who gets it.
 */
export interface AudioDecoder extends Disposable {
  readonly sampleRate: number;
  /**
   * The samples of one packet.
   * @throws CodecError on a malformed payload; what was decoded before still counts
   */
  decode(payload: Uint8Array): Int16Array;
  /** What may have been in the `samples` samples that are missing now; fades out when it goes on for long. */
  conceal(samples: number): Int16Array;
  /**
   * The lost packet of `samples` samples before `next`, from the redundancy that `next` carries; null where the codec
   * has none. `next` is decoded afterwards as any other.
   */
  recover(next: Uint8Array, samples: number): Int16Array | null;
}

/** Samples (16 bits, mono, at `sampleRate` Hz) → payloads of one stream. */
export interface AudioEncoder extends Disposable {
  readonly sampleRate: number;
  /**
   * The payload of these samples, which make one packet; valid until the next call. Empty where nothing need be sent
   * (discontinuous transmission).
   */
  encode(samples: Int16Array): Uint8Array;
  /** From now on so many packets in a hundred will be lost on the way; for codecs that can prepare for it. */
  expectLoss?(percent: number): void;
}

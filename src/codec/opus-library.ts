/** Where Opus comes from: libopus as we link it (`native/opus`), or the package @evan/opus where that was not built. */
import { createRequire } from 'node:module';
import type { Decoder, Encoder } from '@evan/opus';
import { Concealment } from './concealment.ts';

export type OpusImplementation = 'libopus' | '@evan/opus';

/** Errors come back as the negative numbers of libopus. Samples are mono. */
export interface OpusEncoderState {
  /** The bytes written of the packet that holds these samples. */
  encode(samples: Int16Array, into: Uint8Array): number;
  /** Sets a number, by the request of that name in `opus_defines.h`; 0 when it was taken. */
  ctl(request: number, value: number): number;
  free(): void;
}

export interface OpusDecoderState {
  /** The samples written of this packet; `into` must hold them all. */
  decode(payload: Uint8Array, into: Int16Array): number;
  /** Fills `into` with what may have been there; a whole number of 2.5 ms, 120 ms at most. */
  conceal(into: Int16Array): number;
  /** Fills `into`, likewise, with the end of the packet before this one, from its copy in this one; 0: there is none. */
  recover(payload: Uint8Array, into: Int16Array): number;
  free(): void;
}

export interface OpusLibrary {
  readonly implementation: OpusImplementation;
  /** `sampleRate`: 8000, 12000, 16000, 24000 or 48000. */
  encoder(sampleRate: number): OpusEncoderState;
  decoder(sampleRate: number): OpusDecoderState;
}

/** What `native/opus/opus.cc` exports. */
interface Addon {
  /** Counts the changes of what is described here. */
  readonly face: number;
  readonly Encoder: new (sampleRate: number) => OpusEncoderState;
  readonly Decoder: new (sampleRate: number) => OpusDecoderState;
}

const require = createRequire(import.meta.url);
const face = 1;
const badArgument = -1;
const invalidPacket = -4;
let chosen: OpusLibrary | null = null;

/** The better one of those that are here, chosen and loaded at first use. */
export function opusLibrary(): OpusLibrary {
  chosen ??= linkedOpus() ?? packagedOpus();
  return chosen;
}

/** Which Opus is in use: only `libopus` conceals loss by its own means and makes use of forward error correction. */
export function opusImplementation(): OpusImplementation {
  return opusLibrary().implementation;
}

/** Our own addon; null where it was not built, from these sources or for this machine. */
export function linkedOpus(): OpusLibrary | null {
  let addon: Addon;
  try {
    addon = require('../../native/build/Release/opus.node') as Addon;
  } catch {
    return null;
  }
  if (addon.face !== face) return null;
  return {
    implementation: 'libopus',
    encoder: (sampleRate) => new addon.Encoder(sampleRate),
    decoder: (sampleRate) => new addon.Decoder(sampleRate),
  };
}

/** The package, whose decoder knows nothing of loss: that is made up by our own means. */
export function packagedOpus(): OpusLibrary {
  const { Encoder, Decoder } = require('@evan/opus') as typeof import('@evan/opus');
  return {
    implementation: '@evan/opus',
    encoder: (sampleRate) => {
      const encoder = new Encoder({ channels: 1, sample_rate: sampleRate as 8000, application: 'voip' });
      return new PackagedEncoder(encoder);
    },
    decoder: (sampleRate) =>
      new PackagedDecoder(new Decoder({ channels: 1, sample_rate: sampleRate as 8000 }), sampleRate),
  };
}

class PackagedEncoder implements OpusEncoderState {
  readonly #encoder: Encoder;

  constructor(encoder: Encoder) {
    this.#encoder = encoder;
  }

  encode(samples: Int16Array, into: Uint8Array): number {
    let payload: Uint8Array;
    try {
      payload = this.#encoder.encode(samples);
    } catch {
      return badArgument;
    }
    into.set(payload);
    return payload.length;
  }

  ctl(request: number, value: number): number {
    return this.#encoder.ctl(request, value);
  }

  free(): void {}
}

class PackagedDecoder implements OpusDecoderState {
  readonly #decoder: Decoder;
  readonly #concealment: Concealment;

  constructor(decoder: Decoder, sampleRate: number) {
    this.#decoder = decoder;
    this.#concealment = new Concealment(sampleRate);
  }

  decode(payload: Uint8Array, into: Int16Array): number {
    let bytes: Uint8Array;
    try {
      bytes = this.#decoder.decode(payload);
    } catch {
      return invalidPacket;
    }
    into.set(new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2));
    this.#concealment.heard(into);
    return into.length;
  }

  conceal(into: Int16Array): number {
    into.set(this.#concealment.conceal(into.length));
    return into.length;
  }

  recover(): number {
    return 0;
  }

  free(): void {}
}

/** Tells pauses from speech, so that nothing need be sent in them. */
import { noiseLevel } from './comfort-noise.ts';

/** A frame is speech when it is so much louder than the background, in dB. */
const above = 6;
/** Whatever is louder than this, in -dBov, is speech, and what is quieter than that is none. */
const loudest = 35;
const quietest = 65;
/** Frames that are sent after the last one of speech: ends of words are soft. */
const hangover = 10;
/** How fast the background is believed to rise, in dB for a frame of 20 ms. */
const rise = 0.06;

/** Hears the frames of 20 ms of one stream. */
export class SilenceDetector {
  /** The background, in -dBov. */
  #background = loudest;
  #left = hangover;

  /** Whether this frame, null being one without sound, belongs to a pause. */
  isSilent(samples: Int16Array | null): boolean {
    const level = samples === null ? 127 : noiseLevel(samples);
    this.#background = Math.max(loudest, this.#background - rise, Math.min(level, quietest));
    const speaks = level < loudest || (level < quietest && level < this.#background - above);
    if (speaks) this.#left = hangover;
    else if (this.#left > 0) this.#left--;
    return !speaks && this.#left === 0;
  }
}

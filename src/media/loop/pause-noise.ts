import { ComfortNoise, Resampler } from '../../codec/index.ts';

/** Sound that breaks off goes over into noise within so long, in ms. */
const fadeMs = 2.5;

/** The noise that a phone has told of instead of sending it (RFC 3389), at the rate of the frames. */
export class PauseNoise {
  readonly #noise = new ComfortNoise();
  readonly #clockRate: number;
  readonly #sampleRate: number;
  readonly #resampler: Resampler | null;

  /** `clockRate`: of the packets, for which their spectrum counts; `sampleRate`: of what is made; in Hz. */
  constructor(clockRate: number, sampleRate: number) {
    this.#clockRate = clockRate;
    this.#sampleRate = sampleRate;
    this.#resampler = clockRate === sampleRate ? null : new Resampler(clockRate, sampleRate);
  }

  /** Takes the payload of a packet. */
  take(payload: Uint8Array): void {
    this.#noise.take(payload);
  }

  /** Writes noise into `line` from sample `from` up to `to`; `last` is the sample that breaks off there. */
  fill(line: Int16Array, from: number, to: number, last: number): void {
    const fade = Math.round((fadeMs * this.#sampleRate) / 1000);
    for (let at = from; at < to; ) {
      const made = this.#noise.generate(Math.ceil(((to - at) * this.#clockRate) / this.#sampleRate));
      const samples = this.#resampler?.resample(made) ?? made;
      for (let i = 0; i < samples.length && at < to; i++) line[at++] = samples[i]!;
    }
    for (let i = 0; i < fade && from + i < to; i++) {
      line[from + i] = Math.round(line[from + i]! + last * (1 - (i + 1) / fade));
    }
  }
}

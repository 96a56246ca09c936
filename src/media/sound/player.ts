const frameMs = 20;

/** What a leg is to hear: plain data. */
export interface Playing {
  /** The name of a sound file or of a tone. */
  readonly source: string;
  readonly repeat: boolean;
  /** Whether it gives way whenever the other leg is heard. */
  readonly yields?: boolean;
}

/** Plays a sound to one leg, 20 ms a tick. */
export class Player {
  readonly #frame: Int16Array;
  readonly #repeat: boolean;
  readonly #onPlayed: () => void;
  #samples: Int16Array | null = null;
  #at = 0;
  #over = false;

  /** Begins when `sound` is there, which is at `sampleRate`; null plays nothing. `onPlayed`: it has come to its end, or there is none; told once, from `pull`, and never where it repeats. */
  constructor(options: {
    readonly sound: Promise<Int16Array | null>;
    readonly sampleRate: number;
    readonly repeat: boolean;
    readonly onPlayed: () => void;
  }) {
    this.#frame = new Int16Array((options.sampleRate * frameMs) / 1000);
    this.#repeat = options.repeat;
    this.#onPlayed = options.onPlayed;
    void options.sound.then((samples) => {
      this.#samples = samples ?? new Int16Array();
    });
  }

  /** The next 20 ms, valid until the next call; null: nothing to be heard, yet or any more. */
  pull(): Int16Array | null {
    const samples = this.#samples;
    if (!samples || this.#over) return null;
    if (samples.length === 0 || (this.#at >= samples.length && !this.#repeat)) {
      this.#over = true;
      if (!this.#repeat) this.#onPlayed();
      return null;
    }
    for (let filled = 0; filled < this.#frame.length; ) {
      if (this.#at >= samples.length) {
        if (!this.#repeat) {
          this.#frame.fill(0, filled);
          break;
        }
        this.#at = 0;
      }
      const count = Math.min(this.#frame.length - filled, samples.length - this.#at);
      for (let i = 0; i < count; i++) this.#frame[filled + i] = samples[this.#at + i]!;
      this.#at += count;
      filled += count;
    }
    return this.#frame;
  }
}

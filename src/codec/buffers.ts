/** Samples to be written anew for each frame, without making an array for each. */
export class SampleBuffer {
  #samples = new Int16Array(0);
  #view = this.#samples;

  /** The buffer with this many samples; holds whatever was in it. */
  take(length: number): Int16Array {
    if (this.#view.length !== length) {
      if (this.#samples.length < length) this.#samples = new Int16Array(length);
      this.#view = this.#samples.subarray(0, length);
    }
    return this.#view;
  }
}

/** Bytes to be written anew for each packet, without making an array for each. */
export class ByteBuffer {
  #bytes = new Uint8Array(0);
  #view = this.#bytes;

  /** The buffer with this many bytes; holds whatever was in it. */
  take(length: number): Uint8Array {
    if (this.#view.length !== length) {
      if (this.#bytes.length < length) this.#bytes = new Uint8Array(length);
      this.#view = this.#bytes.subarray(0, length);
    }
    return this.#view;
  }
}

/** The nearest that 16 bits can hold. */
export function saturated(sample: number): number {
  return sample > 32_767 ? 32_767 : sample < -32_768 ? -32_768 : Math.round(sample);
}

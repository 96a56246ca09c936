import { writeSync } from 'node:fs';

/** The system under a log sink. */
export interface LogOutput {
  /** Writes some of `bytes` and returns how many; throws the system's error. */
  write(bytes: Uint8Array): number;
  /** Stops everything for so many ms. */
  wait(ms: number): void;
}

/** How often, 1 ms apart, a reader is waited for that does not keep up, before lines are left out. */
const patience = 50;

/**
 * Where log lines go: at once, so that the line before a crash is there, but never at the cost of a call. What the disk
 * or the reader of a pipe does not take is left out and counted; `onLost` hears of the first, `onRecovered` of how many.
 */
export class LogSink {
  readonly #output: LogOutput;
  readonly #onLost: (error: Error) => void;
  readonly #onRecovered: (lines: number) => void;
  #lost = 0;
  /** The last line was begun and not ended. */
  #torn = false;

  constructor(output: LogOutput, onLost: (error: Error) => void, onRecovered: (lines: number) => void) {
    this.#output = output;
    this.#onLost = onLost;
    this.#onRecovered = onRecovered;
  }

  /** Writes one line, which ends with a newline. Never throws. */
  write(line: string): void {
    const bytes = Buffer.from(this.#torn ? `\n${line}` : line);
    let done = 0;
    try {
      while (done < bytes.length) done += this.#some(bytes.subarray(done));
    } catch (error) {
      if (done > 0) this.#torn = true;
      if (this.#lost++ === 0) this.#onLost(error as Error);
      return;
    }
    this.#torn = false;
    if (this.#lost === 0) return;
    const lines = this.#lost;
    this.#lost = 0;
    this.#onRecovered(lines);
  }

  #some(bytes: Uint8Array): number {
    for (let tries = 0; ; tries++) {
      try {
        return this.#output.write(bytes);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        // Who has been waited for in vain is not waited for again with every line.
        if ((code !== 'EAGAIN' && code !== 'EBUSY') || tries >= patience || this.#lost > 0) throw error;
        this.#output.wait(1);
      }
    }
  }
}

/** An open file, or a standard stream. */
export function fileOutput(descriptor: number): LogOutput {
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  return {
    write: (bytes) => writeSync(descriptor, bytes),
    wait: (ms) => void Atomics.wait(nobody, 0, 0, ms),
  };
}

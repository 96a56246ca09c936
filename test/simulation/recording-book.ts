import type { PbxEvent } from '../../src/pbx/events/index.ts';

/** By how much a recording may be shorter than the talk that it is of, in ms. */
const tolerance = 2000;

interface Recorded {
  readonly callId: string;
  readonly startedAt: number;
  ended: boolean;
}

/** The recordings that the exchange tells of: each begins once and ends once with its call, whole, and is on the disk. */
export class RecordingBook {
  readonly #accuse: (fault: string) => void;
  readonly #byPath = new Map<string, Recorded>();

  constructor(accuse: (fault: string) => void) {
    this.#accuse = accuse;
  }

  happen(event: PbxEvent): void {
    if (event.type === 'recording.started') {
      if (this.#byPath.has(event.path)) this.#accuse(`the recording ${event.path} begins twice`);
      this.#byPath.set(event.path, { callId: event.call.callId, startedAt: event.at, ended: false });
    } else if (event.type === 'recording.failed') this.#accuse(`the recording ${event.path} failed: ${event.reason}`);
    else if (event.type === 'recording.ended') {
      const { path, status, durationMs } = event.recording;
      const recorded = this.#byPath.get(path);
      if (!recorded || recorded.ended) return this.#accuse(`the recording ${path} ends, and goes on nowhere`);
      recorded.ended = true;
      if (status !== 'complete') this.#accuse(`the recording ${path} is ${status}`);
      const missing = event.at - recorded.startedAt - durationMs;
      if (Math.abs(missing) > tolerance) this.#accuse(`of the recording ${path} ${missing} ms are missing`);
    } else if (event.type === 'call.ended') {
      for (const [path, { callId, ended }] of this.#byPath) {
        if (callId === event.call.callId && !ended) this.#accuse(`${path} goes on after its call`);
      }
    }
  }

  /** `files`: what is on the disk. */
  conclude(files: Iterable<string>): void {
    const onDisk = new Set(files);
    for (const path of this.#byPath.keys()) {
      if (!onDisk.delete(path)) this.#accuse(`the recording ${path} is not on the disk`);
    }
    for (const path of onDisk) this.#accuse(`${path} is on the disk, and nothing was told of it`);
  }
}

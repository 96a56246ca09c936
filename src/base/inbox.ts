/**
 * Handles events one at a time, in order: an event posted while another is being handled waits for its turn.
 * So no handler ever sees the state that another is in the middle of changing.
 */
export class Inbox<Event> {
  readonly #handle: (event: Event) => void;
  readonly #waiting: Event[] = [];
  #busy = false;

  constructor(handle: (event: Event) => void) {
    this.#handle = handle;
  }

  /** Handles `event` now, or after those already waiting. An exception of the handler reaches the outermost `post`. */
  post(event: Event): void {
    this.#waiting.push(event);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) this.#handle(next);
    } finally {
      this.#busy = false;
    }
  }
}

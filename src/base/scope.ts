/**
 * Owns what must be released together: disposes in reverse order of ownership, once, synchronously.
 * What can only be closed asynchronously belongs to the AsyncDisposableStack of the composition root.
 */
export class Scope implements Disposable {
  readonly #owned = new DisposableStack();
  // Made when asked for: most scopes are those of calls, and an AbortController costs more than all else in them.
  #abort: AbortController | null = null;

  /** Aborted when the scope is disposed. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.disposed) this.#abort.abort();
    return this.#abort.signal;
  }

  get disposed(): boolean {
    return this.#owned.disposed;
  }

  /** Takes ownership of `resource` and hands it back. Throws ReferenceError when the scope is already disposed. */
  own<T extends Disposable>(resource: T): T {
    return this.#owned.use(resource);
  }

  /** Runs `release` at disposal. */
  defer(release: () => void): void {
    this.#owned.defer(release);
  }

  [Symbol.dispose](): void {
    if (this.#owned.disposed) return;
    this.#abort?.abort();
    this.#owned.dispose();
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Place, thisMachine } from './place.ts';

/** How a program has ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program of its own process, which never outlives its test: it is killed after `lifetime` ms or when disposed of. */
export class Program implements AsyncDisposable {
  readonly name: string;
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #killedBy: NodeJS.Signals;
  readonly #waiting = new Set<() => void>();
  #output = '';
  #running = true;

  constructor(
    command: string,
    args: readonly string[],
    options: {
      readonly cwd: string;
      readonly env?: NodeJS.ProcessEnv;
      /** ms */
      readonly lifetime?: number;
      /** Whether something is to be typed into it. */
      readonly typed?: boolean;
      /** The signal that surely ends it; SIGTERM for one that has children to end. */
      readonly killedBy?: NodeJS.Signals;
      readonly place?: Place;
    },
  ) {
    this.name = command;
    this.#killedBy = options.killedBy ?? 'SIGKILL';
    this.#child = spawn(...(options.place ?? thisMachine).commandLine(command, args), {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: [options.typed ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
        this.#wake();
      });
    }
    // Typing into a program that has just ended is no fault of the test.
    this.#child.stdin?.on('error', () => {});
    const death = setTimeout(() => this.kill(this.#killedBy), options.lifetime ?? 60_000);
    this.exited = once(this.#child, 'close').then(([code, signal]) => {
      clearTimeout(death);
      this.#running = false;
      this.#wake();
      return { code, signal };
    });
    // Who waits for the end hears of a program that could not be started; nobody else has to.
    this.exited.catch(() => {});
  }

  /** All that it has printed so far, standard output and error as they came. */
  get output(): string {
    return this.#output;
  }

  /** Its process id; throws where it could not be started. */
  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`${this.name} could not be started`);
    return pid;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Types a line, where the program was started to be typed into. */
  type(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  kill(signal: NodeJS.Signals): void {
    if (this.#running) this.#child.kill(signal);
  }

  /** Resolves with what `find` makes of the output, once it makes anything of it. Rejects when it ends before, or after `patience` ms. */
  async printed<T>(find: (output: string) => T | null | undefined, patience = 15_000): Promise<T> {
    const deadline = performance.now() + patience;
    for (;;) {
      const found = find(this.#output);
      if (found !== null && found !== undefined) return found;
      if (!this.#running) throw new Error(`${this.name} has ended:\n${this.#output}`);
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`${this.name} did not say in ${patience} ms what was expected:\n${this.#output}`);
      await this.#more(left);
    }
  }

  /** As the function of this name; who waits in vain is shown all that it has printed. */
  async eventually<T>(about: string, look: Parameters<typeof eventually<T>>[1]): Promise<T> {
    try {
      return await eventually(about, look);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${this.#output}`);
    }
  }

  /** Asks it to end, and kills it when it has not after `patience` ms. */
  async end(ask: () => void, patience = 3000): Promise<void> {
    ask();
    const late = setTimeout(() => this.kill(this.#killedBy), patience);
    await this.exited;
    clearTimeout(late);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#running) return;
    this.kill(this.#killedBy);
    await this.exited;
  }

  #more(patience: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, patience);
      this.#waiting.add(wake);
    });
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }
}

/** Resolves with what `look` finds, asked again and again; rejects after `patience` ms with what it is `about`. */
export async function eventually<T>(
  about: string,
  look: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  patience = 30_000,
): Promise<T> {
  const deadline = performance.now() + patience;
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`not in ${patience} ms: ${about}`);
    await pause(25);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

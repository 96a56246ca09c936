import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Door, Phone } from './carrier.ts';
import type { Site } from './site.ts';

export type Order =
  | { readonly order: 'start'; readonly calls: readonly (readonly [Phone, Phone])[] }
  | { readonly order: 'end' }
  | { readonly order: 'close' };

export type Answer =
  | { readonly answer: 'ready'; readonly media: readonly number[]; readonly control: readonly number[] }
  | { readonly answer: 'failed'; readonly reason: string }
  | { readonly answer: 'started'; readonly doors: readonly (readonly [Door, Door])[] }
  | {
      readonly answer: 'ended';
      readonly counted: Readonly<Record<string, number>>;
      readonly portsInUse: number | null;
    };

/** Why an engine can't be measured here. */
export class Unmeasurable extends Error {
  override readonly name = 'Unmeasurable';
}

/** `server.ts` with one engine, and the process that packets pass through, seen from outside. */
export class ServerProcess implements AsyncDisposable {
  readonly media: readonly number[];
  readonly control: readonly number[];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, { media, control }: Answer & { readonly answer: 'ready' }) {
    this.#child = child;
    this.media = media;
    this.control = control;
  }

  /** Throws `Unmeasurable` where the engine does not open. */
  static async start(site: Site, engine: string): Promise<ServerProcess> {
    const script = fileURLToPath(new URL('server.ts', import.meta.url));
    const commandLine = site.commandLine('exchange', process.execPath, [script, engine, site.exchange]);
    const child = spawn(...commandLine, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    try {
      return new ServerProcess(child, await answerOf(child, 'ready'));
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  /** Throws `Unmeasurable` where the engine can't have such calls. */
  async calls(calls: readonly (readonly [Phone, Phone])[]): Promise<readonly (readonly [Door, Door])[]> {
    this.#tell({ order: 'start', calls });
    return (await answerOf(this.#child, 'started')).doors;
  }

  async endCalls(): Promise<Answer & { readonly answer: 'ended' }> {
    this.#tell({ order: 'end' });
    return answerOf(this.#child, 'ended');
  }

  /** Memory of the processes that packets pass through, in bytes. */
  memory(): number {
    return this.media.reduce((sum, pid) => sum + residentBytes(pid), 0);
  }

  /** Descriptors that they have open. */
  descriptors(): number {
    return this.media.reduce((sum, pid) => sum + readdirSync(`/proc/${pid}/fd`).length, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#tell({ order: 'close' });
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(late);
  }

  #tell(order: Order): void {
    this.#child.send(order);
  }
}

async function answerOf<Kind extends Answer['answer']>(
  child: ChildProcess,
  kind: Kind,
): Promise<Answer & { readonly answer: Kind }> {
  const gone = new AbortController();
  const onExit = (): void => gone.abort(new Error('the media server has ended'));
  child.once('exit', onExit);
  try {
    const [answer] = (await once(child, 'message', { signal: gone.signal })) as [Answer];
    if (answer.answer === 'failed') throw new Unmeasurable(answer.reason);
    if (answer.answer !== kind) throw new Error(`the media server said ${answer.answer} instead of ${kind}`);
    return answer as Answer & { readonly answer: Kind };
  } finally {
    child.off('exit', onExit);
  }
}

function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return 1024 * Number(line?.[1]);
}

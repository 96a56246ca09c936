import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { SoundFile } from './codecs.ts';
import type { Site } from './site.ts';

const folder = fileURLToPath(new URL('../generator/', import.meta.url));
const program = `${folder}build/generator`;

/** Durations in µs: what so many of all lie at or below. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** What the generator has counted so far. */
export interface Progress {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
}

/** What the generator has measured, warm-up apart. */
export interface Result extends Progress {
  readonly duplicates: number;
  readonly reordered: number;
  /** Neither what was sent nor a copy of it. */
  readonly wrong: number;
  /** Not taken by the kernel. */
  readonly unsent: number;
  /** Dropped at the generator's own sockets, and so its own fault. */
  readonly ownDrops: number;
  /** During the warm-up. */
  readonly lostBefore: number;
  readonly seconds: number;
  /** From just before a packet's `sendto` to when the kernel has it for the other end. */
  readonly latency: Percentiles;
  /** How much later than evenly spread packets have been sent. */
  readonly lateness: Percentiles;
  readonly ownCpuSeconds: number;
  /** Of all that runs on this machine. */
  readonly machineCpuSeconds: number;
  /** Of each process that was to be watched; null where it has ended. */
  readonly watched: readonly { readonly pid: number; readonly cpuSeconds: number | null }[];
}

/** Where an end of a call sends its packets, with SRTP keys and salts in hexadecimal or null. */
export interface Target {
  readonly address: string;
  readonly port: number;
  /** What it encrypts with. */
  readonly sendKey: string | null;
  /** What it decrypts with. */
  readonly receiveKey: string | null;
}

export interface GeneratorOptions {
  readonly site: Site;
  /** Whether there is an exchange in between; else the second ends are where it would be. */
  readonly direct: boolean;
  readonly calls: number;
  /** s before anything is counted. */
  readonly warmup: number;
  readonly seconds: number;
  /** s between two reports; 0: none. */
  readonly report?: number;
  /** What each side sends, instead of packets that can be checked. */
  readonly sounds?: readonly [SoundFile, SoundFile] | null;
}

/**
 * Compiles the load generator where that has not been done yet. Returns why there is none: no compiler, or what the
 * compiler says; null where all is well.
 */
export function compileGenerator(): string | null {
  const sources = readdirSync(folder).filter((name) => /\.[ch]pp$/.test(name));
  const newest = Math.max(...sources.map((name) => statSync(folder + name).mtimeMs));
  if ((statSync(program, { throwIfNoEntry: false })?.mtimeMs ?? 0) > newest) return null;
  mkdirSync(`${folder}build`, { recursive: true });
  const unfinished = `${program}.${process.pid}`;
  const compile = (...libraries: readonly string[]): string | null => {
    try {
      const args = ['-std=c++20', '-O2', '-o', unfinished, `${folder}main.cpp`, ...libraries];
      execFileSync('g++', args, { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] });
      renameSync(unfinished, program);
      return null;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'no g++: apt-get install g++';
      return (error as { stderr?: string }).stderr ?? String(error);
    }
  };
  const problem = compile('-lcrypto');
  return problem?.includes('cannot find -lcrypto') ? compile() : problem;
}

/** Phones in a process of their own, which send and check and know nothing else. */
export class Generator implements AsyncDisposable {
  /** Of the first ends of all calls, then of the second: which ports they are at. */
  readonly ports: readonly [readonly number[], readonly number[]];
  /** Whether it can encrypt. */
  readonly srtp: boolean;
  /** Whether it has real-time priority, so that a busy machine doesn't make it late. */
  readonly realtime: boolean;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcess, lines: AsyncIterator<string>, ready: Ready) {
    this.#child = child;
    this.#lines = lines;
    ({ ports: this.ports, srtp: this.srtp, realtime: this.realtime } = ready);
  }

  /** Throws where it does not start. */
  static async start({
    site,
    direct,
    calls,
    warmup,
    seconds,
    report = 0,
    sounds = null,
  }: GeneratorOptions): Promise<Generator> {
    const options = { calls, warmup, seconds, report, a: site.phones[0], b: direct ? site.exchange : site.phones[1] };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    if (direct && site.namespace !== null) args.push('--namespace-of-b', site.namespace);
    for (const [side, sound] of (sounds ?? []).entries()) {
      const letter = 'ab'[side];
      args.push(`--sound-${letter}`, sound.path, `--type-${letter}`, `${sound.payloadType}`);
      args.push(`--step-${letter}`, `${sound.step}`);
    }
    const child = spawn(...site.commandLine('phones', program, args), { stdio: ['pipe', 'pipe', 'inherit'] });
    // That it has ended shows in what it no longer says.
    child.stdin?.on('error', () => {});
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    return new Generator(child, lines, (await nextEvent(lines)) as Ready);
  }

  /** Both ends of each call send to their targets until the time is over. The CPU time of `watched` is taken down. */
  async run(
    targets: readonly (readonly [Target, Target])[],
    watched: readonly number[],
    onProgress: (progress: Progress) => void = () => {},
  ): Promise<Result> {
    const words = ({ address, port, sendKey, receiveKey }: Target): string =>
      `${address} ${port} ${sendKey ?? '-'} ${receiveKey ?? '-'}`;
    const orders = [
      ...targets.map(([a, b]) => `call ${words(a)} ${words(b)}`),
      ...watched.map((pid) => `watch ${pid}`),
      'go',
    ];
    this.#child.stdin?.write(`${orders.join('\n')}\n`);
    for (;;) {
      const event = await nextEvent(this.#lines);
      if (event.event === 'result') return event as unknown as Result;
      onProgress(event as unknown as Progress);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

interface Ready {
  readonly event: string;
  readonly ports: readonly [readonly number[], readonly number[]];
  readonly srtp: boolean;
  readonly realtime: boolean;
}

async function nextEvent(lines: AsyncIterator<string>): Promise<{ readonly event: string }> {
  const { value, done } = await lines.next();
  if (done) throw new Error('the load generator has ended');
  return JSON.parse(value);
}

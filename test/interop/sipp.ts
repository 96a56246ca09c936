import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Folder } from './exchange-process.ts';
import { freePorts } from './free-ports.ts';
import { eventually, Program } from './program.ts';
import { sippScenario, type Values } from './sipp-scenario.ts';
import { encodeUlaw, tone } from './tone.ts';

/** What SIPp says of a scenario: see test/interop/sipp/. */
export interface SippOptions {
  readonly folder: Folder;
  /** `host:port` of the exchange. */
  readonly exchange: string;
  /** The extension that this SIPp is, or dials. */
  readonly service: string;
  /** For callers: the extension that they are, and its password. */
  readonly user?: string;
  readonly password?: string;
  readonly transport?: 'udp' | 'tcp';
  /** `host:port` of the proxy that everything goes to. */
  readonly proxy?: string;
  readonly address?: string;
  readonly port?: number;
  readonly calls?: number;
  /** Calls a second. */
  readonly rate?: number;
  /** What the scenario asks for. */
  readonly values?: Values;
  /** s after which it is a failure. */
  readonly patience?: number;
}

/** One run of SIPp through a scenario. */
export class Sipp implements AsyncDisposable {
  readonly #program: Program;
  readonly #name: string;
  readonly #errors: string;
  readonly #messages: string;

  private constructor(program: Program, name: string, errors: string, messages: string) {
    this.#program = program;
    this.#name = name;
    this.#errors = errors;
    this.#messages = messages;
  }

  static async run(scenario: string, options: SippOptions): Promise<Sipp> {
    const {
      folder,
      exchange,
      service,
      user = service,
      password = '',
      transport = 'udp',
      calls = 1,
      rate = 10,
    } = options;
    const { address = '127.0.0.1', patience = 20, proxy } = options;
    const port = options.port ?? (await freePorts(2));
    const sound = folder.file('tone.ul');
    if (!existsSync(sound)) writeFileSync(sound, encodeUlaw(tone(440, 1)));
    const file = folder.file(`${scenario}-${port}.xml`);
    writeFileSync(file, sippScenario(scenario, options.values));
    const errors = folder.file(`${scenario}-${port}-errors.log`);
    const messages = folder.file(`${scenario}-${port}-messages.log`);
    const program = new Program(
      'sipp',
      [
        ...[exchange, '-sf', file],
        ...['-t', transport === 'udp' ? 'u1' : 't1', '-i', address, '-p', String(port)],
        ...['-s', service, '-key', 'caller', user, '-au', user, '-ap', password],
        ...['-m', String(calls), '-r', String(rate), '-l', '1000'],
        ...(proxy === undefined ? [] : ['-rsa', proxy]),
        // Where a scenario repeats messages itself, SIPp must not take the answers to them for repetitions.
        ...(scenario.includes('repeats') ? ['-nr'] : []),
        '-nostdin',
        ...['-timeout', `${patience}s`, '-timeout_error', '-recv_timeout', String(patience * 1000)],
        ...['-trace_err', '-error_file', errors, '-trace_msg', '-message_file', messages],
      ],
      { cwd: folder.path, lifetime: (patience + 5) * 1000 },
    );
    return new Sipp(program, scenario, errors, messages);
  }

  /** Resolves when every call went as the scenario says; rejects with what SIPp has to say where one did not. */
  async succeeded(): Promise<void> {
    const { code, signal } = await this.#program.exited;
    if (code === 0) return;
    throw new Error(
      `SIPp ${this.#name} ended with ${code ?? signal}\n${read(this.#errors)}\n${read(this.#messages).slice(-6000)}\n${this.#program.output.slice(-2000)}`,
    );
  }

  /** Waits until it has received what matches. */
  async hears(what: RegExp): Promise<void> {
    await eventually(`SIPp ${this.#name} hears ${what}`, () => what.test(read(this.#messages)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}

function read(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

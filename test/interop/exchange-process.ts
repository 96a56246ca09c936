import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExchangeStatus, Stats } from '../../src/http/index.ts';
import type { Cdr } from '../../src/pbx/records/index.ts';
import { freePorts } from './free-ports.ts';
import { type Place, thisMachine } from './place.ts';
import { type Exit, eventually, Program } from './program.ts';

const main = fileURLToPath(new URL('../../src/app/main.ts', import.meta.url));

export const loopback = '127.0.0.1';

export type Protocol = 'udp' | 'tcp' | 'tls' | 'ws' | 'wss';

/** A line of the exchange's log. */
export interface LogLine {
  readonly timestamp: string;
  readonly level: 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR';
  readonly message: string;
  readonly [field: string]: unknown;
}

/** A message of `logs/sip_traffic_*.log`. */
export interface TracedMessage {
  readonly direction: 'in' | 'out';
  /** `host:port` of the phone, or of the NAT before it. */
  readonly peer: string;
  readonly text: string;
}

export interface StartOptions {
  /** Sections of the configuration, over those that give the exchange ports of its own. `null`: no file at all. */
  readonly config?: Readonly<Record<string, object>> | null;
  /** Variables of the environment besides our own. */
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** The folder to run in; a new one by default, removed in the end. */
  readonly folder?: Folder;
  /** Where it runs; this machine by default. */
  readonly place?: Place;
}

/** A folder of its own for a test, removed with all that is in it. */
export class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'sip-pbx-interop-'));

  file(...names: readonly string[]): string {
    return join(this.path, ...names);
  }

  [Symbol.dispose](): void {
    // INTEROP_KEEP=1 leaves what can be looked at after a failure.
    if (process.env['INTEROP_KEEP'] === undefined) rmSync(this.path, { recursive: true, force: true });
  }
}

/** Runs `sip-pbx` as a user would, without waiting for anything. */
export function runExchange(
  folder: Folder,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  place: Place = thisMachine,
): Program {
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SIP_PBX_')));
  return new Program(process.execPath, [main, ...args], {
    cwd: folder.path,
    env: { ...own, NO_COLOR: '1', ...env },
    lifetime: 120_000,
    place,
  });
}

/** The exchange as a process of its own, on free ports of the loopback address. */
export class ExchangeProcess implements AsyncDisposable {
  readonly folder: Folder;
  readonly program: Program;
  readonly #ownsFolder: boolean;
  readonly #ready: LogLine;
  readonly #place: Place;

  private constructor(program: Program, folder: Folder, ownsFolder: boolean, ready: LogLine, place: Place) {
    this.program = program;
    this.folder = folder;
    this.#ownsFolder = ownsFolder;
    this.#ready = ready;
    this.#place = place;
  }

  /** Starts it and waits until it is ready for calls. */
  static async start(options: StartOptions = {}): Promise<ExchangeProcess> {
    const { config = {}, env = {}, args = [], folder = new Folder(), place = thisMachine } = options;
    const ownsFolder = options.folder === undefined;
    const file = config === null ? [] : ['--config', await writeConfig(folder, config)];
    const program = runExchange(folder, [...file, ...args], env, place);
    try {
      const ready = await program.printed((output) =>
        logOf(output).find(({ message }) => message === 'sip-pbx is ready'),
      );
      const exchange = new ExchangeProcess(program, folder, ownsFolder, ready, place);
      await eventually('the exchange is ready', async () => (await exchange.get('/ready')).status === 200);
      return exchange;
    } catch (error) {
      await program[Symbol.asyncDispose]();
      if (ownsFolder) folder[Symbol.dispose]();
      throw error;
    }
  }

  /** Where phones of this loopback address reach it by this protocol. */
  sip(protocol: Protocol, address = loopback): { readonly port: number; readonly text: string } {
    const host = address.includes(':') ? `[${address}]` : address;
    const servers = this.#ready['sip'] as readonly string[];
    const text = servers.find((server) => server.startsWith(`${protocol} ${host}:`))?.slice(protocol.length + 1);
    if (text === undefined) throw new Error(`the exchange does not listen on ${protocol} ${address}: ${servers}`);
    return { port: Number(text.slice(host.length + 1)), text };
  }

  /** The processes that it has started: its media workers. */
  children(): readonly number[] {
    const { pid } = this.program;
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  }

  log(): readonly LogLine[] {
    return logOf(this.program.output);
  }

  /** Every SIP message that it has traced so far, in order. */
  traffic(): readonly TracedMessage[] {
    const directory = this.folder.file('logs');
    return readdirSync(directory)
      .filter((name) => name.startsWith('sip_traffic_'))
      .sort()
      .flatMap((name) => messagesOf(readFileSync(join(directory, name), 'utf8')));
  }

  /** Every record in the CDR files. */
  cdrs(): readonly Cdr[] {
    const directory = this.folder.file('cdr');
    // It is made for the first record.
    if (!existsSync(directory)) return [];
    return readdirSync(directory)
      .sort()
      .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n'))
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }

  /** The records of the calls that this extension has made: waits until there are as many as there should be. */
  async cdrsOfCaller(caller: string, count = 1): Promise<readonly Cdr[]> {
    const mine = (): readonly Cdr[] => this.cdrs().filter((cdr) => cdr.caller === caller);
    await eventually(`${count} records of the calls of ${caller}`, () => mine().length >= count);
    if (mine().length > count) throw new Error(`${caller} has ${mine().length} records, not ${count}`);
    return mine();
  }

  get(path: string): Promise<Response> {
    const { port } = new URL(String(this.#ready[path === '/metrics' ? 'metrics' : 'health']));
    return getPage(this.#place, Number(port), path);
  }

  async stats(): Promise<Stats> {
    return (await (await this.get('/api/stats')).json()) as Stats;
  }

  async status(): Promise<ExchangeStatus> {
    return (await (await this.get('/api/status')).json()) as ExchangeStatus;
  }

  /** The samples of the metrics page, each by its name with its labels. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const text = await (await this.get('/metrics')).text();
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
    );
  }

  async registered(count: number): Promise<void> {
    await eventually(`${count} registrations`, async () => (await this.status()).registrations === count);
  }

  /** Asks it to end and waits for that. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.program.kill(signal);
    return await this.program.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
    if (this.#ownsFolder) this.folder[Symbol.dispose]();
  }
}

/** Writes a configuration with ports that nobody else has, and returns the name of the file. JSON is YAML. */
export async function writeConfig(folder: Folder, sections: Readonly<Record<string, object>>): Promise<string> {
  const ports = 400;
  const start = await freePorts(ports);
  const base: Readonly<Record<string, object>> = {
    sip: { listen_ip: loopback, listen_port: 0 },
    media: { port_pool: { start, end: start + ports } },
    monitoring: { listen_ip: loopback, prometheus_port: 0, health_check_port: 0 },
    logging: { sip_traffic: true },
  };
  const config = { ...base };
  for (const [name, section] of Object.entries(sections)) {
    config[name] = Array.isArray(section) ? section : { ...base[name], ...section };
  }
  const file = folder.file('config.yaml');
  writeFileSync(file, JSON.stringify(config, null, 2));
  return file;
}

function messagesOf(trace: string): readonly TracedMessage[] {
  const heads = [...trace.matchAll(/^\S+Z (in|out) \w+ \S+ (?:<-|->) (\S+) \d+ bytes\n/gm)];
  return heads.map((head, index) => ({
    direction: head[1] === 'in' ? 'in' : 'out',
    peer: head[2]!,
    text: trace.slice(head.index + head[0].length, heads[index + 1]?.index),
  }));
}

/** Fetches a page of the loopback address of a place. */
async function getPage(place: Place, port: number, path: string): Promise<Response> {
  if (place === thisMachine) return fetch(`http://${loopback}:${port}${path}`, { signal: AbortSignal.timeout(5000) });
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const options = {
    path,
    headers: { connection: 'close' },
    createConnection: () => place.connect(port),
    timeout: 5000,
  };
  get(options, async (page) => {
    const parts: string[] = [];
    for await (const part of page.setEncoding('utf8')) parts.push(part);
    resolve(new Response(parts.join(''), { status: page.statusCode ?? 500 }));
  }).on('error', reject);
  return promise;
}

function logOf(output: string): readonly LogLine[] {
  const complete = output.slice(0, output.lastIndexOf('\n') + 1);
  return complete
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}

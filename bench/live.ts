import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Address, systemRandom } from '../src/base/index.ts';
import type { ExchangeStatus } from '../src/http/index.ts';
import { Phones, type PhonesOptions } from './phones.ts';

const loopback = '127.0.0.1';

/** The exchange as `npm start` runs it, in a process of its own, and phones on real sockets in this one. */
export class Live implements AsyncDisposable {
  readonly server: Address;
  readonly #metrics: string;
  readonly #ready: string;
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #sockets: Socket[] = [];
  #closed = false;

  private constructor(
    server: Address,
    pages: { readonly metrics: string; readonly ready: string },
    folder: string,
    child: ChildProcess,
  ) {
    this.server = server;
    this.#metrics = pages.metrics;
    this.#ready = pages.ready;
    this.#folder = folder;
    this.#child = child;
  }

  static async start(auth: 'none' | 'digest', host = loopback): Promise<Live> {
    const [sip, metrics, health] = [await freePort(), await freePort(), await freePort()];
    const folder = mkdtempSync(join(tmpdir(), 'sip-pbx-bench-'));
    const config = {
      sip: { listen_ip: host, listen_port: sip, transport: 'udp', max_concurrent_calls: 3000 },
      registrar: { auth },
      extensions: ['1001', '1002'].map((number) => ({ number, password: 'secret' })),
      media: { port_pool: { start: 10_000, end: 30_000 } },
      monitoring: { listen_ip: host, prometheus_port: metrics, health_check_port: health },
      logging: { output: 'file' },
    };
    // JSON is YAML.
    writeFileSync(join(folder, 'config.yaml'), JSON.stringify(config));
    const main = fileURLToPath(new URL('../src/app/main.ts', import.meta.url));
    const child = spawn(process.execPath, [main, '--config', 'config.yaml'], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const pages = { metrics: `http://${host}:${metrics}/metrics`, ready: `http://${host}:${health}/ready` };
    const live = new Live({ address: host, port: sip }, pages, folder, child);
    await live.#untilReady();
    return live;
  }

  /** Phones with a socket each. */
  async phones(options: Pick<PhonesOptions, 'media' | 'onAnswer' | 'onMedia'>): Promise<Phones> {
    const sockets = { caller: await this.socket(), callee: await this.socket() };
    const phones = new Phones({
      server: this.server,
      caller: addressOf(sockets.caller),
      callee: addressOf(sockets.callee),
      random: systemRandom,
      password: 'secret',
      // A phone may still want to hang up when all is over.
      send: (as, bytes) => this.#closed || sockets[as].send(bytes, this.server.port, this.server.address),
      ...options,
    });
    for (const as of ['caller', 'callee'] as const) sockets[as].on('message', (bytes) => phones.receive(as, bytes));
    return phones;
  }

  /** A UDP socket on any free port, closed in the end. */
  async socket(): Promise<Socket> {
    const socket = createSocket({ type: 'udp4', lookup: (name, _options, done) => done(null, name, 4) });
    this.#sockets.push(socket);
    // With a lookup that answers at once, bind has done its work when it returns.
    const listening = once(socket, 'listening');
    socket.bind(0, this.server.address);
    await listening;
    socket.setRecvBufferSize(8_388_608);
    return socket;
  }

  /** Ports in the hands of calls. */
  async portsInUse(): Promise<number> {
    const status = (await (await fetch(new URL('/api/status', this.#ready))).json()) as ExchangeStatus;
    return status.port_pool.in_use;
  }

  /** A metric of the exchange. */
  async metric(name: string): Promise<number> {
    const page = await (await fetch(this.#metrics)).text();
    const line = page.split('\n').find((text) => text.startsWith(`${name} `));
    return Number(line?.slice(name.length + 1));
  }

  /** CPU time that the exchange has used, all its threads and its media workers, in µs. */
  async cpuMicros(): Promise<number> {
    const control = await this.metric('process_cpu_seconds_total');
    return 1e6 * (control + this.workers().reduce((seconds, pid) => seconds + cpuSeconds(pid), 0));
  }

  /** The process of the exchange itself. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Those that carry its media. */
  workers(): readonly number[] {
    const { pid } = this.#child;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return children === '' ? [] : children.split(' ').map(Number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit');
    for (const signal of ['SIGTERM', 'SIGINT'] as const) this.#child.kill(signal);
    await Promise.race([ended, sleep(10_000, null, { ref: false })]);
    this.#child.kill('SIGKILL');
    this.#closed = true;
    for (const socket of this.#sockets) socket.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #untilReady(): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt++) {
      if (this.#child.exitCode !== null) throw new Error(`the exchange ended with ${this.#child.exitCode}`);
      const answer = await fetch(this.#ready).catch(() => null);
      if (answer?.status === 200) return;
      await sleep(100);
    }
    throw new Error('the exchange does not start');
  }
}

/** Does `action` `rate` times a second for `seconds`, in steps of 5 ms, or until it is told to stop. */
export async function atRate(rate: number, seconds: number, action: () => void, stop?: AbortSignal): Promise<void> {
  const started = performance.now();
  let done = 0;
  while (done < rate * seconds && !stop?.aborted) {
    const due = Math.min(rate * seconds, (rate * (performance.now() - started)) / 1000);
    for (; done < due; done++) action();
    await sleep(5);
  }
}

export function addressOf(socket: Socket): Address {
  const { address, port } = socket.address();
  return { address, port };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, loopback);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** User and system time, which Linux tells in hundredths of a second. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

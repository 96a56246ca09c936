// npm run smoke: starts the exchange as README says, in a folder of its own on free ports, and stops it again; then
// what `npm run build` has made, likewise, as far as it is in the package.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const patience = 30_000;

const native = ['native/build/Release/relay.node', 'native/build/Release/opus.node'].filter((file) =>
  existsSync(join(root, file)),
);
const main = [process.execPath, ['dist/app/main.js']] as const;

await smoke('npm start', ['src', 'config', 'package.json'], 'npm', ['start']);
await smoke('the package', packed(), ...main);
if (native.length > 0) await smoke('the package with what is compiled', [...packed(), ...native], ...main);

/** The files that the published package holds. */
function packed(): readonly string[] {
  const said = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  const [{ files }] = JSON.parse(said) as [{ files: readonly { readonly path: string }[] }];
  return files.map(({ path }) => path);
}

/** Starts `command` in a folder that holds `parts` of the repository only, looks at it, and stops it. */
async function smoke(what: string, parts: readonly string[], command: string, args: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sip-pbx-smoke-'));
  for (const part of parts) cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');

  const [sip, health, metrics] = [await freePort(), await freePort(), await freePort()];
  const child = spawn(command, args, {
    cwd: folder,
    shell: process.platform === 'win32',
    // A process group of its own, so that nothing outlives a failure.
    detached: process.platform !== 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      SIP_PBX_SIP_LISTEN_IP: '127.0.0.1',
      SIP_PBX_SIP_LISTEN_PORT: String(sip),
      SIP_PBX_MONITORING_LISTEN_IP: '127.0.0.1',
      SIP_PBX_MONITORING_HEALTH_CHECK_PORT: String(health),
      SIP_PBX_MONITORING_PROMETHEUS_PORT: String(metrics),
    },
  });
  const output = collect(child);
  const ended = once(child, 'exit');
  try {
    const status = await answers(`http://127.0.0.1:${health}/health`, child);
    check(status.status === 'healthy', `/health says ${JSON.stringify(status)}`);
    const ready = await answers(`http://127.0.0.1:${health}/ready`, child);
    check(ready.status === 'ready', `/ready says ${JSON.stringify(ready)}`);
    const { media_workers: workers = [] } = await answers(`http://127.0.0.1:${health}/api/status`, child);
    const relay = parts.some((part) => part.endsWith('relay.node')) ? 'native-relay' : 'plain-relay';
    const works = ({ name, state }: Worker): boolean => name.startsWith(relay) && state === 'running';
    check(workers.length > 0 && workers.every(works), `instead of ${relay} there is ${JSON.stringify(workers)}`);
    const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
    check(page.includes('sip_active_calls 0'), '/metrics lacks sip_active_calls');
    const answer = await askOptions(sip);
    check(answer.startsWith('SIP/2.0 200 '), `OPTIONS is answered ${answer.slice(0, 40)}`);

    const firstStart = join(folder, 'data', 'first-start.txt');
    check(existsSync(firstStart), 'data/first-start.txt is missing');
    check(/1001[\s\S]*1002/.test(readFileSync(firstStart, 'utf8')), 'data/first-start.txt names no extensions');
    check(/1001[\s\S]*1002/.test(output()), 'the first extensions are not printed');
    if (process.platform !== 'win32') check((statSync(firstStart).mode & 0o777) === 0o600, 'first-start.txt is open');

    child.kill('SIGTERM');
    const outcome = await Promise.race([ended, sleep(patience, 'timeout', { ref: false })]);
    check(Array.isArray(outcome) && outcome[0] === 0, `SIGTERM ends it with ${outcome} instead of 0`);
    process.stdout.write(`${what} starts, answers and stops.\n`);
  } catch (error) {
    process.stderr.write(`${what}:\n${output()}\n`);
    throw error;
  } finally {
    endAll(child);
    rmSync(folder, { recursive: true, force: true });
  }
}

function endAll({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL');
  } catch {
    // Nobody is left.
  }
}

function check(holds: boolean, fault: string): void {
  if (!holds) throw new Error(fault);
}

function collect(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (text += chunk));
  return () => text;
}

interface Worker {
  readonly name: string;
  readonly state: string;
}

interface Answer {
  readonly status?: string;
  readonly media_workers?: readonly Worker[];
}

/** The JSON that a URL answers with 200, as soon as it does. */
async function answers(url: string, child: ChildProcess): Promise<Answer> {
  const deadline = performance.now() + patience;
  while (performance.now() < deadline) {
    check(child.exitCode === null, `it has ended with exit code ${child.exitCode}`);
    try {
      const response = await fetch(url);
      if (response.status === 200) return (await response.json()) as Answer;
    } catch {
      // Not listening yet.
    }
    await sleep(100);
  }
  throw new Error(`${url} does not answer`);
}

/** A TCP and UDP port that nobody had a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** The response to an OPTIONS request over UDP. */
async function askOptions(port: number): Promise<string> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const own = `127.0.0.1:${socket.address().port}`;
  const request = [
    `OPTIONS sip:127.0.0.1:${port} SIP/2.0`,
    `Via: SIP/2.0/UDP ${own};branch=z9hG4bKsmoke;rport`,
    'Max-Forwards: 70',
    `From: <sip:smoke@${own}>;tag=1`,
    `To: <sip:127.0.0.1:${port}>`,
    'Call-ID: smoke',
    'CSeq: 1 OPTIONS',
    'Content-Length: 0',
    '\r\n',
  ];
  const answered = once(socket, 'message');
  socket.send(request.join('\r\n'), port, '127.0.0.1');
  const outcome = await Promise.race([answered, sleep(5000, [], { ref: false })]);
  socket.close();
  return String(outcome[0] ?? 'by nothing');
}

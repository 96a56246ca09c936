import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { formatAddress, SystemClock, systemRandom } from '../base/index.ts';
import type { Store } from '../store/index.ts';
import { parseArguments, usage } from './arguments.ts';
import { compose, machineAddresses, openConfiguredStore, type RunningExchange } from './compose.ts';
import { type Config, formatFault, loadConfig } from './config.ts';
import { openOnPublicAddress } from './config-rules.ts';
import { type FirstExtension, firstExtensions, firstStartText, serverLines, writeFirstStart } from './first-start.ts';
import { localPortsWarning } from './local-ports.ts';
import { type OpenLog, openLog } from './logging.ts';

/** 0 clean stop, 1 runtime failure, 2 bad configuration or arguments. */
export type ExitCode = 0 | 1 | 2;

const version = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;

/** Does what the command line asks for, until it is done or the exchange has been stopped. */
export async function command(): Promise<ExitCode> {
  const parsed = parseArguments(process.argv.slice(2));
  switch (parsed.kind) {
    case 'help':
      process.stdout.write(usage);
      return 0;
    case 'version':
      process.stdout.write(`${version}\n`);
      return 0;
    case 'faults':
      return refuse(parsed.faults);
    case 'run':
      break;
  }
  const loaded = loadConfig({
    ...(parsed.configFile === undefined ? {} : { file: parsed.configFile }),
    env: process.env,
    overrides: parsed.overrides,
    cwd: process.cwd(),
  });
  if (!loaded.ok) return refuse(loaded.faults.map(formatFault));
  const { config, warnings } = loaded;
  const open = openOnPublicAddress(config, machineAddresses());
  if (open !== undefined) {
    return refuse([
      `registrar.auth: none would let anybody call over the public address ${open}; security.allow_open: true says that this is meant`,
    ]);
  }
  if (parsed.checkConfig) {
    for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
    process.stdout.write('The configuration is good.\n');
    return 0;
  }
  return run(config, warnings);
}

function refuse(faults: readonly string[]): ExitCode {
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  return 2;
}

async function run(config: Config, warnings: readonly string[]): Promise<ExitCode> {
  let opened: OpenLog | null = null;
  let running: RunningExchange | null = null;
  try {
    opened = openLog(config.logging, new SystemClock());
    const { log } = opened;
    const store = await openConfiguredStore(config, log);
    const made = await makeFirstExtensions(config, store);
    const ofPorts = await localPortsWarning(config.media.port_pool);
    for (const warning of [...warnings, ...(ofPorts ? [ofPorts] : [])]) log.warning(warning, { logger: 'config' });
    running = await compose({
      config,
      version,
      log,
      store,
      firstExtensions: made.map(({ number, password, display_name: displayName }) => ({
        number,
        password,
        displayName,
      })),
    });
    announce(running, config, made, opened);
    await untilStopped(running);
    log.info('stopped', { logger: 'app' });
    return 0;
  } catch (error) {
    process.stderr.write(`sip-pbx: ${error instanceof Error ? error.message : error}\n`);
    return 1;
  } finally {
    opened?.flush();
  }
}

/** Two extensions for an exchange that has none, so that two phones can talk at once. */
async function makeFirstExtensions(config: Config, store: Store): Promise<readonly FirstExtension[]> {
  if (config.extensions.length > 0 || (await store.extensions.load()).length > 0) return [];
  return firstExtensions(systemRandom);
}

/** Says where the exchange listens and what to type into a phone; on the first start with the passwords, kept in a file. */
function announce(
  running: RunningExchange,
  config: Config,
  made: readonly FirstExtension[],
  { log, start }: OpenLog,
): void {
  const servers = running.servers;
  if (made.length > 0) {
    const text = firstStartText(made, servers);
    process.stdout.write(`${text}\n`);
    writeFirstStart(dataFolder(config), text);
  } else if (process.stdout.isTTY) {
    process.stdout.write(`sip-pbx ${version} listens:\n${serverLines(servers).join('\n')}\n\n`);
  }
  start();
  const { health, metrics } = running.pages;
  log.info('sip-pbx is ready', {
    logger: 'app',
    version,
    sip: servers.map(({ transport, address }) => `${transport} ${formatAddress(address)}`),
    ...(health ? { health: `http://${formatAddress(health)}/health` } : {}),
    ...(metrics ? { metrics: `http://${formatAddress(metrics)}/metrics` } : {}),
  });
}

function dataFolder({ storage }: Config): string {
  const path = storage.url.startsWith('sqlite:') ? storage.url.slice('sqlite:'.length) : '';
  return path === '' || path.startsWith(':') ? 'data' : dirname(path);
}

/** Resolves when a signal has asked for the end and everything is closed; a second signal ends the waiting. */
async function untilStopped(running: RunningExchange): Promise<void> {
  const hurry = new AbortController();
  const { promise, resolve } = Promise.withResolvers<void>();
  let asked = false;
  const onSignal = (): void => {
    if (asked) return hurry.abort();
    asked = true;
    resolve();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  process.on('SIGHUP', () => running.reload());
  await promise;
  await running.stop(hurry.signal);
}

import { isLoopbackNetwork, isPublicAddress } from './cidr.ts';
import type { Config } from './config-sections.ts';

/** What several keys say together and must not: the key to blame, the reason, and the other keys it depends on. */
export interface BrokenRule {
  readonly key: readonly string[];
  readonly reason: string;
  readonly with: readonly (readonly string[])[];
}

/** Every rule between keys that `config` breaks. */
export function brokenRules(config: Config): readonly BrokenRule[] {
  const broken: BrokenRule[] = [];
  const demand = (holds: boolean, key: string, reason: string, ...others: string[]) => {
    if (!holds) broken.push({ key: key.split('.'), reason, with: others.map((other) => other.split('.')) });
  };
  sipRules(config, demand);
  registrarRules(config, demand);
  mediaRules(config, demand);
  portRules(config, demand);
  apiRules(config, demand);
  return [...broken, ...repeatedExtensions(config)];
}

type Demand = (holds: boolean, key: string, reason: string, ...others: string[]) => void;

function sipRules({ sip }: Config, demand: Demand): void {
  const { timers, tls } = sip;
  const secure = sip.transport.filter((transport) => transport === 'tls' || transport === 'wss').join(' and ');
  if (secure) {
    demand(
      tls.certificate !== null,
      'sip.tls.certificate',
      `must be set, because sip.transport names ${secure}`,
      'sip.transport',
    );
    demand(
      tls.private_key !== null,
      'sip.tls.private_key',
      `must be set, because sip.transport names ${secure}`,
      'sip.transport',
    );
  }
  demand(timers.t2 >= timers.t1, 'sip.timers.t2', `must not be below sip.timers.t1 (${timers.t1})`, 'sip.timers.t1');
  demand(
    timers.session_expires === 0 || timers.session_expires >= timers.min_se,
    'sip.timers.session_expires',
    `must not be below sip.timers.min_se (${timers.min_se})`,
    'sip.timers.min_se',
  );
}

function registrarRules({ registrar, security, sip }: Config, demand: Demand): void {
  const { min_expires, default_expires, max_expires } = registrar;
  demand(
    max_expires >= min_expires,
    'registrar.max_expires',
    `must not be below registrar.min_expires (${min_expires})`,
    'registrar.min_expires',
  );
  if (max_expires >= min_expires) {
    demand(
      default_expires >= min_expires && default_expires <= max_expires,
      'registrar.default_expires',
      `must lie between registrar.min_expires (${min_expires}) and registrar.max_expires (${max_expires})`,
      'registrar.min_expires',
      'registrar.max_expires',
    );
  }
  // Wildcard addresses are looked at when the exchange starts, with the machine's real interfaces.
  const exposed = openOnPublicAddress(
    { registrar, security },
    sip.advertised_ip === null ? sip.listen_ip : [sip.advertised_ip, ...sip.listen_ip],
  );
  demand(
    exposed === undefined,
    'registrar.auth',
    `must not be none on the public address ${exposed}: anybody could place calls; security.allow_open: true permits it`,
    'sip.advertised_ip',
    'sip.listen_ip',
    'security.allow_open',
  );
}

/**
 * The first public one of `addresses` where nobody is asked for a password and `security.allow_open` does not permit that;
 * undefined when all is well. The rules ask it for the configured addresses, the start for those of the interfaces behind a wildcard.
 */
export function openOnPublicAddress(
  config: Pick<Config, 'registrar' | 'security'>,
  addresses: readonly string[],
): string | undefined {
  if (config.registrar.auth !== 'none' || config.security.allow_open) return undefined;
  return addresses.find(isPublicAddress);
}

function mediaRules({ media }: Config, demand: Demand): void {
  const { start, end } = media.port_pool;
  demand(start % 2 === 0, 'media.port_pool.start', `must be even, got ${start}`);
  demand(end % 2 === 0, 'media.port_pool.end', `must be even, got ${end} (it is the port after the last)`);
  demand(
    end > start,
    'media.port_pool.end',
    `must be above media.port_pool.start (${start}), got ${end}`,
    'media.port_pool.start',
  );
  if (end > start) {
    demand(
      end - start >= 4,
      'media.port_pool.end',
      `must leave room for one call (4 ports) above media.port_pool.start (${start})`,
      'media.port_pool.start',
    );
  }
  const { min_ms, max_ms } = media.jitter_buffer;
  demand(
    max_ms >= min_ms,
    'media.jitter_buffer.max_ms',
    `must not be below media.jitter_buffer.min_ms (${min_ms})`,
    'media.jitter_buffer.min_ms',
  );
}

/** No two listeners may want the same port of the same address. */
function portRules({ sip, monitoring, media }: Config, demand: Demand): void {
  const http = [monitoring.listen_ip];
  const wanted = [
    { key: 'sip.listen_port', port: sip.listen_port, ips: sip.listen_ip, on: sip.transport.includes('tcp') },
    { key: 'sip.tls.listen_port', port: sip.tls.listen_port, ips: sip.listen_ip, on: sip.transport.includes('tls') },
    { key: 'sip.ws.listen_port', port: sip.ws.listen_port, ips: sip.listen_ip, on: sip.transport.includes('ws') },
    { key: 'sip.wss.listen_port', port: sip.wss.listen_port, ips: sip.listen_ip, on: sip.transport.includes('wss') },
    { key: 'monitoring.prometheus_port', port: monitoring.prometheus_port, ips: http, on: true },
    { key: 'monitoring.health_check_port', port: monitoring.health_check_port, ips: http, on: true },
  ].filter(({ on, port }) => on && port !== 0);
  wanted.forEach((one, index) => {
    const other = wanted.slice(0, index).find(({ port, ips }) => port === one.port && overlap(ips, one.ips));
    if (other) demand(false, one.key, `must not be the port of ${other.key} too (${one.port})`, other.key);
  });
  const { start, end } = media.port_pool;
  const inPool = sip.transport.includes('udp') && sip.listen_port >= start && sip.listen_port < end;
  demand(
    !inPool,
    'sip.listen_port',
    `must not lie in media.port_pool (${start} to ${end})`,
    'media.port_pool.start',
    'media.port_pool.end',
  );
}

function overlap(some: readonly string[], others: readonly string[]): boolean {
  const all = (ip: string) => ip === '0.0.0.0' || ip === '::';
  return some.some(all) || others.some(all) || some.some((ip) => others.includes(ip));
}

function apiRules({ api }: Config, demand: Demand): void {
  const wide = api.allow.find((network) => !isLoopbackNetwork(network));
  demand(
    wide === undefined || api.tls !== null || api.insecure,
    'api.allow',
    `must not be wider than this machine (${wide}) without api.tls: credentials would be readable; api.insecure: true permits it`,
    'api.tls',
    'api.insecure',
  );
}

function repeatedExtensions({ extensions }: Config): BrokenRule[] {
  const first = new Map<string, number>();
  return extensions.flatMap(({ number }, index) => {
    const earlier = first.get(number);
    if (earlier === undefined) first.set(number, index);
    if (earlier === undefined) return [];
    return [
      {
        key: ['extensions', String(index), 'number'],
        reason: `repeats the number of extensions[${earlier}] (${number})`,
        with: [],
      },
    ];
  });
}

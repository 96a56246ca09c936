import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Where a program runs, and the addresses that phones and exchange have there. */
export interface Site {
  /** For figures: `loopback`. */
  readonly name: string;
  readonly exchange: string;
  readonly phones: readonly [string, string];
  /** The network namespace of the exchange, where it has one of its own. */
  readonly namespace: string | null;
  /** The command line that runs a program on the exchange's or on the phones' machine. */
  commandLine(machine: 'exchange' | 'phones', command: string, args: readonly string[]): [string, string[]];
}

/** Addresses that nothing else here listens at. */
export const loopback: Site = {
  name: 'loopback',
  exchange: '127.9.0.1',
  phones: ['127.9.0.2', '127.9.0.3'],
  namespace: null,
  commandLine: (_machine, command, args) => [command, [...args]],
};

/** Names of our namespaces begin so; what follows is the process that made them. */
const prefix = 'sip-pbx-bench';

/** Two network namespaces with a cable between them; gone when disposed of. Needs root. */
export class Cable implements Site, Disposable {
  readonly name = 'veth';
  readonly exchange = '10.99.0.1';
  readonly phones = ['10.99.0.2', '10.99.0.3'] as const;
  readonly #namespaces = {
    exchange: `${prefix}-${process.pid}-exchange`,
    phones: `${prefix}-${process.pid}-phones`,
  };

  constructor() {
    removeLeftovers();
    const { exchange, phones } = this.#namespaces;
    for (const namespace of [exchange, phones]) {
      ip('netns', 'add', namespace);
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
    }
    ip('-n', exchange, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', phones);
    ip('-n', exchange, 'address', 'add', `${this.exchange}/24`, 'dev', 'eth0');
    for (const address of this.phones) ip('-n', phones, 'address', 'add', `${address}/24`, 'dev', 'eth0');
    for (const namespace of [exchange, phones]) ip('-n', namespace, 'link', 'set', 'eth0', 'up');
  }

  get namespace(): string {
    return this.#namespaces.exchange;
  }

  commandLine(machine: 'exchange' | 'phones', command: string, args: readonly string[]): [string, string[]] {
    return ['ip', ['netns', 'exec', this.#namespaces[machine], command, ...args]];
  }

  [Symbol.dispose](): void {
    for (const namespace of Object.values(this.#namespaces)) ip('netns', 'delete', namespace);
  }
}

/** Why no `Cable` can be laid here; null where it can. */
export function noCable(): string | null {
  if (process.getuid?.() !== 0) return 'not root: no network namespaces';
  try {
    ip('-V');
    return null;
  } catch {
    return 'no ip: apt-get install iproute2';
  }
}

/** Of benchmarks that were killed. */
function removeLeftovers(): void {
  for (const [name, pid] of ip('netns', 'list').matchAll(new RegExp(`^${prefix}-(\\d+)-\\w+`, 'gm'))) {
    if (!existsSync(`/proc/${pid}`)) ip('netns', 'delete', name);
  }
}

function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

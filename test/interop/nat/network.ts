import { execFile, execFileSync, spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import type { Place } from '../place.ts';

/** Names of our namespaces begin so; what follows is the process that made them. */
const prefix = 'sippbx';

/** An Ethernet of its own: what is on it sees each other, and nobody else does. */
export interface Segment {
  readonly bridge: string;
}

/** An end on a segment: `192.168.1.20/24`, several of both families. */
export interface Interface {
  readonly on: Segment;
  readonly addresses: readonly string[];
}

export interface NatOptions {
  readonly outside: Interface;
  readonly inside: Interface;
  /** s that a mapping of UDP lives without a packet; Linux says 30, and 120 once both sides have spoken. */
  readonly udpTimeout?: number;
  /** s that a mapping of TCP lives without a packet. */
  readonly tcpTimeout?: number;
  /** Whether a phone keeps its port outside where it is free; if not, each mapping gets another (the worst for SIP). */
  readonly keepsPorts?: boolean;
  /** Ports of the outer address that lead to a host inside, as nftables writes them: `5060, 10000-10099`. */
  readonly forward?: { readonly to: string; readonly udp: string; readonly tcp: string };
}

/**
 * Hosts, segments and NATs in network namespaces of Linux, seen by nobody outside. Needs root. Everything is gone
 * when it is disposed of, and what a killed process has left is removed by the next one.
 */
export class Network implements AsyncDisposable {
  static #made = 0;
  readonly #name = `${prefix}-${process.pid}-${++Network.#made}`;
  readonly #namespaces: string[] = [];
  /** Where the bridges are. */
  readonly #wires = `${this.#name}-wires`;
  #segments = 0;
  #hosts = 0;
  #cables = 0;

  static async create(): Promise<Network> {
    if (Network.#made === 0) await removeLeftovers();
    const network = new Network();
    await network.#namespace(network.#wires);
    return network;
  }

  async segment(): Promise<Segment> {
    const bridge = `br${++this.#segments}`;
    await ip('-n', this.#wires, 'link', 'add', bridge, 'type', 'bridge');
    await ip('-n', this.#wires, 'link', 'set', bridge, 'up');
    return { bridge };
  }

  /** A machine with these interfaces (`eth0`, `eth1` ...) and a way to all other networks. */
  async host(interfaces: readonly Interface[], gateway?: string): Promise<Host> {
    const host = new Host(`${this.#name}-${++this.#hosts}`);
    await this.#namespace(host.namespace);
    for (const [index, end] of interfaces.entries()) await this.#plug(host, `eth${index}`, end);
    if (gateway !== undefined) await ip('-n', host.namespace, 'route', 'add', 'default', 'via', gateway);
    return host;
  }

  /** A router that hides what is inside behind its one address outside. */
  async nat(options: NatOptions): Promise<Nat> {
    const { outside, inside, udpTimeout = 30, tcpTimeout = 7440 } = options;
    const host = new Host(`${this.#name}-${++this.#hosts}`);
    await this.#namespace(host.namespace);
    await this.#plug(host, 'outside', outside);
    await this.#plug(host, 'inside', inside);
    await host.setKernel('net.ipv4.ip_forward', 1);
    await host.run('nft', [rulesOf(options)]);
    await host.setKernel('net.netfilter.nf_conntrack_udp_timeout', udpTimeout);
    await host.setKernel('net.netfilter.nf_conntrack_udp_timeout_stream', udpTimeout);
    await host.setKernel('net.netfilter.nf_conntrack_tcp_timeout_established', tcpTimeout);
    return new Nat(host, outside.addresses[0]!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The last first: the bridges go when nothing is plugged into them any more.
    for (const name of this.#namespaces.reverse()) await ip('netns', 'del', name);
  }

  async #namespace(name: string): Promise<void> {
    await ip('netns', 'add', name);
    this.#namespaces.push(name);
    await ip('-n', name, 'link', 'set', 'lo', 'up');
  }

  async #plug({ namespace }: Host, name: string, { on, addresses }: Interface): Promise<void> {
    const socket = `port${++this.#cables}`;
    const far = ['peer', 'name', socket, 'netns', this.#wires];
    await ip('link', 'add', name, 'netns', namespace, 'type', 'veth', ...far);
    await ip('-n', this.#wires, 'link', 'set', socket, 'master', on.bridge, 'up');
    // Without "nodad" an address of IPv6 can not be used for its first second.
    for (const address of addresses) {
      await ip('-n', namespace, 'addr', 'add', address, 'dev', name, ...(address.includes(':') ? ['nodad'] : []));
    }
    await ip('-n', namespace, 'link', 'set', name, 'up');
  }
}

/** A machine of a `Network`: a place where programs run. */
export class Host implements Place {
  readonly namespace: string;

  constructor(namespace: string) {
    this.namespace = namespace;
  }

  commandLine(command: string, args: readonly string[]): readonly [string, readonly string[]] {
    return ['ip', ['netns', 'exec', this.namespace, command, ...args]];
  }

  /** Sockets belong to the namespace that they were made in, so a shell inside holds this one for us. */
  connect(port: number): Duplex {
    const [command, args] = this.commandLine('bash', [
      '-c',
      `exec 3<>/dev/tcp/127.0.0.1/${port}; cat <&3 & exec cat >&3`,
    ]);
    const shell = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'] });
    shell.stdin.on('error', () => {});
    return Duplex.from({ readable: shell.stdout, writable: shell.stdin });
  }

  /** Runs a command to its end and gives what it prints. Rejects with what it complains of. */
  run(command: string, args: readonly string[]): Promise<string> {
    const [program, all] = this.commandLine(command, args);
    return execute(program, all);
  }

  async setKernel(name: string, value: number): Promise<void> {
    await this.run('sh', ['-c', `echo ${value} > /proc/sys/${name.replaceAll('.', '/')}`]);
  }

  async addAddress(address: string, device = 'eth0'): Promise<void> {
    await ip('-n', this.namespace, 'addr', 'add', address, 'dev', device);
  }

  async removeAddress(address: string, device = 'eth0'): Promise<void> {
    await ip('-n', this.namespace, 'addr', 'del', address, 'dev', device);
  }
}

/** The router of a home or an office. */
export class Nat {
  readonly host: Host;
  #outerAddress: string;

  constructor(host: Host, outerAddress: string) {
    this.host = host;
    this.#outerAddress = outerAddress;
  }

  /**
   * Forgets every mapping, as after a restart: what comes from outside finds nobody, what leaves gets a new port. At
   * another outer address from now on, where one is given.
   */
  async forget(next = this.#outerAddress): Promise<void> {
    // The kernel drops what is masqueraded behind an address together with the address.
    await this.host.removeAddress(this.#outerAddress, 'outside');
    this.#outerAddress = next;
    await this.host.addAddress(next, 'outside');
  }

  /**
   * Loses `percent` of 100 packets each way and delays the others by `delay` ms. False where the kernel can not delay
   * (it has no netem); then it only loses, by a rule of nftables.
   */
  async worsenLine(percent: number, delay: number): Promise<boolean> {
    try {
      for (const device of ['inside', 'outside']) {
        const netem = ['netem', 'loss', `${percent}%`, 'delay', `${delay}ms`];
        await this.host.run('tc', ['qdisc', 'add', 'dev', device, 'root', ...netem]);
      }
      return true;
    } catch {
      const chain = 'type filter hook forward priority filter; policy accept;';
      await this.host.run('nft', [
        `table ip line { chain worse { ${chain} numgen random mod 100 < ${percent} drop; }; };`,
      ]);
      return false;
    }
  }
}

function rulesOf({ outside, inside, forward, keepsPorts = false }: NatOptions): string {
  const [outer] = outside.addresses[0]!.split('/');
  const masquerade = `oifname "outside" masquerade${keepsPorts ? '' : ' fully-random'};`;
  // Who is inside and asks for the outer address is led back inside and shown as that address (hairpinning).
  const hairpin = `ct status dnat ip saddr ${inside.addresses[0]} oifname "inside" snat to ${outer};`;
  const forwards = forward
    ? [
        `ip daddr ${outer} udp dport { ${forward.udp} } dnat to ${forward.to};`,
        `ip daddr ${outer} tcp dport { ${forward.tcp} } dnat to ${forward.to};`,
      ]
    : [];
  const through = 'ct state established,related accept; iifname "inside" accept; ct status dnat accept;';
  return [
    'table ip nat {',
    `chain pre { type nat hook prerouting priority dstnat; ${forwards.join(' ')} };`,
    `chain post { type nat hook postrouting priority srcnat; ${masquerade} ${hairpin} };`,
    '};',
    `table ip door { chain forward { type filter hook forward priority filter; policy drop; ${through} }; };`,
  ].join(' ');
}

/** Why this machine can't have such networks: null where it can. */
export function whyNoNetworks(): 'it needs root' | 'the kernel allows no network namespaces or no nftables' | null {
  if (process.getuid?.() !== 0) return 'it needs root';
  const name = `${prefix}-${process.pid}-trial`;
  const rules = 'table ip trial { chain post { type nat hook postrouting priority srcnat; masquerade; }; };';
  try {
    execFileSync('ip', ['netns', 'add', name], { stdio: 'ignore' });
    try {
      execFileSync('ip', ['netns', 'exec', name, 'nft', rules], { stdio: 'ignore' });
    } finally {
      execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
    }
    return null;
  } catch {
    return 'the kernel allows no network namespaces or no nftables';
  }
}

/** Removes the namespaces of processes that are no more. */
async function removeLeftovers(): Promise<void> {
  for (const [name] of (await execute('ip', ['netns', 'list'])).matchAll(new RegExp(`^${prefix}-\\S+`, 'gm'))) {
    if (!isAlive(Number(name.split('-')[1]))) await ip('netns', 'del', name);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function ip(...args: readonly string[]): Promise<void> {
  await execute('ip', args);
}

function execute(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, (error, stdout, stderr) => {
      if (error) reject(new Error(`${command} ${args.join(' ')}: ${stderr || error.message}`));
      else resolve(stdout);
    });
  });
}

import { expect } from 'vitest';
import { Baresip, type BaresipOptions } from '../baresip.ts';
import { expectTone } from '../baresip-call.ts';
import { ExchangeProcess, type TracedMessage } from '../exchange-process.ts';
import { eventually, pause } from '../program.ts';
import { needs } from '../tools.ts';
import { type Host, type Nat, type NatOptions, Network, type Segment, whyNoNetworks } from './network.ts';

/** Of RFC 5737, as all public addresses here: only our namespaces know them. */
const exchangeAddress = '198.51.100.10';

const password = 'nat-password';
const extensions = Array.from({ length: 40 }, (_, index) => ({ number: String(7001 + index), password }));

/** Of media: an exchange that has a machine to itself needs no others. */
const ports = { start: 10_000, end: 10_200 };

/** Whether phones can be put behind NATs here. One line says why not. */
export function canHaveNetworks(): boolean {
  if (!needs('ip', 'tc', 'nft', 'baresip', 'sox')) return false;
  const obstacle = whyNoNetworks();
  if (obstacle === null) return true;
  if (obstacle === 'it needs root' && process.env['CI'] === 'true') {
    throw new Error('CI=true allows no skipped tests; those through a NAT need root');
  }
  process.stderr.write(`Tests through a NAT are skipped: ${obstacle}.\n`);
  return false;
}

/** A home network: phones with private addresses behind a router. All homes use the same addresses. */
export interface Home {
  readonly nat: Nat;
  /** A machine for one more phone. */
  machine(): Promise<Machine>;
}

/** Where a phone is. */
export interface Machine {
  readonly place: Host;
  readonly address: string;
}

/** An Internet with an exchange on it, and homes that reach it through a NAT each. */
export class Street implements AsyncDisposable {
  readonly network: Network;
  readonly internet: Segment;
  readonly exchange: ExchangeProcess;
  readonly #stack: AsyncDisposableStack;
  #homes = 0;

  private constructor(parts: Pick<Street, 'network' | 'internet' | 'exchange'>, stack: AsyncDisposableStack) {
    this.network = parts.network;
    this.internet = parts.internet;
    this.exchange = parts.exchange;
    this.#stack = stack;
  }

  /** Builds the Internet and starts the exchange on it; `config` is laid over the sections that it needs. */
  static async open(config: Readonly<Record<string, object>> = {}): Promise<Street> {
    await using stack = new AsyncDisposableStack();
    const network = stack.use(await Network.create());
    const internet = await network.segment();
    const place = await network.host([{ on: internet, addresses: [`${exchangeAddress}/24`] }]);
    const exchange = stack.use(await startExchange(place, config));
    return new Street({ network, internet, exchange }, stack.move());
  }

  async home(options: Pick<NatOptions, 'udpTimeout' | 'tcpTimeout'> = {}): Promise<Home> {
    const segment = await this.network.segment();
    const outer = `198.51.100.${100 + ++this.#homes}`;
    const nat = await this.network.nat({
      outside: { on: this.internet, addresses: [`${outer}/24`] },
      inside: { on: segment, addresses: ['192.168.1.1/24'] },
      ...options,
    });
    let next = 20;
    const machine = async (): Promise<Machine> => {
      const address = `192.168.1.${next++}`;
      return {
        address,
        place: await this.network.host([{ on: segment, addresses: [`${address}/24`] }], '192.168.1.1'),
      };
    };
    return { nat, machine };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** An exchange on a machine of its own, with the ports that everybody knows; `config` is laid over that. */
export function startExchange(place: Host, config: Readonly<Record<string, object>> = {}): Promise<ExchangeProcess> {
  const sip = { listen_ip: '0.0.0.0', listen_port: 5060, ...config['sip'] };
  return ExchangeProcess.start({ place, config: { ...config, extensions, media: { port_pool: ports }, sip } });
}

let taken = 0;

/** The number of an extension that no other phone has. */
function newNumber(): string {
  return extensions[taken++]!.number;
}

type PhoneOptions = Pick<BaresipOptions, 'tone'> &
  Partial<Pick<BaresipOptions, 'protocol' | 'answers' | 'interval' | 'number' | 'ports'>> & {
    readonly server?: string;
  };

/** A registered phone on a machine. */
export function phoneAt(exchange: ExchangeProcess, machine: Machine, options: PhoneOptions): Promise<Baresip> {
  const { server = `${exchangeAddress}:5060`, number = newNumber(), protocol = 'udp', ...rest } = options;
  return Baresip.start({ folder: exchange.folder, number, password, exchange: server, protocol, ...machine, ...rest });
}

/** Both have been heard by the other for a second. */
export async function talking(caller: Baresip, callee: Baresip, count = 1): Promise<void> {
  // Not CALL_RTPESTAB: a packet that is faster than the ACK leaves baresip without that event. The tones tell.
  await Promise.all([caller.event('CALL_ESTABLISHED', count), callee.event('CALL_ESTABLISHED', count)]);
  await pause(1000);
}

/** A call between phones that speak 440 and 1000 Hz: each hears the other, and the caller hangs up. */
export async function expectCall(exchange: ExchangeProcess, caller: Baresip, callee: Baresip): Promise<void> {
  caller.dial(callee.number);
  await talking(caller, callee);
  caller.hangUp();
  await callee.event('CALL_CLOSED');
  const [cdr] = await exchange.cdrsOfCaller(caller.number);
  expect(cdr).toMatchObject({ status: 'completed', terminated_by: 'caller' });
  await expectTones(caller, callee);
}

/** Each has heard the tone of the other, and nothing else. */
export async function expectTones(caller: Baresip, callee: Baresip): Promise<void> {
  await expectTone(callee, 440);
  await expectTone(caller, 1000);
}

/**
 * Every address of ours in what `peer` (a host) was sent: in Via and Contact, in o= and c=. Waits until messages of these
 * kinds are among them (`INVITE`, `200 INVITE` ...): they are written down a little later than they are sent.
 */
export async function addressesToldTo(
  exchange: ExchangeProcess,
  peer: string,
  kinds: readonly string[],
): Promise<readonly string[]> {
  const sent = await eventually(`${kinds} to ${peer}`, () => {
    const messages = exchange.traffic().filter(({ direction, peer: to }) => direction === 'out' && hostOf(to) === peer);
    return kinds.every((kind) => messages.some((message) => kindOf(message) === kind)) ? messages : null;
  });
  return [...new Set(sent.flatMap(({ text }) => ownAddressesIn(text)))];
}

function kindOf({ text }: TracedMessage): string {
  const [first, second] = text.split(' ');
  return first === 'SIP/2.0' ? `${second} ${/^CSeq: \d+ (\w+)/m.exec(text)?.[1]}` : first!;
}

function ownAddressesIn(text: string): readonly string[] {
  const isResponse = text.startsWith('SIP/2.0');
  // The Contacts of a REGISTER's 200 and the Via of a response are the phone's.
  const ofPhone = isResponse && /^CSeq: \d+ REGISTER/m.test(text);
  const patterns = [
    ...(isResponse ? [] : [/^Via: SIP\/2\.0\/\w+ (\S+?);/gm]),
    ...(ofPhone ? [] : [/^Contact: .*?<sips?:(?:[^@>]*@)?([^;>]+)/gm]),
    /^[oc]=.*IN IP[46] (\S+)/gm,
  ];
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => hostOf(match[1]!)));
}

function hostOf(hostAndPort: string): string {
  return hostAndPort.startsWith('[')
    ? hostAndPort.slice(1, hostAndPort.indexOf(']'))
    : hostAndPort.split(':').length > 2
      ? hostAndPort
      : hostAndPort.split(':')[0]!;
}

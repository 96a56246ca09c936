import type { Cdr } from '../../src/pbx/records/index.ts';
import { type ExchangeProcess, loopback } from './exchange-process.ts';
import { freePorts } from './free-ports.ts';
import { Sipp, type SippOptions } from './sipp.ts';
import type { Values } from './sipp-scenario.ts';

/** An extension that a SIPp is. */
export interface Account {
  readonly number: string;
  readonly password: string;
}

export interface Story {
  readonly caller: Account;
  readonly callee: Account;
  /** Scenarios of test/interop/sipp/. */
  readonly calling: string;
  readonly called: string;
  /** Of the caller; the callee is always at the end of a UDP flow, since SIPp can't register and be called on one stream. */
  readonly transport?: 'udp' | 'tcp';
  readonly calls?: number;
  /** Loopback addresses of the two. */
  readonly addresses?: { readonly caller: string; readonly callee: string };
  /** What the scenarios ask for. */
  readonly values?: Values;
  /** `host:port` of the proxy that both speak with. */
  readonly proxy?: string;
}

/** Registers a phone at a port of its own; what it returns lets a SIPp be called there. */
export async function registerSipp(
  exchange: ExchangeProcess,
  { number, password }: Account,
  { address = loopback, proxy }: { readonly address?: string; readonly proxy?: string } = {},
): Promise<SippOptions> {
  const phone = {
    folder: exchange.folder,
    exchange: exchange.sip('udp', address).text,
    service: number,
    password,
    address,
    port: await freePorts(2),
    ...(proxy === undefined ? {} : { proxy }),
  };
  await using registering = await Sipp.run('register', phone);
  await registering.succeeded();
  return phone;
}

/** The caller's side of a call. */
export function callerSipp(
  exchange: ExchangeProcess,
  { number, password }: Account,
  dialled: string,
  { transport = 'udp', address = loopback, proxy }: Pick<SippOptions, 'transport' | 'address' | 'proxy'> = {},
): SippOptions {
  const server = exchange.sip(transport, address).text;
  const caller = { folder: exchange.folder, exchange: server, service: dialled, user: number, password };
  return { ...caller, transport, address, ...(proxy === undefined ? {} : { proxy }) };
}

/** Registers the callee, lets the caller call it, and returns the records when both are through their scenarios. */
export async function play(exchange: ExchangeProcess, story: Story): Promise<readonly Cdr[]> {
  const { caller, callee, transport = 'udp', calls = 1, addresses, values = {} } = story;
  const proxy = story.proxy === undefined ? {} : { proxy: story.proxy };
  const phone = await registerSipp(exchange, callee, { address: addresses?.callee ?? loopback, ...proxy });
  const address = addresses?.caller ?? loopback;
  await using called = await Sipp.run(story.called, { ...phone, calls, values });
  await using calling = await Sipp.run(story.calling, {
    ...callerSipp(exchange, caller, callee.number, { transport, address, ...proxy }),
    ...{ calls, values },
  });
  await Promise.all([calling.succeeded(), called.succeeded()]);
  return exchange.cdrsOfCaller(caller.number, calls);
}

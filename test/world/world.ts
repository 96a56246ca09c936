import { configSchema } from '../../src/app/config-schema.ts';
import { Exchange } from '../../src/app/exchange.ts';
import { advertiseFor } from '../../src/app/own-address.ts';
import { type Log, randomToken, SeededRandom, silentLog, VirtualClock } from '../../src/base/index.ts';
import {
  LocalEngine,
  type MediaEngine,
  type MemoryNetwork as MediaNetwork,
  MemorySockets,
  PlainRelay,
  SoundLibrary,
} from '../../src/media/index.ts';
import type { PbxEvent } from '../../src/pbx/events/index.ts';
import { type Cdr, cdrOf } from '../../src/pbx/records/index.ts';
import type { Binding, BindingStore } from '../../src/pbx/registrar/index.ts';
import type { Ban, BanStore } from '../../src/pbx/security/index.ts';
import type { OverloadLimits } from '../../src/sip/transaction/index.ts';
import {
  isWebSocket,
  MemoryNetwork,
  type MemoryNetworkOptions,
  type MemoryTransportOptions,
  type StreamLimits,
  type TransportName,
} from '../../src/sip/transport/index.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { type MemoryWorker, memoryWorkers, turns } from '../support/memory-workers.ts';
import { Phone, type PhoneOptions } from './phone.ts';

export const exchangeIp = '10.0.0.1';

/** Where the exchange listens. */
export const exchangePorts: Readonly<Record<TransportName, number>> = {
  udp: 5060,
  tcp: 5060,
  tls: 5061,
  ws: 5066,
  wss: 5067,
};

export interface WorldOptions {
  /** Numbers that exist; the password of each is `pw` and the number. */
  readonly users?: readonly string[];
  readonly seed?: number;
  /** How the signalling network behaves. */
  readonly network?: Omit<MemoryNetworkOptions, 'clock' | 'random'>;
  /** How the media network behaves. */
  readonly mediaNetwork?: MediaNetwork;
  /** Configuration beside the extensions, in the words of the configuration file. */
  readonly config?: Record<string, unknown>;
  readonly log?: Log;
  /** Bindings of an earlier life. */
  readonly bindings?: BindingStore;
  /** Bounds of what peers may make the exchange do, where they are not the usual ones. */
  readonly overloadLimits?: Partial<OverloadLimits>;
  /** How long and how many connections may be; there are no bounds where nothing is said. */
  readonly streamLimits?: Partial<StreamLimits>;
  /** Bans of an earlier life. */
  readonly bans?: BanStore;
  /** How many workers carry the media; none: this process. Then time must be let pass by `live`. */
  readonly workers?: number;
}

/**
 * A whole exchange and its phones in one process: memory network, virtual clock, seeded chance. Nothing in it waits
 * for real time, and the same seed always tells the same story.
 */
export class World implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly random: SeededRandom;
  readonly network: MemoryNetwork;
  readonly sockets: MemorySockets;
  /** Where recordings go. */
  readonly disk = new MemoryDisk();
  readonly media: MediaEngine;
  /** Those that have been started to carry the media, in order. */
  readonly workers: readonly MemoryWorker[];
  readonly #workerCount: number;
  readonly exchange: Exchange;
  /** Everything that happened, in order. */
  readonly events: PbxEvent[] = [];
  readonly phones: Phone[] = [];
  #nextHost = 11;

  private constructor(options: WorldOptions) {
    const { users = ['1001', '1002'], seed = 1, network = {}, mediaNetwork, config = {}, log = silentLog } = options;
    this.random = new SeededRandom(seed);
    this.network = new MemoryNetwork({ clock: this.clock, random: this.random, ...network });
    this.sockets = new MemorySockets(this.clock, this.random, mediaNetwork);
    const settings = configSchema.parse({
      extensions: users.map((number) => ({ number, password: passwordOf(number) })),
      ...config,
    });
    const ownAddresses = [settings.media.advertised_ip, settings.sip.advertised_ip].filter(
      (address) => address !== null,
    );
    const { sockets, clock, random } = this;
    const carrying = {
      ports: settings.media.port_pool,
      jitter: { minMs: settings.media.jitter_buffer.min_ms, maxMs: settings.media.jitter_buffer.max_ms },
      clock,
      random,
      log,
      sounds: new SoundLibrary({ folder: settings.media.prompts, clock, log }),
      createRecording: this.disk.create,
    };
    this.#workerCount = options.workers ?? 0;
    if (this.#workerCount > 0) {
      const { engine, started } = memoryWorkers({
        ...carrying,
        workers: this.#workerCount,
        sockets,
        ownAddresses,
        onWorkerLost: (worker, reason) =>
          this.exchange.events.publish({ type: 'media.worker_lost', at: clock.wall(), worker, reason }),
      });
      this.media = engine;
      this.workers = started;
    } else {
      const relay = new PlainRelay({ sockets, clock, ownAddresses });
      this.media = new LocalEngine({ ...carrying, relay, name: 'plain-relay' });
      this.workers = [];
    }
    const advertise = advertiseFor(settings.sip);
    const transports = (['udp', 'tcp', 'tls', 'ws', 'wss'] as const).map((name) =>
      this.network.transport(
        name,
        { address: exchangeIp, port: exchangePorts[name] },
        { advertise, connects: !isWebSocket(name), limits: options.streamLimits ?? {} },
      ),
    );
    this.exchange = new Exchange({
      config: settings,
      version: 'test',
      clock: this.clock,
      random: this.random,
      log,
      transports,
      media: this.media,
      bindings: options.bindings ?? new MemoryBindings(),
      extensions: { load: async () => [], save: () => {}, remove: () => {} },
      bans: options.bans ?? new MemoryBans(),
      nonceKey: this.random.bytes(32),
      ...(options.overloadLimits ? { overloadLimits: options.overloadLimits } : {}),
    });
    this.exchange.events.subscribe((event) => this.events.push(event));
  }

  /** Starts the exchange. */
  static async start(options: WorldOptions = {}): Promise<World> {
    const world = new World(options);
    await world.exchange.start();
    return world;
  }

  /**
   * A phone with an address of its own, listening, not registered. One of `ws` or `wss` is in a browser: it knows no
   * address of its own and says `invalid` (RFC 7118 appendix B.1).
   */
  async phone(
    number: string,
    options: Partial<Omit<PhoneOptions, 'transport'>> & { readonly transport?: TransportName } = {},
  ): Promise<Phone> {
    const { transport = 'udp', address = `10.0.0.${this.#nextHost++}`, ...rest } = options;
    const browser = isWebSocket(transport) ? { address: `${randomToken(this.random, 12)}.invalid`, port: 5060 } : null;
    const phone = new Phone({
      number,
      password: passwordOf(number),
      transport: this.network.transport(
        transport,
        { address, port: 5060 },
        browser ? { advertise: () => browser } : behindNat(rest.contact),
      ),
      address,
      ...(browser && { contact: browser.address }),
      server: { address: exchangeIp, port: exchangePorts[transport] },
      sockets: this.sockets,
      clock: this.clock,
      random: this.random,
      ...rest,
    });
    await phone.open();
    this.phones.push(phone);
    return phone;
  }

  /** As `phone`, and registered. */
  async registered(number: string, options: Parameters<World['phone']>[1] = {}): Promise<Phone> {
    const phone = await this.phone(number, options);
    phone.register();
    this.run(100);
    if (phone.registration !== 200) throw new Error(`${number} could not register: ${phone.registration}`);
    return phone;
  }

  /** Lets `ms` pass. */
  run(ms: number): void {
    this.clock.advance(ms);
  }

  /**
   * Lets `ms` pass in steps, and comes true after each what is promised and not awaited by the clock: sounds are there,
   * recordings are written, workers have heard and are heard.
   */
  async live(ms: number, step = 20): Promise<void> {
    for (let left = ms; left > 0; left -= step) {
      this.clock.advance(Math.min(step, left));
      if (this.#workerCount > 0) await turns();
      else await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The records of all calls that have ended. */
  get cdrs(): readonly Cdr[] {
    return this.events.flatMap((event) => (event.type === 'call.ended' ? [cdrOf(event.call)] : []));
  }

  /** What of the exchange is still alive that only a call or a request should keep alive. */
  leftovers(): Record<string, number> {
    const { transactions, userAgent, calls, registrar, notifier, extensionStates, guard } = this.exchange;
    // Bindings keep one timer for the next that expires, bans another; phones behind a NAT are kept alive by others.
    const waiting = (registrar.count > 0 ? 1 : 0) + (guard.figures.bansActive > 0 ? 1 : 0);
    // Each worker is asked for a sign of life, and tells its figures, each second.
    const working = 2 * this.#workerCount;
    const timers = registrar.natBindings().length > 0 ? 0 : this.clock.pending - waiting - working;
    const { inUse } = this.media.usage();
    return {
      'client transactions': transactions.size.client,
      'server transactions': transactions.size.server,
      dialogs: userAgent.dialogs,
      calls: calls.active,
      subscriptions: notifier.count,
      'lamps lit': extensionStates.busy,
      'media ports': inUse,
      timers,
    };
  }

  /**
   * Lets everything run out and throws when anything of a call is left: 64·T1 for what waits for a peer, twice, since
   * a BYE may begin only when an ACK has been waited for in vain, and a little for what these leave behind.
   */
  settles(): void {
    this.run(3 * 32_000 + 10_000);
    // Phones behind a NAT go on being asked whether they are there: this is a moment between two questions.
    const asking = (): boolean =>
      this.exchange.registrar.natBindings().length > 0 && this.exchange.transactions.size.client > 0;
    for (let seconds = 0; seconds < 25 && asking(); seconds++) this.run(1000);
    const left = Object.entries(this.leftovers()).filter(([, count]) => count > 0);
    if (left.length > 0) throw new Error(`left over: ${left.map(([what, count]) => `${count} ${what}`).join(', ')}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.exchange.stop();
    await this.media.close();
    for (const phone of this.phones) await phone.close();
  }
}

/** Its Via, as its Contact, names the address that a phone knows of itself. */
function behindNat(contact: string | undefined): MemoryTransportOptions {
  const [address, port] = contact?.split(':') ?? [];
  return address && port ? { advertise: () => ({ address, port: Number(port) }) } : {};
}

export function passwordOf(number: string): string {
  return `pw${number}`;
}

/** Keeps bindings like the store does, for as long as the test lives. */
export class MemoryBindings implements BindingStore {
  readonly #bindings = new Map<string, Binding>();

  async load(): Promise<readonly Binding[]> {
    return [...this.#bindings.values()];
  }

  save(binding: Binding): void {
    this.#bindings.set(`${binding.aor} ${binding.key}`, binding);
  }

  remove(aor: string, key: string): void {
    this.#bindings.delete(`${aor} ${key}`);
  }
}

/** Keeps bans in the same way. */
export class MemoryBans implements BanStore {
  readonly #bans = new Map<string, Ban>();

  async load(): Promise<readonly Ban[]> {
    return [...this.#bans.values()];
  }

  save(ban: Ban): void {
    this.#bans.set(ban.source, ban);
  }

  remove(source: string): void {
    this.#bans.delete(source);
  }
}

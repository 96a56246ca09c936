import { type Clock, type Log, type Random, Scope } from '../base/index.ts';
import { canCode } from '../codec/index.ts';
import type { MediaEngine } from '../media/index.ts';
import { type CallContext, CallService, dialogMethods, type IsOurs, MessageRelay } from '../pbx/call/index.ts';
import { Directory, type ExtensionStore } from '../pbx/directory/index.ts';
import { EventBus } from '../pbx/events/index.ts';
import {
  dialogPackage,
  ExtensionStates,
  MessageWaiting,
  messageSummaryPackage,
  Notifier,
  Publications,
  presencePackage,
} from '../pbx/presence/index.ts';
import {
  type Binding,
  type BindingStore,
  contactOf,
  NatKeepalive,
  Registrar,
  serveRegistrations,
} from '../pbx/registrar/index.ts';
import { DialPlan, dialledNumber } from '../pbx/routing/index.ts';
import { Authentication, type BanStore, Guard } from '../pbx/security/index.ts';
import { ownCodecs } from '../sdp/index.ts';
import { formatNameAddress, noParams, PAssertedIdentity, sipUri } from '../sip/message/index.ts';
import { type OverloadLimits, type ServerTransaction, TransactionLayer } from '../sip/transaction/index.ts';
import { type Flow, type Transport, TransportLayer, type TransportName } from '../sip/transport/index.ts';
import { type Admit, DigestAuthenticator, digestSecrets, UserAgent } from '../sip/ua/index.ts';
import { NetworkList } from './cidr.ts';
import type { Config } from './config.ts';
import { mediaAddressFor } from './own-address.ts';
import { srtpPolicyOf } from './srtp-policy.ts';

/** What an exchange is made of; all of it may be real, or in memory for a test. */
export interface ExchangeParts {
  readonly config: Pick<Config, 'sip' | 'registrar' | 'media' | 'recording' | 'extensions' | 'security'>;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly transports: readonly Transport[];
  readonly media: MediaEngine;
  readonly bindings: BindingStore;
  readonly extensions: ExtensionStore;
  readonly bans: BanStore;
  /** Secret of the nonces; kept, so that phones need no new challenge after a restart. */
  readonly nonceKey: Uint8Array;
  /** Names of this machine, under which phones may know us beside realm, domains and addresses. */
  readonly hostNames?: readonly string[];
  readonly overloadLimits?: Partial<OverloadLimits>;
}

/** The exchange from the transports to the calls: everything but files, HTTP and the process around it. */
export class Exchange {
  readonly events: EventBus;
  readonly transport: TransportLayer;
  readonly transactions: TransactionLayer;
  readonly userAgent: UserAgent;
  readonly directory: Directory;
  readonly registrar: Registrar;
  readonly calls: CallService;
  readonly messages: MessageRelay;
  readonly extensionStates: ExtensionStates;
  readonly notifier: Notifier;
  readonly messageWaiting = new MessageWaiting();
  readonly guard: Guard;
  readonly #parts: ExchangeParts;
  readonly #scope = new Scope();
  readonly #publicHosts: readonly string[];

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
    const { config, clock, random, log } = parts;
    const { sip } = config;
    this.#publicHosts = [sip.advertised_ip, config.media.advertised_ip].filter((host) => host !== null);
    this.events = new EventBus(log.child({ logger: 'events' }));
    this.guard = this.#scope.own(this.#makeGuard());
    this.transport = new TransportLayer({
      transports: parts.transports,
      log: log.child({ logger: 'transport' }),
      gate: this.guard,
      aliases: this.#publicHosts,
      clock,
    });
    this.transactions = new TransactionLayer({
      transport: this.transport,
      clock,
      random,
      timers: sip.timers,
      log: log.child({ logger: 'sip' }),
      ...(parts.overloadLimits ? { limits: parts.overloadLimits } : {}),
    });
    this.userAgent = new UserAgent({
      transactions: this.transactions,
      clock,
      random,
      log: log.child({ logger: 'sip' }),
      product: `sip-pbx/${parts.version}`,
      supported: ['path', '100rel', 'replaces', 'norefersub', ...(sip.timers.session_expires > 0 ? ['timer'] : [])],
      dialogMethods,
      sessionTimers: { interval: sip.timers.session_expires, minimum: sip.timers.min_se },
    });
    this.directory = new Directory({
      realm: sip.realm,
      domains: sip.domains,
      extensions: config.extensions.map(({ number, password, display_name: displayName, recording }) => ({
        number,
        password,
        displayName,
        recording,
      })),
      store: parts.extensions,
      secretsFor: (user, password) => digestSecrets(user, sip.realm, password),
    });
    this.registrar = this.#scope.own(
      new Registrar({
        clock,
        log: log.child({ logger: 'registrar' }),
        events: this.events,
        store: parts.bindings,
        config: {
          minExpires: config.registrar.min_expires,
          defaultExpires: config.registrar.default_expires,
          maxExpires: config.registrar.max_expires,
          natMaxExpires: config.registrar.nat_max_expires,
          maxContacts: config.registrar.max_contacts,
        },
        realm: sip.realm,
        isOwnHost: (host) => this.directory.isOwnHost(host),
        flows: this.transport,
        onMoved: (contact, from, to) => this.userAgent.moveDialogs(contact, from, to),
      }),
    );
    const judge = this.#admission();
    const admit: Admit = (transaction) => {
      const user = judge(transaction);
      if (user !== null) this.transactions.vouch(transaction.flow.remote.address);
      return user;
    };
    serveRegistrations({ userAgent: this.userAgent, registrar: this.registrar, admit });
    this.extensionStates = this.#scope.own(
      new ExtensionStates(this.events, (extension) => this.registrar.knows(extension)),
    );
    this.notifier = this.#watching(admit);
    const context: CallContext = {
      userAgent: this.userAgent,
      media: parts.media,
      dialPlan: new DialPlan(this.directory, this.registrar),
      events: this.events,
      clock,
      random,
      log: log.child({ logger: 'call' }),
      limits: {
        inviteTimeout: sip.timers.invite_timeout * 1000,
        maxCallDuration: sip.max_call_duration * 1000,
        rtpTimeout: config.media.rtp_timeout * 1000,
      },
      codecPriority: config.media.codec_priority,
      transcodable: ownCodecs
        .filter(({ name, clockRate, channels }) => canCode(name, clockRate, channels))
        .map(({ name }) => name.toLowerCase()),
      srtpPolicy: srtpPolicyOf(config, log.child({ logger: 'call' })),
      recordings: {
        folder: config.recording.directory,
        areWanted: (...extensions) => {
          const wishes = extensions.map((number) => this.directory.extension(number)?.recording ?? null);
          return !wishes.includes(false) && (config.recording.enabled || wishes.includes(true));
        },
      },
      mediaAddress: mediaAddressFor(config),
      displayName: (extension) => this.directory.extension(extension)?.displayName ?? null,
      assertedIdentity: ({ extension: user, displayName, anonymous }, flow) => {
        if (anonymous) return {};
        const { host, port } = identityHost(flow, sip.domains);
        const identity = { displayName, uri: sipUri({ user, host, port }), params: noParams };
        return { [PAssertedIdentity.name]: formatNameAddress(identity) };
      },
      identityHost: (flow) => identityHost(flow, sip.domains),
    };
    const isOurs: IsOurs = (address, port, transport) => this.#isOurs(address, port, transport);
    this.calls = new CallService({
      admit,
      directory: this.directory,
      maxConcurrentCalls: sip.max_concurrent_calls,
      isOurs,
      context,
    });
    this.messages = new MessageRelay({
      context: { ...context, log: log.child({ logger: 'message' }) },
      admit,
      directory: this.directory,
      isOurs,
      // The sender's own request lives for 64 T1; it should hear of the silence before.
      patience: 48 * sip.timers.t1,
    });
  }

  /** Loads what is kept, opens the listeners and begins to answer. Rejects when an address can't be had. */
  async start(): Promise<void> {
    const { config, clock, random, log } = this.#parts;
    await this.directory.load();
    await this.registrar.load();
    // Phones of the last run are no strangers: a flood at the start must not keep them out.
    for (const { source } of this.registrar.all()) this.transactions.vouch(source.address);
    await this.guard.load();
    await this.transport.start(this.transactions);
    this.directory.setOwnHosts([
      ...this.transport.addresses.map(({ address }) => address.address),
      ...this.#publicHosts,
      ...(this.#parts.hostNames ?? []),
    ]);
    this.#scope.own(
      new NatKeepalive({
        clock,
        random,
        log: log.child({ logger: 'keepalive' }),
        registrar: this.registrar,
        interval: config.sip.keepalive_interval,
        sendOptions: (binding, flow, onOutcome) => this.#sendOptions(binding, flow, onOutcome),
      }),
    );
  }

  /** Stops answering and closes the listeners. Live calls should have ended before. */
  async stop(): Promise<void> {
    this.#scope[Symbol.dispose]();
    await this.transport.close();
  }

  /** What can be watched, and who tells the watchers. */
  #watching(admit: Admit): Notifier {
    const { clock, random } = this.#parts;
    const log = this.#parts.log.child({ logger: 'presence' });
    const { userAgent, directory, messageWaiting, extensionStates: states } = this;
    const publications = this.#scope.own(
      new Publications({
        userAgent,
        admit,
        directory,
        clock,
        random,
        log,
        onChange: (extension) => notifier.changed('presence', extension),
      }),
    );
    const notifier: Notifier = this.#scope.own(
      new Notifier({
        userAgent,
        admit,
        directory,
        packages: [dialogPackage(states), presencePackage(states, publications), messageSummaryPackage(messageWaiting)],
        clock,
        log,
      }),
    );
    states.onChange((extension, aspect) => notifier.changed(aspect, extension));
    messageWaiting.onChange((extension) => notifier.changed('message-summary', extension));
    return notifier;
  }

  #makeGuard(): Guard {
    const { config, clock, log, bans: store } = this.#parts;
    const { failures, window, duration, allow } = config.security.ban;
    const allowed = new NetworkList(allow);
    return new Guard({
      clock,
      log: log.child({ logger: 'guard' }),
      events: this.events,
      store,
      config: { failures, windowMs: window * 1000, durationMs: duration * 1000 },
      realm: config.sip.realm,
      isAllowed: (address) => allowed.contains(address),
      registrations: () => this.registrar.all(),
      hangUp: (which) => this.transport.hangUp(which),
    });
  }

  /** Who sends a request that must say so; null when there is nothing more to do with it. */
  #admission(): Admit {
    const { config, clock, random, nonceKey, log } = this.#parts;
    if (config.registrar.auth === 'none') return believe;
    const digest = new DigestAuthenticator({
      realm: config.sip.realm,
      algorithms: config.registrar.digest_algorithms,
      key: nonceKey,
      clock,
      random,
      secretsOf: (username) => this.directory.secretsOf(username),
    });
    const { guard, userAgent } = this;
    const authentication = this.#scope.own(
      new Authentication({ clock, log: log.child({ logger: 'auth' }), digest, guard, userAgent }),
    );
    return (transaction) => authentication.admit(transaction);
  }

  #isOurs(address: string, port: number, transport: string): boolean {
    return this.transport.hears(transport.toLowerCase() as TransportName, { address, port });
  }

  #sendOptions(binding: Binding, flow: Flow, onOutcome: (alive: boolean) => void): void {
    const { address, port } = flow.advertised;
    const { uri, route } = contactOf(binding);
    this.userAgent.request(
      'OPTIONS',
      {
        uri,
        route,
        flow,
        from: { displayName: null, uri: sipUri({ host: address, port }), params: noParams },
        to: { displayName: null, uri, params: noParams },
      },
      {
        onResponse: ({ status }) => status >= 200 && onOutcome(true),
        onFailure: () => onOutcome(false),
      },
    );
  }
}

/** Nobody is asked for a password: whoever a request says it is from, it is (`registrar.auth: none`). */
function believe({ request }: ServerTransaction): string {
  const { uri } = request.method === 'REGISTER' ? request.to : request.from;
  return dialledNumber(uri) || 'anonymous';
}

/** A name of ours where we have one, else the address that the phone knows us by: it can call back to either. */
function identityHost(
  { advertised: { address, port } }: Flow,
  domains: readonly string[],
): { readonly host: string; readonly port: number | null } {
  const [domain] = domains;
  if (domain !== undefined) return { host: domain, port: null };
  return { host: address, port: port === 5060 ? null : port };
}

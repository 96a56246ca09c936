import { hostname, networkInterfaces } from 'node:os';
import { resolve } from 'node:path';
import { type Address, type Clock, formatAddress, type Log, SystemClock, systemRandom } from '../base/index.ts';
import { HttpServer, type Readiness } from '../http/index.ts';
import { type MediaEngine, RecordingFolder } from '../media/index.ts';
import {
  CdrWriter,
  HttpPoster,
  Metrics,
  portPoolStatistics,
  SipTrace,
  Statistics,
  Webhooks,
} from '../observe/index.ts';
import type { NewExtension } from '../pbx/directory/index.ts';
import type { EventBus } from '../pbx/events/index.ts';
import {
  SecureTransport,
  TcpTransport,
  TlsTransport,
  type Transport,
  UdpTransport,
  WssTransport,
  WsTransport,
} from '../sip/transport/index.ts';
import { openStore, type Store } from '../store/index.ts';
import { CertificateWatch } from './certificate-watch.ts';
import { NetworkList } from './cidr.ts';
import type { Config } from './config.ts';
import { drain } from './drain.ts';
import { Exchange } from './exchange.ts';
import { mediaWorkers } from './media-processes.ts';
import { advertiseFor } from './own-address.ts';

/** What a running exchange is asked by the process around it. */
export interface RunningExchange {
  /** Where SIP is listened on. */
  readonly servers: readonly { readonly transport: string; readonly address: Address }[];
  readonly pages: HttpServer['addresses'];
  /** Reads certificates again. */
  reload(): void;
  /** Lets live calls end for up to `sip.drain_timeout`, then ends them; closes everything. `hurry` aborts the waiting. */
  stop(hurry: AbortSignal): Promise<void>;
}

export interface ComposeOptions {
  readonly config: Config;
  readonly version: string;
  readonly log: Log;
  readonly store: Store;
  /** Extensions that the first start has made. */
  readonly firstExtensions: readonly NewExtension[];
}

/** How long webhooks that are being sent may take when the process ends, in ms; others are kept for the next start. */
const webhookFarewell = 2000;

/** Opens the store that the configuration names; an exchange told to use another than the embedded one falls back to it. */
export function openConfiguredStore(config: Config, log: Log): Promise<Store> {
  const { url } = config.storage;
  return openStore({
    url: url.startsWith('sqlite:') ? url : 'sqlite:data/sip-pbx.db',
    log: log.child({ logger: 'store' }),
    clock: new SystemClock(),
    directory: process.cwd(),
  });
}

/** Wires the parts of the exchange together and starts it. Rejects, with nothing left open, when an address can't be had. */
export async function compose({
  config,
  version,
  log,
  store,
  firstExtensions,
}: ComposeOptions): Promise<RunningExchange> {
  await using opened = new AsyncDisposableStack();
  const clock: Clock = new SystemClock();
  const random = systemRandom;
  opened.defer(() => store.close());

  const recordings = { ...config.recording, directory: resolve(config.recording.directory) };
  const folder = new RecordingFolder(
    recordings.directory,
    recordings.retention_days,
    log.child({ logger: 'recording' }),
  );
  opened.use(await folder.tend(clock));

  // A worker may be lost before there is anybody to hear of it.
  let events: EventBus | null = null;
  const workers = mediaWorkers(config, {
    clock,
    random,
    log: log.child({ logger: 'media' }),
    onWorkerLost: (worker, reason) => events?.publish({ type: 'media.worker_lost', at: clock.wall(), worker, reason }),
  });
  const media = opened.adopt(workers, (engine) => engine.close());
  const transports = transportsOf(config, clock, log);
  const exchange: Exchange = new Exchange({
    config: { ...config, recording: recordings },
    version,
    clock,
    random,
    log,
    transports,
    media,
    bindings: store.bindings,
    extensions: store.extensions,
    bans: store.bans,
    nonceKey: await store.secrets.secret('digest-nonce', 32, random),
    hostNames: [hostname(), 'localhost'],
  });
  events = exchange.events;

  // Closed in reverse order: what hears events after what makes them, the store last.
  const cdrs = config.cdr.enabled ? cdrWriter(config, clock, log) : null;
  if (cdrs) {
    await cdrs.open();
    opened.defer(() => cdrs.close());
    exchange.events.subscribe((event) => cdrs.handle(event));
  }
  const poster = new HttpPoster();
  opened.defer(() => poster.close());
  const webhooks = new Webhooks(config.events, {
    clock,
    random,
    log: log.child({ logger: 'webhooks' }),
    queue: store.webhooks,
    post: poster.post,
  });
  opened.defer(async () => {
    await webhooks.settle(webhookFarewell);
    await webhooks.close();
  });
  exchange.events.subscribe((event) => webhooks.handle(event));
  await webhooks.start();

  const statistics = new Statistics(clock, () => exchange.calls.active, media);
  exchange.events.subscribe((event) => statistics.handle(event));
  const certificateEnds = (): number | null => endOf(transports);
  const metrics = metricsOf({ exchange, media, cdrs, webhooks, store, certificateEnds });
  if (config.logging.sip_traffic || config.logging.level === 'DEBUG') {
    const trace = new SipTrace(resolve('logs'), { clock, log: log.child({ logger: 'sip-trace' }) });
    opened.defer(() => trace.close());
    exchange.transport.tap((direction, flow, bytes) => trace.record(direction, flow, bytes));
  }

  let phase: 'starting' | 'ready' | 'draining' = 'starting';
  const http = new HttpServer(
    config.monitoring,
    {
      metrics: () => metrics.page(),
      apiAllows: apiAllows(config),
      readiness: () => readinessOf(phase, store, exchange.calls.active),
      stats: () => statistics.read(),
      status: () => ({
        version,
        uptime_seconds: statistics.uptimeSeconds(),
        transports: exchange.transport.addresses.map(({ transport, address }) => ({
          transport,
          address: formatAddress(address),
        })),
        registrations: exchange.registrar.count,
        subscriptions: exchange.notifier.count,
        bans: exchange.guard.figures.bansActive,
        calls: exchange.calls.byState(),
        port_pool: portPoolStatistics(media),
        media_workers: [...media.workers()],
      }),
    },
    { clock, log: log.child({ logger: 'http' }) },
  );
  opened.defer(() => http.close());
  await http.listen();

  await media.ready();
  opened.defer(() => exchange.stop());
  await exchange.start();
  for (const extension of firstExtensions) exchange.directory.enrol(extension);
  opened.use(
    new CertificateWatch({
      clock,
      log: log.child({ logger: 'transport' }),
      path: config.sip.tls.certificate ?? '',
      ends: certificateEnds,
    }),
  );
  phase = 'ready';

  const closing = opened.move();
  return {
    servers: exchange.transport.addresses,
    pages: http.addresses,
    reload: () => {
      for (const transport of transports) if (transport instanceof SecureTransport) void transport.reload();
    },
    stop: async (hurry) => {
      phase = 'draining';
      await drain({
        calls: exchange.calls,
        notifier: exchange.notifier,
        userAgent: exchange.userAgent,
        clock,
        log: log.child({ logger: 'app' }),
        hurry,
        timeoutMs: config.sip.drain_timeout * 1000,
      });
      await closing.disposeAsync();
    },
  };
}

function transportsOf({ sip }: Config, clock: Clock, log: Log): readonly Transport[] {
  const interval = sip.keepalive_interval * 1000;
  const limits = { keepalive: interval, ping: interval };
  const common = { clock, log: log.child({ logger: 'transport' }), advertise: advertiseFor(sip), limits };
  return sip.listen_ip.flatMap((address) =>
    sip.transport.flatMap((name): Transport[] => {
      const listen = { address, port: sip.listen_port };
      switch (name) {
        case 'udp':
          return [new UdpTransport({ listen, ...common })];
        case 'tcp':
          return [new TcpTransport({ listen, ...common })];
        case 'tls':
          return [
            new TlsTransport({ ...certified(sip.tls), listen: { address, port: sip.tls.listen_port }, ...common }),
          ];
        case 'ws':
          return [new WsTransport({ listen: { address, port: sip.ws.listen_port }, ...common })];
        case 'wss':
          return [
            new WssTransport({ ...certified(sip.tls), listen: { address, port: sip.wss.listen_port }, ...common }),
          ];
        default:
          return name satisfies never;
      }
    }),
  );
}

/** What TLS and secure WebSockets have in common. */
function certified({ certificate, private_key: privateKey, ca, verify_client: verifyClient }: Config['sip']['tls']) {
  // The configuration has been refused where the first two are missing.
  return { certificate: certificate ?? '', privateKey: privateKey ?? '', ca, verifyClient };
}

function cdrWriter({ cdr }: Config, clock: Clock, log: Log): CdrWriter {
  // By their full names: a relative one in a working directory that is gone keeps `mkdir` busy for ever.
  const settings = { ...cdr, output_dir: resolve(cdr.output_dir) };
  return new CdrWriter(settings, {
    clock,
    log: log.child({ logger: 'cdr' }),
    spillFile: resolve('data/spill/cdr.jsonl'),
  });
}

function metricsOf(parts: {
  readonly exchange: Exchange;
  readonly media: MediaEngine;
  readonly cdrs: CdrWriter | null;
  readonly webhooks: Webhooks;
  readonly store: Store;
  readonly certificateEnds: () => number | null;
}): Metrics {
  const { exchange, media, cdrs, webhooks, store, certificateEnds } = parts;
  const metrics = new Metrics({
    activeCalls: () => exchange.calls.active,
    registrations: () => exchange.registrar.count,
    media,
    cdr: cdrs ? () => cdrs.statistics() : null,
    webhooks: () => webhooks.statistics(),
    store: () => store.state(),
    malformed: () => exchange.transport.counters.malformed,
    connectionsRefused: () => exchange.transport.counters.connectionsRefused,
    overload: () => exchange.transactions.overload,
    subscriptions: () => exchange.notifier.byPackage(),
    notifies: () => exchange.notifier.notifies,
    sessionRefreshes: () => exchange.userAgent.sessionRefreshes,
    guard: () => exchange.guard.figures,
    messages: () => exchange.messages.outcomes,
    certificateEnds,
  });
  exchange.events.subscribe((event) => metrics.handle(event));
  exchange.transport.watch((_direction, message) => {
    if (message.kind === 'request') metrics.request(message.method);
    else metrics.response(message.cseq.method, message.status);
  });
  return metrics;
}

/** When the first of the certificates in use ends, wall time in ms; null where there are none. */
function endOf(transports: readonly Transport[]): number | null {
  const ends = transports.flatMap((transport) =>
    transport instanceof SecureTransport ? (transport.certificateEnds ?? []) : [],
  );
  return ends.length > 0 ? Math.min(...ends) : null;
}

function readinessOf(phase: 'starting' | 'ready' | 'draining', store: Store, activeCalls: number): Readiness {
  if (phase === 'starting') return { status: phase, reason: 'the exchange is starting', activeCalls };
  if (phase === 'draining') return { status: phase, reason: 'the exchange is stopping', activeCalls };
  const { healthy, reason } = store.state();
  return healthy
    ? { status: 'ready', reason: null, activeCalls }
    : { status: 'not_ready', reason: reason ?? 'the store does not answer', activeCalls };
}

function apiAllows({ api }: Config): (peer: string) => boolean {
  const allowed = new NetworkList(api.allow);
  return (peer) => allowed.contains(peer);
}

/** Every address of this machine: what a wildcard stands for. */
export function machineAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((entries) => (entries ?? []).map(({ address }) => address));
}

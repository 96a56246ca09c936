import type { FastifyInstance } from 'fastify';
import { type Address, type Clock, formatAddress, type Log } from '../base/index.ts';
import { pageServer } from './page-server.ts';
import { apiRoutes } from './routes/api.ts';
import { type MetricsPage, metricsRoute } from './routes/metrics.ts';
import { type MonitoringSources, monitoringRoutes } from './routes/monitoring.ts';

/** The keys of `monitoring` in the configuration that say where to listen; port 0 is any free one. */
export interface HttpOptions {
  readonly listen_ip: string;
  readonly prometheus_port: number;
  readonly health_check_port: number;
}

export interface HttpSources extends MonitoringSources {
  readonly metrics: MetricsPage;
  /** Whether a peer's address is in `api.allow`. */
  readonly apiAllows: (peer: string) => boolean;
}

/** Where the pages can be had, once `listen` has settled; null before. */
export interface HttpAddresses {
  readonly health: Address | null;
  readonly metrics: Address | null;
}

interface Listener {
  readonly app: FastifyInstance;
  readonly key: string;
  readonly port: number;
  address: Address | null;
}

/** Serves health, status and the API on one port, metrics on another; on one where the ports are the same. */
export class HttpServer {
  readonly #listenIp: string;
  readonly #log: Log;
  readonly #health: Listener;
  readonly #metrics: Listener;

  constructor(
    options: HttpOptions,
    sources: HttpSources,
    { clock, log }: { readonly clock: Clock; readonly log: Log },
  ) {
    const { health_check_port, prometheus_port } = options;
    this.#listenIp = options.listen_ip;
    this.#log = log;
    const health = pageServer(log);
    monitoringRoutes(health, sources, clock);
    apiRoutes(health, sources.apiAllows);
    this.#health = { app: health, key: 'monitoring.health_check_port', port: health_check_port, address: null };
    if (health_check_port === prometheus_port && prometheus_port !== 0) {
      this.#metrics = this.#health;
    } else {
      const key = 'monitoring.prometheus_port';
      this.#metrics = { app: pageServer(log), key, port: prometheus_port, address: null };
    }
    metricsRoute(this.#metrics.app, sources.metrics);
  }

  get addresses(): HttpAddresses {
    return { health: this.#health.address, metrics: this.#metrics.address };
  }

  /** Opens the ports. Rejects with an Error whose message names address and key when one can't be had; then none stays open. */
  async listen(): Promise<void> {
    for (const listener of new Set([this.#health, this.#metrics])) {
      try {
        await listener.app.listen({ host: this.#listenIp, port: listener.port });
      } catch (error) {
        await this.close();
        const wanted = formatAddress({ address: this.#listenIp, port: listener.port });
        throw new Error(`${listener.key}: can't listen on ${wanted}: ${reasonOf(error)}`, { cause: error });
      }
      const bound = listener.app.server.address();
      if (typeof bound === 'object' && bound !== null) {
        listener.address = { address: bound.address, port: bound.port };
        this.#log.info('HTTP pages listen', { key: listener.key, address: formatAddress(listener.address) });
      }
    }
  }

  /** Closes ports and connections. */
  async close(): Promise<void> {
    await Promise.all([this.#health, this.#metrics].map(({ app }) => app.close()));
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return 'another program uses this port';
  if (code === 'EADDRNOTAVAIL') return 'this machine has no such address';
  if (code === 'EACCES') return 'this user may not use this port';
  return message;
}

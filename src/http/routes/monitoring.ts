import type { FastifyInstance } from 'fastify';
import { type Clock, isoTime } from '../../base/index.ts';
import { type ExchangeStatus, healthSchema, readySchema, type Stats, statsSchema, statusSchema } from '../schemas.ts';

/** Whether the exchange takes calls, and why not. */
export interface Readiness {
  readonly status: 'ready' | 'starting' | 'draining' | 'not_ready';
  /** For people; null while ready. */
  readonly reason: string | null;
  readonly activeCalls: number;
}

export interface MonitoringSources {
  readonly readiness: () => Readiness;
  readonly status: () => ExchangeStatus;
  readonly stats: () => Stats;
}

/** The pages that need no credential and carry no personal data. */
export function monitoringRoutes(app: FastifyInstance, sources: MonitoringSources, clock: Clock): void {
  app.get('/health', () => {
    const timestamp = isoTime(clock.wall()).replace(/\.\d+Z$/, 'Z');
    return healthSchema.parse({ status: 'healthy', timestamp });
  });

  app.get('/ready', (_request, reply) => {
    const { status, reason, activeCalls } = sources.readiness();
    const ready = status === 'ready';
    return reply
      .code(ready ? 200 : 503)
      .send(readySchema.parse({ status, active_calls: activeCalls, ...(ready ? {} : { reason }) }));
  });

  app.get('/api/status', () => statusSchema.parse(sources.status()));
  app.get('/api/stats', () => statsSchema.parse(sources.stats()));
}

export type { MetricsPage } from './routes/metrics.ts';
export type { MonitoringSources, Readiness } from './routes/monitoring.ts';
export type { ExchangeStatus, Stats } from './schemas.ts';
export { type HttpAddresses, type HttpOptions, HttpServer, type HttpSources } from './server.ts';

export {
  type CdrOptions,
  type CdrStatistics,
  CdrWriter,
  type CdrWriterParts,
} from './cdr-writer.ts';
export { HttpPoster } from './http-post.ts';
export { type MediaFigures, Metrics, type MetricsSources } from './metrics.ts';
export { SipTrace, type SipTraceParts, type TracedFlow } from './sip-trace.ts';
export { type CallStatistics, type PortPoolStatistics, portPoolStatistics, Statistics } from './statistics.ts';
export type { WebhookPost } from './webhook-target.ts';
export { type WebhookOptions, type WebhookStatistics, Webhooks, type WebhooksParts } from './webhooks.ts';

export { type Cdr, type CdrMedia, cdrOf } from './cdr.ts';
export type { WebhookDelivery, WebhookQueue } from './webhook-queue.ts';

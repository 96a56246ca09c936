export { type Cdr, type CdrMedia, type CdrRecording, cdrOf, recordingOf } from './cdr.ts';
export type { WebhookDelivery, WebhookQueue } from './webhook-queue.ts';

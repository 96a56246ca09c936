import { Webhook } from 'standardwebhooks';
import { dateOf } from '../base/index.ts';
import type { WebhookDelivery } from '../pbx/records/index.ts';

/** Makes the headers of a request that is sent at `wall` (ms). */
export type WebhookHeaders = (delivery: WebhookDelivery, wall: number) => Readonly<Record<string, string>>;

/**
 * Headers by the Standard Webhooks specification. `secret` is `whsec_` and base64, or a text whose bytes are the key;
 * null: requests carry id and time but no signature.
 */
export function webhookHeaders(secret: string | null): WebhookHeaders {
  const signer = secret === null ? null : new Webhook(keyOf(secret), { format: 'raw' });
  return ({ id, body }, wall) => ({
    'content-type': 'application/json',
    'user-agent': 'sip-pbx',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(wall / 1000)),
    ...(signer && { 'webhook-signature': signer.sign(id, dateOf(wall), body) }),
  });
}

function keyOf(secret: string): Uint8Array {
  const prefix = 'whsec_';
  return secret.startsWith(prefix) ? Buffer.from(secret.slice(prefix.length), 'base64') : Buffer.from(secret, 'utf8');
}

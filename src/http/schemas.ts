import { z } from 'zod';

// What is on these pages is public: parsing an answer drops every field that is not named here.

const portPool = z
  .object({ total: z.int(), in_use: z.int(), utilization: z.number().describe('percent') })
  .describe('RTP ports, counted one by one');

const count = z.int().min(0);

/** `GET /health` */
export const healthSchema = z.object({
  status: z.literal('healthy'),
  timestamp: z.iso.datetime().describe('UTC, to the second'),
});

/** `GET /ready`; 200 for `ready`, 503 for the others. */
export const readySchema = z.discriminatedUnion('status', [
  z.object({ status: z.literal('ready'), active_calls: count }),
  z.object({
    status: z.enum(['starting', 'draining', 'not_ready']),
    reason: z.string().nullable(),
    active_calls: count,
  }),
]);

/** `GET /api/status` */
export const statusSchema = z.object({
  version: z.string(),
  uptime_seconds: count,
  transports: z.array(z.object({ transport: z.string(), address: z.string().describe('host:port') })),
  registrations: count.describe('bindings of phones'),
  subscriptions: count.describe('busy lamps and whatever else is watched'),
  bans: count.describe('sources that are banned now'),
  calls: z.object({ IDLE: count, RINGING: count, ACTIVE: count, TERMINATING: count }).describe('calls by state'),
  port_pool: portPool,
  media_workers: z.array(z.object({ name: z.string(), state: z.string(), sessions: count, restarts: count })),
});

/** `GET /api/stats` */
export const statsSchema = z.object({
  active_calls: count,
  total_calls: count.describe('calls that have ended'),
  failed_calls: count,
  success_rate: z.number().describe('percent'),
  average_call_duration: z.number().nullable().describe('over answered calls, in s'),
  port_pool: portPool,
  uptime_seconds: count,
});

/** An error (RFC 9457), sent as `application/problem+json`. */
export const problemSchema = z.object({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
});

export type ExchangeStatus = z.output<typeof statusSchema>;
export type Stats = z.output<typeof statsSchema>;

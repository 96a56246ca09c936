import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { endedCall } from '../../test/support/ended-call.ts';
import { type Log, SeededRandom, silentLog, VirtualClock } from '../base/index.ts';
import type { PbxEvent } from '../pbx/events/index.ts';
import { cdrOf, type WebhookDelivery, type WebhookQueue } from '../pbx/records/index.ts';
import { pauseAfter } from './webhook-target.ts';
import { type WebhookOptions, Webhooks } from './webhooks.ts';

const url = 'http://crm.example/hook?token=secret';
const defaults: WebhookOptions = {
  webhook_urls: [url],
  webhook_timeout: 10,
  webhook_retries: 3,
  webhook_max_age: 86_400,
  webhook_secret: null,
};

/** What a store keeps, in the order it was added. */
class Kept implements WebhookQueue {
  readonly #kept = new Map<string, WebhookDelivery>();
  get deliveries(): readonly WebhookDelivery[] {
    return [...this.#kept.values()];
  }
  get empty(): boolean {
    return this.#kept.size === 0;
  }
  load = async () => [...this.#kept.values()].reverse(); // a store promises no order
  add = (delivery: WebhookDelivery) => void this.#kept.set(`${delivery.id} ${delivery.url}`, delivery);
  remove = (id: string, to: string) => void this.#kept.delete(`${id} ${to}`);
}

interface Posted {
  readonly at: number;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** `CALL-ID TYPE` */
  readonly what: string;
  readonly signal: AbortSignal;
  readonly answer: (status: number) => Promise<void>;
}

/** `answers`: the status to each post, null for silence; called with how often this event was posted before. */
function setUp(
  options: Partial<WebhookOptions> = {},
  answers: (posted: Posted, before: number) => number | null = () => 204,
) {
  const clock = new VirtualClock();
  const queue = new Kept();
  const posts: Posted[] = [];
  const tries = new Map<string, number>();
  const logged: string[] = [];
  const note = (level: string) => (message: string, fields?: object) =>
    void logged.push(`${level}: ${message} ${JSON.stringify(fields)}`);
  const log: Log = { ...silentLog, info: note('info'), warning: note('warning'), error: note('error') };
  const make = () =>
    new Webhooks(
      { ...defaults, ...options },
      {
        clock,
        queue,
        log,
        random: new SeededRandom(7),
        post: (to, headers, body, signal) =>
          new Promise<number>((resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason));
            const { type, data } = JSON.parse(body);
            const before = tries.get(to + body) ?? 0;
            tries.set(to + body, before + 1);
            const answer = async (status: number) => {
              resolve(status);
              await settled();
            };
            const posted = { at: clock.now(), url: to, headers, body, what: `${data.call_id} ${type}`, signal, answer };
            posts.push(posted);
            const status = answers(posted, before);
            if (status !== null) resolve(status);
          }),
      },
    );
  const webhooks = make();
  /** Moves time on, letting answers arrive between timers. */
  const advance = async (ms: number) => {
    const end = clock.now() + ms;
    while (clock.now() < end) {
      clock.advance(Math.min(250, end - clock.now()));
      await settled();
    }
  };
  return { clock, queue, posts, logged, make, webhooks, advance };
}

/** Answers that were given have been heard. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

const started = (callId: string): PbxEvent => ({
  type: 'call.started',
  at: 1_736_071_200_000,
  call: endedCall({ callId }),
});
const ended = (callId: string): PbxEvent => ({
  type: 'call.ended',
  at: 1_736_071_265_000,
  call: endedCall({ callId }),
});

describe('a webhook', () => {
  test('carries id, type, timestamp and data; those of call.ended are the CDR', async () => {
    const { posts, queue, webhooks } = setUp();
    await webhooks.start();
    webhooks.handle(started('c1'));
    webhooks.handle(ended('c1'));
    await settled();
    expect(posts.map(({ body }) => JSON.parse(body))).toEqual([
      {
        id: expect.stringMatching(/^evt_\w{26}$/),
        type: 'call.started',
        timestamp: '2025-01-05T10:00:00.000Z',
        data: {
          call_id: 'c1',
          caller_sip_call_id: 'a@192.0.2.1',
          caller: '1001',
          callee: '1002',
          caller_ip: '192.0.2.1',
          start_time: '2025-01-05T10:00:00.000Z',
        },
      },
      {
        id: expect.any(String),
        type: 'call.ended',
        timestamp: '2025-01-05T10:01:05.000Z',
        data: cdrOf(endedCall({ callId: 'c1' })),
      },
    ]);
    expect(queue.deliveries).toEqual([]);
  });

  test('of one-way audio tells whose phone is not heard and why, in its turn; quality is not told', async () => {
    const { posts, webhooks } = setUp();
    await webhooks.start();
    const call = endedCall({ callId: 'c1' });
    const at = 1_736_071_204_000;
    const unmeasured = { codec: null, received: null, sent: null, rttMs: null };
    webhooks.handle(started('c1'));
    webhooks.handle({ type: 'call.quality', at, call, caller: unmeasured, callee: unmeasured });
    webhooks.handle({
      type: 'call.one_way_audio',
      at,
      call,
      audio: {
        silent: 'callee',
        reason: 'strangers',
        stranger: '203.0.113.9:4000',
        named: '192.0.2.2:5004',
        signalling: '192.0.2.2',
      },
    });
    await settled();
    expect(posts.map(({ what }) => what)).toEqual(['c1 call.started', 'c1 call.one_way_audio']);
    expect(JSON.parse(posts[1]?.body ?? '')).toEqual({
      id: expect.any(String),
      type: 'call.one_way_audio',
      timestamp: '2025-01-05T10:00:04.000Z',
      data: {
        ...JSON.parse(posts[0]?.body ?? '').data,
        silent: 'callee',
        reason: 'strangers',
        stranger: '203.0.113.9:4000',
        sdp_address: '192.0.2.2:5004',
        signalling_ip: '192.0.2.2',
      },
    });
  });

  test('of a recording tells where it is and what it has come to', async () => {
    const { posts, webhooks } = setUp();
    await webhooks.start();
    const at = 1_736_071_204_000;
    const call = endedCall({ callId: 'c1' });
    const path = '/recordings/2025-01-05/c1.wav';
    webhooks.handle({ type: 'recording.failed', at, call, path, reason: 'disk full' });
    await settled();
    await posts[0]?.answer(200);
    const recording = { path, durationMs: 12_300, pausedMs: 0, status: 'failed', reason: 'disk full' } as const;
    webhooks.handle({ type: 'recording.ended', at, call, recording });
    await settled();
    expect(posts.map(({ body }) => JSON.parse(body))).toMatchObject([
      { type: 'recording.failed', data: { call_id: 'c1', caller: '1001', path, reason: 'disk full' } },
      { type: 'recording.ended', data: { call_id: 'c1', path, duration: 12, status: 'failed', reason: 'disk full' } },
    ]);
  });

  test('of a ban tells of whom, for what and until when', async () => {
    const { posts, webhooks } = setUp();
    await webhooks.start();
    const at = 1_736_071_200_000;
    const ban = {
      source: '2001:db8::/64',
      aor: '1001@sip-pbx',
      failures: 10,
      repetition: 2,
      bannedAt: at,
      until: at + 1_200_000,
    };
    webhooks.handle({ type: 'ban.added', at, ban });
    await settled();
    await posts[0]?.answer(200);
    webhooks.handle({ type: 'ban.lifted', at: ban.until, ban, cause: 'expired' });
    await settled();
    const data = {
      source: '2001:db8::/64',
      aor: '1001@sip-pbx',
      failures: 10,
      repetition: 2,
      banned_at: '2025-01-05T10:00:00.000Z',
      until: '2025-01-05T10:20:00.000Z',
    };
    expect(posts.map(({ body }) => JSON.parse(body))).toMatchObject([
      { type: 'ban.added', timestamp: '2025-01-05T10:00:00.000Z', data },
      { type: 'ban.lifted', timestamp: '2025-01-05T10:20:00.000Z', data: { ...data, cause: 'expired' } },
    ]);
  });

  test('goes to every URL, each with its own fate', async () => {
    const other = 'https://other.example/';
    const { posts, queue, webhooks } = setUp({ webhook_urls: [url, other] }, (posted) =>
      posted.url === url ? 500 : 200,
    );
    await webhooks.start();
    webhooks.handle(started('c1'));
    await settled();
    expect(posts.map((posted) => posted.url)).toEqual([url, other]);
    expect(new Set(posts.map(({ body }) => body)).size).toBe(1);
    expect(queue.deliveries.map((kept) => kept.url)).toEqual([url]);
  });

  const raw = 'twenty-four bytes or more';
  test.each([
    ['base64 after whsec_', `whsec_${Buffer.from(raw).toString('base64')}`],
    ['a text, whose bytes are the key', raw],
  ])('is signed as Standard Webhooks; the secret is %s', async (_, secret) => {
    const { clock, posts, webhooks } = setUp({ webhook_secret: secret });
    await webhooks.start();
    webhooks.handle(started('c1'));
    await settled();
    const { headers, body } = posts[0]!;
    expect(headers['webhook-id']).toBe(JSON.parse(body).id);
    expect(headers['webhook-timestamp']).toBe(String(clock.wall() / 1000));
    const expected = new Webhook(Buffer.from(raw).toString('base64')).sign(
      headers['webhook-id']!,
      new Date(clock.wall()),
      body,
    );
    expect(headers['webhook-signature']).toBe(expected);
  });

  test('is not signed without a secret', async () => {
    const { posts, webhooks } = setUp();
    await webhooks.start();
    webhooks.handle(started('c1'));
    expect(Object.keys(posts[0]!.headers)).not.toContain('webhook-signature');
  });
});

describe('a webhook that fails', () => {
  test('is tried again after 1, 2 and 4 s and up to a quarter more, then with pauses from 30 s to an hour', async () => {
    expect([1, 2, 3, 4, 5, 6, 7, 20, 5000].map((failures) => pauseAfter(failures, 3))).toEqual([
      1000, 2000, 4000, 30_000, 60_000, 120_000, 240_000, 3_600_000, 3_600_000,
    ]);
    const { posts, queue, webhooks, advance } = setUp({}, (_, before) => (before < 4 ? 503 : 200));
    await webhooks.start();
    webhooks.handle(started('c1'));
    await settled();
    await advance(60_000);
    const pauses = posts.slice(1).map(({ at }, i) => at - posts[i]!.at);
    expect(pauses).toHaveLength(4);
    for (const [i, base] of [1000, 2000, 4000, 30_000].entries()) {
      expect(pauses[i]).toBeGreaterThanOrEqual(base);
      expect(pauses[i]).toBeLessThanOrEqual(base * 1.25);
    }
    expect(queue.deliveries).toEqual([]);
    expect(webhooks.statistics()).toEqual({ requests: 5, failures: 4, dropped: 0, waiting: 0 });
  });

  test.each([[301], [199], [404], [500]])('fails by the status %i', async (status) => {
    const { webhooks } = setUp({}, () => status);
    await webhooks.start();
    webhooks.handle(started('c1'));
    await settled();
    expect(webhooks.statistics()).toMatchObject({ failures: 1, waiting: 1 });
  });

  test('has failed when no answer comes in time, and its request is aborted', async () => {
    const { posts, webhooks, advance } = setUp({ webhook_timeout: 2 }, (_, before) => (before === 0 ? null : 200));
    await webhooks.start();
    webhooks.handle(started('c1'));
    await advance(1999);
    expect(posts[0]!.signal.aborted).toBe(false);
    await advance(1);
    expect(posts[0]!.signal.aborted).toBe(true);
    await advance(1500);
    expect(posts).toHaveLength(2);
    expect(webhooks.statistics()).toMatchObject({ failures: 1, waiting: 0 });
  });

  test('holds up only what follows in its own call', async () => {
    const { posts, webhooks, advance } = setUp({}, (posted, before) =>
      posted.what === 'c1 call.started' && before < 2 ? 500 : 200,
    );
    await webhooks.start();
    for (const event of [started('c1'), ended('c1'), started('c2'), ended('c2')]) webhooks.handle(event);
    await settled();
    expect(posts.map(({ what }) => what)).toEqual(['c1 call.started', 'c2 call.started', 'c2 call.ended']);
    await advance(5000);
    expect(posts.slice(3).map(({ what }) => what)).toEqual(['c1 call.started', 'c1 call.started', 'c1 call.ended']);
  });

  test('is dropped at webhook_max_age with a log line that names neither path nor query of the URL', async () => {
    const { clock, logged, queue, webhooks, advance } = setUp({ webhook_max_age: 20 }, () => 500);
    await webhooks.start();
    webhooks.handle(started('c1'));
    await advance(60_000);
    expect(queue.deliveries).toEqual([]);
    expect(webhooks.statistics()).toEqual({ requests: 4, failures: 4, dropped: 1, waiting: 0 });
    expect(logged.at(-1)).toContain('error: a webhook was dropped');
    expect(logged.join()).not.toContain('secret');
    expect(clock.pending).toBe(0);
  });

  test('is woken when a receiver that was gone has come back', async () => {
    let back = false;
    const { posts, webhooks, advance } = setUp({}, () => (back ? 200 : 500));
    await webhooks.start();
    for (let call = 0; call < 20; call++) webhooks.handle(started(`c${call}`));
    await advance(1_000_000);
    back = true;
    const before = posts.length;
    webhooks.handle(started('fresh'));
    await settled();
    await settled();
    expect(posts.length).toBe(before + 21);
    expect(webhooks.statistics().waiting).toBe(0);
  });
});

test('at most 8 requests are under way to one URL', async () => {
  const { posts, webhooks } = setUp({}, () => null);
  await webhooks.start();
  for (let call = 0; call < 20; call++) webhooks.handle(started(`c${call}`));
  expect(posts).toHaveLength(8);
  await posts[3]!.answer(200);
  expect(posts).toHaveLength(9);
});

test('what is undelivered at a stop is sent after the next start, in order and before newer events', async () => {
  const { clock, make, posts, queue, webhooks } = setUp({}, () => (posts.length <= 1 ? null : 200));
  await webhooks.start();
  webhooks.handle(started('c1'));
  webhooks.handle(ended('c1'));
  webhooks.close();
  await settled();
  expect(posts[0]!.signal.aborted).toBe(true);
  expect(clock.pending).toBe(0);
  expect(queue.deliveries).toHaveLength(2);
  const next = make();
  next.handle({ type: 'call.ringing', at: 1_736_071_300_000, call: endedCall({ callId: 'c1' }) }); // before the store was read
  await next.start();
  await settled();
  await settled();
  expect(posts.slice(1).map(({ what }) => what)).toEqual(['c1 call.started', 'c1 call.ended', 'c1 call.ringing']);
  expect(queue.deliveries).toEqual([]);
});

test('stored webhooks to a URL that is configured no more are dropped at the start', async () => {
  const { posts, queue, webhooks } = setUp();
  queue.add({ id: 'evt_1', url: 'http://gone.example/', orderKey: 'c', body: '{}', sequence: 4, createdAt: 0 });
  await webhooks.start();
  expect(queue.deliveries).toEqual([]);
  expect(posts).toEqual([]);
});

test('what memory cannot hold waits in the store and loses neither itself nor its order', async () => {
  let open = false;
  const { posts, queue, webhooks } = setUp({}, () => (open ? 200 : null));
  await webhooks.start();
  for (let i = 0; i < 12_000; i++) {
    webhooks.handle({ ...(i % 2 === 0 ? started(`c${i >> 1}`) : ended(`c${i >> 1}`)) });
  }
  expect(webhooks.statistics().waiting).toBe(12_000);
  expect(posts).toHaveLength(8);
  open = true;
  for (const posted of posts.slice(0, 8)) await posted.answer(200);
  while (!queue.empty) await settled();
  expect(webhooks.statistics()).toEqual({ requests: 12_000, failures: 0, dropped: 0, waiting: 0 });
  const order = new Map<string, number[]>();
  for (const [at, { what }] of posts.entries()) {
    const [call = '', type] = what.split(' ');
    order.set(call, [...(order.get(call) ?? []), type === 'call.started' ? at : -at]);
  }
  expect([...order.values()].every(([first = -1, second = 1]) => first >= 0 && -second > first)).toBe(true);
});

test('settle waits for what is being sent, not for what waits for another try', async () => {
  const { posts, webhooks, clock } = setUp({}, () => null);
  await webhooks.start();
  webhooks.handle(started('c1'));
  let done = 0;
  const settling = webhooks.settle(5000).then(() => done++);
  await settled();
  expect(done).toBe(0);
  await posts[0]!.answer(500);
  await settling;
  webhooks.handle(started('c2'));
  const late = webhooks.settle(500).then(() => done++);
  clock.advance(500);
  await late;
  expect(done).toBe(2);
});

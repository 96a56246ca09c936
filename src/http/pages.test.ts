import { describe, expect, test } from 'vitest';
import { type Log, silentLog, VirtualClock } from '../base/index.ts';
import { pageServer } from './page-server.ts';
import { apiRoutes } from './routes/api.ts';
import { metricsRoute } from './routes/metrics.ts';
import { type MonitoringSources, monitoringRoutes } from './routes/monitoring.ts';
import type { ExchangeStatus, Stats } from './schemas.ts';

const status: ExchangeStatus = {
  version: '1.2.3',
  uptime_seconds: 61,
  transports: [{ transport: 'udp', address: '192.0.2.1:5060' }],
  registrations: 2,
  subscriptions: 6,
  bans: 1,
  calls: { IDLE: 0, RINGING: 1, ACTIVE: 4, TERMINATING: 0 },
  port_pool: { total: 10_000, in_use: 20, utilization: 0.2 },
  media_workers: [{ name: 'main', state: 'running', sessions: 5, restarts: 0 }],
};
const stats: Stats = {
  active_calls: 5,
  total_calls: 3,
  failed_calls: 1,
  success_rate: 66.67,
  average_call_duration: null,
  port_pool: { total: 10_000, in_use: 20, utilization: 0.2 },
  uptime_seconds: 61,
};

function setUp(more: Partial<MonitoringSources> = {}) {
  const errors: unknown[] = [];
  const log: Log = { ...silentLog, error: (message, fields) => errors.push([message, fields]) };
  const app = pageServer(log);
  const sources = {
    readiness: () => ({ status: 'ready', reason: null, activeCalls: 5 }) as const,
    status: () => status,
    stats: () => stats,
  };
  monitoringRoutes(app, { ...sources, ...more }, new VirtualClock(Date.UTC(2025, 0, 5, 10, 0, 0, 123)));
  apiRoutes(app, (peer) => peer === '127.0.0.1');
  metricsRoute(app, async () => ({
    contentType: 'text/plain; version=0.0.4; charset=utf-8',
    text: 'sip_active_calls 5\n',
  }));
  return { app, errors };
}

describe('the pages of monitoring', () => {
  test('/health tells the time to the second', async () => {
    const answer = await setUp().app.inject('/health');
    expect(answer.statusCode).toBe(200);
    expect(answer.body).toBe('{"status":"healthy","timestamp":"2025-01-05T10:00:00Z"}');
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
  });

  test('/ready is 200 with the number of calls while calls are taken', async () => {
    const answer = await setUp().app.inject('/ready');
    expect([answer.statusCode, answer.body]).toEqual([200, '{"status":"ready","active_calls":5}']);
  });

  test.each(['starting', 'draining', 'not_ready'] as const)('/ready is 503 with the reason while %s', async (state) => {
    const readiness = () => ({ status: state, reason: 'because', activeCalls: 2 });
    const answer = await setUp({ readiness }).app.inject('/ready');
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toEqual({ status: state, reason: 'because', active_calls: 2 });
  });

  test('/api/status and /api/stats give what the exchange says', async () => {
    const { app } = setUp();
    expect((await app.inject('/api/status')).json()).toEqual(status);
    expect((await app.inject('/api/stats')).json()).toEqual(stats);
  });

  test('a field that no page promises stays inside, for these pages are public', async () => {
    const leaky = { ...status, users: ['1001'], transports: [{ ...status.transports[0]!, peer: '198.51.100.7' }] };
    const answer = await setUp({ status: () => leaky }).app.inject('/api/status');
    expect(answer.json()).toEqual(status);
  });

  test('/metrics is text of the media type that the metrics name', async () => {
    const answer = await setUp().app.inject('/metrics');
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(answer.body).toBe('sip_active_calls 5\n');
  });

  test.each(['/health', '/ready', '/api/status', '/metrics'])('HEAD %s has the headers and no body', async (path) => {
    const answer = await setUp().app.inject({ method: 'HEAD', url: path });
    expect([answer.statusCode, answer.body]).toEqual([200, '']);
  });
});

describe('the API, which is still to come', () => {
  const ask = (url: string, remoteAddress: string, method: 'GET' | 'POST' = 'GET') =>
    setUp().app.inject({ url, method, remoteAddress, headers: { 'x-forwarded-for': '127.0.0.1' } });

  test.each(['/api/v1', '/api/v1/', '/api/v1/calls/1?x=1', '/api/docs', '/api/openapi.json'])(
    '%s asks for a credential',
    async (url) => {
      const answer = await ask(url, '127.0.0.1');
      expect(answer.statusCode).toBe(401);
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="sip-pbx"');
      expect(answer.headers['content-type']).toContain('application/problem+json');
      expect(answer.json()).toMatchObject({ status: 401, title: 'Unauthorized' });
    },
  );

  test('a body makes no difference', async () => {
    const answer = await setUp().app.inject({
      url: '/api/v1/calls',
      method: 'POST',
      payload: '{not json',
      headers: { 'content-type': 'application/json' },
    });
    expect(answer.statusCode).toBe(401);
  });

  test('peers outside of api.allow are refused by the name of that key, whatever X-Forwarded-For says', async () => {
    const answer = await ask('/api/v1/calls', '198.51.100.7', 'POST');
    expect(answer.statusCode).toBe(403);
    expect(answer.json().detail).toContain('api.allow');
    expect((await ask('/health', '198.51.100.7')).statusCode).toBe(200);
  });
});

describe('what goes wrong is JSON too', () => {
  test('an unknown path is 404', async () => {
    for (const url of ['/', '/healthz', '/api', '/api/other', '/%zz', '/../etc/passwd']) {
      const answer = await setUp().app.inject(url);
      expect([400, 404]).toContain(answer.statusCode);
      expect(answer.headers['content-type']).toContain('application/problem+json');
    }
  });

  test('writing to a page is 405 with what is allowed', async () => {
    const answer = await setUp().app.inject({ method: 'POST', url: '/health?x', payload: { a: 1 } });
    expect([answer.statusCode, answer.headers['allow']]).toEqual([405, 'GET, HEAD']);
  });

  test('a page that fails is 500, tells nothing of the inside, and is logged', async () => {
    const stats = () => {
      throw new Error('secret detail');
    };
    const { app, errors } = setUp({ stats });
    const answer = await app.inject('/api/stats');
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toContain('secret');
    expect(errors).toEqual([['a page failed', { path: '/api/stats', error: expect.any(Error) }]]);
  });

  test('a body that is too large is 413', async () => {
    const answer = await setUp().app.inject({ method: 'POST', url: '/health', payload: 'x'.repeat(70_000) });
    expect(answer.statusCode).toBe(413);
  });
});

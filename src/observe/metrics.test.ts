import { expect, test } from 'vitest';
import { endedCall } from '../../test/support/ended-call.ts';
import { Metrics, type MetricsSources } from './metrics.ts';

const sources: MetricsSources = {
  activeCalls: () => 3,
  registrations: () => 7,
  media: {
    totals: () => ({ received: 100, sent: 90, lost: 2 }),
    usage: () => ({ total: 400, inUse: 100 }),
    workers: () => [
      { state: 'running', sessions: 3, restarts: 1 },
      { state: 'down', sessions: 0, restarts: 2 },
    ],
  },
  cdr: () => ({ written: 5, waiting: 1, lost: 0, failing: false }),
  webhooks: () => ({ requests: 12, failures: 4, dropped: 1, waiting: 2 }),
  store: () => ({ queued: 6, dropped: 0 }),
  malformed: () => 8,
  connectionsRefused: () => 12,
  overload: () => ({ rejected: 9, dropped: 10, withheld: 11 }),
  subscriptions: () => new Map([['dialog', 9]]),
  notifies: () => new Map([['confirmed', 11]]),
  sessionRefreshes: () => new Map([['phone', 12]]),
  guard: () => ({ failures: 21, bansActive: 1, bans: 2, bannedDropped: 300, scannersDropped: 40 }),
  messages: () => new Map([['delivered', 12]]),
  certificateEnds: () => 1_800_000_000_000,
};

const setUp = (more: Partial<MetricsSources> = {}) => new Metrics({ ...sources, ...more }, { processMetrics: false });

/** The page as sample → value, without buckets. */
async function samples(metrics: Metrics): Promise<Record<string, number>> {
  const { text } = await metrics.page();
  const lines = text.split('\n').filter((line) => line && !line.startsWith('#') && !line.includes('_bucket'));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
  );
}

test('the promised names are all there before anything happened, and stay put from scrape to scrape', async () => {
  const metrics = setUp();
  const expected = {
    sip_active_calls: 3,
    sip_total_calls: 0,
    sip_call_duration_seconds_count: 0,
    sip_call_setup_duration_seconds_count: 0,
    sip_registrations: 7,
    rtp_packets_received: 100,
    rtp_packets_sent: 90,
    rtp_packets_lost: 2,
    media_workers_running: 1,
    media_sessions: 3,
    media_worker_restarts_total: 3,
    rtp_port_pool_usage: 0.25,
    webhook_requests_total: 12,
    webhook_failures_total: 4,
    cdr_written_total: 5,
    sip_malformed_total: 8,
    sip_connections_refused_total: 12,
    sip_overload_rejected_total: 9,
    sip_overload_dropped_total: 10,
    sip_overload_withheld_total: 11,
    'sip_subscriptions{event="dialog"}': 9,
    'sip_notifies_total{outcome="confirmed"}': 11,
    'sip_session_refreshes_total{by="phone"}': 12,
    sip_auth_failures_total: 21,
    sip_bans_active: 1,
    sip_bans_total: 2,
    sip_banned_messages_dropped_total: 300,
    sip_scanners_dropped_total: 40,
    'sip_messages_total{outcome="delivered"}': 12,
    sip_certificate_end_timestamp_seconds: 1_800_000_000,
    store_queue_length: 6,
  };
  expect(await samples(metrics)).toMatchObject(expected);
  expect(await samples(metrics)).toMatchObject(expected);
  expect((await metrics.page()).text).toContain('# TYPE sip_requests_total counter');
  expect((await metrics.page()).text).toContain('# TYPE sip_responses_total counter');
});

test('an ended call counts in total and by its ending; its duration only when it was answered', async () => {
  const metrics = setUp();
  metrics.handle({ type: 'call.ended', at: 0, call: endedCall({ durationMs: 65_000, setupMs: 250 }) });
  const busy = { party: 'callee', status: 'busy', reason: 'busy', sipStatus: 486, q850: 17, text: '' } as const;
  metrics.handle({
    type: 'call.ended',
    at: 0,
    call: endedCall({ callId: 'c2', answeredAt: null, setupMs: null, ending: busy }),
  });
  const silent = { ...busy, status: 'completed', reason: 'session_timeout', sipStatus: 200 } as const;
  metrics.handle({
    type: 'call.ended',
    at: 0,
    call: endedCall({ callId: 'c3', answeredAt: null, setupMs: null, ending: silent }),
  });
  metrics.handle({ type: 'call.started', at: 0, call: endedCall({ callId: 'c4' }) });
  expect(await samples(metrics)).toMatchObject({
    sip_total_calls: 3,
    sip_session_expired_total: 1,
    'sip_calls_ended_total{status="completed",reason="normal"}': 1,
    'sip_calls_ended_total{status="busy",reason="busy"}': 1,
    sip_call_duration_seconds_count: 1,
    sip_call_duration_seconds_sum: 65,
    sip_call_setup_duration_seconds_count: 1,
    sip_call_setup_duration_seconds_sum: 0.25,
  });
});

test('the quality of calls is in histograms by direction alone; what was not measured is in none', async () => {
  const metrics = setUp();
  const stream = { packets: 240, lost: 10, lossRate: 0.04, meanBurst: 2, jitterMs: 4, mos: 3.9 };
  metrics.handle({
    type: 'call.quality',
    at: 0,
    call: endedCall(),
    caller: { codec: 'PCMU', received: stream, sent: { ...stream, lossRate: 0, mos: null, jitterMs: null }, rttMs: 80 },
    callee: { codec: 'PCMU', received: { ...stream, lossRate: 0, mos: 4.4 }, sent: null, rttMs: null },
  });
  const audio = { silent: 'caller', reason: 'no_packets', stranger: null, named: null, signalling: null } as const;
  metrics.handle({ type: 'call.one_way_audio', at: 0, call: endedCall(), audio });
  const found = await samples(metrics);
  expect(found).toMatchObject({
    'rtp_mos_count{direction="received"}': 2,
    'rtp_mos_sum{direction="received"}': expect.closeTo(8.3, 6),
    'rtp_loss_ratio_count{direction="received"}': 2,
    'rtp_loss_ratio_sum{direction="received"}': 0.04,
    'rtp_loss_ratio_count{direction="sent"}': 1,
    'rtp_jitter_seconds_sum{direction="received"}': 0.008,
    rtp_round_trip_seconds_count: 1,
    rtp_round_trip_seconds_sum: 0.08,
    'rtp_one_way_audio_total{reason="no_packets"}': 1,
  });
  expect(found).not.toHaveProperty(['rtp_mos_count{direction="sent"}']);
  expect(found).not.toHaveProperty(['rtp_jitter_seconds_count{direction="sent"}']);
});

test('requests and responses are counted by method and status; what a peer makes up is OTHER', async () => {
  const metrics = setUp();
  for (const method of ['INVITE', 'INVITE', 'invite', 'PWN-1', 'PWN-2']) metrics.request(method);
  metrics.response('INVITE', 200);
  metrics.response('INVITE', 200);
  metrics.response('PWN', 99_999);
  expect(await samples(metrics)).toMatchObject({
    'sip_requests_total{method="INVITE"}': 2,
    'sip_requests_total{method="OTHER"}': 3,
    'sip_responses_total{method="INVITE",status="200"}': 2,
    'sip_responses_total{method="OTHER",status="OTHER"}': 1,
  });
});

test('without CDR files and with an empty port pool the numbers are 0', async () => {
  const media = { ...sources.media, usage: () => ({ total: 0, inUse: 0 }) };
  expect(await samples(setUp({ cdr: null, media }))).toMatchObject({ cdr_written_total: 0, rtp_port_pool_usage: 0 });
});

test("Node's own metrics are on the page, and two exchanges in one process don't share numbers", async () => {
  const one = new Metrics(sources);
  const other = new Metrics(sources);
  one.request('INVITE');
  expect((await one.page()).text).toContain('process_cpu_seconds_total');
  expect(await samples(other)).not.toHaveProperty(['sip_requests_total{method="INVITE"}']);
  expect((await one.page()).contentType).toMatch(/^text\/plain; version=0\.0\.4/);
});

test('recordings are counted by what they have come to, and while they go on', async () => {
  const metrics = setUp();
  const call = endedCall();
  const recording = { path: '/recordings/a.wav', durationMs: 1000, pausedMs: 0, reason: null } as const;
  for (let i = 0; i < 4; i++) metrics.handle({ type: 'recording.started', at: 0, call, path: recording.path });
  metrics.handle({ type: 'recording.failed', at: 0, call, path: recording.path, reason: 'disk full' });
  for (const status of ['complete', 'complete', 'failed'] as const) {
    metrics.handle({ type: 'recording.ended', at: 0, call, recording: { ...recording, status } });
  }
  expect(await samples(metrics)).toMatchObject({
    recordings_active: 1,
    'recordings_total{status="complete"}': 2,
    'recordings_total{status="failed"}': 1,
  });
});

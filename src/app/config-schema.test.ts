import { describe, expect, test } from 'vitest';
import { type Config, configSchema, defaultConfig } from './config-schema.ts';

/** The reasons, by key, that the schema has against `values`. */
function faults(values: object): Record<string, string> {
  const issues = configSchema.safeParse(values).error?.issues ?? [];
  return Object.fromEntries(issues.map(({ path, message }) => [path.join('.'), message]));
}

test('who configures nothing gets the defaults that are promised', () => {
  const promised: Config = {
    sip: {
      listen_ip: ['0.0.0.0'],
      listen_port: 5060,
      transport: ['udp', 'tcp'],
      advertised_ip: null,
      local_networks: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '127.0.0.0/8'],
      realm: 'sip-pbx',
      domains: [],
      max_concurrent_calls: 100,
      max_call_duration: 14400,
      drain_timeout: 25,
      keepalive_interval: 25,
      timers: { t1: 500, t2: 4000, t4: 5000, invite_timeout: 60, session_expires: 1800, min_se: 90 },
      tls: { listen_port: 5061, certificate: null, private_key: null, ca: null, verify_client: false },
      ws: { listen_port: 5066 },
      wss: { listen_port: 5067 },
    },
    registrar: {
      auth: 'digest',
      digest_algorithms: ['sha-256', 'md5'],
      min_expires: 60,
      default_expires: 3600,
      max_expires: 7200,
      nat_max_expires: 120,
      max_contacts: 10,
    },
    extensions: [],
    media: {
      mode: 'bypass',
      advertised_ip: null,
      port_pool: { start: 10000, end: 20000 },
      rtp_timeout: 60,
      codec_priority: ['opus', 'g722', 'pcmu', 'pcma'],
      jitter_buffer: { min_ms: 20, max_ms: 200 },
      workers: 'auto',
      relay: 'auto',
      srtp: 'optional',
      dscp: 46,
      prompts: null,
    },
    recording: { enabled: false, directory: './recordings', retention_days: 90 },
    events: { webhook_urls: [], webhook_timeout: 10, webhook_retries: 3, webhook_max_age: 86400, webhook_secret: null },
    cdr: {
      enabled: true,
      output_dir: './cdr',
      filename_pattern: 'cdr-%Y-%m-%d.jsonl',
      rotation: 'daily',
      retention_days: 90,
      timezone: 'utc',
    },
    logging: { level: 'INFO', format: 'json', output: 'stdout', file_path: 'logs/app.log', sip_traffic: false },
    monitoring: { listen_ip: '0.0.0.0', prometheus_port: 9090, health_check_port: 8080, scrape_interval: 15 },
    api: { allow: ['127.0.0.0/8', '::1'], tls: null, insecure: false },
    security: { ban: { failures: 10, window: 60, duration: 600, allow: [] }, allow_open: false },
    hep: { server: null, capture_id: 1 },
    storage: { url: 'sqlite:data/sip-pbx.db' },
  };
  expect(defaultConfig).toEqual(promised);
});

describe('values', () => {
  test('one value stands for a list of one', () => {
    const { sip } = configSchema.parse({ sip: { listen_ip: '::', transport: 'udp' } });
    expect(sip.listen_ip).toEqual(['::']);
    expect(sip.transport).toEqual(['udp']);
  });

  test('words are known in capitals and small letters, and a list names each once', () => {
    const config = configSchema.parse({
      sip: { transport: ['UDP', 'udp', 'Tcp'] },
      logging: { level: 'debug' },
      registrar: { digest_algorithms: ['SHA-256'] },
      media: { codec_priority: ['PCMU', '*'] },
      cdr: { timezone: 'UTC' },
    });
    expect(config.sip.transport).toEqual(['udp', 'tcp']);
    expect(config.logging.level).toBe('DEBUG');
    expect(config.registrar.digest_algorithms).toEqual(['sha-256']);
    expect(config.cdr.timezone).toBe('utc');
    expect(config.media.codec_priority).toEqual(['pcmu', '*']);
  });

  test.each([
    { sip: { listen_port: 65536 } },
    { sip: { listen_port: -1 } },
    { sip: { listen_port: 50.5 } },
    { sip: { listen_ip: [] } },
    { sip: { listen_ip: 'localhost' } },
    { sip: { transport: [] } },
    { sip: { transport: ['sctp'] } },
    { sip: { advertised_ip: 'pbx.example.com' } },
    { sip: { local_networks: ['10.0.0.0/33'] } },
    { sip: { realm: 'a "quoted" realm' } },
    { sip: { domains: ['not a host'] } },
    { sip: { max_concurrent_calls: 0 } },
    { sip: { timers: { min_se: 89 } } },
    { sip: { timers: { session_expires: 89 } } },
    { registrar: { auth: 'basic' } },
    { registrar: { digest_algorithms: [] } },
    { extensions: [{ number: '1001' }] },
    { extensions: [{ number: '10 01', password: 'x' }] },
    { extensions: [{ number: '1001', password: '' }] },
    { extensions: [{ number: '1001', password: 'x', srtp: 'maybe' }] },
    { media: { mode: 'direct' } },
    { media: { dscp: 64 } },
    { media: { workers: 'many' } },
    { media: { codec_priority: [] } },
    { events: { webhook_urls: ['ftp://example.com'] } },
    { events: { webhook_secret: 'too short' } },
    { events: { webhook_secret: 'whsec_c2hvcnQ=' } },
    { cdr: { filename_pattern: '../cdr-%Y.jsonl' } },
    { cdr: { filename_pattern: 'cdr-%S.jsonl' } },
    { cdr: { timezone: 'Middle/Earth' } },
    { logging: { level: 'VERBOSE' } },
    { api: { tls: { certificate: 'a.pem' } } },
    { hep: { server: 'homer.example.com' } },
    { storage: { url: 'mysql://localhost/pbx' } },
    { unknown: {} },
  ])('%j is refused', (values) => {
    expect(configSchema.safeParse(values).success).toBe(false);
  });

  test.each([
    { sip: { listen_port: 0 } },
    { sip: { listen_ip: ['192.0.2.1', '2001:db8::1'] } },
    { sip: { domains: ['pbx.example.com', '192.0.2.1'] } },
    {
      extensions: [{ number: '+49.30-1*2_x', password: 'pässword with spaces', display_name: null, srtp: 'required' }],
    },
    { media: { workers: 4 } },
    { events: { webhook_urls: ['http://10.0.0.1:3000/hook?key=1'] } },
    { events: { webhook_secret: 'twenty-four bytes or more' } },
    { events: { webhook_secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' } },
    { cdr: { timezone: 'Europe/Berlin', filename_pattern: 'cdr-%Y-%m-%d-%H%M.jsonl' } },
    { hep: { server: '[2001:db8::1]:9060' } },
    { storage: { url: 'postgres://pbx@db/pbx' } },
  ])('%j is accepted', (values) => {
    expect(faults(values)).toEqual({});
  });
});

describe('rules between keys', () => {
  test('tls and wss need a certificate and its key', () => {
    const reasons = faults({ sip: { transport: ['udp', 'tls', 'wss'] } });
    expect(reasons).toEqual({
      'sip.tls.certificate': 'must be set, because sip.transport names tls and wss',
      'sip.tls.private_key': 'must be set, because sip.transport names tls and wss',
    });
    expect(faults({ sip: { transport: 'tls', tls: { certificate: 'a.pem', private_key: 'a.key' } } })).toEqual({});
  });

  test('T2 is not below T1, and a session not shorter than its least', () => {
    expect(Object.keys(faults({ sip: { timers: { t1: 5000 } } }))).toEqual(['sip.timers.t2']);
    expect(Object.keys(faults({ sip: { timers: { session_expires: 100, min_se: 200 } } }))).toEqual([
      'sip.timers.session_expires',
    ]);
    expect(faults({ sip: { timers: { session_expires: 0, min_se: 200 } } })).toEqual({});
  });

  test('expiry times stand in order', () => {
    expect(Object.keys(faults({ registrar: { min_expires: 4000 } }))).toEqual(['registrar.default_expires']);
    expect(Object.keys(faults({ registrar: { max_expires: 600 } }))).toEqual(['registrar.default_expires']);
    expect(Object.keys(faults({ registrar: { min_expires: 9000 } }))).toEqual(['registrar.max_expires']);
    expect(faults({ registrar: { min_expires: 300, default_expires: 300, max_expires: 300 } })).toEqual({});
  });

  test('the port pool is even, upright and has room for a call', () => {
    expect(faults({ media: { port_pool: { start: 10001, end: 20001 } } })).toEqual({
      'media.port_pool.start': 'must be even, got 10001',
      'media.port_pool.end': 'must be even, got 20001 (it is the port after the last)',
    });
    expect(Object.keys(faults({ media: { port_pool: { start: 20000 } } }))).toEqual(['media.port_pool.end']);
    expect(Object.keys(faults({ media: { port_pool: { start: 10000, end: 10002 } } }))).toEqual([
      'media.port_pool.end',
    ]);
  });

  test('no two listeners want one port of one address', () => {
    expect(faults({ monitoring: { prometheus_port: 8080 } })).toEqual({
      'monitoring.health_check_port': 'must not be the port of monitoring.prometheus_port too (8080)',
    });
    expect(Object.keys(faults({ sip: { listen_port: 9090 } }))).toEqual(['monitoring.prometheus_port']);
    expect(faults({ sip: { listen_port: 9090, transport: 'udp' } })).toEqual({});
    expect(
      faults({ sip: { listen_port: 9090, listen_ip: '192.0.2.1' }, monitoring: { listen_ip: '127.0.0.1' } }),
    ).toEqual({});
    expect(faults({ monitoring: { prometheus_port: 0, health_check_port: 0 } })).toEqual({});
    expect(faults({ sip: { transport: ['udp', 'ws'], ws: { listen_port: 8080 } } })).toEqual({
      'monitoring.health_check_port': 'must not be the port of sip.ws.listen_port too (8080)',
    });
    const tls = { certificate: 'a', private_key: 'b' };
    expect(faults({ sip: { transport: ['tls', 'wss'], tls, wss: { listen_port: 5061 } } })).toEqual({
      'sip.wss.listen_port': 'must not be the port of sip.tls.listen_port too (5061)',
    });
    expect(faults({ sip: { transport: ['udp', 'ws'], ws: { listen_port: 5060 } } })).toEqual({});
  });

  test('the SIP port does not lie among the media ports', () => {
    expect(Object.keys(faults({ sip: { listen_port: 15060 } }))).toEqual(['sip.listen_port']);
    expect(faults({ sip: { listen_port: 20000 } })).toEqual({});
  });

  test('an exchange without passwords is refused on a public address, unless that is allowed', () => {
    const open = { registrar: { auth: 'none' } };
    expect(faults(open)).toEqual({});
    expect(faults({ ...open, sip: { listen_ip: ['192.168.1.5', 'fd00::1'] } })).toEqual({});
    expect(faults({ ...open, sip: { advertised_ip: '8.8.8.8' } })['registrar.auth']).toContain('8.8.8.8');
    expect(faults({ ...open, sip: { listen_ip: ['192.168.1.5', '2a00:1450::1'] } })['registrar.auth']).toContain(
      '2a00:1450::1',
    );
    expect(faults({ ...open, sip: { advertised_ip: '8.8.8.8' }, security: { allow_open: true } })).toEqual({});
  });

  test('an API open to others needs a certificate, unless plain HTTP is allowed', () => {
    const allow = ['127.0.0.1', '10.0.0.0/8'];
    expect(faults({ api: { allow } })['api.allow']).toContain('10.0.0.0/8');
    expect(faults({ api: { allow, tls: { certificate: 'a.pem', private_key: 'a.key' } } })).toEqual({});
    expect(faults({ api: { allow, insecure: true } })).toEqual({});
    expect(faults({ api: { allow: ['127.0.0.1'] } })).toEqual({});
  });

  test('a number is given to one extension only', () => {
    const extensions = ['1001', '1002', '1001'].map((number) => ({ number, password: 'x' }));
    expect(faults({ extensions })).toEqual({ 'extensions.2.number': 'repeats the number of extensions[0] (1001)' });
  });
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Config, type ConfigSources, formatFault, loadConfig } from './config.ts';
import { configKeys } from './config-keys.ts';
import { defaultConfig } from './config-schema.ts';

let cwd: string;

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'config-test-'));
});

afterEach(() => {
  rmSync(cwd, { recursive: true });
});

function write(name: string, text: string): void {
  mkdirSync(join(cwd, 'config'), { recursive: true });
  writeFileSync(join(cwd, name), text);
}

type Given = Partial<ConfigSources> & { readonly yaml?: string };

function load({ yaml, ...sources }: Given) {
  if (yaml !== undefined) write('pbx.yaml', yaml);
  return loadConfig({ env: {}, cwd, ...(yaml === undefined ? {} : { file: 'pbx.yaml' }), ...sources });
}

function config(given: Given): Config {
  const loaded = load(given);
  if (!loaded.ok) throw new Error(loaded.faults.map(formatFault).join('\n'));
  return loaded.config;
}

function faults(given: Given): string[] {
  const loaded = load(given);
  return loaded.ok ? [] : loaded.faults.map(formatFault);
}

function warnings(given: Given): readonly string[] {
  const loaded = load(given);
  if (!loaded.ok) throw new Error(loaded.faults.map(formatFault).join('\n'));
  return loaded.warnings;
}

describe('the file', () => {
  test('without one the defaults hold, and nothing is warned of', () => {
    const loaded = load({});
    expect(loaded).toMatchObject({ ok: true, file: null, warnings: [] });
    expect(config({})).toEqual(defaultConfig);
  });

  test('config/config.yaml is read where it exists', () => {
    write('config/config.yaml', 'sip: { listen_port: 5070 }');
    expect(load({})).toMatchObject({
      ok: true,
      file: join('config', 'config.yaml'),
      config: { sip: { listen_port: 5070 } },
    });
  });

  test('a file that is named takes its place', () => {
    write('config/config.yaml', 'sip: { listen_port: 5070 }');
    expect(config({ yaml: 'sip: { realm: office }' }).sip).toMatchObject({ realm: 'office', listen_port: 5060 });
  });

  test('a file that is named must exist', () => {
    expect(faults({ file: 'missing.yaml' })).toEqual(['missing.yaml: there is no such file']);
  });

  test.each(['', '# nothing but a comment\n', 'sip:\nextensions:\nmedia:\n  port_pool:\n  codec_priority:\n'])(
    'what is empty changes nothing: %j',
    (yaml) => {
      expect(config({ yaml })).toEqual(defaultConfig);
    },
  );

  test('unquoted numbers are taken as written where text is wanted', () => {
    const yaml =
      'extensions:\n  - { number: 0100, password: 1e3, display_name: true }\n  - { number: 1002, password: 12.50 }';
    expect(config({ yaml }).extensions).toEqual([
      { number: '0100', password: '1e3', display_name: 'true', srtp: null, recording: null },
      { number: '1002', password: '12.50', display_name: null, srtp: null, recording: null },
    ]);
  });

  test('anchors and aliases of YAML work', () => {
    const yaml = 'registrar: { default_expires: &hour 3600, max_expires: *hour }';
    expect(config({ yaml }).registrar).toMatchObject({ default_expires: 3600, max_expires: 3600 });
  });

  test('all faults are named at once, from top to bottom, with the line each stands in', () => {
    const yaml = [
      'sip:',
      '  listen_prot: 5070',
      '  transport: [udp, tpc]',
      '  timers:',
      '    t1: fast',
      'registrar: { min_expires: 0 }',
      'extensions:',
      '  - number: "1001"',
      '  - number: "1002"',
      '    pasword: x',
      '    password: y',
      'media:',
      '  port_pool: { start: 20000, end: 10000 }',
      '  port_pol: 1',
      'recording: yes',
    ].join('\n');
    expect(faults({ yaml })).toEqual([
      'pbx.yaml:2: sip.listen_prot: unknown key; did you mean sip.listen_port?',
      'pbx.yaml:3: sip.transport[1]: must be one of udp, tcp, tls, ws or wss, got "tpc"; did you mean tcp?',
      'pbx.yaml:5: sip.timers.t1: must be a whole number, got "fast"',
      'pbx.yaml:6: registrar.min_expires: must be at least 1, got 0',
      'pbx.yaml:8: extensions[0].password: must be set',
      'pbx.yaml:10: extensions[1].pasword: unknown key; did you mean extensions[1].password?',
      'pbx.yaml:13: media.port_pool.end: must be above media.port_pool.start (20000), got 10000',
      'pbx.yaml:14: media.port_pol: unknown key; did you mean media.port_pool?',
      'pbx.yaml:15: recording: must be a section with keys below it, got "yes"',
    ]);
  });

  test('a rule between keys is shown where one of them is written', () => {
    write('a.key', '');
    expect(faults({ yaml: '\nsip:\n  transport: tls\n  tls: { private_key: a.key }' })).toEqual([
      'pbx.yaml:3: sip.tls.certificate: must be set, because sip.transport names tls',
    ]);
  });

  test('a file that the start needs and that is not there is a fault, in whatever company', () => {
    const tls = 'tls: { certificate: a.pem, private_key: config }';
    const yaml = `sip:\n  transport: [udp, tls]\n  ${tls}\n  realm: 5\nmedia: { rtp_timeout: soon }`;
    write('pbx.yaml', ''); // and with it the folder `config`
    expect(faults({ yaml })).toEqual([
      `pbx.yaml:3: sip.tls.certificate: there is no file ${join(cwd, 'a.pem')}`,
      `pbx.yaml:3: sip.tls.private_key: ${join(cwd, 'config')} is no file`,
      'pbx.yaml:5: media.rtp_timeout: must be a whole number, got "soon"',
    ]);
    expect(faults({ yaml: `sip: { transport: wss, ${tls} }` })).toHaveLength(2);
    // Without the listener nobody reads them.
    expect(faults({ yaml: `sip: { ${tls} }` })).toEqual([]);
  });

  test('a rule is not asked of a key that is faulty by itself', () => {
    expect(faults({ yaml: 'media:\n  port_pool: { start: low, end: 9000 }' })).toEqual([
      'pbx.yaml:2: media.port_pool.start: must be a whole number, got "low"',
    ]);
  });

  test.each([
    ['listen_port: 5070', 'listen_port', 'sip.listen_port'],
    ['sip: { port: 5070 }', 'sip.port', 'sip.listen_port'],
    ['sip: { listenPort: 5070 }', 'sip.listenPort', 'sip.listen_port'],
    ['sip: { port_pool: {} }', 'sip.port_pool', 'media.port_pool'],
    ['sips: {}', 'sips', 'sip'],
    ['loging: {}', 'loging', 'logging'],
    ['api: { tls: { cert: a, certificate: b, private_key: c } }', 'api.tls.cert', 'api.tls.certificate'],
  ])('%s: somebody means something else', (yaml, written, meant) => {
    expect(faults({ yaml })).toEqual([`pbx.yaml:1: ${written}: unknown key; did you mean ${meant}?`]);
  });

  test('names of the language are unknown keys like any other', () => {
    expect(faults({ yaml: 'sip: { constructor: 1, __proto__: { realm: x } }' })).toHaveLength(2);
  });

  test('a key may stand only once', () => {
    expect(faults({ yaml: 'sip:\n  realm: a\nmedia: {}\nsip:\n  realm: b\n  listen_port: x' })).toEqual([
      'pbx.yaml:4: sip: stands here a second time; it is in line 1 already',
    ]);
  });

  test('a duplicate does not hide other faults', () => {
    expect(faults({ yaml: 'sip:\n  realm: a\n  realm: b\n  listen_port: x' })).toEqual([
      'pbx.yaml:3: sip.realm: stands here a second time; it is in line 2 already',
      'pbx.yaml:4: sip.listen_port: must be a whole number, got "x"',
    ]);
  });

  test('what is not YAML is a fault with its line', () => {
    const [fault] = faults({ yaml: 'sip:\n  realm: "open\n  listen_port: 5060\n' });
    expect(fault).toMatch(/^pbx\.yaml:[234]: not valid YAML: /);
    expect(faults({ yaml: 'sip:\n\tlisten_port: 1\n' })[0]).toMatch(/^pbx\.yaml:2: not valid YAML: /);
  });

  test.each([
    ['sip: {}\n---\nsip: {}', /^pbx\.yaml:2: must hold one document, another begins here$/],
    ['sip:\n  realm: !secret x', /^pbx\.yaml:2: not valid YAML: .*!secret/],
    ['sip:\n  realm: *office', /^pbx\.yaml:2: sip\.realm: nothing is named &office$/],
    ['sip:\n  transport: udp, tcp', /^pbx\.yaml:2: sip\.transport\[0\]: must be one of .*, got "udp, tcp"/],
    ['sip:\n  listen_port: .nan', /^pbx\.yaml:2: sip\.listen_port: must be a whole number, got NaN$/],
  ])('%j is refused', (yaml, told) => {
    expect(faults({ yaml })).toEqual([expect.stringMatching(told)]);
  });

  test('a file that holds no sections is a fault', () => {
    expect(faults({ yaml: '\n- sip\n' })).toEqual(['pbx.yaml:2: must hold sections like sip: and media:']);
  });

  test('an alias that contains itself does no harm', () => {
    expect(faults({ yaml: 'sip: &a\n  timers: *a\n' }).length).toBeGreaterThan(0);
  });

  test('an empty value is a fault where something must stand', () => {
    expect(faults({ yaml: 'sip:\n  realm:\n' })).toEqual(['pbx.yaml:2: sip.realm: has no value; it must be text']);
  });

  test('secrets are not shown', () => {
    const yaml = [
      'events: { webhook_secret: s3cret, webhook_urls: ["s3cret"] }',
      'storage: { url: "mysql://s3cret@db" }',
      'extensions: [{ number: "1", password: "s3cret\\u0007" }]',
    ].join('\n');
    const told = faults({ yaml });
    expect(told).toHaveLength(4);
    expect(told.join()).not.toContain('s3cret');
  });
});

describe('the environment', () => {
  test('every key has a variable of its own', () => {
    const names = configKeys.map(({ variable }) => variable);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(
      expect.arrayContaining(['SIP_PBX_MEDIA_PORT_POOL_START', 'SIP_PBX_SIP_TIMERS_T1', 'SIP_PBX_EXTENSIONS']),
    );
  });

  test('values are typed by the schema', () => {
    const env = {
      SIP_PBX_SIP_LISTEN_PORT: '5070',
      SIP_PBX_SIP_TRANSPORT: 'udp',
      SIP_PBX_SIP_LISTEN_IP: '192.0.2.1, 2001:db8::1',
      SIP_PBX_SIP_REALM: '1234',
      SIP_PBX_SIP_TIMERS_T1: ' 250 ',
      SIP_PBX_MEDIA_PORT_POOL_START: '12000',
      SIP_PBX_MEDIA_WORKERS: '2',
      SIP_PBX_RECORDING_ENABLED: 'TRUE',
      SIP_PBX_CDR_ENABLED: '0',
      SIP_PBX_LOGGING_LEVEL: 'warning',
      SIP_PBX_EVENTS_WEBHOOK_URLS: 'https://a.example/x,https://b.example/y',
      SIP_PBX_SECURITY_BAN_ALLOW: '',
      SIP_PBX_EXTENSIONS: '[{"number":1001,"password":"a,b"},{"number":"1002","password":"c","display_name":"Bob"}]',
      SIP_PBX_API_TLS_CERTIFICATE: 'a.pem',
      SIP_PBX_API_TLS_PRIVATE_KEY: 'a.key',
    };
    expect(config({ env })).toMatchObject({
      sip: {
        listen_port: 5070,
        transport: ['udp'],
        listen_ip: ['192.0.2.1', '2001:db8::1'],
        realm: '1234',
        timers: { t1: 250, t2: 4000 },
      },
      media: { port_pool: { start: 12000, end: 20000 }, workers: 2 },
      recording: { enabled: true },
      cdr: { enabled: false },
      logging: { level: 'WARNING' },
      events: { webhook_urls: ['https://a.example/x', 'https://b.example/y'] },
      security: { ban: { allow: [] } },
      extensions: [
        { number: '1001', password: 'a,b', display_name: null },
        { number: '1002', password: 'c', display_name: 'Bob' },
      ],
      api: { tls: { certificate: 'a.pem', private_key: 'a.key' } },
    });
  });

  test('an empty value is null where null is allowed, and a fault elsewhere', () => {
    const yaml = 'sip: { advertised_ip: 192.0.2.1 }\napi: { tls: { certificate: a, private_key: b } }';
    const env = { SIP_PBX_SIP_ADVERTISED_IP: '', SIP_PBX_API_TLS: '' };
    expect(config({ yaml, env })).toMatchObject({ sip: { advertised_ip: null }, api: { tls: null } });
    expect(faults({ env: { SIP_PBX_SIP_LISTEN_PORT: '', SIP_PBX_SIP_REALM: '' } })).toEqual([
      'SIP_PBX_SIP_LISTEN_PORT: sip.listen_port: must be a whole number, got ""',
      'SIP_PBX_SIP_REALM: sip.realm: must not be empty, got ""',
    ]);
  });

  test('_FILE reads the value from a file, without the last line end', () => {
    write('secret', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n');
    write('extensions.json', '[{"number":"1001","password":"x"}]\r\n');
    const env = { SIP_PBX_EVENTS_WEBHOOK_SECRET_FILE: 'secret', SIP_PBX_EXTENSIONS_FILE: join(cwd, 'extensions.json') };
    const { events, extensions } = config({ env });
    expect(events.webhook_secret).toBe('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    expect(extensions).toMatchObject([{ number: '1001', password: 'x' }]);
  });

  test('faults name the variable', () => {
    const env = {
      SIP_PBX_SIP_LISTEN_PORT: 'x',
      SIP_PBX_SIP_LISTEN_PROT: '5070',
      SIP_PBX_MEDIA_PORT_POOL_START: '70000',
      SIP_PBX_EXTENSIONS: '[{"number":"1001","password":"s3cret"',
      SIP_PBX_STORAGE_URL_FILE: 'missing',
      SIP_PBX_SIP_REALM: 'a',
      SIP_PBX_SIP_REALM_FILE: 'b',
    };
    const told = faults({ env });
    expect(told).toEqual([
      'SIP_PBX_EXTENSIONS: extensions: must be valid JSON',
      'SIP_PBX_SIP_LISTEN_PROT: unknown name; did you mean SIP_PBX_SIP_LISTEN_PORT?',
      'SIP_PBX_SIP_REALM_FILE: sip.realm: SIP_PBX_SIP_REALM is set too; only one of them may be',
      'SIP_PBX_STORAGE_URL_FILE: storage.url: the file missing cannot be read (ENOENT)',
      'SIP_PBX_SIP_LISTEN_PORT: sip.listen_port: must be a whole number, got "x"',
      'SIP_PBX_MEDIA_PORT_POOL_START: media.port_pool.start: must be at most 65534, got 70000',
    ]);
  });

  test('names of no section, and of other programs, are ignored', () => {
    expect(faults({ env: { SIP_PBX_VERSION: '1', SIP_PBX_IMAGE_TAG: 'x', SIPPBX_SIP_X: 'y', PATH: '/bin' } })).toEqual(
      [],
    );
  });

  test('names that Kubernetes makes for Services are ignored, even where a key has the same', () => {
    const env = {
      SIP_PBX_SERVICE_HOST: '10.0.0.9',
      SIP_PBX_PORT: 'udp://10.0.0.9:5060',
      SIP_PBX_SIP_SERVICE_HOST: '10.0.0.9',
      SIP_PBX_SIP_SERVICE_PORT: '5060',
      SIP_PBX_SIP_SERVICE_PORT_SIP_UDP: '5060',
      SIP_PBX_SIP_PORT: 'udp://10.0.0.9:5060',
      SIP_PBX_SIP_PORT_5060_UDP: 'udp://10.0.0.9:5060',
      SIP_PBX_SIP_PORT_5060_UDP_PROTO: 'udp',
      SIP_PBX_SIP_PORT_5060_UDP_PORT: '5060',
      SIP_PBX_SIP_PORT_5060_UDP_ADDR: '10.0.0.9',
      SIP_PBX_MONITORING_PROMETHEUS_PORT: 'tcp://10.0.0.9:9090',
    };
    expect(config({ env })).toEqual(defaultConfig);
    expect(faults({ env: { SIP_PBX_SIP_PORT: '5070' } })).toEqual([
      'SIP_PBX_SIP_PORT: unknown name; did you mean SIP_PBX_SIP_LISTEN_PORT?',
    ]);
  });

  test('a section has no name of its own', () => {
    expect(faults({ env: { SIP_PBX_SIP: '{"realm":"x"}' } })).toEqual([
      'SIP_PBX_SIP: unknown name; its keys have one each, like SIP_PBX_SIP_LISTEN_IP',
    ]);
  });

  test('faults of the environment are named beside a file that is not YAML', () => {
    const told = faults({ yaml: 'sip: [', env: { SIP_PBX_SIP_LISTEN_PORT: 'x', SIP_PBX_SIP_TRANSPORT: 'tls' } });
    expect(told).toHaveLength(2);
    expect(told[1]).toBe('SIP_PBX_SIP_LISTEN_PORT: sip.listen_port: must be a whole number, got "x"');
  });
});

describe('order', () => {
  const yaml = 'sip:\n  listen_port: 5070\n  realm: file\nlogging: { level: ERROR }';

  test('default < file < environment < command line', () => {
    const env = { SIP_PBX_SIP_LISTEN_PORT: '5080', SIP_PBX_LOGGING_LEVEL: 'WARNING' };
    const overrides = [{ key: 'sip.listen_port', text: '5090', option: '--port' }];
    const loaded = load({ yaml, env, overrides });
    if (!loaded.ok) throw new Error('refused');
    expect(loaded.config.sip).toMatchObject({ listen_port: 5090, realm: 'file', max_concurrent_calls: 100 });
    expect(loaded.config.logging.level).toBe('WARNING');
    expect(loaded.origins.of(['sip', 'listen_port'])).toEqual({ from: 'command line', option: '--port' });
    expect(loaded.origins.of(['logging', 'level'])).toEqual({ from: 'environment', variable: 'SIP_PBX_LOGGING_LEVEL' });
    expect(loaded.origins.of(['sip', 'realm'])).toEqual({ from: 'file', file: 'pbx.yaml', line: 3 });
    expect(loaded.origins.has(['sip', 'domains'])).toBe(false);
    expect(loaded.origins.of(['media', 'mode'])).toEqual({ from: 'default' });
  });

  test('a faulty value that is overridden does no harm', () => {
    expect(config({ yaml: 'sip: { listen_port: x }', env: { SIP_PBX_SIP_LISTEN_PORT: '5080' } }).sip.listen_port).toBe(
      5080,
    );
  });

  test('a list is replaced as a whole, and its faults are those of the last who set it', () => {
    const env = { SIP_PBX_EXTENSIONS: '[{"number":"1 1","password":"x"}]' };
    expect(faults({ yaml: 'extensions:\n  - { number: "1001", password: y }', env })).toEqual([
      'SIP_PBX_EXTENSIONS: extensions[0].number: must be 1 to 64 letters, digits or characters of . _ + * -, got "1 1"',
    ]);
  });

  test('faults of the command line name the option', () => {
    const overrides = [
      { key: 'sip.listen_port', text: '99999', option: '--port' },
      { key: 'logging.level', text: 'LOUD', option: '--log-level' },
    ];
    expect(faults({ overrides })).toEqual([
      '--port: sip.listen_port: must be at most 65535, got 99999',
      expect.stringContaining('--log-level: logging.level: must be one of DEBUG, INFO, WARNING or ERROR, got "LOUD"'),
    ]);
  });

  test('an override in a section that is no section leaves the fault of the file', () => {
    expect(faults({ yaml: 'sip: 5060', env: { SIP_PBX_SIP_LISTEN_PORT: '5080' } })).toEqual([
      'pbx.yaml:1: sip: must be a section with keys below it, got 5060',
    ]);
  });
});

describe('warnings', () => {
  test.each([
    ['registrar: { auth: none }', 'registrar.auth is none'],
    ['api: { insecure: true }', 'api.insecure is true'],
    ['media: { port_pool: { start: 10000, end: 10040 } }', 'room for 10 calls only'],
    ['media: { relay: plain, dscp: 34 }', 'media.dscp has no effect with media.relay plain'],
    ['media: { prompts: sounds }', 'media.prompts: there is no folder '],
    ['media: { prompts: pbx.yaml }', 'pbx.yaml is no folder; tones of ours are heard instead'],
    ['recording: { enabled: true, directory: pbx.yaml/calls }', 'pbx.yaml is no folder; calls are not recorded'],
    ['extensions: [{ number: 1, password: x, recording: true }]\nrecording: { directory: pbx.yaml }', 'is no folder'],
    ['cdr: { filename_pattern: cdr-%Y-%m.jsonl }', 'cdr.retention_days has no effect'],
    ['monitoring: { scrape_interval: 60 }', 'monitoring.scrape_interval has no effect'],
    ['hep: { server: "homer:9060" }', 'hep has no effect'],
    ['storage: { url: "postgres://s3cret@db/pbx" }', 'PostgreSQL is not built yet'],
  ])('%s is accepted with one line', (yaml, words) => {
    const told = warnings({ yaml });
    expect(told).toEqual([expect.stringContaining(words)]);
    expect(told.join()).not.toContain('s3cret');
  });

  test.each([
    ['that is to be made', 'recording: { enabled: true, directory: data/calls/recorded }'],
    ['that nothing is to be put into', 'recording: { directory: pbx.yaml }'],
    ['of sounds that is there', 'media: { prompts: config }'],
  ])('a folder %s is not warned of', (_, yaml) => {
    expect(warnings({ yaml })).toEqual([]);
  });

  test('a key set to its default is not warned of', () => {
    expect(
      warnings({
        yaml: 'media: { workers: auto, jitter_buffer: { min_ms: 20 }, srtp: "off" }',
      }),
    ).toEqual([]);
  });
});

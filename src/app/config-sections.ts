import { z } from 'zod';
import {
  address,
  host,
  line,
  list,
  listenPort,
  network,
  path,
  seconds,
  secret,
  timeZone,
  webhookSecret,
  webUrl,
  word,
} from './config-values.ts';

/**
 * The sections of the configuration: every key with its type, range, default and description. What concerns
 * several keys at once stands in `config-rules.ts`. A key marked `secret` never has its value shown.
 */

const timers = z
  .strictObject({
    t1: z.int().min(10).max(60_000).default(500).describe('Round-trip time estimate, ms (RFC 3261 timer T1)'),
    t2: z.int().min(10).max(60_000).default(4000).describe('Longest interval between repeats, ms (T2)'),
    t4: z.int().min(10).max(60_000).default(5000).describe('Longest time that a message stays in the network, ms (T4)'),
    invite_timeout: seconds(1, 3600).default(60).describe('How long a phone may ring, s'),
    session_expires: seconds(0)
      .refine((value) => value === 0 || value >= 90, 'must be 0 (no session timers) or at least 90')
      .default(1800)
      .describe('Time in which each phone of a call must confirm that it is there, s (RFC 4028); 0 = never'),
    min_se: seconds(90)
      .default(90)
      .describe('Shortest such interval that we accept, s; 90 or more (RFC 4028 section 5)'),
  })
  .prefault({});

const sipTls = z
  .strictObject({
    listen_port: listenPort.default(5061).describe('Port of the tls listener; 0 = any free one'),
    certificate: path
      .nullable()
      .default(null)
      .describe('PEM file with the certificate and its chain; needed for tls and wss'),
    private_key: path.nullable().default(null).describe('PEM file with the private key; needed for tls and wss'),
    ca: path.nullable().default(null).describe('PEM file with the authorities we trust; null = those of the system'),
    verify_client: z.boolean().default(false).describe('Whether a peer must show a certificate that we trust'),
  })
  .prefault({});

const sip = z
  .strictObject({
    listen_ip: list(address, 1).default(['0.0.0.0']).describe('Address to listen on, one or a list, IPv4 and IPv6'),
    listen_port: listenPort.default(5060).describe('Port of the udp and tcp listeners; 0 = any free one'),
    transport: list(word('udp', 'tcp', 'tls', 'ws', 'wss'), 1)
      .default(['udp', 'tcp'])
      .describe('What to listen on, one or a list: udp, tcp, tls, ws, wss'),
    advertised_ip: address.nullable().default(null).describe('Our public address when we are behind NAT'),
    local_networks: list(network)
      .default(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '127.0.0.0/8'])
      .describe('Peers in these networks see the local address instead of advertised_ip'),
    realm: line
      .min(1)
      .refine((text) => !/["\\]/.test(text), 'must not hold quotes or backslashes')
      .default('sip-pbx')
      .describe('Realm of digest authentication; a change makes stored password hashes useless'),
    domains: list(host).default([]).describe('Further host names that are ours'),
    max_concurrent_calls: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(100)
      .describe('One call more gets 503 with Retry-After'),
    max_call_duration: seconds(0).default(14_400).describe('Longest call, s; 0 = no limit'),
    drain_timeout: seconds(0, 86_400).default(25).describe('How long live calls may go on after SIGTERM, s'),
    keepalive_interval: seconds(1, 3600)
      .default(25)
      .describe(
        'Time between OPTIONS to a phone behind NAT, and between keepalives of a silent TCP connection or WebSocket, s',
      ),
    timers,
    tls: sipTls,
    ws: z
      .strictObject({ listen_port: listenPort.default(5066).describe('Port of the ws listener; 0 = any free one') })
      .prefault({}),
    wss: z
      .strictObject({ listen_port: listenPort.default(5067).describe('Port of the wss listener; 0 = any free one') })
      .prefault({}),
  })
  .prefault({});

const registrar = z
  .strictObject({
    auth: word('digest', 'none')
      .default('digest')
      .describe('digest, or none: nobody is asked for a password (for a lab)'),
    digest_algorithms: list(word('sha-256', 'md5'), 1)
      .default(['sha-256', 'md5'])
      .describe('Offered in this order (RFC 8760)'),
    min_expires: seconds(1).default(60).describe('Shorter registrations are refused with 423, s'),
    default_expires: seconds(1).default(3600).describe('For phones that name none, s'),
    max_expires: seconds(1).default(7200).describe('Longer registrations are shortened, s'),
    nat_max_expires: seconds(1).default(120).describe('The same for UDP phones behind NAT, s'),
    max_contacts: z.int().min(1).max(1000).default(10).describe('How many phones may share an extension'),
  })
  .prefault({});

const srtp = word('off', 'optional', 'required');

const extension = z.strictObject({
  number: z
    .string()
    .regex(/^[\w.+*-]{1,64}$/, 'must be 1 to 64 letters, digits or characters of . _ + * -')
    .describe('What others dial, and the user name of the phone'),
  password: line.min(1).describe('What the phone proves to know').meta(secret),
  display_name: line.nullable().default(null).describe('Name shown to those who are called'),
  srtp: srtp.nullable().default(null).describe('Instead of media.srtp, for this extension'),
  recording: z
    .boolean()
    .nullable()
    .default(null)
    .describe('Whether its calls are recorded, instead of recording.enabled; false wins where the two sides differ'),
});

const media = z
  .strictObject({
    mode: word('bypass')
      .default('bypass')
      .describe('RTP relayed untouched where both sides share a codec, transcoded where they do not'),
    advertised_ip: address.nullable().default(null).describe('Public address for media; null = that of sip'),
    port_pool: z
      .strictObject({
        start: z.int().min(1024).max(65_534).default(10_000).describe('First port, even'),
        end: z.int().min(1026).max(65_536).default(20_000).describe('Port after the last, even; 4 ports a call'),
      })
      .prefault({}),
    rtp_timeout: seconds(1, 86_400)
      .default(60)
      .describe('A call ends after so long without RTP and RTCP from both sides, s; not on hold'),
    codec_priority: list(
      z
        .string()
        .toLowerCase()
        .regex(/^([\w.-]+|\*)$/, 'must be the name of a codec, or "*" for all others'),
      1,
    )
      .default(['opus', 'g722', 'pcmu', 'pcma'])
      .describe('Order of codecs; others are dropped, "*" keeps the rest'),
    jitter_buffer: z
      .strictObject({
        min_ms: z.int().min(0).max(1000).default(20).describe('Least delay, ms'),
        max_ms: z.int().min(10).max(5000).default(200).describe('Most delay, ms'),
      })
      .prefault({}),
    workers: z
      .union([z.literal('auto'), z.int().min(1).max(256)], 'must be auto or a whole number from 1 to 256')
      .default('auto')
      .describe('Media processes: auto or a number'),
    relay: word('auto', 'plain')
      .default('auto')
      .describe('What carries packets: auto (the native relay where it is built) or plain'),
    srtp: srtp.default('optional').describe('Encrypted media (SRTP): off, optional or required'),
    dscp: z.int().min(0).max(63).default(46).describe('Mark of media packets for routers (46 = expedited forwarding)'),
    prompts: path
      .nullable()
      .default(null)
      .describe(
        'Folder of sound files (WAV, or µ-law as .ulaw); moh.wav is heard on hold, ringback.wav by who was transferred and waits',
      ),
  })
  .prefault({});

const recording = z
  .strictObject({
    enabled: z.boolean().default(false).describe('Whether calls are recorded, from their answer on'),
    directory: path
      .default('./recordings')
      .describe('Where recordings go: a folder of this exchange alone, with one below it for each day'),
    retention_days: z.int().min(0).max(36_500).default(90).describe('Older ones are deleted; 0 = never'),
  })
  .prefault({});

const events = z
  .strictObject({
    webhook_urls: list(webUrl.meta(secret)).default([]).describe('Every event is posted to each of these').meta(secret),
    webhook_timeout: seconds(1, 300).default(10).describe('How long we wait for the answer, s'),
    webhook_retries: z.int().min(0).max(20).default(3).describe('Quick tries after the first'),
    webhook_max_age: seconds(0).default(86_400).describe('How long an undelivered event goes on being tried, s'),
    webhook_secret: webhookSecret
      .nullable()
      .default(null)
      .describe('Signs events as Standard Webhooks; null = unsigned')
      .meta(secret),
  })
  .prefault({});

const cdr = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Whether call records are written to files'),
    output_dir: path.default('./cdr').describe('Where these files go'),
    filename_pattern: z
      .string()
      .regex(
        /^(?:[^%/\\\p{Cc}]|%[YmdHM])+$/u,
        'must be a file name, without a folder or fields other than %Y %m %d %H %M',
      )
      .default('cdr-%Y-%m-%d.jsonl')
      .describe('Name of a file; %Y %m %d %H stand for the year, month, day and hour that it begins with'),
    rotation: word('daily', 'hourly').default('daily').describe('When a new file begins: daily or hourly'),
    retention_days: z.int().min(0).max(36_500).default(90).describe('Older files are deleted; 0 = never'),
    timezone: timeZone.default('utc').describe('Time zone of file names and rotation; times in records are always UTC'),
  })
  .prefault({});

const logging = z
  .strictObject({
    level: word('DEBUG', 'INFO', 'WARNING', 'ERROR')
      .default('INFO')
      .describe('The least that is logged: DEBUG, INFO, WARNING, ERROR'),
    format: word('json', 'text').default('json').describe('json for machines, text for people'),
    output: word('stdout', 'file').default('stdout').describe('stdout or file'),
    file_path: path.default('logs/app.log').describe('The file, where output is file'),
    sip_traffic: z.boolean().default(false).describe('Whether every SIP message is logged, with secrets masked'),
  })
  .prefault({});

const monitoring = z
  .strictObject({
    listen_ip: address.default('0.0.0.0').describe('Address of both pages'),
    prometheus_port: listenPort.default(9090).describe('Port of /metrics; 0 = any free one'),
    health_check_port: listenPort.default(8080).describe('Port of /health, /ready and the API; 0 = any free one'),
    scrape_interval: seconds(1, 3600).default(15).describe('Time between refreshes of costly gauges, s'),
  })
  .prefault({});

const api = z
  .strictObject({
    allow: list(network).default(['127.0.0.0/8', '::1']).describe('Peers that the API answers'),
    tls: z
      .strictObject({
        certificate: path.describe('PEM file with the certificate and its chain'),
        private_key: path.describe('PEM file with the private key'),
      })
      .nullable()
      .default(null)
      .describe('Certificate of the API; null = plain HTTP'),
    insecure: z.boolean().default(false).describe('Allows api.allow to be wider than this machine without api.tls'),
  })
  .prefault({});

const security = z
  .strictObject({
    ban: z
      .strictObject({
        failures: z
          .int()
          .min(1)
          .max(1_000_000)
          .default(10)
          .describe('Failed credentials of a source, an IPv4 address or an IPv6 /64, that lead to a ban'),
        window: seconds(1).default(60).describe('Time in which they are counted, s'),
        duration: seconds(1)
          .default(600)
          .describe('How long the first ban lasts, s; each further one is twice as long, up to a day'),
        allow: list(network).default([]).describe('Networks that are never banned'),
      })
      .prefault({}),
    allow_open: z.boolean().default(false).describe('Allows registrar.auth none on a public address'),
  })
  .prefault({});

const hep = z
  .strictObject({
    server: z
      .string()
      .regex(/^(\[[\da-f:.]+\]|[^\s:/]+):\d{1,5}$/i, 'must be host:port')
      .nullable()
      .default(null)
      .describe('Homer server that gets a copy of SIP traffic, host:port'),
    capture_id: z.int().min(0).max(4_294_967_295).default(1).describe('Our number there'),
  })
  .prefault({});

const storage = z
  .strictObject({
    url: z
      .string()
      .regex(/^(sqlite:.+|postgres(ql)?:\/\/.+)$/, 'must be sqlite:FILE or postgres://...')
      .default('sqlite:data/sip-pbx.db')
      .describe('Where extensions, registrations and events are kept')
      .meta(secret),
  })
  .prefault({});

/** Every section of the configuration file. */
export const configSections = z.strictObject({
  sip,
  registrar,
  extensions: z.array(extension).default([]).describe('Extensions; further ones live in the store'),
  media,
  recording,
  events,
  cdr,
  logging,
  monitoring,
  api,
  security,
  hep,
  storage,
});

/** The configuration, complete: every key has a value, lists are lists. Times are in s unless the key says ms (and t1, t2, t4). */
export type Config = z.output<typeof configSections>;

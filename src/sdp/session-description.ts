import { parse, type SessionDescription as RawDescription, write } from 'sdp-transform';
import { type Codec, registeredName, staticCodecs } from './codecs.ts';
import { type CryptoLine, parseCryptoLine } from './crypto-line.ts';
import { type Direction, directionOf, receives, sends } from './direction.ts';
import { ipVersion, isUnicast, isUnspecified } from './media-address.ts';

/**
 * A profile that we carry: without the feedback messages that a=rtcp-fb would name, RTP/AVPF is RTP/AVP with another
 * timing of RTCP (RFC 4585 section 5), and so is RTP/SAVPF to RTP/SAVP (RFC 5124).
 */
export type CarriedProfile = (typeof plainProfiles)[number] | (typeof encryptedProfiles)[number];

/**
 * An audio stream that we carry: a port, an IP address, at least one codec that we can name, and where the profile
 * demands encryption, at least one way that we can go.
 */
export interface AudioStream {
  readonly kind: 'audio';
  readonly protocol: CarriedProfile;
  /** Of its own c= line, else the session's; `0.0.0.0` or `::` when the phone holds as in RFC 2543. */
  readonly address: string;
  readonly port: number;
  /** From a=rtcp (RFC 3605); `null` means the port above. */
  readonly rtcpPort: number | null;
  readonly rtcpAddress: string | null;
  /** Whether RTP and RTCP may share the port above (RFC 5761). */
  readonly rtcpMux: boolean;
  /** The ways to encrypt that we can go, in the order stated; with a plain profile encryption is optional (RFC 8643). */
  readonly crypto: readonly CryptoLine[];
  /** The media's, else the session's, else `sendrecv`; an unspecified address takes the receiving out of it. */
  readonly direction: Direction;
  /** In the order of the m= line, telephone-event among them. */
  readonly codecs: readonly Codec[];
  /** ms of audio in a packet. */
  readonly ptime: number | null;
  readonly maxptime: number | null;
}

/** A stream that we do not carry: other media, other profiles, further audio, refused (port 0) or unusable audio. */
export interface OtherStream {
  readonly kind: 'other';
  readonly media: string;
  readonly protocol: string;
  /** The rest of the m= line. */
  readonly formats: string;
  readonly port: number;
}

export type MediaStream = AudioStream | OtherStream;

/**
 * A session description (RFC 8866), as much of it as an exchange needs. At most one stream is `audio`; of what a phone
 * has written one may be plain and one encrypted, until a leg has chosen.
 */
export interface SessionDescription {
  readonly origin: {
    readonly username: string;
    /** Decimal, up to 64 bits. */
    readonly sessionId: string;
    readonly version: string;
    readonly address: string;
  };
  readonly name: string;
  readonly media: readonly MediaStream[];
}

/** The body makes no sense as a session description, or not as an answer to the offer: 400 or 488 above. */
export class SdpError extends Error {
  override readonly name = 'SdpError';
}

const maximumLength = 65_536;
const maximumStreams = 32;
const plainProfiles = ['RTP/AVP', 'RTP/AVPF'] as const;
const encryptedProfiles = ['RTP/SAVP', 'RTP/SAVPF'] as const;

/** The only lines that we read. Whatever else a phone says is dropped before any grammar sees it. */
const understood =
  /^(?:[vosctm]=|a=(?:rtpmap|fmtp|rtcp|ptime|maxptime):|a=(?:sendrecv|sendonly|recvonly|inactive|rtcp-mux)$)/;

/**
 * Reads a description, tolerant of what real phones leave out or add (bare LF, no s= or t=, blanks, unknown lines).
 * @throws SdpError when no sense can be made of it
 */
export function parseSessionDescription(body: Uint8Array | string): SessionDescription {
  if (body.length > maximumLength) throw new SdpError(`longer than ${maximumLength} bytes`);
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body);
  const written = text.split(/\r\n|\r|\n/).map(tidy);
  const lines = written.filter((line) => understood.test(line));
  const mLines = lines.filter((line) => line.startsWith('m='));
  if (mLines.length > maximumStreams) throw new SdpError(`more than ${maximumStreams} media lines`);

  // Absent lines are undefined, which the types of the library do not say.
  const raw: Partial<RawDescription> & Pick<RawDescription, 'media'> = parse(lines.join('\r\n'));
  if (raw.version !== 0) throw new SdpError('no v=0 line');
  if (raw.origin === undefined) throw new SdpError('no o= line that could be read');
  if (mLines.length === 0) throw new SdpError('no m= line');

  const crypto = cryptoLines(written);
  let plain = false;
  let encrypted = false;
  const media = mLines.map((line, index) => {
    const stream = readStream(line, raw, raw.media[index]!, crypto[index]!);
    if (stream.kind === 'other') return stream;
    const secure = isEncryptedProfile(stream.protocol);
    if (secure ? encrypted : plain) return uncarried(stream);
    encrypted ||= secure;
    plain ||= !secure;
    return stream;
  });
  return {
    origin: {
      username: String(raw.origin.username) || '-',
      sessionId: String(raw.origin.sessionId),
      version: String(raw.origin.sessionVersion),
      address: raw.origin.address,
    },
    name: String(raw.name ?? '') || '-',
    media,
  };
}

/** The ways to encrypt of each stream that we can go. */
function cryptoLines(lines: readonly string[]): readonly (readonly CryptoLine[])[] {
  const streams: CryptoLine[][] = [];
  for (const line of lines) {
    if (line.startsWith('m=')) streams.push([]);
    const crypto = line.startsWith('a=crypto:') ? parseCryptoLine(line) : null;
    if (crypto) streams.at(-1)?.push(crypto);
  }
  return streams;
}

/** Blanks at the ends and in rows, a trailing NUL, blanks in a user name (RFC 8866 forbids them, phones write them). */
function tidy(received: string): string {
  const line = received.replace(/^\s+|[\s\0]+$/g, '');
  if (line.startsWith('s=')) return `s=${line.slice(2).trim()}`;
  if (line.startsWith('a=fmtp:')) return line.replace(/^a=fmtp:\s*/, 'a=fmtp:');
  const single = line.replace(/[ \t]+/g, ' ').replace(/^(a=\w+:) /, '$1');
  if (single.startsWith('c=')) return single.replace(/^c= ?in ip/i, 'c=IN IP');
  if (!single.startsWith('o=')) return single;
  const words = single.slice(2).split(' ');
  const [network = '', family = ''] = words.slice(-3);
  const user = words.slice(0, -5).join('_') || '-';
  return [
    'o=',
    user,
    ' ',
    words.slice(-5, -3).join(' '),
    ` ${network.toUpperCase()} ${family.toUpperCase()} `,
    words.at(-1),
  ].join('');
}

function readStream(
  line: string,
  session: Partial<RawDescription>,
  raw: RawDescription['media'][number],
  crypto: readonly CryptoLine[],
): MediaStream {
  const [media = '', portText = '', protocol = '', ...formats] = line.slice(2).split(' ');
  const [, digits, count] = /^(\d{1,5})(?:\/(\d+))?$/.exec(portText) ?? [];
  const port = Number(digits);
  if (!(port <= 65_535)) throw new SdpError(`bad port in "${line.slice(0, 80)}"`);
  if (protocol === '') throw new SdpError(`no protocol in "${line.slice(0, 80)}"`);
  const other: OtherStream = { kind: 'other', media, protocol, formats: formats.join(' ') || '0', port };

  const profile = carriedProfile(protocol, crypto);
  if (port === 0 || media.toLowerCase() !== 'audio' || profile === null) return other;
  // Several port pairs for layered encodings (RFC 8866 section 5.14) are nothing that a phone asks for.
  if (count !== undefined && Number(count) !== 1) return other;
  const connection = raw.connection ?? session.connection;
  if (connection === undefined) throw new SdpError('no connection address for an active stream');
  const address = String(connection.ip);
  const codecs = readCodecs(formats, raw);
  if (!isUnicast(address) || codecs.length === 0) return other;

  const stated: Direction = (raw.direction ?? session.direction ?? 'sendrecv') as Direction;
  return {
    kind: 'audio',
    protocol: profile,
    address,
    port,
    rtcpPort: portOrNull(raw.rtcp?.port),
    rtcpAddress: raw.rtcp?.address !== undefined && isUnicast(raw.rtcp.address) ? raw.rtcp.address : null,
    rtcpMux: raw.rtcpMux !== undefined,
    crypto,
    direction: isUnspecified(address) ? directionOf(sends(stated), false) : stated,
    codecs,
    ptime: milliseconds(raw.ptime),
    maxptime: milliseconds(raw.maxptime),
  };
}

function carriedProfile(protocol: string, crypto: readonly CryptoLine[]): CarriedProfile | null {
  const name = protocol.toUpperCase();
  if (isPlainProfile(name)) return name;
  return isEncryptedProfile(name) && crypto.length > 0 ? name : null;
}

/** Whether media of this profile is plain, unless keys beside it are taken. */
export function isPlainProfile(protocol: string): protocol is (typeof plainProfiles)[number] {
  return plainProfiles.some((profile) => profile === protocol);
}

/** Whether media of this profile has to be encrypted, by keys in the description. */
export function isEncryptedProfile(protocol: string): protocol is (typeof encryptedProfiles)[number] {
  return encryptedProfiles.some((profile) => profile === protocol);
}

/** The formats that can be named: by their rtpmap or, for static numbers, by RFC 3551. Each number once. */
function readCodecs(formats: readonly string[], raw: RawDescription['media'][number]): readonly Codec[] {
  const mapped = new Map<number, Codec>();
  for (const { payload, codec, rate, encoding } of raw.rtp) {
    const name = registeredName(String(codec));
    const clockRate = Number(rate);
    const channels = encoding === undefined ? 1 : Number(encoding);
    if (mapped.has(payload) || name === '' || !isCount(clockRate) || !isCount(channels)) continue;
    mapped.set(payload, { payloadType: payload, name, clockRate, channels, fmtp: null });
  }
  const parameters = new Map<number, string>();
  for (const { payload, config } of raw.fmtp) {
    if (!parameters.has(payload)) parameters.set(payload, String(config));
  }
  const codecs = new Map<number, Codec>();
  for (const format of formats) {
    const payloadType = /^\d{1,3}$/.test(format) ? Number(format) : Number.NaN;
    const codec = mapped.get(payloadType) ?? staticCodecs.get(payloadType);
    if (codec === undefined || payloadType > 127 || codecs.has(payloadType)) continue;
    codecs.set(payloadType, { ...codec, fmtp: parameters.get(payloadType) ?? null });
  }
  return [...codecs.values()];
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

function portOrNull(port: number | undefined): number | null {
  return port !== undefined && port > 0 && port <= 65_535 ? port : null;
}

function milliseconds(value: number | undefined): number | null {
  const ms = Number(value);
  return ms > 0 && Number.isFinite(ms) ? ms : null;
}

/**
 * Writes a description anew, with CRLF: v o s c t, then m and a=rtpmap, fmtp, rtcp, rtcp-mux, crypto, ptime, maxptime and
 * the direction, and nothing else. The version of o= may have up to 53 bits.
 */
export function formatSessionDescription(description: SessionDescription): string {
  const { origin, name, media } = description;
  const address = audioOf(description)?.address ?? origin.address;
  return write({
    version: 0,
    origin: {
      username: origin.username,
      sessionId: origin.sessionId,
      sessionVersion: Number(origin.version),
      netType: 'IN',
      ipVer: family(origin.address),
      address: origin.address,
    },
    name,
    connection: { version: family(address), ip: address },
    timing: { start: 0, stop: 0 },
    media: media.map(rawStream),
  });
}

function rawStream(stream: MediaStream): RawDescription['media'][number] {
  if (stream.kind === 'other') {
    return {
      type: stream.media,
      port: stream.port,
      protocol: stream.protocol,
      payloads: stream.formats,
      rtp: [],
      fmtp: [],
    };
  }
  const { codecs, rtcpPort, rtcpAddress, rtcpMux, crypto, ptime, maxptime } = stream;
  return {
    type: 'audio',
    port: stream.port,
    protocol: stream.protocol,
    payloads: payloadTypes(stream),
    rtp: codecs.map((codec) => ({
      payload: codec.payloadType,
      codec: codec.name,
      rate: codec.clockRate,
      ...(codec.channels === 1 ? {} : { encoding: codec.channels }),
    })),
    fmtp: codecs.flatMap(({ payloadType, fmtp }) => (fmtp === null ? [] : [{ payload: payloadType, config: fmtp }])),
    ...(rtcpPort === null
      ? {}
      : {
          rtcp: {
            port: rtcpPort,
            ...(rtcpAddress === null ? {} : { netType: 'IN', ipVer: family(rtcpAddress), address: rtcpAddress }),
          },
        }),
    ...(rtcpMux ? { rtcpMux: 'rtcp-mux' } : {}),
    ...(crypto.length === 0
      ? {}
      : { crypto: crypto.map(({ tag, suite, key }) => ({ id: tag, suite, config: `inline:${key}` })) }),
    ...(ptime === null ? {} : { ptime }),
    ...(maxptime === null ? {} : { maxptime }),
    direction: stream.direction,
  };
}

function family(address: string): 4 | 6 {
  return ipVersion(address) ?? (address.includes(':') ? 6 : 4);
}

function payloadTypes(stream: AudioStream): string {
  return stream.codecs.map((codec) => codec.payloadType).join(' ');
}

/** The audio stream that we carry, if there is one. */
export function audioOf(description: SessionDescription): AudioStream | null {
  return description.media.find((stream) => stream.kind === 'audio') ?? null;
}

/** A stream that we could carry, as one that we don't. */
export function uncarried(stream: AudioStream): OtherStream {
  const { protocol, port } = stream;
  return { kind: 'other', media: 'audio', protocol, formats: payloadTypes(stream), port };
}

/** The m= line by which a stream is refused or kept unused in its place (RFC 3264 sections 6 and 8.2). */
export function refused(stream: MediaStream): OtherStream {
  return { ...(stream.kind === 'other' ? stream : uncarried(stream)), port: 0 };
}

/** Whether the one who stated this stream holds the other: it does not want to hear (RFC 3264 section 8.4). */
export function isHeld(stream: AudioStream): boolean {
  return !receives(stream.direction);
}

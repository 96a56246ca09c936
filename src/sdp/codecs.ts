/** One payload format of an audio stream. */
export interface Codec {
  readonly payloadType: number;
  /** As registered: `PCMU`, `opus`. Names are compared without regard to case (RFC 4855 section 3). */
  readonly name: string;
  /** The RTP clock in Hz. G.722 says 8000, although it samples at 16000 (RFC 3551 section 4.5.2). */
  readonly clockRate: number;
  readonly channels: number;
  readonly fmtp: string | null;
}

/** What `codecPriority` may say for "whatever else was offered, in its order". */
const anyOther = '*';

/** RFC 3551 table 4. */
const assigned: readonly (readonly [payloadType: number, name: string, clockRate: number, channels: number])[] = [
  [0, 'PCMU', 8000, 1],
  [3, 'GSM', 8000, 1],
  [4, 'G723', 8000, 1],
  [5, 'DVI4', 8000, 1],
  [6, 'DVI4', 16000, 1],
  [7, 'LPC', 8000, 1],
  [8, 'PCMA', 8000, 1],
  [9, 'G722', 8000, 1],
  [10, 'L16', 44100, 2],
  [11, 'L16', 44100, 1],
  [12, 'QCELP', 8000, 1],
  [13, 'CN', 8000, 1],
  [14, 'MPA', 90000, 1],
  [15, 'G728', 8000, 1],
  [16, 'DVI4', 11025, 1],
  [17, 'DVI4', 22050, 1],
  [18, 'G729', 8000, 1],
];

/** The codecs whose numbers need no rtpmap (RFC 3551 section 6). */
export const staticCodecs: ReadonlyMap<number, Codec> = new Map(
  assigned.map(([payloadType, name, clockRate, channels]) => [
    payloadType,
    { payloadType, name, clockRate, channels, fmtp: null },
  ]),
);

/**
 * What we speak ourselves, with the parameters by which we want to receive it: offered when nobody's offer is at hand,
 * and as far as it can be transcoded. Numbers as phones are used to them.
 */
export const ownCodecs: readonly Codec[] = [
  { payloadType: 111, name: 'opus', clockRate: 48000, channels: 2, fmtp: 'minptime=10;useinbandfec=1' },
  { payloadType: 9, name: 'G722', clockRate: 8000, channels: 1, fmtp: null },
  { payloadType: 0, name: 'PCMU', clockRate: 8000, channels: 1, fmtp: null },
  { payloadType: 8, name: 'PCMA', clockRate: 8000, channels: 1, fmtp: null },
  { payloadType: 110, name: 'telephone-event', clockRate: 48000, channels: 1, fmtp: '0-16' },
  { payloadType: 101, name: 'telephone-event', clockRate: 8000, channels: 1, fmtp: '0-16' },
];

const registered: ReadonlyMap<string, string> = new Map(
  [...assigned.map(([, name]) => name), 'opus', 'telephone-event', 'iLBC', 'speex', 'AMR', 'AMR-WB', 'EVS', 'SILK']
    .concat(['G726-16', 'G726-24', 'G726-32', 'G726-40', 'G7221', 'G729D', 'G729E', 'L8', 'GSM-EFR', 'VMR-WB', 'red'])
    .map((name) => [name.toLowerCase(), name]),
);

/** Their fmtp holds payload type numbers of the side that wrote it, so they cannot cross a renumbering. */
const numberBearing: ReadonlySet<string> = new Set(['red', 'rtx', 'ulpfec', 'parityfec', 'flexfec']);

/** The name in its registered spelling; names that we do not know stay as written. */
export function registeredName(name: string): string {
  return registered.get(name.toLowerCase()) ?? name;
}

/** What every telephone has (G.711). */
const plainest: ReadonlySet<string> = new Set(['pcmu', 'pcma']);

/**
 * The priority by which less is offered, namely what every telephone has, to a phone that has refused `offered`; null
 * where there is nothing less, or `offered` has none of that.
 */
export function plainerPriority(offered: readonly Codec[]): readonly string[] | null {
  const speech = offered.filter(isSpeech).map(({ name }) => name.toLowerCase());
  const plain = speech.filter((name) => plainest.has(name));
  return plain.length > 0 && plain.length < offered.filter((codec) => !isTelephoneEvent(codec)).length ? plain : null;
}

/** Equal for codecs that are the same, whatever their number and parameters. */
export function codecKey({ name, clockRate, channels }: Codec): string {
  return `${name.toLowerCase()}/${clockRate}/${channels}`;
}

export function sameCodec(a: Codec, b: Codec): boolean {
  return codecKey(a) === codecKey(b);
}

/** DTMF as events (RFC 4733). */
export function isTelephoneEvent(codec: Codec): boolean {
  return codec.name.toLowerCase() === 'telephone-event';
}

/** Noise for the silence between words (RFC 3389). */
export function isComfortNoise(codec: Codec): boolean {
  return codec.name.toLowerCase() === 'cn';
}

/** Whether a talk can be held in it: neither events nor comfort noise alone. */
export function isSpeech(codec: Codec): boolean {
  return !isTelephoneEvent(codec) && !isComfortNoise(codec);
}

/**
 * The codecs that `priority` lets pass, in its order, each once; `"*"` stands for those that it does not name.
 * Telephone events come last, for each clock rate that still has a codec; where only other rates were offered, those
 * stay, as phones that offer Opus with events of 8000 Hz mean it. Empty when no speech is left.
 */
export function selectCodecs(codecs: readonly Codec[], priority: readonly string[]): readonly Codec[] {
  const distinct = new Map<string, Codec>();
  for (const codec of codecs) {
    const key = codecKey(codec);
    if (!numberBearing.has(codec.name.toLowerCase()) && !distinct.has(key)) distinct.set(key, codec);
  }
  const events: Codec[] = [];
  const audio: Codec[] = [];
  for (const codec of distinct.values()) (isTelephoneEvent(codec) ? events : audio).push(codec);

  const names = priority.map((name) => name.toLowerCase());
  const unnamed = audio.filter((codec) => !names.includes(codec.name.toLowerCase()));
  const chosen = new Set(
    names.flatMap((name) => (name === anyOther ? unnamed : audio.filter((codec) => codec.name.toLowerCase() === name))),
  );
  const selected = [...chosen];
  if (!selected.some(isSpeech)) return [];
  const fitting = events.filter((event) => selected.some((codec) => codec.clockRate === event.clockRate));
  return [...selected, ...(fitting.length > 0 ? fitting : events)];
}

/** A codec as both phones of the bench number it. */
export interface BenchCodec {
  readonly name: string;
  readonly clockRate: number;
  readonly channels: number;
  readonly fmtp: string | null;
  readonly payloadType: number;
}

/** By what the bench calls them. */
export const codecs = {
  PCMU: { name: 'PCMU', clockRate: 8000, channels: 1, fmtp: null, payloadType: 0 },
  PCMA: { name: 'PCMA', clockRate: 8000, channels: 1, fmtp: null, payloadType: 8 },
  G722: { name: 'G722', clockRate: 8000, channels: 1, fmtp: null, payloadType: 9 },
  Opus: { name: 'opus', clockRate: 48_000, channels: 2, fmtp: null, payloadType: 111 },
} as const satisfies Readonly<Record<string, BenchCodec>>;

export type CodecName = keyof typeof codecs;

/** Sound that the generator sends: encoded, in a file, with what stands in the header beside it. */
export interface SoundFile {
  readonly path: string;
  readonly payloadType: number;
  /** Of the timestamp, for each packet. */
  readonly step: number;
}

/** What a side that decodes Opus has said in its fmtp about what it wants to get (RFC 7587 §6.1). */
export interface OpusParameters {
  /** The highest rate in Hz that it makes use of. */
  readonly maxPlaybackRate: number;
  /** Bits a second at most, on average; null where it leaves that to us. */
  readonly maxAverageBitrate: number | null;
  /** It makes use of forward error correction inside the packets. */
  readonly inbandFec: boolean;
  /** It is content with no packets during silence. */
  readonly dtx: boolean;
  readonly constantBitrate: boolean;
}

/** Reads an fmtp; what is missing or makes no sense counts as the default. */
export function opusParameters(fmtp: string | null): OpusParameters {
  const values = new Map<string, string>();
  for (const parameter of (fmtp ?? '').split(';')) {
    const [name = '', value = ''] = parameter.split('=');
    values.set(name.trim().toLowerCase(), value.trim());
  }
  const number = (name: string, from: number, to: number): number | null => {
    const value = Number(values.get(name) || Number.NaN);
    return value >= from && value <= to ? value : null;
  };
  return {
    maxPlaybackRate: number('maxplaybackrate', 8000, 48_000) ?? 48_000,
    maxAverageBitrate: number('maxaveragebitrate', 6000, 510_000),
    inbandFec: values.get('useinbandfec') === '1',
    dtx: values.get('usedtx') === '1',
    constantBitrate: values.get('cbr') === '1',
  };
}

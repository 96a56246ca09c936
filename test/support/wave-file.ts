/** A chunk of a RIFF file, padded to an even length; `size` is what it says of itself. */
export function chunk(kind: string, bytes: Uint8Array, size = bytes.length): Uint8Array {
  const whole = new Uint8Array(8 + bytes.length + (bytes.length % 2));
  whole.set(new TextEncoder().encode(kind));
  new DataView(whole.buffer).setUint32(4, size, true);
  whole.set(bytes, 8);
  return whole;
}

/** The format chunk of a WAV file, by default 16-bit PCM, one channel, 8 kHz; `subFormat` makes it the extensible one. */
export function waveFormat(format: {
  readonly code?: number;
  readonly channels?: number;
  readonly sampleRate?: number;
  readonly bits?: number;
  readonly subFormat?: number;
}): Uint8Array {
  const { code = 1, channels = 1, sampleRate = 8000, bits = 16, subFormat } = format;
  const view = new DataView(new ArrayBuffer(subFormat === undefined ? 16 : 40));
  const frame = (channels * bits) / 8;
  view.setUint16(0, code, true);
  view.setUint16(2, channels, true);
  view.setUint32(4, sampleRate, true);
  view.setUint32(8, sampleRate * frame, true);
  view.setUint16(12, frame, true);
  view.setUint16(14, bits, true);
  if (subFormat !== undefined) view.setUint16(24, subFormat, true);
  return chunk('fmt ', new Uint8Array(view.buffer));
}

/** A WAV file of these chunks. */
export function waveFile(...chunks: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat([new TextEncoder().encode('WAVE'), ...chunks]);
  return Uint8Array.from(chunk('RIFF', body));
}

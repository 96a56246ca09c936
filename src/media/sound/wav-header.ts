/** Bytes before the samples in a file that we write. */
export const wavHeaderSize = 44;

/** Bytes of samples that fit: the sizes in the header have 32 bits. */
export const maxWavData = 0xffff_ffff - wavHeaderSize;

/** Bytes of one sample of both channels of a recording. */
export const stereoSample = 4;

/**
 * The header of a recording: RIFF WAVE, 16-bit PCM, two channels (IBM and Microsoft, "Multimedia Programming Interface
 * and Data Specifications 1.0"). `sampleRate` in samples a second, `dataBytes` the bytes of samples that follow.
 */
export function stereoHeader(sampleRate: number, dataBytes: number): Uint8Array {
  const bytes = new Uint8Array(wavHeaderSize);
  const view = new DataView(bytes.buffer);
  writeText(bytes, 0, 'RIFF');
  view.setUint32(4, dataBytes + wavHeaderSize - 8, true);
  writeText(bytes, 8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 2, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, sampleRate * stereoSample, true);
  view.setUint16(32, stereoSample, true);
  view.setUint16(34, 16, true);
  writeText(bytes, 36, 'data');
  view.setUint32(40, dataBytes, true);
  return bytes;
}

/** The samples a second of a file that begins with such a header; null where it begins otherwise. */
export function rateOfStereo(header: Uint8Array): number | null {
  if (header.length < wavHeaderSize) return null;
  const view = new DataView(header.buffer, header.byteOffset, wavHeaderSize);
  const sampleRate = view.getUint32(24, true);
  const ours = stereoHeader(sampleRate, view.getUint32(40, true));
  // The size of the whole is the one field that may not fit the others: it was written apart from them.
  const fits = (byte: number, at: number) => (at >= 4 && at < 8) || byte === header[at];
  return sampleRate > 0 && ours.every(fits) ? sampleRate : null;
}

function writeText(bytes: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}

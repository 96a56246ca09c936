import { createDecoder } from '../../codec/index.ts';

/** Speech or music in memory as its file holds it, to be made samples of part by part: a whole file at once would take long. */
export interface Sound {
  /** Samples a second. */
  readonly sampleRate: number;
  /** In samples; 1 or more. */
  readonly length: number;
  /** `count` samples, one channel, from sample `from` on; fewer at the end. In memory of their own. */
  read(from: number, count: number): Int16Array;
}

/** A sound file that can't be played, with the reason in words for whoever put it there. */
export class SoundError extends Error {
  override readonly name = 'SoundError';
}

/** Codes of the format chunk (Microsoft, "New Multimedia Data Types and Data Techniques", 1994; mmreg.h). */
const formats = { pcm: 1, aLaw: 6, muLaw: 7, extensible: 0xfffe } as const;

interface Format {
  readonly code: number;
  readonly channels: number;
  readonly sampleRate: number;
  readonly bits: number;
}

/**
 * Reads a WAV file: 16-bit PCM, µ-law or A-law, of the usual sample rates from 8 to 192 kHz. Two or more channels are mixed to
 * one. Chunks that say nothing of the sound are passed over; a data chunk that is cut off, or whose size was never filled
 * in, ends with the file. Throws SoundError.
 */
export function readWav(bytes: Uint8Array): Sound {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 12 || textAt(bytes, 0) !== 'RIFF' || textAt(bytes, 8) !== 'WAVE') {
    throw new SoundError('it is no WAV file');
  }
  let format: Format | null = null;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const kind = textAt(bytes, at);
    const size = view.getUint32(at + 4, true);
    const start = at + 8;
    const end = Math.min(start + size, bytes.length);
    if (kind === 'fmt ') format = readFormat(view, start, end);
    if (kind === 'data') {
      if (!format) throw new SoundError('its data comes before its format');
      return soundOf(format, bytes.subarray(start, end));
    }
    at = start + size + (size % 2); // chunks begin at even places
  }
  throw new SoundError('it holds no data');
}

/** Reads a file of nothing but µ-law samples at 8 kHz. Throws SoundError. */
export function readMuLaw(bytes: Uint8Array): Sound {
  return soundOf({ code: formats.muLaw, channels: 1, sampleRate: 8000, bits: 8 }, bytes);
}

function readFormat(view: DataView, start: number, end: number): Format {
  if (end - start < 16) throw new SoundError('its format is cut off');
  const code = view.getUint16(start, true);
  // WAVE_FORMAT_EXTENSIBLE: the first two bytes of the sub-format's GUID are the code that would stand here otherwise.
  const extended = code === formats.extensible && end - start >= 40;
  const format = {
    code: extended ? view.getUint16(start + 24, true) : code,
    channels: view.getUint16(start + 2, true),
    sampleRate: view.getUint32(start + 4, true),
    bits: view.getUint16(start + 14, true),
  };
  const { channels, sampleRate } = format;
  if (channels < 1) throw new SoundError('it has no channel');
  // To others there is no short way: the filter between two rates is the longer the less they have in common.
  if (sampleRate < 8000 || sampleRate > 192_000 || sampleRate % 25 !== 0) {
    throw new SoundError(`it has ${sampleRate} samples a second: use 8000, 16000 or 48000`);
  }
  return format;
}

function soundOf(format: Format, data: Uint8Array): Sound {
  const { channels, sampleRate, bits } = format;
  const decode = decoderOf(format);
  const frame = (channels * bits) / 8;
  const length = Math.floor(data.length / frame);
  if (length === 0) throw new SoundError('it holds no sound');
  return {
    sampleRate,
    length,
    read: (from, count) => mixed(decode(data.subarray(from * frame, Math.min(from + count, length) * frame)), channels),
  };
}

/** From bytes to the samples of all channels in turn, in memory of their own. */
function decoderOf({ code, bits }: Format): (bytes: Uint8Array) => Int16Array {
  if (code === formats.pcm && bits === 16) return linear;
  if ((code === formats.muLaw || code === formats.aLaw) && bits === 8) {
    const name = code === formats.muLaw ? 'PCMU' : 'PCMA';
    const decoder = createDecoder({ name, clockRate: 8000, channels: 1, fmtp: null });
    return (bytes) => decoder.decode(bytes).slice();
  }
  throw new SoundError(`it is neither 16-bit PCM nor µ-law nor A-law (format ${code}, ${bits} bits)`);
}

function linear(bytes: Uint8Array): Int16Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const samples = new Int16Array(bytes.length >> 1);
  for (let i = 0; i < samples.length; i++) samples[i] = view.getInt16(2 * i, true);
  return samples;
}

/** The mean of the channels. */
function mixed(all: Int16Array, channels: number): Int16Array {
  if (channels === 1) return all;
  const samples = new Int16Array(all.length / channels);
  for (let i = 0; i < samples.length; i++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) sum += all[i * channels + channel]!;
    samples[i] = Math.round(sum / channels);
  }
  return samples;
}

function textAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

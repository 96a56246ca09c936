import { writeFileSync } from 'node:fs';
import { createEncoder } from '../../src/codec/index.ts';
import { sampled, voice } from '../../test/support/signals.ts';
import { type CodecName, codecs, type SoundFile } from './codecs.ts';

const seconds = 4;

/** Writes some seconds of what is like a voice, encoded, 20 ms a frame: each after its length in two bytes. */
export function writeSound(path: string, name: CodecName): SoundFile {
  const codec = codecs[name];
  using encoder = createEncoder(codec);
  const frame = encoder.sampleRate / 50;
  const samples = sampled(voice(), encoder.sampleRate, seconds * encoder.sampleRate);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < samples.length; at += frame) {
    const payload = encoder.encode(samples.subarray(at, at + frame));
    // What is not sent, because all is silent, is not in the file either.
    if (payload.length > 0) parts.push(Uint8Array.of(payload.length >> 8, payload.length & 0xff), payload.slice());
  }
  writeFileSync(path, Buffer.concat(parts));
  return { path, payloadType: codec.payloadType, step: codec.clockRate / 50 };
}

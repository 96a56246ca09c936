import { type CodecSpec, createDecoder, createEncoder } from '../src/codec/index.ts';
import { sampled, voice } from '../test/support/signals.ts';
import { type Figure, microsPer } from './figures.ts';
import { codecs } from './media/codecs.ts';

const l16 = { name: 'L16', clockRate: 8000, channels: 1, fmtp: null };
const tried: readonly (readonly [what: string, codec: CodecSpec, sampleRate: number])[] = [
  ['PCMU', codecs.PCMU, 8000],
  ['PCMA', codecs.PCMA, 8000],
  ['L16', l16, 8000],
  ['G722', codecs.G722, 16_000],
  ['opus, samples at 8000', codecs.Opus, 8000],
  ['opus, samples at 16000', codecs.Opus, 16_000],
  ['opus, samples at 48000', codecs.Opus, 48_000],
];

/** Packets of 20 ms of what is like a voice. */
const packets = 200;

/** What it costs to encode and to decode a packet of 20 ms. */
export function codec(): readonly Figure[] {
  return tried.flatMap(([what, spec, sampleRate]) => {
    using encoder = createEncoder(spec, { sampleRate });
    using decoder = createDecoder(spec, { sampleRate: sampleRate as 8000 | 16_000 | 48_000 });
    const length = sampleRate / 50;
    const samples = sampled(voice(), sampleRate, packets * length);
    const frames = Array.from({ length: packets }, (_, n) => samples.subarray(n * length, (n + 1) * length));
    const payloads = frames.map((frame) => encoder.encode(frame).slice());
    const figure = (does: string, action: (n: number) => unknown): Figure => {
      let n = 0;
      const one = (): void => void action(n++ % packets);
      return {
        part: 'codec',
        what: `${what}, ${does}`,
        value: microsPer(one, 500, 50),
        unit: 'µs',
        settings: '20 ms of a voice',
      };
    };
    return [figure('encode', (n) => encoder.encode(frames[n]!)), figure('decode', (n) => decoder.decode(payloads[n]!))];
  });
}

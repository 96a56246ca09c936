/** ITU-T G.711 (1988), µ-law and A-law, with 14 and 13 bits of linear samples as in its tables; by look-up. */
import { ByteBuffer, SampleBuffer } from './buffers.ts';
import { type AudioDecoder, type AudioEncoder, CodecError } from './codec.ts';
import { Concealment } from './concealment.ts';

export type G711Law = 'PCMU' | 'PCMA';

/** What both laws need: sample → code, by the upper bits of the sample, and code → sample. */
interface LawTables {
  /** Bits of a sample that the law does not see. */
  readonly shift: number;
  readonly mask: number;
  readonly codes: Uint8Array;
  readonly samples: Int16Array;
}

// A sample on the border of two codes, which G.711 leaves open, goes as in the reference software (ITU-T G.191): upwards.
const muLaw: LawTables = tables(2, muLawCode, muLawSample);
const aLaw: LawTables = tables(4, aLawCode, aLawSample);
const sampleRate = 8000;

function tables(shift: number, code: (level: number) => number, sample: (code: number) => number): LawTables {
  const levels = 65_536 >> shift;
  const codes = new Uint8Array(levels);
  for (let i = 0; i < levels; i++) codes[i] = code(i < levels / 2 ? i : i - levels);
  return { shift, mask: levels - 1, codes, samples: Int16Array.from({ length: 256 }, (_, i) => sample(i)) };
}

/** G.711 tables 2a and 2b; `level` is of 14 bits. All bits are inverted on the line. */
function muLawCode(level: number): number {
  const magnitude = Math.min((level < 0 ? ~level : level) + 33, 8191);
  const segment = 26 - Math.clz32(magnitude);
  const step = (magnitude >> (segment + 1)) & 15;
  return (level < 0 ? 0x7f : 0xff) ^ ((segment << 4) | step);
}

function muLawSample(code: number): number {
  const segment = (~code >> 4) & 7;
  const magnitude = (((2 * (~code & 15) + 33) << segment) - 33) << 2;
  return code < 0x80 ? -magnitude : magnitude;
}

/** G.711 tables 1a and 1b; `level` is of 12 bits. The even bits are inverted on the line. */
function aLawCode(level: number): number {
  const magnitude = level < 0 ? ~level : level;
  const segment = Math.max(0, 28 - Math.clz32(magnitude));
  const step = (segment > 1 ? magnitude >> (segment - 1) : magnitude) & 15;
  return ((level < 0 ? 0 : 0x80) | (segment << 4) | step) ^ 0x55;
}

function aLawSample(code: number): number {
  const segment = ((code ^ 0x55) >> 4) & 7;
  const step = (code ^ 0x55) & 15;
  const magnitude = segment === 0 ? (2 * step + 1) << 3 : (2 * step + 33) << (segment + 2);
  return code < 0x80 ? -magnitude : magnitude;
}

function tablesOf(law: G711Law): LawTables {
  return law === 'PCMU' ? muLaw : aLaw;
}

export class G711Decoder implements AudioDecoder {
  readonly sampleRate = sampleRate;
  readonly #samples: Int16Array;
  readonly #buffer = new SampleBuffer();
  readonly #concealment = new Concealment(sampleRate);

  constructor(law: G711Law) {
    this.#samples = tablesOf(law).samples;
  }

  decode(payload: Uint8Array): Int16Array {
    if (payload.length === 0) throw new CodecError('a payload without a sample');
    const samples = this.#samples;
    const decoded = this.#buffer.take(payload.length);
    for (let i = 0; i < payload.length; i++) decoded[i] = samples[payload[i]!]!;
    this.#concealment.heard(decoded);
    return decoded;
  }

  conceal(samples: number): Int16Array {
    return this.#concealment.conceal(samples);
  }

  recover(): null {
    return null;
  }

  [Symbol.dispose](): void {}
}

export class G711Encoder implements AudioEncoder {
  readonly sampleRate = sampleRate;
  readonly #tables: LawTables;
  readonly #buffer = new ByteBuffer();

  constructor(law: G711Law) {
    this.#tables = tablesOf(law);
  }

  encode(samples: Int16Array): Uint8Array {
    const { codes, shift, mask } = this.#tables;
    const payload = this.#buffer.take(samples.length);
    for (let i = 0; i < samples.length; i++) payload[i] = codes[(samples[i]! >> shift) & mask]!;
    return payload;
  }

  [Symbol.dispose](): void {}
}

/** Samples a second. */
const rate = 8000;

/** A sine of `frequency` Hz, `seconds` long, at half of the full amplitude: 8,000 samples a second. */
export function tone(frequency: number, seconds: number): Int16Array {
  return Int16Array.from({ length: rate * seconds }, (_, index) =>
    Math.round(16_384 * Math.sin((2 * Math.PI * frequency * index) / rate)),
  );
}

/** A WAV file of one channel, 16 bits a sample. */
export function wavFile(samples: Int16Array): Uint8Array {
  const data = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + data.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(data.length, 40);
  return Buffer.concat([header, data]);
}

/** G.711 µ-law, one byte a sample. */
export function encodeUlaw(samples: Int16Array): Uint8Array {
  return Uint8Array.from(samples, (sample) => {
    const magnitude = Math.min(Math.abs(sample), 32_635) + 132;
    const exponent = Math.floor(Math.log2(magnitude)) - 7;
    const mantissa = (magnitude >> (exponent + 3)) & 15;
    return ~((sample < 0 ? 128 : 0) | (exponent << 4) | mantissa) & 255;
  });
}

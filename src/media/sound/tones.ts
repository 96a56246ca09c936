/** Sounds that need no file. */
export type ToneName = 'ringback' | 'busy' | 'moh';

/** The tone of most of Europe (ITU-T E.180 supplement 2), Hz. */
const europeanTone = 425;

/** Amplitude of a tone: about -17 dBm0, as loud as a phone's own. */
const toneLevel = 0.1 * 0x7fff;

/** What is heard on hold is softer: about -27 dBm0. */
const holdLevel = 0.03 * 0x7fff;

/** How long a tone takes to rise and to fall, ms: one that begins abruptly clicks. */
const rampMs = 5;

/** A sine of `hz` for `ms`, beginning `at` ms. */
interface Note {
  readonly at: number;
  readonly ms: number;
  readonly hz: number;
}

/** One period of each tone; it is repeated without a gap. */
const tones: Readonly<
  Record<ToneName, { readonly ms: number; readonly level: number; readonly notes: readonly Note[] }>
> = {
  ringback: { ms: 5000, level: toneLevel, notes: [{ at: 0, ms: 1000, hz: europeanTone }] },
  busy: { ms: 1000, level: toneLevel, notes: [{ at: 0, ms: 500, hz: europeanTone }] },
  // Nobody's music: two soft notes every five seconds say that the line lives.
  moh: {
    ms: 5000,
    level: holdLevel,
    notes: [
      { at: 0, ms: 300, hz: 440 },
      { at: 350, ms: 500, hz: 550 },
    ],
  },
};

/** Whether there is a tone of this name. */
export function isTone(name: string): name is ToneName {
  return Object.hasOwn(tones, name);
}

/** One period of a tone at `sampleRate`. */
export function toneSamples(name: ToneName, sampleRate: number): Int16Array {
  const { ms, level, notes } = tones[name];
  const samples = new Int16Array((ms * sampleRate) / 1000);
  const ramp = (rampMs * sampleRate) / 1000;
  for (const note of notes) {
    const first = Math.round((note.at * sampleRate) / 1000);
    const count = Math.round((note.ms * sampleRate) / 1000);
    for (let i = 0; i < count; i++) {
      const gain = Math.min(1, i / ramp, (count - i) / ramp);
      samples[first + i] = Math.round(level * gain * Math.sin((2 * Math.PI * note.hz * i) / sampleRate));
    }
  }
  return samples;
}

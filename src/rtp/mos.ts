/**
 * How a stream of speech sounds, estimated from what was measured of it: the E-model of ITU-T G.107 (narrowband) and
 * G.107.1 (wideband). Each gives a rating R, on a scale of its own, and from it a mean opinion score of 1 to 4.5. A
 * phone's microphone, room and echo are not measured: they stand at the defaults of the Recommendations.
 */

/** What a codec does to speech by itself, and how well it bears the loss of packets. */
export interface Impairment {
  /** The model that its figures belong to: a wideband rating goes to 129, a narrowband one to 100. */
  readonly scale: 'narrowband' | 'wideband';
  /** Equipment impairment factor Ie at no loss. */
  readonly ie: number;
  /** Packet-loss robustness factor Bpl: the percentage of loss at which half of the rest is impaired. */
  readonly bpl: number;
}

/** What was measured on the way. */
export interface Transmission {
  /** Packets lost of those expected, 0 to 1. */
  readonly lossRate: number;
  /** Packets lost in a row, on the average; null where only their number is known: then loss counts as random. */
  readonly meanBurst: number | null;
  /** From mouth to ear, in ms, as far as it is known; null: no impairment by delay is taken off. */
  readonly delayMs: number | null;
}

/**
 * By the codec's name in SDP, in lower case. G.711, G.729 (annex A with voice activity detection) and G.723.1 (6.3 kbit/s)
 * as in G.113 appendix I: G.711 with concealment, as phones have it (4.3 instead of 25.1 without). For G.722, G.113 appendix IV
 * knows an Ie of 13 at 64 kbit/s but no Bpl: it stands here with that of G.722.2 at 12.65 kbit/s, which has the same Ie.
 * Nobody has published figures for Opus on this scale: these are ours, cautious, and provisional.
 */
const impairments: ReadonlyMap<string, Impairment> = new Map([
  ['pcmu', { scale: 'narrowband', ie: 0, bpl: 25.1 }],
  ['pcma', { scale: 'narrowband', ie: 0, bpl: 25.1 }],
  ['g729', { scale: 'narrowband', ie: 11, bpl: 19 }],
  ['g723', { scale: 'narrowband', ie: 15, bpl: 16.1 }],
  ['g722', { scale: 'wideband', ie: 13, bpl: 4.3 }],
  ['opus', { scale: 'wideband', ie: 5, bpl: 10 }],
]);

/** The figures of a codec, by its name in SDP in whatever case; null where none are known. */
export function impairmentOf(codec: string): Impairment | null {
  return impairments.get(codec.toLowerCase()) ?? null;
}

/** The mean opinion score, 1 to 4.5, of a stream of `codec` that was transmitted so. */
export function opinionScore(codec: Impairment, transmission: Transmission): number {
  const r = rating(codec, transmission);
  return codec.scale === 'wideband' ? scoreOf(r / 1.29) : scoreOf(r);
}

// G.107 with all parameters at their defaults (clause 7.7): the basic signal-to-noise ratio Ro (clause 7.2), the
// simultaneous impairment Is (clause 7.3), the noise No in dBm0p; and the parameters that the delay terms need, in dB.
const signalToNoise = 94.768822;
const simultaneousImpairment = 1.413568;
const noise = -61.179214;
const receiveLoudness = 2;
const talkerEchoLoudness = 65;
const weightedEchoPathLoss = 110;

/** Ro,WB of G.107.1 (clause 7.2); it has no simultaneous impairment (clause 7.3). */
const widebandSignalToNoise = 129;

/**
 * The transmission rating factor R: 93.2 at best on the narrowband scale, 129 on the wideband one. May fall below 0.
 * Of the wideband delay impairments only that of absolute delay is in it: phones of wideband speech cancel their echo.
 */
export function rating(codec: Impairment, { lossRate, meanBurst, delayMs }: Transmission): number {
  const impairment = effectiveImpairment(codec, lossRate, meanBurst);
  const delay = Math.max(0, delayMs ?? 0);
  if (codec.scale === 'wideband') return widebandSignalToNoise - 1.29 * absoluteDelay(delay) - impairment;
  const delayImpairment = talkerEcho(delay) + listenerEcho(2 * delay) + absoluteDelay(delay);
  return signalToNoise - simultaneousImpairment - delayImpairment - impairment;
}

/** The mean opinion score of a narrowband rating (G.107 annex B), 1 to 4.5; of a wideband one over 1.29 (G.107.1 annex A). */
export function scoreOf(r: number): number {
  if (r <= 0) return 1;
  if (r >= 100) return 4.5;
  // Just above 0 the curve dips below what an opinion can be.
  return Math.max(1, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6);
}

/** Ie,eff: codec and loss together, bursts counting for more (G.107 clause 7.5, G.107.1 clause 7.5). */
function effectiveImpairment({ ie, bpl }: Impairment, lossRate: number, meanBurst: number | null): number {
  if (lossRate <= 0) return ie;
  const loss = Math.min(1, lossRate);
  // BurstR: how long bursts are, against how long they would be by chance.
  const burstRatio = Math.max(1, (meanBurst ?? 1) * (1 - loss));
  const percent = 100 * loss;
  return ie + ((95 - ie) * percent) / (percent / burstRatio + bpl);
}

/** Idd: delay alone, from 100 ms on (G.107 clause 7.4, with the default sensitivity to delay). */
function absoluteDelay(delay: number): number {
  if (delay <= 100) return 0;
  const x = Math.log2(delay / 100);
  return 25 * ((1 + x ** 6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2);
}

/** Idte: how the talker hears himself again (G.107 clause 7.4). */
function talkerEcho(delay: number): number {
  if (delay < 1) return 0; // heard as sidetone
  const unechoed = -1.5 * (noise - receiveLoudness);
  const loudness =
    talkerEchoLoudness - 40 * Math.log10((1 + delay / 10) / (1 + delay / 150)) + 6 * Math.exp(-0.3 * delay * delay);
  const difference = unechoed - (80 + 2.5 * (loudness - 14));
  return (difference / 2 + Math.sqrt((difference * difference) / 4 + 100) - 1) * (1 - Math.exp(-delay));
}

/** Idle: how the listener hears the talker twice; `roundTrip` in the four-wire loop (G.107 clause 7.4). */
function listenerEcho(roundTrip: number): number {
  const difference = signalToNoise - 10.5 * (weightedEchoPathLoss + 7) * (roundTrip + 1) ** -0.25;
  return difference / 2 + Math.sqrt((difference * difference) / 4 + 169);
}

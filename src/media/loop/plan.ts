/**
 * From what two legs have agreed on to what is done with each packet. What the other leg has agreed to as well is
 * relayed, with its number there; speech that it has not is decoded and encoded anew, keys that it has not are told.
 */
import { canCode } from '../../codec/index.ts';
import { type AgreedCodec, clockRates, isSpeech, isTelephoneEvent, payloadMap } from '../../sdp/index.ts';
import type { MediaLeg, MediaSessionSpec } from '../engine.ts';
import type { RelayLegSpec, RelaySpec } from '../relay/relay.ts';
import type { Playing } from '../sound/player.ts';
import type { SenderFormat } from './sender.ts';

/** Packets of a phone that has not said how long it wants them, in ms (RFC 3551 §4.5). */
const usualPtime = 20;

/** How the speech to a phone comes about: as the other phone sends it, made of what that says, or either, by payload type. */
export type Making = 'relayed' | 'transcoded' | 'mixed';

/** What becomes of one leg. */
export interface LegPlan {
  /** What its phone may send: what is decoded is among it. */
  readonly codecs: readonly AgreedCodec[];
  /** Types of speech that are taken from it to be decoded. */
  readonly decoded: ReadonlySet<number>;
  /** Speech to its phone. */
  readonly making: Making;
  /** How we speak to its phone ourselves; null where we can't. */
  readonly format: SenderFormat | null;
  /** Whether its phone wants to hear. */
  readonly hears: boolean;
  /** What its phone hears instead of the other; null: nothing. */
  readonly playing: Playing | null;
}

/** What becomes of a session. */
export interface SessionPlan {
  readonly relay: RelaySpec;
  readonly legs: readonly [LegPlan, LegPlan | null];
  /** Whether anything is sent or recorded that passes through samples, whether or not packets come. */
  readonly isAtWork: boolean;
  /** Whether packets pass through samples: what is relayed alone needs no loop. */
  readonly isWorked: boolean;
  /** Of the samples in between, in Hz. */
  readonly sampleRate: 8000 | 16_000;
}

/** What is to be done, packet by packet, for a session to be as `spec` says. */
export function planOf(spec: MediaSessionSpec): SessionPlan {
  const { id, idleTimeout, recording = null } = spec;
  const [a, b] = spec.legs;
  const [toA, toB] = (spec.playing ?? [null, null]).map((playing, leg) => playable(playing, spec.legs[leg] ?? null));
  const ways = [wayFrom(a, b, toB ?? null), b && wayFrom(b, a, toA ?? null)] as const;
  const isAtWork = recording !== null || Boolean(toA ?? toB);
  const relayed = (leg: MediaLeg, way: Way): RelayLegSpec => {
    const { codecs, ptime, expected, ...rest } = leg;
    const { payloadTypes, taken, isListenedTo, making } = way;
    const copied = isListenedTo || recording !== null;
    // Reports on a stream that ends with us say nothing to the other phone.
    return { ...rest, payloadTypes, taken, copied, clockRates: clockRates(codecs), rtcpTaken: making === 'transcoded' };
  };
  return {
    relay: { id, idleTimeout, legs: [relayed(a, ways[0]), b && relayed(b, ways[1]!)] },
    legs: [legPlan(a, ways[0], ways[1], toA ?? null), b && legPlan(b, ways[1]!, ways[0], toB ?? null)],
    isAtWork,
    isWorked: isAtWork || ways.some((way) => way !== null && way.taken.size > 0),
    sampleRate: [a, b].some((leg) => leg && isNarrow(leg)) ? 8000 : 16_000,
  };
}

/** What becomes of the packets of one phone. */
interface Way {
  readonly payloadTypes: ReadonlyMap<number, number>;
  readonly taken: ReadonlySet<number>;
  readonly decoded: ReadonlySet<number>;
  readonly making: Making;
  /** Whether it matters when the phone is heard, though its packets are relayed. */
  readonly isListenedTo: boolean;
}

/** `playing`: what the other phone hears instead. */
function wayFrom(from: MediaLeg, to: MediaLeg | null, playing: Playing | null): Way {
  const all = new Set(from.codecs.map(({ receivedAs }) => receivedAs));
  const isListenedTo = playing?.yields ?? false;
  if (to === null) return { payloadTypes: new Map(), taken: all, decoded: new Set(), making: 'relayed', isListenedTo };
  const shared = payloadMap(from.codecs, to.codecs);
  const events = new Set(from.codecs.filter(isTelephoneEvent).map(({ receivedAs }) => receivedAs));
  const speech = from.codecs.filter(isSpeech);
  const coded = speech.filter(isCodable).map(({ receivedAs }) => receivedAs);
  const toCoded = speechFormat(to) !== null;
  const isTranscoded = toCoded && coded.length > 0 && !speech.some(({ receivedAs }) => shared.has(receivedAs));
  if (isTranscoded || (playing && !playing.yields)) {
    // One stream of ours goes to the other phone, whichever codec this one sends: numbers and times of two don't mix.
    return { payloadTypes: new Map(), taken: all, decoded: new Set(coded), making: 'transcoded', isListenedTo };
  }
  const decoded = new Set(toCoded ? coded.filter((type) => !shared.has(type)) : []);
  const taken = new Set([...decoded, ...[...events].filter((type) => !shared.has(type))]);
  return { payloadTypes: shared, taken, decoded, making: decoded.size > 0 ? 'mixed' : 'relayed', isListenedTo };
}

/** What can be played to a leg: to one whose phone does not want to hear, or has no codec of ours, nothing. */
function playable(playing: Playing | null, leg: MediaLeg | null): Playing | null {
  return leg?.send && speechFormat(leg) !== null ? playing : null;
}

function legPlan(leg: MediaLeg, own: Way, other: Way | null, playing: Playing | null): LegPlan {
  return {
    codecs: leg.codecs,
    decoded: own.decoded,
    making: other?.making ?? 'relayed',
    format: speechFormat(leg),
    hears: leg.send,
    playing,
  };
}

/** How a phone is spoken to: in the first of its codecs that we can do. */
function speechFormat({ codecs, ptime }: MediaLeg): SenderFormat | null {
  const codec = codecs.find((candidate) => isSpeech(candidate) && isCodable(candidate));
  if (codec === undefined) return null;
  const events = codecs.filter(isTelephoneEvent);
  return {
    codec,
    // On the clock of the speech beside them, where the phone has agreed to such (RFC 4733 §2.1).
    events: events.find(({ clockRate }) => clockRate === codec.clockRate) ?? events[0] ?? null,
    comfortNoise: codecs.find(({ name, clockRate }) => isNoise(name) && clockRate === codec.clockRate) ?? null,
    ptimeMs: ptime ?? usualPtime,
  };
}

function isCodable({ name, clockRate, channels }: AgreedCodec): boolean {
  return canCode(name, clockRate, channels);
}

function isNoise(name: string): boolean {
  return name.toLowerCase() === 'cn';
}

/** Whether what is expected on a leg has no more than telephone quality. */
function isNarrow({ codecs }: MediaLeg): boolean {
  const name = codecs.find(isSpeech)?.name.toLowerCase();
  return name === 'pcmu' || name === 'pcma';
}

/**
 * Which codecs one phone is offered or answered, given what the other can do. What both can do is relayed and comes
 * first; what we can transcode comes after it, and is answered only where nothing is shared.
 */
import {
  type Codec,
  codecKey,
  isComfortNoise,
  isSpeech,
  isTelephoneEvent,
  ownCodecs,
  sameCodec,
  selectCodecs,
} from './codecs.ts';

/** What is known of the phone that is offered or answered something. */
interface Leg {
  /** See `LegNegotiationOptions`. */
  readonly codecPriority: readonly string[];
  readonly transcodable: readonly string[];
}

/** What is known of a phone from what was agreed with it before. */
export interface Acquaintance {
  /** The codec of speech to expect of it; null before one has been agreed. */
  readonly spoken: Codec | null;
  /** What it has last said that it can do. */
  readonly known: readonly Codec[];
}

/** Of whom nothing is known. */
const stranger: Acquaintance = { spoken: null, known: [] };

/**
 * The codecs of an offer to the phone of `to`, where the phone of `from` can do `theirs`: those of them that
 * `codecPriority` lets pass, and after them, unless the phone is known to do one of those, what we can transcode to one
 * of them, that which it speaks already before the others. Telephone events come last, and are offered whether the other
 * phone knows them or not. Empty when there is no speech to offer.
 */
export function codecsToOffer(
  theirs: readonly Codec[],
  from: Leg,
  to: Leg,
  { spoken, known }: Acquaintance = stranger,
): readonly Codec[] {
  const relayed = selectCodecs(theirs, to.codecPriority);
  if (!canEndOne(theirs, from)) return relayed;
  const isCertain = relayed.some((codec) => isSpeech(codec) && has(known, codec));
  const speech = isCertain ? relayed : ownCodecs.filter((codec) => canEnd(codec, to));
  const ours = selectCodecs([...speech, ...ownCodecs.filter(isTelephoneEvent)], to.codecPriority);
  const isSpoken = (codec: Codec) => spoken !== null && sameCodec(codec, spoken);
  const further = [...ours.filter(isSpoken), ...ours.filter((codec) => !isSpoken(codec))].filter(
    (codec) => !has(relayed, codec),
  );
  const all = [...relayed, ...further];
  if (!all.some(isSpeech)) return [];
  return [...all.filter((codec) => !isTelephoneEvent(codec)), ...all.filter(isTelephoneEvent)];
}

/**
 * The codecs of an answer to the phone of `to`, which has offered `offered`, where the phone of `from` can do `theirs`:
 * in the order and with the numbers of the offer.
 *
 * - Where they share speech: what they share, with the parameters of the other phone.
 * - Where they share none: one codec, which we transcode, with our own parameters: that which `to` speaks already
 *   (`spoken`), else the first in `codecPriority`. Comfort noise of its clock is answered with it (RFC 3389).
 *
 * Telephone events that the other phone does not know are answered all the same where we can transcode: they are
 * passed on in another way. Empty when no speech is left.
 */
export function codecsToAnswer(
  offered: readonly Codec[],
  theirs: readonly Codec[],
  from: Leg,
  to: Leg,
  { spoken }: Pick<Acquaintance, 'spoken'> = stranger,
): readonly Codec[] {
  const preferred = selectCodecs(offered, to.codecPriority);
  const passing = inOrder(offered, preferred);
  const shared = passing.flatMap((codec) => {
    const same = theirs.find((candidate) => sameCodec(candidate, codec));
    return same === undefined ? [] : [{ ...codec, fmtp: same.fmtp }];
  });
  const speech = shared.filter((codec) => !isTelephoneEvent(codec));
  if (speech.some(isSpeech)) {
    if (speech.length < shared.length || to.transcodable.length === 0) return shared;
    return inOrder(offered, [...speech, ...eventsFor(speech, passing)]);
  }

  if (!canEndOne(theirs, from)) return [];
  const ours = preferred.filter((codec) => canEnd(codec, to));
  const chosen = ours.find((codec) => spoken !== null && sameCodec(codec, spoken)) ?? ours[0];
  if (chosen === undefined) return [];
  const noise = offered.filter((codec) => isComfortNoise(codec) && codec.clockRate === chosen.clockRate).slice(0, 1);
  return inOrder(offered, [withOwnParameters(chosen), ...noise, ...eventsFor([chosen], passing)]);
}

/** Whether a phone of which we know these codecs can hear what we have transcoded, and we what it says. */
export function canEndOne(codecs: readonly Codec[], leg: Leg): boolean {
  return selectCodecs(codecs, leg.codecPriority).some((codec) => canEnd(codec, leg));
}

function canEnd(codec: Codec, { transcodable }: Leg): boolean {
  const name = codec.name.toLowerCase();
  return transcodable.includes(name) && has(ownCodecs, codec);
}

function has(codecs: readonly Codec[], codec: Codec): boolean {
  return codecs.some((candidate) => sameCodec(candidate, codec));
}

/** Of `offered`, the events with the clock of one of `speech`; where there are none, those with another. */
function eventsFor(speech: readonly Codec[], offered: readonly Codec[]): readonly Codec[] {
  const events = offered.filter(isTelephoneEvent).map(withOwnParameters);
  const fitting = events.filter((event) => speech.some((codec) => codec.clockRate === event.clockRate));
  return fitting.length > 0 ? fitting : events;
}

/** As we speak it: parameters say what their author can receive, and here that is we (RFC 3264 §6.1). */
function withOwnParameters(codec: Codec): Codec {
  return { ...codec, fmtp: ownCodecs.find((own) => sameCodec(own, codec))?.fmtp ?? null };
}

/** `chosen`, in the order in which they were offered. */
function inOrder(offered: readonly Codec[], chosen: readonly Codec[]): readonly Codec[] {
  const byKey = new Map(chosen.map((codec) => [codecKey(codec), codec]));
  return offered.flatMap((codec) => {
    const key = codecKey(codec);
    const found = byKey.get(key);
    byKey.delete(key);
    return found === undefined ? [] : [found];
  });
}

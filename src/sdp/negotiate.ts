/**
 * The bridge between two legs: what one phone offers or answers, said anew to the other. Nothing else of one side's
 * description crosses to the other: no address, candidate, key, bandwidth, extension or stream of another kind.
 */
import { type Acquaintance, canEndOne, codecsToAnswer, codecsToOffer } from './chosen-codecs.ts';
import { type Codec, codecKey, isSpeech, ownCodecs, sameCodec, selectCodecs } from './codecs.ts';
import type { Direction } from './direction.ts';
import type { AudioProposal, LegNegotiation } from './offer-answer.ts';
import { audioOf, type SessionDescription } from './session-description.ts';

/** No stream, or no codec of it, that both sides can do: 488 Not Acceptable Here above. */
export class NoCommonMedia extends Error {
  override readonly name = 'NoCommonMedia';
  /** What the phone is told in place of that, where there is more to say. */
  readonly reason: string | null;

  constructor(message: string, reason: string | null = null) {
    super(message);
    this.reason = reason;
  }
}

/**
 * The offer that `from` has pending, as our offer to the phone of `to`, with what we can transcode after what is
 * relayed; both legs are unchanged when it throws.
 * @throws NoCommonMedia when it holds no audio that we carry
 * @throws Error when no offer of `from` is pending, or one of `to` is
 */
export function relayOffer(from: LegNegotiation, to: LegNegotiation): SessionDescription {
  const offer = from.remoteOffer;
  if (offer === null) throw new Error('there is no offer to relay');
  const audio = audioOf(offer);
  const codecs = audio === null ? [] : codecsToOffer(audio.codecs, from, to, knownOf(to));
  if (audio === null || codecs.length === 0) {
    throw new NoCommonMedia('the offer holds no audio that we carry', from.objection);
  }
  return to.makeOffer({ ...audio, codecs });
}

/**
 * The answer that `from` was given, as our answer to the offer that `to` has pending: in the order and with the numbers
 * of that offer; where they share no speech, in one codec that is transcoded. Where `to` has its answer already, that
 * answer stays, whatever `from` says: it never changes inside a dialog. While a further offer to `from` waits, what it
 * has agreed to before counts.
 * @throws NoCommonMedia when nothing that was answered had been offered, or can be transcoded to what was
 * @throws Error when `from` has no answer or `to` no offer
 */
export function relayAnswer(from: LegNegotiation, to: LegNegotiation): SessionDescription {
  if (to.answer !== null) return to.answer;
  if (from.remote === null) throw new Error('there is no answer to relay');
  if (to.remoteOffer === null) throw new Error('there is no offer to answer');
  const offered = audioOf(to.remoteOffer)?.codecs ?? [];
  const codecs = codecsToAnswer(offered, agreedCodecs(from), from, to, knownOf(to));
  if (codecs.length === 0) throw new NoCommonMedia('nothing that was answered had been offered');
  return to.makeAnswer({ ...from.remote, codecs });
}

/**
 * An offer to the phone of `to` of what the phone of `from` has last said that it can do, and of what we can transcode:
 * for somebody who takes part in a call already, and has no offer pending.
 * @throws NoCommonMedia when nothing is known of `from`, or nothing that we carry
 * @throws Error while an offer of `to` is pending
 */
export function offerFor(from: LegNegotiation, to: LegNegotiation, direction: Direction = 'sendrecv') {
  const codecs = codecsToOffer(from.remote?.codecs ?? [], from, to, knownOf(to));
  if (from.remote === null || codecs.length === 0) throw new NoCommonMedia('there is nothing to offer');
  return to.makeOffer({ ...from.remote, codecs, direction });
}

/**
 * Our own answer to the offer that `leg` has pending, without asking anybody: of what was offered, all that we carry,
 * and where the other side of the call is known (`other`), what that has agreed to or offered, or what can be transcoded
 * to it; in the direction that we stand for.
 * @throws NoCommonMedia when nothing is left
 * @throws Error when `leg` has no offer
 */
export function ownAnswer(leg: LegNegotiation, other: LegNegotiation | null): SessionDescription {
  if (leg.remoteOffer === null) throw new Error('there is no offer to answer');
  const offered = audioOf(leg.remoteOffer)?.codecs ?? [];
  const known = other && knownCodecs(other);
  const codecs =
    other && known
      ? codecsToAnswer(offered, known, other, leg, knownOf(leg))
      : selectInOrder(offered, leg.codecPriority);
  if (codecs.length === 0) throw new NoCommonMedia('nothing that was offered can be used', leg.objection);
  const of = other && (other.remote ?? (other.remoteOffer && audioOf(other.remoteOffer)));
  return leg.makeAnswer({ codecs, direction: leg.wish, ptime: of?.ptime ?? null, maxptime: of?.maxptime ?? null });
}

/**
 * What `leg`'s phone is told of a session that it comes into while it goes on: the answer to its offer where it has made
 * one, else our offer, of what the phone of `other` has agreed to or offered.
 * @throws NoCommonMedia when the two have nothing in common
 */
export function answerOrOffer(leg: LegNegotiation, other: LegNegotiation): SessionDescription {
  return leg.remoteOffer ? ownAnswer(leg, other) : offerFor(other, leg);
}

/**
 * Whether two phones that have agreed with us on something can talk to each other, as far as is known: they have a codec
 * for speech in common, or each one that we can transcode.
 */
export function canTalk(a: LegNegotiation, b: LegNegotiation): boolean {
  const [ours, theirs] = [a, b].map((leg) => leg.remote?.codecs ?? []) as [readonly Codec[], readonly Codec[]];
  if (ours.some((codec) => isSpeech(codec) && theirs.some((other) => sameCodec(codec, other)))) return true;
  return canEndOne(ours, a) && canEndOne(theirs, b);
}

/**
 * Whether a further offer may bring the phone of `leg` to the codec that the phone of `other` speaks: it speaks another
 * now, and has not shown by an offer of its own that it does not know that one.
 */
export function mayComeTo(leg: LegNegotiation, other: LegNegotiation): boolean {
  const [own, wanted] = [spokenOn(leg), spokenOn(other)];
  if (wanted === null || (own !== null && sameCodec(own, wanted))) return false;
  return leg.answer === null || (leg.remote?.codecs.some((codec) => sameCodec(codec, wanted)) ?? false);
}

/** What the phone of a leg has shown of itself. */
function knownOf(leg: LegNegotiation): Acquaintance {
  return { spoken: spokenOn(leg), known: leg.remote?.codecs ?? [] };
}

/** The codec of speech to expect on a leg; null before one has been agreed. */
function spokenOn(leg: LegNegotiation): Codec | null {
  return agreedCodecs(leg).find(isSpeech) ?? null;
}

/** What a phone can be expected to take: what it has agreed to, or has offered. */
function knownCodecs(leg: LegNegotiation): readonly Codec[] | null {
  const agreed = agreedCodecs(leg);
  if (agreed.length > 0) return agreed;
  return (leg.remoteOffer && audioOf(leg.remoteOffer)?.codecs) ?? leg.remote?.codecs ?? null;
}

/** Those that `priority` lets pass, each once, in the order given. */
function selectInOrder(codecs: readonly Codec[], priority: readonly string[]): readonly Codec[] {
  const selected = new Set(selectCodecs(codecs, priority));
  return codecs.filter((codec) => selected.has(codec));
}

/**
 * An offer of our own, where the phone asks for one (an INVITE without SDP) and nobody else's can be relayed: what was
 * last agreed, in the direction that we stand for, else all that we know of `codecPriority`.
 * @throws NoCommonMedia when `codecPriority` lets none of the codecs pass
 * @throws Error while an offer is pending
 */
export function fullOffer(
  to: LegNegotiation,
  options: { readonly codecs?: readonly Codec[]; readonly direction?: Direction } = {},
): SessionDescription {
  const current = to.local && audioOf(to.local);
  const proposal: AudioProposal = {
    codecs: options.codecs || !current ? selectCodecs(options.codecs ?? ownCodecs, to.codecPriority) : current.codecs,
    direction: options.direction ?? to.wish,
    ptime: current?.ptime ?? null,
    maxptime: current?.maxptime ?? null,
  };
  if (proposal.codecs.length === 0) throw new NoCommonMedia('none of the codecs to offer is in codecPriority');
  return to.makeOffer(proposal);
}

/** A codec that both sides of one leg have stated. */
export interface AgreedCodec extends Codec {
  /** The number under which the phone wants to receive it, from its own description. */
  readonly payloadType: number;
  /** The number under which the phone sends it, from ours. */
  readonly receivedAs: number;
}

/** The codecs agreed in a leg, in the order of its answer: the first one of speech is the one to expect. */
export function agreedCodecs(leg: LegNegotiation): readonly AgreedCodec[] {
  const ours = (leg.local && audioOf(leg.local)?.codecs) ?? [];
  const theirs = leg.remote?.codecs ?? [];
  if (leg.answer !== null)
    return ours.flatMap((codec) =>
      agreed(
        codec,
        theirs.find((other) => sameCodec(codec, other)),
      ),
    );
  return theirs.flatMap((codec) =>
    agreed(
      ours.find((other) => sameCodec(codec, other)),
      codec,
    ),
  );
}

function agreed(ours: Codec | undefined, theirs: Codec | undefined): readonly AgreedCodec[] {
  return ours && theirs ? [{ ...theirs, receivedAs: ours.payloadType }] : [];
}

/**
 * For media that arrives from the phone that has agreed to `from`: the payload type as we stated it to that phone → the
 * one that the phone of `to` has stated for the same codec. Also says which types both have: equal numbers are in it.
 */
export function payloadMap(from: readonly AgreedCodec[], to: readonly AgreedCodec[]): ReadonlyMap<number, number> {
  const sent = new Map(to.map((codec) => [codecKey(codec), codec.payloadType]));
  return new Map(
    from.flatMap((codec) => {
      const payloadType = sent.get(codecKey(codec));
      return payloadType === undefined ? [] : [[codec.receivedAs, payloadType] as const];
    }),
  );
}

/** The RTP clock in Hz of each payload type that the phone which has agreed to these codecs sends. */
export function clockRates(codecs: readonly AgreedCodec[]): ReadonlyMap<number, number> {
  return new Map(codecs.map(({ receivedAs, clockRate }) => [receivedAs, clockRate]));
}

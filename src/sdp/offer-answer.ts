/**
 * What one leg's dialog remembers of its session (RFC 3264, RFC 6337):
 *
 *   stable        -- makeOffer      --> local-offer     ours is on its way
 *   stable        -- receiveOffer   --> remote-offer    theirs waits for our answer
 *   local-offer   -- receiveAnswer  --> stable          agreed anew
 *   remote-offer  -- makeAnswer     --> stable          agreed anew
 *   either offer  -- rollback       --> stable          refused: what was agreed before stays
 */
import type { SrtpParameters } from '../rtp/index.ts';
import { type Codec, codecKey, isSpeech, sameCodec } from './codecs.ts';
import { type CryptoLine, srtpKeyOf } from './crypto-line.ts';
import { answerDirection, type Direction, unconstrained } from './direction.ts';
import { allowedBy, type EncryptionTerms, firstOffer, objectionOf, ownLine, preferredLine } from './encryption.ts';
import {
  type AudioStream,
  audioOf,
  formatSessionDescription,
  isEncryptedProfile,
  type MediaStream,
  refused,
  SdpError,
  type SessionDescription,
} from './session-description.ts';

export type NegotiationPhase = 'stable' | 'local-offer' | 'remote-offer';

/** What is fixed for a leg from its first moment on. */
export interface LegNegotiationOptions {
  /** Decimal, up to 64 bits (RFC 8866 section 5.2). */
  readonly sessionId: string;
  /** The media address that the other side is told, never `0.0.0.0`. */
  readonly localAddress: string;
  readonly localPort: number;
  /** Codec names in order of preference; `"*"` stands for all others. */
  readonly codecPriority: readonly string[];
  /** Names, in small letters, of the codecs that can be transcoded to one another; by default none. */
  readonly transcodable?: readonly string[];
  /** By default media is not encrypted. */
  readonly encryption?: EncryptionTerms | null;
}

/** The audio that we offer or answer; where and under which name is the leg's own affair. */
export interface AudioProposal {
  readonly codecs: readonly Codec[];
  readonly direction: Direction;
  readonly ptime: number | null;
  readonly maxptime: number | null;
}

/** How packets of ours travel, as it is a leg's own affair. */
type OwnTransport = Pick<AudioStream, 'protocol' | 'crypto' | 'rtcpMux'>;

interface Agreed {
  readonly local: SessionDescription | null;
  readonly remote: AudioStream | null;
}

/** The last exchange that came to an answer, and what was agreed before it. */
interface Exchange {
  readonly offeredBy: 'us' | 'them';
  readonly offer: SessionDescription;
  readonly before: Agreed;
}

/** All that a `LegNegotiation` knows: plain data, to be journalled and restored. */
export interface NegotiationState extends Required<LegNegotiationOptions>, Agreed {
  readonly phase: NegotiationPhase;
  /** The offer that waits for its answer. */
  readonly offer: SessionDescription | null;
  readonly last: Exchange | null;
  /** The phone's last description that counted, offer or answer. */
  readonly received: SessionDescription | null;
  /** The last description that went out, even if it was refused. */
  readonly sent: SessionDescription | null;
  /** Payload types that we have stated, the first one of a codec first; never taken back (RFC 3264 section 8.3.2). */
  readonly numbers: readonly { readonly payloadType: number; readonly codec: string }[];
  /** The direction that we stand for when nothing that the phone said constrains it. */
  readonly wish: Direction;
}

export class LegNegotiation {
  #state: NegotiationState;

  constructor({ transcodable = [], encryption = null, ...options }: LegNegotiationOptions) {
    const { sessionId, localAddress, localPort, codecPriority } = options;
    const nothing = {
      phase: 'stable',
      offer: null,
      last: null,
      received: null,
      sent: null,
      local: null,
      remote: null,
    } as const;
    const fixed = { sessionId, localAddress, localPort, codecPriority, transcodable, encryption };
    this.#state = { ...fixed, ...nothing, numbers: [], wish: 'sendrecv' };
  }

  /** A leg as `state` left it. */
  static restore(state: NegotiationState): LegNegotiation {
    const leg = new LegNegotiation(state);
    leg.#state = state;
    return leg;
  }

  get state(): NegotiationState {
    return this.#state;
  }

  get phase(): NegotiationPhase {
    return this.#state.phase;
  }

  /** What the phone last agreed to: its offer, or its answer without what we had not offered. */
  get remote(): AudioStream | null {
    return this.#state.remote;
  }

  /** What we last agreed to, offer or answer. */
  get local(): SessionDescription | null {
    return this.#state.local;
  }

  /** The keys of what was last agreed; null where media is plain. */
  get srtp(): SrtpParameters | null {
    const [theirs] = this.remote?.crypto ?? [];
    const ours = this.#current?.crypto.find(({ tag }) => tag === theirs?.tag);
    return theirs && ours ? { receive: srtpKeyOf(theirs), send: srtpKeyOf(ours) } : null;
  }

  /** Whether RTP and RTCP share one port on each side, as was last agreed (RFC 5761). */
  get rtcpMux(): boolean {
    return (this.remote?.rtcpMux && this.#current?.rtcpMux) ?? false;
  }

  /** Why the offer that waits for our answer holds no audio for us, where its encryption or the lack of it is the reason. */
  get objection(): string | null {
    const { remoteOffer } = this;
    return remoteOffer && objectionOf(this.#state.encryption, remoteOffer);
  }

  get codecPriority(): readonly string[] {
    return this.#state.codecPriority;
  }

  get transcodable(): readonly string[] {
    return this.#state.transcodable;
  }

  /** The phone's offer while it waits for our answer. */
  get remoteOffer(): SessionDescription | null {
    return this.phase === 'remote-offer' ? this.#state.offer : null;
  }

  /** Our offer while it waits for the phone's answer. */
  get localOffer(): SessionDescription | null {
    return this.phase === 'local-offer' ? this.#state.offer : null;
  }

  /** Our answer, where the last exchange was an offer of the phone that we have answered. */
  get answer(): SessionDescription | null {
    return this.phase === 'stable' && this.#state.last?.offeredBy === 'them' ? this.local : null;
  }

  /** Whether `remote` says again, word for word, what the phone has said last: a refresh, no change (RFC 4028 §7.4). */
  repeats(remote: SessionDescription): boolean {
    const { received } = this.#state;
    return received !== null && formatSessionDescription(received) === formatSessionDescription(this.#allowed(remote));
  }

  /** Descriptions name this media address from now on; o= keeps the one that the session began with (RFC 8866 section 5.2). */
  relocate(localAddress: string): void {
    this.#state = { ...this.#state, localAddress };
  }

  /** The direction that we would offer: see `NegotiationState.wish`. */
  get wish(): Direction {
    return this.#state.wish;
  }

  /** @throws Error while an offer is pending: glare is the caller's business (RFC 3261 section 14.2). */
  receiveOffer(remote: SessionDescription): void {
    this.#expect('stable', 'an offer was received');
    this.#state = { ...this.#state, phase: 'remote-offer', offer: this.#allowed(remote) };
  }

  /**
   * Takes the answer to our offer. An answer that comes again (in the 200 after a 183) is not looked at: the first one
   * counts (RFC 3261 section 13.2.1).
   * @returns whether this was the one that counts
   * @throws SdpError when it does not fit the offer or leaves no codec; the offer is still pending then
   */
  receiveAnswer(remote: SessionDescription): boolean {
    if (this.phase === 'stable' && this.#state.last?.offeredBy === 'us') return false;
    this.#expect('local-offer', 'an answer was received');
    const offer = this.#state.offer!;
    const audio = acceptedBy(offer, remote);
    if (this.#state.encryption?.required && audio.crypto.length === 0)
      throw new SdpError('the answer does not encrypt');
    this.#conclude('us', offer, audio, this.#allowed(remote));
    return true;
  }

  /**
   * Our offer: the audio alone, and in a session that goes on all other streams that it has had, refused, in their
   * places. Codecs get the numbers that they have in this leg; profile, key and the sharing of a port are the session's.
   * @throws Error while an offer is pending
   */
  makeOffer(proposal: AudioProposal): SessionDescription {
    this.#expect('stable', 'an offer was to be made');
    const codecs = this.#number(proposal.codecs);
    const { encryption } = this.#state;
    const transport = this.#current
      ? {
          protocol: this.#current.protocol,
          crypto: ownLine(encryption, this.remote?.crypto[0]),
          rtcpMux: this.rtcpMux,
        }
      : { ...firstOffer(encryption), rtcpMux: false };
    const audio = this.#stream({ ...proposal, codecs }, transport);
    const offer = this.#describe(layOut(audio, this.local?.media ?? []));
    this.#state = { ...this.#state, phase: 'local-offer', offer, sent: offer, wish: proposal.direction };
    return offer;
  }

  /**
   * What we last agreed to, as an offer: for a session that is to go on as it is (RFC 4028 section 7.4).
   * @throws Error while an offer is pending, or when nothing has been agreed
   */
  repeatOffer(): SessionDescription {
    this.#expect('stable', 'an offer was to be repeated');
    if (this.local === null) throw new Error('nothing has been agreed');
    const offer = this.#describe(this.local.media);
    this.#state = { ...this.#state, phase: 'local-offer', offer, sent: offer };
    return offer;
  }

  /**
   * Our answer to the pending offer; the codecs carry the numbers of that offer, the profile is that offer's (RFC 3264
   * section 6.1), the first key that it names, or the one in use, is taken and answered with ours (RFC 4568 section 5.1.2), the direction is what we want and is bent to what the offer allows. Once given, the answer stays: asked again, the same description is returned.
   * @throws Error when there is nothing to answer
   */
  makeAnswer(proposal: AudioProposal): SessionDescription {
    if (this.answer !== null) return this.answer;
    this.#expect('remote-offer', 'an answer was to be made');
    const offer = this.#state.offer!;
    const offered = audioOf(offer);
    if (offered === null) throw new Error('the offer has no audio to answer');
    for (const { payloadType, ...codec } of proposal.codecs)
      this.#bind(payloadType, codecKey({ payloadType, ...codec }));
    const direction = answerDirection(offered.direction, proposal.direction);
    const { protocol, rtcpMux } = offered;
    const taken = preferredLine(offered.crypto, this.remote?.crypto[0]);
    const crypto = ownLine(this.#state.encryption, taken);
    const audio = this.#stream({ ...proposal, direction }, { protocol, crypto, rtcpMux });
    const answer = this.#describe(offer.media.map((stream) => (stream === offered ? audio : refused(stream))));
    this.#state = { ...this.#state, sent: answer, wish: unconstrained(offered.direction, proposal.direction) };
    this.#conclude('them', offer, { ...offered, crypto: taken ? [taken] : [] }, offer, answer);
    return answer;
  }

  /** A refused offer, ours or theirs: back to what was agreed before it. Nothing happens when none is pending. */
  rollback(): void {
    this.#state = { ...this.#state, phase: 'stable', offer: null };
  }

  /** The same once more, to go its own way from here. */
  copy(): LegNegotiation {
    return LegNegotiation.restore(this.#state);
  }

  /**
   * Another dialog that the same offer opened: a copy in which the offer, pending or last answered, still waits.
   * An answer of ours with a new To tag is a session of its own and needs its own `sessionId`; where our offer forked,
   * the session id is that of the offer.
   * @throws Error when there was no offer
   */
  fork(sessionId: string = this.#state.sessionId): LegNegotiation {
    const { last, phase, offer } = this.#state;
    const pending =
      phase === 'stable' ? last && { phase: phaseOf(last), offer: last.offer, ...last.before } : { phase, offer };
    if (!pending) throw new Error('there is no offer to fork at');
    const sent = sessionId === this.#state.sessionId ? this.#state.sent : null;
    return LegNegotiation.restore({ ...this.#state, ...pending, sessionId, sent, last: null });
  }

  #conclude(
    offeredBy: Exchange['offeredBy'],
    offer: SessionDescription,
    remote: AudioStream,
    received: SessionDescription,
    local = offer,
  ): void {
    const before = { local: this.local, remote: this.remote };
    const last = { offeredBy, offer, before };
    this.#state = { ...this.#state, phase: 'stable', offer: null, last, received, local, remote };
  }

  #stream({ codecs, direction, ptime, maxptime }: AudioProposal, transport: OwnTransport): AudioStream {
    const { localAddress: address, localPort: port } = this.#state;
    const own = { ...transport, address, port, rtcpPort: null, rtcpAddress: null };
    return { kind: 'audio', ...own, direction, codecs, ptime, maxptime };
  }

  /** Our audio as it was last agreed. */
  get #current(): AudioStream | null {
    return this.local && audioOf(this.local);
  }

  #allowed(description: SessionDescription): SessionDescription {
    return allowedBy(this.#state.encryption, description);
  }

  /** The version rises by one exactly when something else is said than the last time (RFC 3264 section 8). */
  #describe(media: readonly MediaStream[]): SessionDescription {
    const { sessionId, localAddress: address, sent } = this.#state;
    const describe = (version: string): SessionDescription => ({
      origin: { username: '-', sessionId, version, address: sent?.origin.address ?? address },
      name: '-',
      media,
    });
    if (sent === null) return describe('1');
    const same = describe(sent.origin.version);
    if (formatSessionDescription(same) === formatSessionDescription(sent)) return sent;
    return describe(String(Number(sent.origin.version) + 1));
  }

  /** Each codec with its number in this leg: the first it had, else the one it has if that is free, else a free one. */
  #number(codecs: readonly Codec[]): readonly Codec[] {
    return codecs.flatMap((codec) => {
      const key = codecKey(codec);
      const known = this.#state.numbers.find((number) => number.codec === key);
      const payloadType = known?.payloadType ?? this.#freeNumber(codec.payloadType);
      if (payloadType === null) return [];
      this.#bind(payloadType, key);
      return [{ ...codec, payloadType }];
    });
  }

  #freeNumber(preferred: number): number | null {
    const isFree = (payloadType: number) => this.#state.numbers.every((number) => number.payloadType !== payloadType);
    if (isFree(preferred)) return preferred;
    for (let payloadType = 96; payloadType < 128; payloadType++) if (isFree(payloadType)) return payloadType;
    return null;
  }

  #bind(payloadType: number, codec: string): void {
    const { numbers } = this.#state;
    if (numbers.some((number) => number.payloadType === payloadType)) return;
    this.#state = { ...this.#state, numbers: [...numbers, { payloadType, codec }] };
  }

  #expect(phase: NegotiationPhase, event: string): void {
    if (this.phase !== phase) throw new Error(`${event} in phase ${this.phase}`);
  }
}

function phaseOf({ offeredBy }: Exchange): NegotiationPhase {
  return offeredBy === 'us' ? 'local-offer' : 'remote-offer';
}

/** Streams never leave their places nor become fewer (RFC 3264 section 8). */
function layOut(audio: AudioStream, places: readonly MediaStream[]): readonly MediaStream[] {
  const place = places.findIndex((stream) => stream.kind === 'audio');
  if (place < 0) return [...places.map(refused), audio];
  return places.map((stream, index) => (index === place ? audio : refused(stream)));
}

/** The audio of an answer, reduced to what the offer allowed it to say (RFC 3264 section 6). */
function acceptedBy(offer: SessionDescription, answer: SessionDescription): AudioStream {
  const place = offer.media.findIndex((stream) => stream.kind === 'audio');
  const offered = offer.media[place] as AudioStream;
  // Phones are known to leave out the refused lines at the end, which says the same.
  const omitted = offer.media.slice(answer.media.length);
  if (answer.media.length > offer.media.length || omitted.some((stream) => stream.port !== 0)) {
    throw new SdpError(`${answer.media.length} media lines answer an offer of ${offer.media.length}`);
  }
  const audio = answer.media[place];
  if (audio?.kind !== 'audio') throw new SdpError('the answer refuses the audio');
  const codecs = audio.codecs.filter((codec) => offered.codecs.some((candidate) => sameCodec(candidate, codec)));
  if (!codecs.some(isSpeech)) throw new SdpError('the answer has none of the codecs offered');
  return {
    ...audio,
    codecs,
    direction: answerDirection(offered.direction, audio.direction),
    rtcpMux: offered.rtcpMux && audio.rtcpMux,
    crypto: takenOf(offered, audio),
  };
}

/** The line of our offer that an answer takes, with the phone's key; none where that makes the media plain. */
function takenOf(offered: AudioStream, answer: AudioStream): readonly CryptoLine[] {
  for (const line of answer.crypto) {
    // Phones are known to number their answer by themselves. Each suite is offered once.
    const taken = offered.crypto.find(({ suite }) => suite === line.suite);
    if (taken) return [{ ...line, tag: taken.tag }];
  }
  if (isEncryptedProfile(offered.protocol)) throw new SdpError('the answer does not encrypt');
  if (isEncryptedProfile(answer.protocol)) throw new SdpError('the answer encrypts, and not by a key that was offered');
  return [];
}

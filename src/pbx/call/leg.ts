import type { MediaEngine, MediaLeg, PortPair, RemoteMedia } from '../../media/index.ts';
import {
  type AudioStream,
  agreedCodecs,
  encryptionTerms,
  isSpeech,
  isTelephoneEvent,
  LegNegotiation,
  type PlainerOffer,
} from '../../sdp/index.ts';
import { SipError } from '../../sip/message/index.ts';
import type { Flow } from '../../sip/transport/index.ts';
import type { CallContext } from './call-context.ts';

export interface LegOptions {
  /** The way to the phone. */
  readonly flow: Flow;
  /** Whose phone it is. */
  readonly extension: string;
  /** The leg whose phone it is to be connected with. */
  readonly near: Leg | null;
  /** What it is offered less than others, after it has refused that. */
  readonly plainer?: PlainerOffer | null;
}

/** One end of a call as media sees it: a port pair of its own, and what its dialog has negotiated. */
export class Leg implements Disposable {
  readonly port: PortPair;
  /** The source IP of the leg's signalling, from where its media may come as well. */
  signalling: string;
  negotiation: LegNegotiation;
  readonly #engine: MediaEngine;
  readonly #addressFor: CallContext['mediaAddress'];
  /** Counts up when a description that was only a preview becomes final, so that the latch is learned anew. */
  generation = 0;
  #over = false;

  /** Throws SipError 503 when no port is left. */
  constructor(context: CallContext, { flow, extension, near, plainer = null }: LegOptions) {
    const port = context.media.lease(flow.local.address, near?.port);
    if (!port) throw new SipError(503, 'No Media Port Left', { headers: { 'Retry-After': '5' } });
    this.port = port;
    this.signalling = flow.remote.address;
    this.#engine = context.media;
    this.#addressFor = (way) => context.mediaAddress(way);
    this.negotiation = new LegNegotiation({
      sessionId: newSessionId(context),
      localAddress: context.mediaAddress(flow),
      localPort: port.port,
      codecPriority: plainer?.codecPriority ?? context.codecPriority,
      transcodable: context.transcodable,
      encryption: encryptionTerms(
        context.srtpPolicy(extension, flow),
        // Over a way that others can read along, keys beside plain media would be no gain.
        flow.secure && !plainer?.withoutKeys,
        context.random,
      ),
    });
  }

  /** The phone is at the end of `flow` now: the next description names our port as it can be reached from there. */
  follow({ remote }: Flow): void {
    this.signalling = remote.address;
    this.negotiation.relocate(this.#addressFor({ local: this.port, remote }));
  }

  /** What the media engine is to know of this leg. */
  get media(): MediaLeg {
    const { remote } = this.negotiation;
    return {
      port: this.port,
      remote: remote && remoteMediaOf(remote),
      signalling: this.signalling,
      send: remote !== null && (remote.direction === 'sendrecv' || remote.direction === 'recvonly'),
      generation: this.generation,
      codecs: agreedCodecs(this.negotiation),
      ptime: remote?.ptime ?? null,
      expected: remote !== null && (remote.direction === 'sendrecv' || remote.direction === 'sendonly'),
      rtcpMux: this.negotiation.rtcpMux,
      srtp: this.negotiation.srtp,
    };
  }

  /** Whether the phone has put the call on hold, or is held: silence is no fault then. */
  get onHold(): boolean {
    const { remote } = this.negotiation;
    return remote !== null && remote.direction !== 'sendrecv';
  }

  /** Whether the phone takes keys as telephone events (RFC 4733). */
  get takesEvents(): boolean {
    return agreedCodecs(this.negotiation).some(isTelephoneEvent);
  }

  /** Whether its phone has put the call on hold: the other is to hear that it waits. */
  get holds(): boolean {
    const { remote } = this.negotiation;
    return remote !== null && (remote.direction === 'sendonly' || remote.direction === 'inactive');
  }

  /** The codec of speech to expect, as SDP names it. */
  get codec(): string | null {
    return agreedCodecs(this.negotiation).find(isSpeech)?.name ?? null;
  }

  /** Whether its phone has gone: nothing can be relayed any more. */
  get over(): boolean {
    return this.#over;
  }

  [Symbol.dispose](): void {
    this.#over = true;
    this.#engine.release(this.port);
  }
}

/** A session id for o= (RFC 8866 §5.2): numeric, unique enough, telling nothing. */
export function newSessionId({ random }: Pick<CallContext, 'random'>): string {
  return String(1_000_000_000 + random.below(2_000_000_000));
}

function remoteMediaOf({ address, port, rtcpPort }: AudioStream): RemoteMedia {
  return { address, port, rtcpPort: rtcpPort ?? port + 1 };
}

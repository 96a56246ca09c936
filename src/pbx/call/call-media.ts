import { formatAddress } from '../../base/index.ts';
import type {
  LegSummary,
  MediaSession,
  MediaSessionSpec,
  OneWayFinding,
  QualityReport,
  RecordingEvent,
  RecordingOrder,
  RecordingSummary,
} from '../../media/index.ts';
import type { LegMedia, OneWayAudio } from '../events/index.ts';
import type { CallContext } from './call-context.ts';
import type { KeyPress } from './key-press.ts';
import type { Leg } from './leg.ts';
import type { Side } from './side.ts';

/** Hears of the audio of a call. */
export interface CallMediaUser {
  /** Nothing has been heard of either phone for too long. */
  onIdle(): void;
  /** What carried it has died. */
  onLost(reason: string): void;
  /** A key of one phone that the other can't be told as a telephone event. */
  onKey(party: Side['party'], key: KeyPress): void;
  /** Every 5 s after the answer. */
  onQuality(report: QualityReport): void;
  /** A phone is not heard though it should be. */
  onOneWay(audio: OneWayAudio): void;
  onRecording(event: RecordingEvent): void;
}

const unmeasured: LegMedia = {
  packetsReceived: null,
  packetsSent: null,
  packetsLost: null,
  lossBursts: null,
  jitterMs: null,
  mos: null,
  mosWorst: null,
  sentMos: null,
  sentMosWorst: null,
  rttMs: null,
  codec: null,
  srtp: null,
};

/** What is heard on hold, and while somebody else's phone rings. */
const onHold = { source: 'moh', repeat: true, yields: true } as const;
const ringing = { source: 'ringback', repeat: true } as const;

/** The audio of one call, from the first early media to the end, whichever branches it came from. */
export class CallMedia {
  readonly #context: CallContext;
  readonly #callId: string;
  readonly #user: CallMediaUser;
  #session: MediaSession | null = null;
  #answered = false;
  /** What the session was told last of those who talk; null before: the legs of early media may be gone. */
  #talk: MediaSessionSpec | null = null;
  #recording: RecordingOrder | null = null;

  constructor(context: CallContext, callId: string, user: CallMediaUser) {
    this.#context = context;
    this.#callId = callId;
    this.#user = user;
  }

  /** Whether packets flow. */
  get connected(): boolean {
    return this.#session !== null;
  }

  /** Both sides know that the call is answered: with the next `connect` its quality is measured. */
  answered(): void {
    this.#answered = true;
  }

  /**
   * Lets packets flow between the two legs as they have negotiated. The silence of both is watched only in a call that
   * is `answered` and on hold on neither side.
   */
  connect(caller: Leg, callee: Leg, answered: boolean): void {
    const { rtpTimeout } = this.#context.limits;
    const watched = answered && rtpTimeout > 0 && !caller.onHold && !callee.onHold;
    const spec: MediaSessionSpec = {
      id: this.#callId,
      legs: [caller.media, callee.media],
      idleTimeout: watched ? rtpTimeout : null,
      answered: this.#answered,
      recording: answered ? this.#recording : null,
      playing: answered ? [callee.holds ? onHold : null, caller.holds ? onHold : null] : [null, null],
    };
    this.#talk = answered ? spec : null;
    this.#tell(spec);
  }

  /** Lets a caller that waits hear that a phone rings. */
  ringBack(caller: Leg): void {
    this.#tell({
      id: this.#callId,
      legs: [caller.media, null],
      idleTimeout: null,
      answered: false,
      playing: [ringing, null],
    });
  }

  /** What is to be recorded of those who talk: from now on, or from when packets flow between them. */
  record(order: RecordingOrder): void {
    this.#recording = order;
    if (this.#talk) this.#tell({ ...this.#talk, recording: order });
  }

  #tell(spec: MediaSessionSpec): void {
    if (this.#session) this.#session.update(spec);
    else this.#session = this.#start(spec);
  }

  #start(spec: MediaSessionSpec): MediaSession {
    return this.#context.media.start(spec, {
      onIdle: () => this.#user.onIdle(),
      onLost: (reason) => this.#user.onLost(reason),
      onDigit: (leg, digit, durationMs) => this.#user.onKey(leg === 0 ? 'caller' : 'callee', { digit, durationMs }),
      onQuality: (report) => this.#user.onQuality(report),
      onOneWay: (finding) => this.#user.onOneWay(audioOf(finding)),
      onRecording: (event) => this.#user.onRecording(event),
    });
  }

  /** Sends a key to a phone as a telephone event; false where that can't be done. */
  press(party: Side['party'], { digit, durationMs }: KeyPress): boolean {
    if (!this.#session) return false;
    this.#session.digit(party === 'caller' ? 0 : 1, digit, durationMs);
    return true;
  }

  /** Ends the relaying and tells what was counted of the caller and of the callee, and what was recorded. */
  end(done: (caller: LegMedia, callee: LegMedia, recordings: readonly RecordingSummary[]) => void): void {
    const session = this.#session;
    this.#session = null;
    if (!session) return done(unmeasured, unmeasured, []);
    const [ofCaller, ofCallee] = (this.#talk?.legs ?? []).map((leg) => leg?.srtp?.send.suite ?? null);
    session.end(({ legs: [caller, callee], recordings }) =>
      done(measured(caller, ofCaller ?? null), measured(callee, ofCallee ?? null), recordings),
    );
  }
}

function measured({ counters, quality }: LegSummary, srtp: string | null): LegMedia {
  return {
    packetsReceived: counters.packetsReceived,
    packetsSent: counters.packetsSent,
    packetsLost: counters.packetsLost,
    lossBursts: counters.lossEvents,
    jitterMs: counters.jitterMs,
    mos: quality?.received?.mos ?? null,
    mosWorst: quality?.received?.worst ?? null,
    sentMos: quality?.sent?.mos ?? null,
    sentMosWorst: quality?.sent?.worst ?? null,
    rttMs: quality?.rttMs ?? null,
    codec: quality?.codec ?? null,
    srtp,
  };
}

function audioOf({ leg, reason, stranger, named, signalling }: OneWayFinding): OneWayAudio {
  return {
    silent: leg === 0 ? 'caller' : 'callee',
    reason,
    stranger: stranger && formatAddress(stranger),
    named: named && formatAddress(named),
    signalling,
  };
}

import type { LegSummary, MediaSession, MediaSessionSpec } from '../../media/index.ts';
import type { LegMedia } from '../events/index.ts';
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
}

const unmeasured: LegMedia = {
  packetsReceived: null,
  packetsSent: null,
  packetsLost: null,
  jitterMs: null,
  mos: null,
};

/** The audio of one call, from the first early media to the end, whichever branches it came from. */
export class CallMedia {
  readonly #context: CallContext;
  readonly #callId: string;
  readonly #user: CallMediaUser;
  #session: MediaSession | null = null;

  constructor(context: CallContext, callId: string, user: CallMediaUser) {
    this.#context = context;
    this.#callId = callId;
    this.#user = user;
  }

  /** Whether packets flow. */
  get connected(): boolean {
    return this.#session !== null;
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
    };
    if (this.#session) this.#session.update(spec);
    else this.#session = this.#start(spec);
  }

  #start(spec: MediaSessionSpec): MediaSession {
    return this.#context.media.start(spec, {
      onIdle: () => this.#user.onIdle(),
      onLost: (reason) => this.#user.onLost(reason),
      onDigit: (leg, digit, durationMs) => this.#user.onKey(leg === 0 ? 'caller' : 'callee', { digit, durationMs }),
    });
  }

  /** Sends a key to a phone as a telephone event; false where that can't be done. */
  press(party: Side['party'], { digit, durationMs }: KeyPress): boolean {
    if (!this.#session?.digit) return false;
    this.#session.digit(party === 'caller' ? 0 : 1, digit, durationMs);
    return true;
  }

  /** Ends the relaying and tells what was counted of the caller and of the callee. */
  end(done: (caller: LegMedia, callee: LegMedia) => void): void {
    const session = this.#session;
    this.#session = null;
    if (session) session.end(({ legs: [caller, callee] }) => done(measured(caller), measured(callee)));
    else done(unmeasured, unmeasured);
  }
}

function measured({ counters }: LegSummary): LegMedia {
  return {
    packetsReceived: counters.packetsReceived,
    packetsSent: counters.packetsSent,
    packetsLost: counters.packetsLost,
    jitterMs: counters.jitterMs,
    // Quality is not estimated yet; "not measured" is null.
    mos: null,
  };
}

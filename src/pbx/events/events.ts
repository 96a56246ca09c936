import type { Log } from '../../base/index.ts';

/** Who ended a call: one of the two ends, or we ourselves. */
export type Party = 'caller' | 'callee' | 'system';

export type CallStatus = 'completed' | 'failed' | 'busy' | 'no_answer' | 'cancelled' | 'rejected';

export type TerminationReason =
  | 'normal'
  | 'busy'
  | 'no_answer'
  | 'cancelled'
  | 'rejected'
  | 'rtp_timeout'
  | 'session_timeout'
  | 'max_duration'
  | 'unreachable'
  | 'error'
  | 'shutdown';

/** Why and by whom a call ended: made once, where it ends, and shown alike by CDR, metrics, events and Reason header. */
export interface Ending {
  readonly party: Party;
  readonly status: CallStatus;
  readonly reason: TerminationReason;
  /** The final response to the caller's INVITE; 200 for an answered call. */
  readonly sipStatus: number;
  /** ITU-T Q.850 cause value. */
  readonly q850: number;
  /** One sentence for people. */
  readonly text: string;
}

/** What was measured of the media that one leg received and was sent. `null` is "not measured". */
export interface LegMedia {
  readonly packetsReceived: number | null;
  readonly packetsSent: number | null;
  readonly packetsLost: number | null;
  /** Gaps in what was received: losses in a row count once. */
  readonly lossBursts: number | null;
  readonly jitterMs: number | null;
  /** Of what was received: the average, and the worst 5 s. */
  readonly mos: number | null;
  readonly mosWorst: number | null;
  /** Of what the phone received, by its own reports. */
  readonly sentMos: number | null;
  readonly sentMosWorst: number | null;
  /** To the phone and back, on the average. */
  readonly rttMs: number | null;
  /** The codec of speech agreed with the phone, as SDP names it. */
  readonly codec: string | null;
  /** The suite that its media was encrypted with in the end; null: it was plain. */
  readonly srtp: string | null;
}

/** How one direction of one leg was for some seconds. `null` is "not measured". */
export interface StreamQuality {
  readonly packets: number;
  readonly lost: number;
  /** Lost of all expected, 0 to 1. */
  readonly lossRate: number;
  /** Packets lost in a row, on the average. */
  readonly meanBurst: number | null;
  readonly jitterMs: number | null;
  /** Mean opinion score, 1 to 4.5. */
  readonly mos: number | null;
}

/** How one leg was for some seconds. `null` is "not measured". */
export interface LegQuality {
  readonly codec: string | null;
  /** What came from the phone, and what the phone says of what it was sent. */
  readonly received: StreamQuality | null;
  readonly sent: StreamQuality | null;
  readonly rttMs: number | null;
}

/** A phone is not heard though it should be. Addresses as `192.0.2.1:4000`. */
export interface OneWayAudio {
  /** Whose phone it is: the other one hears nothing. */
  readonly silent: 'caller' | 'callee';
  /**
   * As far as the evidence goes. `srtp_mismatch`: encrypted with other keys than were agreed; `strangers`: somebody else
   * sends in its place; `private_address`: its SDP names an address that can't be reached; `no_packets`: nothing has come.
   */
  readonly reason: 'srtp_mismatch' | 'strangers' | 'private_address' | 'no_packets';
  /** The last source that was not let in; null: there was none. */
  readonly stranger: string | null;
  /** Where its SDP says that it is. */
  readonly named: string | null;
  /** The IP address that its signalling comes from. */
  readonly signalling: string | null;
}

/** A call's recording, when it is over. */
export interface RecordingFacts {
  /** Where the WAV file is. */
  readonly path: string;
  /** Length of the sound in it, ms; what was paused is not in it. */
  readonly durationMs: number;
  readonly pausedMs: number;
  /** `failed`: something is missing that should be in it; `repaired`: what had recorded it died, and it was closed later. */
  readonly status: 'complete' | 'failed' | 'repaired';
  /** What went wrong; null where nothing did. */
  readonly reason: string | null;
}

/** What is known of a call from its first moment; `at` and the other times are wall times in ms. */
export interface CallFacts {
  /** Ours: unique, safe in a path. */
  readonly callId: string;
  readonly callerSipCallId: string;
  /** User parts: "1004". */
  readonly caller: string;
  readonly callee: string;
  readonly callerIp: string;
  readonly startedAt: number;
  /** Calls that came of each other, by a transfer, have the id of the first of them in common; null for all others. */
  readonly linkedId: string | null;
}

/** All that a call's record says, known when it has ended. */
export interface EndedCall extends CallFacts {
  readonly calleeSipCallId: string | null;
  readonly calleeIp: string | null;
  readonly ringingAt: number | null;
  readonly answeredAt: number | null;
  readonly endedAt: number;
  /** ms from the caller's INVITE to the first sign of the callee (180, 183 or 200), monotonic; null when there was none. */
  readonly setupMs: number | null;
  /** Whole ms that the call lasted, start to end and answer to end, measured by the monotonic clock. */
  readonly durationMs: number;
  readonly billMs: number;
  /** The codec agreed on the caller's leg, as SDP names it: "PCMU". */
  readonly codec: string | null;
  readonly ending: Ending;
  readonly media: { readonly caller: LegMedia; readonly callee: LegMedia };
  /** The last that was made of it; null where it was not recorded. */
  readonly recording: RecordingFacts | null;
}

export interface RegistrationFacts {
  /** Address of record: "1001@sip-pbx". */
  readonly aor: string;
  readonly user: string;
  readonly contact: string;
  readonly transport: string;
  readonly sourceIp: string;
  readonly userAgent: string | null;
  /** Wall time in ms. */
  readonly expiresAt: number;
}

/**
 * One phone's end of a call, from the moment it calls or is called: what a busy lamp shows (RFC 4235). A forked call has
 * one for each phone that rings.
 */
export interface LegFacts {
  /** Ours, unique among all legs. */
  readonly legId: string;
  readonly callId: string;
  /** The number of the extension whose phone it is. */
  readonly extension: string;
  /** Whether the phone calls or is called (RFC 4235 §4.1.1). */
  readonly direction: 'initiator' | 'recipient';
  /** `early`: it rings, or hears that it rings. */
  readonly state: 'trying' | 'early' | 'confirmed' | 'terminated';
  /** The dialog between us and the phone; a tag is null while it is not known. */
  readonly dialog: {
    readonly sipCallId: string;
    readonly ourTag: string | null;
    readonly phoneTag: string | null;
  };
  /** Whom the phone speaks to. */
  readonly remote: { readonly number: string; readonly displayName: string | null };
  /** Whether the phone has put the call on hold. */
  readonly onHold: boolean;
}

/** A source that is not heard for a while, because of what it has tried. */
export interface BanFacts {
  /** An IPv4 address, or the /64 of an IPv6 address. */
  readonly source: string;
  /** Address of record that was tried last, as the peer named it. */
  readonly aor: string;
  /** Failures that led to it. */
  readonly failures: number;
  /** Which ban of this source it is, as far as is remembered: 1 for the first. */
  readonly repetition: number;
  /** Wall times in ms. */
  readonly bannedAt: number;
  readonly until: number;
}

/** Everything that happens, in the order it happens. `at` is wall time in ms. */
export type PbxEvent =
  | { readonly type: 'call.started'; readonly at: number; readonly call: CallFacts }
  | { readonly type: 'call.ringing'; readonly at: number; readonly call: CallFacts }
  | {
      readonly type: 'call.answered';
      readonly at: number;
      readonly call: CallFacts;
      readonly codec: string | null;
      readonly setupMs: number;
    }
  | {
      /** Every 5 s from the answer to the end. */
      readonly type: 'call.quality';
      readonly at: number;
      readonly call: CallFacts;
      readonly caller: LegQuality;
      readonly callee: LegQuality;
    }
  | {
      /** Some seconds after the answer, or after a change of the session; for each phone that is silent. */
      readonly type: 'call.one_way_audio';
      readonly at: number;
      readonly call: CallFacts;
      readonly audio: OneWayAudio;
    }
  | { readonly type: 'call.ended'; readonly at: number; readonly call: EndedCall }
  | { readonly type: 'recording.started'; readonly at: number; readonly call: CallFacts; readonly path: string }
  | {
      /** It goes wrong; `recording.ended` follows with the call's end. */
      readonly type: 'recording.failed';
      readonly at: number;
      readonly call: CallFacts;
      readonly path: string;
      readonly reason: string;
    }
  | {
      /** Once for each that was started, just before `call.ended`. */
      readonly type: 'recording.ended';
      readonly at: number;
      readonly call: CallFacts;
      readonly recording: RecordingFacts;
    }
  | { readonly type: 'leg.changed'; readonly at: number; readonly leg: LegFacts }
  | { readonly type: 'registration.added'; readonly at: number; readonly registration: RegistrationFacts }
  | {
      readonly type: 'registration.removed';
      readonly at: number;
      readonly registration: RegistrationFacts;
      readonly cause: 'unregistered' | 'expired' | 'replaced' | 'flow_lost' | 'unreachable';
    }
  /** What carried media has died; its calls end, and it is started again. */
  | { readonly type: 'media.worker_lost'; readonly at: number; readonly worker: string; readonly reason: string }
  | { readonly type: 'ban.added'; readonly at: number; readonly ban: BanFacts }
  | {
      readonly type: 'ban.lifted';
      readonly at: number;
      readonly ban: BanFacts;
      /** `displaced`: too many others; `allowed`: `security.ban.allow` names it now. */
      readonly cause: 'expired' | 'displaced' | 'allowed';
    };

export type PbxEventListener = (event: PbxEvent) => void;

/** Hands every event to every listener. A listener that throws is logged and heard no less by the others. */
export class EventBus {
  readonly #listeners = new Set<PbxEventListener>();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  subscribe(listener: PbxEventListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  publish(event: PbxEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#log.error('an observer failed', { event: event.type, error });
      }
    }
  }
}

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
  readonly jitterMs: number | null;
  readonly mos: number | null;
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
  | { readonly type: 'call.ended'; readonly at: number; readonly call: EndedCall }
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

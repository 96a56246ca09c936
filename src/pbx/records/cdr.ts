import { isoTime } from '../../base/index.ts';
import type { CallStatus, EndedCall, LegMedia, Party, RecordingFacts, TerminationReason } from '../events/index.ts';

/** What one leg heard and said, as records show it; `null` is "not measured". */
export interface CdrMedia {
  readonly packets_received: number | null;
  readonly packets_sent: number | null;
  readonly packets_lost: number | null;
  /** Gaps in what was received: losses in a row count once. */
  readonly loss_bursts: number | null;
  readonly jitter_ms: number | null;
  /** Mean opinion score of what was received: the average, and the worst 5 s. */
  readonly mos: number | null;
  readonly mos_worst: number | null;
  /** The same of what the phone received, by its own reports. */
  readonly sent_mos: number | null;
  readonly sent_mos_worst: number | null;
  /** To the phone and back, on the average. */
  readonly rtt_ms: number | null;
  /** The codec agreed with the phone, as SDP names it. */
  readonly codec: string | null;
  /** The suite that its media was encrypted with (RFC 4568 §6.2); null: it was plain, or not answered. */
  readonly srtp: string | null;
}

/** The call's recording, as records show it. */
export interface CdrRecording {
  readonly path: string;
  /** Whole seconds of sound in the file. */
  readonly duration: number;
  readonly status: RecordingFacts['status'];
}

/** A call's record: one JSON object a line in the CDR file, and the data of the webhook `call.ended`. */
export interface Cdr {
  readonly call_id: string;
  readonly caller_sip_call_id: string;
  readonly callee_sip_call_id: string | null;
  readonly caller: string;
  readonly callee: string;
  readonly start_time: string;
  readonly answer_time: string | null;
  readonly end_time: string;
  /** Whole seconds from start to end. */
  readonly duration: number;
  /** Whole seconds from answer to end, 0 when unanswered. */
  readonly billsec: number;
  readonly status: CallStatus;
  readonly caller_ip: string;
  readonly callee_ip: string | null;
  readonly codec: string | null;
  readonly termination_reason: TerminationReason;
  readonly terminated_by: Party;
  readonly sip_status: number;
  readonly q850_cause: number;
  readonly setup_time_ms: number | null;
  /** Calls that came of each other, by a transfer: the `call_id` of the first of them. */
  readonly linked_id: string | null;
  readonly rtp: { readonly caller: CdrMedia; readonly callee: CdrMedia };
  readonly recording: CdrRecording | null;
}

/** The record of a call that has ended. */
export function cdrOf(call: EndedCall): Cdr {
  return {
    call_id: call.callId,
    caller_sip_call_id: call.callerSipCallId,
    callee_sip_call_id: call.calleeSipCallId,
    caller: call.caller,
    callee: call.callee,
    start_time: isoTime(call.startedAt),
    answer_time: call.answeredAt === null ? null : isoTime(call.answeredAt),
    end_time: isoTime(call.endedAt),
    duration: Math.floor(call.durationMs / 1000),
    billsec: Math.floor(call.billMs / 1000),
    status: call.ending.status,
    caller_ip: call.callerIp,
    callee_ip: call.calleeIp,
    codec: call.codec,
    termination_reason: call.ending.reason,
    terminated_by: call.ending.party,
    sip_status: call.ending.sipStatus,
    q850_cause: call.ending.q850,
    setup_time_ms: call.setupMs === null ? null : Math.round(call.setupMs),
    linked_id: call.linkedId,
    rtp: { caller: mediaOf(call.media.caller), callee: mediaOf(call.media.callee) },
    recording: call.recording && recordingOf(call.recording),
  };
}

/** A recording as records show it. */
export function recordingOf({ path, durationMs, status }: RecordingFacts): CdrRecording {
  return { path, duration: Math.floor(durationMs / 1000), status };
}

function mediaOf(leg: LegMedia): CdrMedia {
  return {
    packets_received: leg.packetsReceived,
    packets_sent: leg.packetsSent,
    packets_lost: leg.packetsLost,
    loss_bursts: leg.lossBursts,
    jitter_ms: rounded(leg.jitterMs, 1),
    mos: rounded(leg.mos, 2),
    mos_worst: rounded(leg.mosWorst, 2),
    sent_mos: rounded(leg.sentMos, 2),
    sent_mos_worst: rounded(leg.sentMosWorst, 2),
    rtt_ms: rounded(leg.rttMs, 1),
    codec: leg.codec,
    srtp: leg.srtp,
  };
}

function rounded(value: number | null, digits: number): number | null {
  return value === null ? null : Math.round(value * 10 ** digits) / 10 ** digits;
}

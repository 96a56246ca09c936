import { isoTime } from '../../base/index.ts';
import type { CallStatus, EndedCall, LegMedia, Party, TerminationReason } from '../events/index.ts';

/** What one leg heard and said, as records show it; `null` is "not measured". */
export interface CdrMedia {
  readonly packets_received: number | null;
  readonly packets_sent: number | null;
  readonly packets_lost: number | null;
  readonly jitter_ms: number | null;
  readonly mos: number | null;
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
  };
}

function mediaOf(leg: LegMedia): CdrMedia {
  return {
    packets_received: leg.packetsReceived,
    packets_sent: leg.packetsSent,
    packets_lost: leg.packetsLost,
    jitter_ms: leg.jitterMs === null ? null : Math.round(leg.jitterMs * 10) / 10,
    mos: leg.mos,
  };
}

import { isoTime, type Random, randomToken } from '../base/index.ts';
import type { BanFacts, CallFacts, PbxEvent, RegistrationFacts } from '../pbx/events/index.ts';
import { cdrOf, recordingOf } from '../pbx/records/index.ts';

type UntoldType = 'leg.changed' | 'media.worker_lost' | 'call.quality';

/** What receivers are told of; the rest is for watchers inside the exchange, or comes too often. */
type ToldEvent = Exclude<PbxEvent, { readonly type: UntoldType }>;

const untold: ReadonlySet<string> = new Set<UntoldType>(['leg.changed', 'media.worker_lost', 'call.quality']);

export function isTold(event: PbxEvent): event is ToldEvent {
  return !untold.has(event.type);
}

/** An event in the form that receivers get; the names are a promise. */
export interface WebhookEvent {
  readonly id: string;
  readonly type: ToldEvent['type'];
  /** ISO 8601 UTC: when it happened. */
  readonly timestamp: string;
  readonly data: object;
}

/** What happened, as receivers are told; `random` makes the id. */
export function webhookEventOf(event: ToldEvent, random: Random): WebhookEvent {
  return {
    id: `evt_${randomToken(random, 26)}`,
    type: event.type,
    timestamp: isoTime(event.at),
    data: dataOf(event),
  };
}

/** Events with the same key are delivered in the order they happened: those of a call, of an address of record, of a banned source. */
export function orderKeyOf(event: ToldEvent): string {
  if ('call' in event) return event.call.callId;
  return 'ban' in event ? event.ban.source : event.registration.aor;
}

function dataOf(event: ToldEvent): object {
  switch (event.type) {
    case 'call.started':
      return factsOf(event.call);
    case 'call.ringing':
      return { ...factsOf(event.call), ringing_time: isoTime(event.at) };
    case 'call.answered':
      return {
        ...factsOf(event.call),
        answer_time: isoTime(event.at),
        codec: event.codec,
        setup_time_ms: Math.round(event.setupMs),
      };
    case 'call.one_way_audio': {
      const { silent, reason, stranger, named, signalling } = event.audio;
      return {
        ...factsOf(event.call),
        silent,
        reason,
        stranger,
        sdp_address: named,
        signalling_ip: signalling,
      };
    }
    case 'call.ended':
      return cdrOf(event.call);
    case 'recording.started':
      return { ...factsOf(event.call), path: event.path };
    case 'recording.failed':
      return { ...factsOf(event.call), path: event.path, reason: event.reason };
    case 'recording.ended': {
      const { recording } = event;
      return { ...factsOf(event.call), ...recordingOf(recording), reason: recording.reason };
    }
    case 'registration.added':
      return registrationOf(event.registration);
    case 'registration.removed':
      return { ...registrationOf(event.registration), cause: event.cause };
    case 'ban.added':
      return banOf(event.ban);
    case 'ban.lifted':
      return { ...banOf(event.ban), cause: event.cause };
    default:
      return event satisfies never;
  }
}

function factsOf(call: CallFacts) {
  return {
    call_id: call.callId,
    caller_sip_call_id: call.callerSipCallId,
    caller: call.caller,
    callee: call.callee,
    caller_ip: call.callerIp,
    start_time: isoTime(call.startedAt),
  };
}

function registrationOf(registration: RegistrationFacts) {
  return {
    aor: registration.aor,
    user: registration.user,
    contact: registration.contact,
    transport: registration.transport,
    source_ip: registration.sourceIp,
    user_agent: registration.userAgent,
    expires_at: isoTime(registration.expiresAt),
  };
}

function banOf(ban: BanFacts) {
  return {
    source: ban.source,
    aor: ban.aor,
    failures: ban.failures,
    repetition: ban.repetition,
    banned_at: isoTime(ban.bannedAt),
    until: isoTime(ban.until),
  };
}

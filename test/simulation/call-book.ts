import type { PbxEvent } from '../../src/pbx/events/index.ts';
import { cdrOf } from '../../src/pbx/records/index.ts';

/** The pairs of status and reason that records may show. */
const pairs: ReadonlySet<string> = new Set([
  ...['normal', 'rtp_timeout', 'session_timeout', 'max_duration', 'shutdown'].map((reason) => `completed/${reason}`),
  ...['busy/busy', 'rejected/rejected', 'no_answer/no_answer', 'cancelled/cancelled'],
  ...['unreachable', 'error', 'shutdown'].map((reason) => `failed/${reason}`),
]);

/** What a final response means, where the exchange does not stop: the table of the CDR fields. */
const meanings: Readonly<Record<number, string>> = {
  486: 'busy/busy',
  600: 'busy/busy',
  403: 'rejected/rejected',
  603: 'rejected/rejected',
  408: 'no_answer/no_answer',
  404: 'failed/unreachable',
  410: 'failed/unreachable',
  480: 'failed/unreachable',
  487: 'cancelled/cancelled',
};

const order = ['call.started', 'call.ringing', 'call.answered', 'call.ended'] as const;

/** Refusals of an INVITE that may come before there is a call. */
const noCall: ReadonlySet<number> = new Set([400, 403, 416, 420, 481, 482, 483, 500, 503]);

/** The exchange's events, and whether they tell a true story of each call. */
export class CallBook {
  readonly #accuse: (fault: string) => void;
  readonly #calls = new Map<string, PbxEvent[]>();

  constructor(accuse: (fault: string) => void) {
    this.#accuse = accuse;
  }

  get calls(): number {
    return this.#calls.size;
  }

  get ids(): ReadonlySet<string> {
    return new Set(this.#calls.keys());
  }

  hear(event: PbxEvent): void {
    if (!('call' in event) || event.type.startsWith('recording.')) return;
    const story = this.#calls.get(event.call.callId) ?? [];
    const last = story.at(-1);
    if (event.type === 'call.quality' || event.type === 'call.one_way_audio') {
      if (last?.type !== 'call.answered') this.#accuse(`${event.type} follows ${last?.type} in ${event.call.callId}`);
      return;
    }
    const at = order.indexOf(event.type as (typeof order)[number]);
    if (last && order.indexOf(last.type as (typeof order)[number]) >= at) {
      this.#accuse(`${event.type} follows ${last.type} in call ${event.call.callId}`);
    }
    if (!last && at > 0) this.#accuse(`call ${event.call.callId} begins with ${event.type}`);
    if (last && event.at < last.at) this.#accuse(`${event.type} of ${event.call.callId} is before ${last.type}`);
    this.#calls.set(event.call.callId, [...story, event]);
  }

  /**
   * To be asked when all should be over; `finals`: what callers were told at last, by Call-ID; `takeovers`: the Call-IDs
   * of those that wanted to take a call that was there already.
   */
  conclude(finals: ReadonlyMap<string, number>, takeovers: ReadonlySet<string>): void {
    /** The Call-IDs of all dialogs with phones that calls had. */
    const recorded = new Set<string>();
    for (const [id, story] of this.#calls) {
      const ended = story.at(-1);
      if (ended?.type !== 'call.ended') {
        this.#accuse(`call ${id} has not ended`);
        continue;
      }
      const { callerSipCallId, calleeSipCallId, linkedId } = ended.call;
      // A phone that has been connected with somebody else brings the dialog of its first call along.
      const brought = recorded.has(callerSipCallId);
      if (brought && linkedId === null) this.#accuse(`the INVITE of ${callerSipCallId} became two calls`);
      recorded.add(callerSipCallId);
      if (calleeSipCallId !== null) recorded.add(calleeSipCallId);
      this.#judge(ended, brought ? null : finals.get(callerSipCallId));
      this.#judgeLink(id, linkedId);
      const answered = story.find((event) => event.type === 'call.answered');
      if (answered?.codec && !ended.call.codec) this.#accuse(`the codec of call ${id} is lost`);
    }
    for (const [callId, status] of finals) {
      const refusedTakeover = takeovers.has(callId) && status >= 300;
      if (!recorded.has(callId) && !noCall.has(status) && !refusedTakeover) {
        this.#accuse(`the INVITE of ${callId} was answered ${status}, but there is no record of a call`);
      }
    }
  }

  /** Calls that came of each other have the id of one of them in common. */
  #judgeLink(id: string, linkedId: string | null): void {
    if (linkedId === null) return;
    const ended = this.#calls.get(linkedId)?.at(-1);
    if (ended?.type !== 'call.ended') this.#accuse(`call ${id} is linked with ${linkedId}, which is none`);
    else if (ended.call.linkedId === null) this.#accuse(`call ${id} is linked with ${linkedId}, but not that with it`);
  }

  #judge(ended: PbxEvent & { readonly type: 'call.ended' }, final: number | undefined | null): void {
    const cdr = cdrOf(ended.call);
    const name = `the record of ${cdr.call_id} (Call-ID ${cdr.caller_sip_call_id})`;
    const pair = `${cdr.status}/${cdr.termination_reason}`;
    const answered = cdr.answer_time !== null;
    if (!pairs.has(pair)) this.#accuse(`${name} says ${pair}`);
    if (final !== null && cdr.sip_status !== final)
      this.#accuse(`${name} says ${cdr.sip_status}, the caller was told ${final}`);
    if (answered !== (cdr.sip_status === 200)) this.#accuse(`${name} says ${cdr.sip_status} and ${cdr.answer_time}`);
    if (!answered && pair !== 'failed/shutdown' && pair !== (meanings[cdr.sip_status] ?? 'failed/error')) {
      this.#accuse(`${name} says ${pair} for ${cdr.sip_status}`);
    }
    if (answered && cdr.status !== 'completed' && pair !== 'failed/error') this.#accuse(`${name} says ${pair}`);
    const times = [cdr.start_time, cdr.answer_time ?? cdr.start_time, cdr.end_time];
    if (times.toSorted().join() !== times.join()) this.#accuse(`${name} has times out of order: ${times.join(' ')}`);
    if (cdr.duration < cdr.billsec || cdr.billsec < 0) this.#accuse(`${name} lasted ${cdr.duration}/${cdr.billsec} s`);
  }
}

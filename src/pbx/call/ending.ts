import type { CallStatus, Ending, Party, TerminationReason } from '../events/index.ts';

/** Q.850 cause of a SIP final response (RFC 3398 §8.2.6.1 and FreeSWITCH's use of it). */
const q850OfStatus: Readonly<Record<number, number>> = {
  200: 16,
  400: 127,
  401: 21,
  402: 21,
  403: 21,
  404: 1,
  405: 63,
  406: 79,
  407: 21,
  408: 18,
  410: 22,
  413: 127,
  414: 127,
  415: 79,
  416: 127,
  420: 127,
  421: 127,
  423: 127,
  480: 20,
  481: 41,
  482: 25,
  483: 25,
  484: 28,
  485: 1,
  486: 17,
  487: 16,
  488: 88,
  491: 41,
  500: 41,
  501: 79,
  502: 38,
  503: 34,
  504: 102,
  505: 127,
  513: 127,
  600: 17,
  603: 21,
  604: 1,
  606: 88,
};

function q850Of(status: number): number {
  return q850OfStatus[status] ?? (status >= 500 ? 41 : 127);
}

/** What the final response to the caller's INVITE says of the call. */
function verdictOf(status: number): readonly [CallStatus, TerminationReason] {
  switch (status) {
    case 486:
    case 600:
      return ['busy', 'busy'];
    case 403:
    case 603:
      return ['rejected', 'rejected'];
    case 408:
      return ['no_answer', 'no_answer'];
    case 404:
    case 410:
    case 480:
      return ['failed', 'unreachable'];
    case 487:
      return ['cancelled', 'cancelled'];
    default:
      return ['failed', 'error'];
  }
}

/** The ending of a call that was refused with `sipStatus`. */
export function refused(party: Party, sipStatus: number, text: string, reason?: TerminationReason): Ending {
  const [status, usual] = verdictOf(sipStatus);
  return { party, status, reason: reason ?? usual, sipStatus, q850: q850Of(sipStatus), text };
}

/** Nobody picked up in time. */
export function unanswered(text: string): Ending {
  return { ...refused('system', 408, text), q850: 19 };
}

/** The ending of a call that was answered. */
export function hungUp(party: Party, reason: TerminationReason = 'normal', text = 'Normal call clearing'): Ending {
  return { party, status: 'completed', reason, sipStatus: 200, q850: q850OfTermination(reason), text };
}

/**
 * The same for a caller that has not been told of the answer, since that waits for its PRACK (RFC 3262 §3): its INVITE is
 * refused.
 */
export function beforeAnswer(ending: Ending): Ending {
  const { party, sipStatus, reason, text } = ending;
  if (sipStatus >= 300) return ending;
  if (reason === 'shutdown') return refused(party, 503, text, reason);
  return refused(party, party === 'caller' ? 487 : party === 'callee' ? 480 : 500, text);
}

/** An answered call that never came to be, or broke: it counts as failed. */
export function broken(q850: number, text: string, party: Party = 'system'): Ending {
  return { party, status: 'failed', reason: 'error', sipStatus: 200, q850, text };
}

/** What carried the media of a call has died, before or after the answer. */
export function mediaLost(answered: boolean, reason: string): Ending {
  const text = `The media worker was lost: ${reason}`;
  return answered ? broken(41, text) : refused('system', 500, text);
}

function q850OfTermination(reason: TerminationReason): number {
  switch (reason) {
    case 'rtp_timeout':
    case 'session_timeout':
    case 'max_duration':
      return 102;
    case 'shutdown':
    case 'error':
      return 41;
    default:
      return 16;
  }
}

/** The Reason header field that tells the other side (RFC 3326, RFC 6432). */
export function reasonOf({ q850, text }: Ending): string {
  return `Q.850;cause=${q850};text="${text.replace(/["\\]/g, '')}"`;
}
